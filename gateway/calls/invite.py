"""The INVITE of a trunk that a page has accepted: what its call begins with instead of dialing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway import trunk
from gateway.calls.attempt import Attempt
from gateway.calls.end import CallEnd
from gateway.calls.endings import unusable
from gateway.calls.negotiation import Negotiation
from gateway.calls.trunks import TrunkCalls
from gateway.media.parameters import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.calls.seam import Session


@dataclass(slots=True)
class Invite:
    """The trunk's leg, and the description for its 200: our answer, or our offer if it has none."""

    leg: trunk.TrunkLeg
    description: str
    is_answered: bool = False

    async def answer(self, negotiation: Negotiation, session: Session) -> CallEnd | None:
        """Pick up, once; return the call's end if that cannot be.

        It is for when the browser can be heard: nobody's first words are lost, or paid for in vain.
        """
        if self.is_answered:
            return None
        self.is_answered = True
        remote = negotiation.settled("")
        try:
            if remote is not None:  # else its description comes in the ACK
                await session.connect_trunk(remote)
            await self.leg.answer(self.description)
        except trunk.TrunkError as error:
            return unusable(f"The call could not be answered: {error}.")
        if remote is not None:
            await session.set_flow(Flow.AUDIO)
        return None


class Taken:
    """In the place of `Attempts`: the one trunk that has called. Its line is held elsewhere."""

    def __init__(self, state: TrunkCalls, negotiation: Negotiation) -> None:
        self.first = Attempt(state, negotiation, _dial_nobody)

    def next(self, end: CallEnd) -> Attempt | None:
        """Return no other attempt: the trunk has called us."""
        return None

    def release(self) -> None:
        """Do nothing: the arrival gives its line back."""


async def _dial_nobody(offer: str, notify: Callable[[trunk.TrunkEvent], None]) -> trunk.TrunkLeg:
    raise NotImplementedError("a call that has come in is not dialed")
