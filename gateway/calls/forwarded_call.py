"""A call from a trunk that no page has taken, joined to the operator's fallback: two trunk legs.

One task owns both legs and the media between them; whatever happens to either comes through one
inbox. The caller hears 200 once the fallback has answered, and until then what the fallback's own
network plays. However it ends, it ends in `_close`, once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic

from gateway import trunk
from gateway.calls import news
from gateway.calls.attempt import Attempts
from gateway.calls.browser_description import spelling
from gateway.calls.end import By, CallEnd
from gateway.calls.endings import (
    FAULT,
    not_reached,
    rang_out,
    refused_encryption,
    too_long,
    unanswered,
)
from gateway.calls.events import CallEvent, EndWanted
from gateway.calls.invite import Invite
from gateway.calls.outgoing import Outgoing
from gateway.calls.seam import Joined
from gateway.calls.side import Side
from gateway.calls.state import CallState, advance
from gateway.calls.trunk_descriptions import Locate
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.calls.weakly import weakly
from gateway.media import events as media
from gateway.media.parameters import Flow, TrunkRemote

logger = logging.getLogger(__name__)

DECLINE = 603

CLOSE_TIMEOUT = 3.0  # seconds; what hangs is left behind, not waited for


@dataclass(frozen=True, slots=True)
class OfCallee:
    """Something has happened to the fallback's side."""

    event: CallEvent


