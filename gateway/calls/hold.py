"""Puts the far end on hold for the page, and takes it back; tells who holds whom.

The far end hears music from the press of the button on: whoever presses it wants to be heard no
more. That it stands is told when the trunk has agreed to our re-INVITE, which may have to wait for
a change that is under way, and may cross one (491, RFC 3261 section 14.1). Where it agrees by a
description that nobody can follow, its far end is on hold and we are not: then it is asked to have
things as they were.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from gateway import trunk
from gateway.calls import news
from gateway.calls.end import By
from gateway.calls.events import CallEvent, ChangeDue, HoldEvent, HoldWanted, Unfollowed
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.media.parameters import Flow

logger = logging.getLogger(__name__)

# Another change takes milliseconds; a re-INVITE of the trunk's that nobody acknowledges, 32 s
BUSY_WAIT: Final = 0.1  # seconds
BUSY_TRIES: Final = 330

# After 491: RFC 3261 section 14.1, in steps of 10 ms. Whoever has made the Call-ID waits longer, so
# that one of the two is first
OWNER_WAIT: Final = (210, 400)
OTHER_WAIT: Final = (0, 200)
REFUSED_TRIES: Final = 5
LONGEST_WAIT: Final = 10  # seconds of Retry-After, as section 14.2 has it; longer is a refusal

GLARE: Final = 491
NOT_ACCEPTABLE: Final = 488


class Hold:
    """Who holds whom in one call, and what the page wants.

    Parameters
    ----------
    negotiation
        Returns what is agreed with the trunk.
    leg
        Returns its leg.
    set_flow
        Says what the far end hears.
    tell
        Takes news for the client.
    post
        Takes an event for the call, which comes back to `follow`.
    owns_call_id
        Whether the INVITE was ours.
    """

    def __init__(
        self,
        call_id: str,
        negotiation: Callable[[], TrunkNegotiation],
        leg: Callable[[], trunk.TrunkLeg | None],
        set_flow: Callable[[Flow], Awaitable[None]],
        tell: Callable[[news.News], None],
        post: Callable[[CallEvent], None],
        *,
        owns_call_id: bool = True,
    ) -> None:
        self._id = call_id
        self._negotiation = negotiation
        self._leg = leg
        self._set_flow = set_flow
        self._tell = tell
        self._post = post
        self._steps = OWNER_WAIT if owns_call_id else OTHER_WAIT
        self._wanted = False  # by the page
        self._held = False  # by the far end, as it was told
        self._holds = False  # the page, as it was told
        self._proposed = False  # an offer of ours waits for its answer
        self._asked = False  # the page waits to be told
        self._astray = False  # the trunk has agreed to what does not stand here
        self._busy = self._refused = 0  # tries so far
        self._timer: asyncio.TimerHandle | None = None

    @property
    def _stands(self) -> bool:
        """Whether the trunk has agreed that we hold it."""
        return self._negotiation().holding

    @property
    def _is_settled(self) -> bool:
        """Whether all is as the page wants it, here and at the trunk."""
        return self._wanted == self._stands and not self._astray

    async def follow(self, event: HoldEvent) -> None:
        """Do what follows from an event."""
        match event:
            case HoldWanted(held):
                await self._want(held)
            case ChangeDue():
                await self._go_on()
            case trunk.Refused(code=code) if code < 300:
                await self._undo("there is no description in the answer")
            case trunk.Refused():
                await self._go_on_after(event)
            case Unfollowed(why):
                await self._undo(why)

    async def _want(self, held: bool) -> None:
        """Do what the page wants."""
        self._wanted, self._asked = held, True
        self._busy = self._refused = 0
        if held:
            await self._set_flow(Flow.HOLD)
        if self._proposed:
            return  # its answer comes first
        self.cancel()
        if self._is_settled:
            await self._told()
        else:
            await self._propose()

    async def _propose(self) -> None:
        """Offer what is wanted, or try again in a moment while another change is under way."""
        negotiation, leg = self._negotiation(), self._leg()
        if leg is None:
            return
        if negotiation.changing:
            await self._wait_while_busy()
            return
        offer = negotiation.offer_hold(self._wanted)
        try:
            self._proposed = await leg.propose(offer)
        except trunk.TrunkError as error:  # which is for the operator, and not for the page
            negotiation.withdrawn()
            logger.warning("call %s: no hold: %s", self._id, error)
            await self._give_up(_unable(error), By.GATEWAY)
            return
        if not self._proposed:
            negotiation.withdrawn()
            await self._wait_while_busy()

    async def _wait_while_busy(self) -> None:
        self._busy += 1
        if self._busy < BUSY_TRIES:
            self._try_in(BUSY_WAIT)
        else:
            refusal = trunk.Refused(GLARE, "Another change of the call does not end")
            await self._give_up(refusal, By.GATEWAY)

    def _try_in(self, seconds: float) -> None:
        self.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._post, ChangeDue())

    def cancel(self) -> None:
        """Try nothing again: the call ends, or the page wants something else."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def begin_anew(self) -> None:
        """Go on with another far end, whom nobody holds yet: the page's wish stands."""
        self.cancel()
        self._proposed = self._astray = False
        self._busy = self._refused = 0
        self._steps = OWNER_WAIT
        if self._held:
            self._held = False
            self._tell(news.Resumed(By.REMOTE))
        if self._wanted:
            self._asked = True  # the page does not hold this one yet, and may never
            await self._set_flow(Flow.HOLD)
            await self._propose()
        else:
            await self._told()

    # What comes back

    async def _go_on(self) -> None:
        """Try again what has had to wait."""
        self._timer = None
        if not self._proposed and not self._is_settled:
            await self._propose()

    async def settled(self) -> None:
        """Take note of what the trunk has agreed to, in an answer or in a change."""
        held = self._negotiation().held
        if held != self._held:
            self._held = held
            self._tell(news.Held(By.REMOTE) if held else news.Resumed(By.REMOTE))
        if self._proposed and not self._negotiation().changing:
            self._proposed = self._astray = False
            await self._told()
            if not self._is_settled:  # the page has changed its mind
                await self._propose()

    async def _go_on_after(self, refusal: trunk.Refused) -> None:
        """Try again after a crossing, or where the trunk says when; else leave it."""
        if not self._proposed:
            return
        self._proposed = False
        self._negotiation().withdrawn()
        if self._is_settled:
            await self._told()
            return
        self._refused += 1
        wait = self._wait_after(refusal)
        if wait is None or self._refused >= REFUSED_TRIES:
            await self._give_up(refusal)
        else:
            self._try_in(wait)

    async def _undo(self, why: str) -> None:
        """Have the trunk take back what it has agreed to, once; the page is told of no hold."""
        if not self._proposed:
            return
        self._proposed = False
        self._negotiation().withdrawn()
        again = self._astray
        await self._give_up(trunk.Refused(NOT_ACCEPTABLE, why))
        if not again:
            self._astray = True
            self._busy = self._refused = 0
            await self._propose()

    def _wait_after(self, refusal: trunk.Refused) -> float | None:
        if refusal.code == GLARE:
            return random.randint(*self._steps) / 100
        wait = refusal.retry_after
        return wait if wait is not None and wait <= LONGEST_WAIT else None

    async def _told(self) -> None:
        """Tell what stands, and let be heard what may be."""
        if not self._stands and not self._wanted:
            await self._set_flow(Flow.AUDIO)
        if self._asked:
            self._holds = self._stands
            self._tell(news.Held(By.LOCAL) if self._stands else news.Resumed(By.LOCAL))
            self._asked = not self._is_settled

    async def _give_up(self, refusal: trunk.Refused, by: By = By.REMOTE) -> None:
        """Stay as it was, and say that to the page."""
        held, self._wanted = self._wanted, self._stands
        asked, self._asked, self._astray = self._asked, False, False
        if not self._stands:
            await self._set_flow(Flow.AUDIO)
        code, reason = refusal.code, refusal.reason
        if asked:
            logger.info("call %s: a hold was refused (%s %s)", self._id, code, reason)
            self._tell(news.HoldRefused(held, code, reason, by))
            if self._holds and not self._stands:  # held the one before, who has handed us over
                self._holds = False
                self._tell(news.Resumed(By.LOCAL))
        else:
            logger.warning("call %s: a hold was not undone (%s %s)", self._id, code, reason)


def _unable(error: trunk.TrunkError) -> trunk.Refused:
    """Say to the person at the page what is the gateway's own fault."""
    if isinstance(error, trunk.TrunkUnableError):
        return trunk.Refused(error.sip_code, "This gateway cannot put calls on hold")
    return trunk.Refused(500, "The gateway has failed to change the call")
