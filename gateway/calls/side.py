"""A trunk's side of a call: its leg, what is agreed with it, and its media.

It knows nothing of the other side, a browser or another trunk. The call hands it what happens here,
and says what to do.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway import trunk
from gateway.calls.end import CallEnd
from gateway.calls.endings import FAULT, end_of, silent_end
from gateway.calls.events import CallEvent, EndWanted, Located
from gateway.calls.info_digits import InfoDigits
from gateway.calls.seam import TrunkMedia
from gateway.calls.trunk_descriptions import Locate, TrunkDescriptions
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.calls.weakly import weakly
from gateway.errors import RequestError
from gateway.media import events as media
from gateway.media.parameters import TrunkRemote

logger = logging.getLogger(__name__)

# Four sendings of OPTIONS over UDP (0, 0.5, 1.5 and 3.5 s; RFC 3261 section 17.1.2.2), and the way
# back of the last one's answer
PROBE_TIMEOUT = 5.0  # seconds


class Side:
    """One trunk of a call.

    Parameters
    ----------
    name
        Of the call, and of this side where there are two, for logs.
    negotiation
        What is agreed with the trunk; `turn_to` takes another one.
    leg
        Returns the leg, once its INVITE has left; None if it has not.
    post
        Takes events of this side for the call.
    on_early_media, on_answer, on_settled
        As of `TrunkDescriptions`.

    Attributes
    ----------
    takes_info
        Digits go by INFO: the trunk has said so.
    """

    def __init__(
        self,
        name: str,
        negotiation: TrunkNegotiation,
        session: TrunkMedia,
        leg: Callable[[], Awaitable[trunk.TrunkLeg | None]],
        locate: Locate,
        post: Callable[[CallEvent], None],
        *,
        on_early_media: Callable[[], None],
        on_answer: Callable[[trunk.Answered, TrunkRemote], Awaitable[None]],
        on_settled: Callable[[], Awaitable[None]],
    ) -> None:
        self.name = name
        self.media = session
        self.takes_info = False
        self._leg = leg
        self._post = post
        self._probing: asyncio.Task[None] | None = None
        self._info_digits = InfoDigits(weakly(self._send_info))
        self._descriptions = TrunkDescriptions(
            name,
            negotiation,
            session,
            leg,
            locate,
            post,
            on_early_media=on_early_media,
            on_answer=on_answer,
            on_settled=on_settled,
        )
        session.report_to(post)

    @property
    def negotiation(self) -> TrunkNegotiation:
        """What is agreed with the trunk."""
        return self._descriptions.negotiation

    def turn_to(self, negotiation: TrunkNegotiation) -> None:
        """Begin anew with another trunk."""
        self._descriptions.negotiation = negotiation

    async def follow(self, event: CallEvent) -> CallEnd | None:
        """Do what concerns this side alone; return the call's end, if that is what follows."""
        match event:
            case trunk.Progress() | trunk.Answered() | trunk.Offered() | trunk.Settled():
                end = await self._descriptions.follow(event)
            case Located():
                end = await self._descriptions.located(event)
            case trunk.Withdrawn():
                self.negotiation.withdrawn()
                end = None
            case _:
                end = end_of(event)
        self._descriptions.note_dropped_lines()
        return end

    # Digits from the other side

    @property
    def sends_info(self) -> bool:
        """Whether digits go by INFO now."""
        route = self.negotiation.digit_route(takes_info=self.takes_info)
        return route is trunk.DigitRoute.INFO

    def press(self, digit: str, duration_ms: int) -> None:
        """Press a key as this trunk takes it: by INFO, as an event, or as a tone."""
        if not self.sends_info:
            self.media.pass_digit(digit, duration_ms)
            return
        with suppress(RequestError):  # too many at once, from whoever plays with them
            self.press_by_info(digit, duration_ms, 0)

    def press_by_info(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys by INFO, after those that wait; RequestError when too many do."""
        self._info_digits.press(digits, duration_ms, gap_ms)

    async def _send_info(self, digit: str, duration_ms: int) -> None:
        leg = await self._leg()
        if leg is None:
            return
        try:
            await leg.send_digit(digit, duration_ms)
        except trunk.TrunkError as error:
            logger.warning("call %s: a digit was not sent: %s", self.name, error)

    # Silence

    def probe(self, silence: media.TrunkSilent) -> None:
        """End the call unless this dialog still stands: silence alone may be meant."""
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe(silence), name=f"probe-{self.name}")

    async def _probe(self, silence: media.TrunkSilent) -> None:
        try:
            leg = await self._leg()
            stands = leg is not None and await leg.probe(PROBE_TIMEOUT)
        except Exception:  # the call's own task must hear of it
            logger.exception("call %s could not be probed", self.name)
            self._post(EndWanted(FAULT))
            return
        if not stands:
            self._post(EndWanted(silent_end(silence)))
        else:
            logger.debug("call %s: no media for %g s, but an answer", self.name, silence.seconds)

    async def stop(self) -> None:
        """Have nothing go on beside the call's own task."""
        for work in (self._info_digits, self._descriptions):
            task, work.task = work.task, None  # a task that was canceled holds whose it was
            await _stop(task)
        task, self._probing = self._probing, None
        await _stop(task)


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