class ForwardedCall:
    """A call between a caller's trunk and that of the fallback.

    Parameters
    ----------
    session
        Opened already; the call closes it.
    invite, negotiation
        The caller's leg, whose INVITE has no answer yet, and what is agreed with it.
    attempts
        The trunks to try for the fallback.
    tell
        Takes news for the gateway's records; there is no page.
    max_duration, max_ringing
        Seconds from the fallback's answer on, and until it.
    """

    def __init__(
        self,
        call_id: str,
        session: Joined,
        invite: Invite,
        negotiation: TrunkNegotiation,
        attempts: Attempts[TrunkNegotiation],
        locate: Locate,
        tell: news.Tell,
        *,
        max_duration: float,
        max_ringing: float,
    ) -> None:
        self.id = call_id
        self.state = CallState.CALLING  # of the fallback's leg
        self._session = session
        self._invite = invite
        self._tell = tell
        self._max_duration = max_duration
        self._max_ringing = max_ringing
        self._inbox: asyncio.Queue[CallEvent | OfCallee] = asyncio.Queue()
        of_callee = _callee_of(self._inbox)
        self._outgoing = Outgoing(f"{call_id} (fallback)", attempts, of_callee)
        self._caller = Side(
            f"{call_id} (caller)",
            negotiation,
            session.caller,
            _leg_of(invite),
            locate,
            self._inbox.put_nowait,
            on_early_media=_ignore,
            on_answer=weakly(self._acknowledged),
            on_settled=_follow_no_further,
        )
        self._callee = Side(
            f"{call_id} (fallback)",
            self._outgoing.negotiation,
            session.callee,
            self._outgoing.placed,
            locate,
            of_callee,
            on_early_media=weakly(self._heard_early),
            on_answer=weakly(self._agreed),
            on_settled=_follow_no_further,
        )
        self._early = False  # the fallback's network is heard
        self._early_passed = False
        self._answered_at: float | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def lines_besides(self) -> int:
        """Lines of trunks' that it has besides its caller's."""
        return 1

    @property
    def dropped_lines(self) -> int:
        """Lines of both trunks' descriptions that could not be read, and did not matter."""
        sides = self._caller, self._callee
        return sum(side.negotiation.dropped_count for side in sides)

    def notify(self, event: CallEvent) -> None:
        """Take an event of the caller's leg, or somebody's wish."""
        self._inbox.put_nowait(event)

    def end(self, end: CallEnd) -> None:
        """Ask for this end; the first one who asks decides."""
        self.notify(EndWanted(end))

    async def run(self) -> CallEnd:
        """Live the call from the fallback's INVITE to its end, and take everything down again."""
        end = CallEnd.made_here(By.GATEWAY, "internal", 500, "The call was interrupted.")
        try:
            end = await self._live()
        except Exception:  # a fault of ours ends this call and no other
            logger.exception("call %s failed", self.id)
            end = FAULT
        finally:
            end = end if self._invite.is_answered else unanswered(end)
            await self._close(end)
        return end

    async def _live(self) -> CallEnd:
        self._limit_in(self._max_ringing, rang_out(self._max_ringing))
        self._outgoing.begin()
        while True:
            event = await self._inbox.get()
            if isinstance(event, OfCallee):
                end = await self._follow_callee(event.event)
            else:
                end = await self._follow_caller(event)
            if end is not None:
                return end

    # The caller

    async def _follow_caller(self, event: CallEvent) -> CallEnd | None:
        match event:
            case trunk.Offered(token=token) if not self._invite.is_answered:
                await self._invite.leg.refuse_offer(token, "the call is not answered yet")
            case trunk.Referred(token=token):  # there is no page whose number it could be
                await self._invite.leg.refuse_referral(token, DECLINE)
            case trunk.Digit() | media.TrunkDigit():
                if self.state is CallState.ANSWERED:
                    self._callee.press(event.digit, event.duration_ms)
            case media.TrunkQuality() if self.state is CallState.ANSWERED:
                self._tell(news.SideQuality("trunk", event.trunk))
            case media.TrunkSilent():
                if self._invite.is_answered:  # before that few callers send anything
                    self._caller.probe(event)
            case _:
                return await self._caller.follow(event)
        return None

    async def _acknowledged(self, answered: trunk.Answered, remote: TrunkRemote) -> None:
        """Know by the caller's ACK where it is, at the latest."""
        self._caller.takes_info = answered.takes_info
        await self._caller.media.set_flow(Flow.AUDIO)

    # The fallback

    async def _follow_callee(self, event: CallEvent) -> CallEnd | None:
        # Before any phone has rung: none rings twice
        if self.state is CallState.CALLING and self._outgoing.goes_elsewhere(event):
            self._callee.turn_to(self._outgoing.negotiation)
            return None
        before, self.state = self.state, advance(self.state, event)
        end = await self._handle_callee(event, before)
        return end if end is None or self._invite.is_answered else not_reached(end)

    async def _handle_callee(self, event: CallEvent, before: CallState) -> CallEnd | None:
        match event:
            case trunk.Ringing() if before is CallState.CALLING:
                await self._invite.leg.ring()
            case trunk.Referred(token=token):
                if self._outgoing.leg is not None:
                    await self._outgoing.leg.refuse_referral(token, DECLINE)
            case trunk.Digit() | media.TrunkDigit():
                if self._invite.is_answered:
                    self._caller.press(event.digit, event.duration_ms)
            case media.TrunkQuality() if before is CallState.ANSWERED:
                self._tell(news.SideQuality("fallback", event.trunk))
            case media.TrunkSilent() if before is CallState.ANSWERED:
                self._callee.probe(event)
            case trunk.Ended() if self._callee.negotiation.requires_encryption:
                return refused_encryption(event)
            case _:
                end = await self._callee.follow(event)
                if end is None and self._early and not self._early_passed:
                    await self._pass_early_media()
                return end
        return None

    def _heard_early(self) -> None:
        self._early = True

    async def _pass_early_media(self) -> None:
        """Let the caller hear what the fallback's network plays before its answer."""
        self._early_passed = True
        try:
            await self._invite.progress(self._caller.negotiation, self._caller.media)
        except trunk.TrunkError as error:  # the answer may still be taken
            logger.warning("call %s: early media is not passed on: %s", self.id, error)

    async def _agreed(self, answered: trunk.Answered, remote: TrunkRemote) -> None:
        """Answer the caller: the fallback has answered, and we know where it is."""
        self._callee.takes_info = answered.takes_info
        self._answered_at = monotonic()
        self._limit_in(self._max_duration, too_long(self._max_duration))
        ours = self._caller.negotiation.codec or remote.codec
        self._tell(news.Answered("", spelling(ours), spelling(remote.codec)))
        end = await self._invite.answer(self._caller.negotiation, self._caller.media)
        if end is not None:
            self.end(end)
            return
        await self._callee.media.set_flow(Flow.AUDIO)

    # The end

    def _limit_in(self, seconds: float, end: CallEnd) -> None:
        """End the call in this way after so many seconds, whatever limit there was before."""
        if self._limit is not None:
            self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(seconds, self.end, end)

    async def _close(self, end: CallEnd) -> None:
        if self._closed:
            return
        self._closed = True
        self.state = CallState.ENDED
        if self._limit is not None:
            self._limit.cancel()
        lasted = 0.0 if self._answered_at is None else monotonic() - self._answered_at
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._take_down(end)
        except TimeoutError:
            logger.error("call %s was not down after %.0f s", self.id, CLOSE_TIMEOUT)
        finally:
            self._outgoing.release()
            name = self._outgoing.trunk.name
            self._tell(news.Ended(end, int(lasted * 1000), name, self._session.traffic))

    async def _take_down(self, end: CallEnd) -> None:
        await self._outgoing.stop()
        await self._caller.stop()
        await self._callee.stop()
        refusal = 0 if self._invite.is_answered else end.sip_code
        steps = [self._invite.leg.hangup(refusal, cause=end.cause), self._session.close()]
        if self._outgoing.leg is not None:
            steps.append(self._outgoing.leg.hangup(cause=end.cause))
        for fault in await asyncio.gather(*steps, return_exceptions=True):
            if fault is not None:
                logger.error("call %s: a step of its end failed", self.id, exc_info=fault)


def _callee_of(inbox: asyncio.Queue[CallEvent | OfCallee]) -> Callable[[CallEvent], None]:
    """Return what puts events of the fallback's leg into a call's inbox."""

    def post(event: CallEvent) -> None:
        inbox.put_nowait(OfCallee(event))

    return post


def _leg_of(invite: Invite) -> Callable[[], Awaitable[trunk.TrunkLeg]]:
    """Return what returns the caller's leg."""

    async def leg() -> trunk.TrunkLeg:
        return invite.leg

    return leg


def _ignore() -> None:
    """Expect no early media of a caller."""


async def _follow_no_further() -> None:
    """Take no note of a change that stands: media has followed it."""
