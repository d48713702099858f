"""The INVITE of a trunk that a page has accepted: what its call begins with instead of dialing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway import trunk
from gateway.calls.attempt import Attempt
from gateway.calls.end import CallEnd
from gateway.calls.endings import unusable
from gateway.calls.negotiation import Negotiation
from gateway.calls.trunk_negotiation import TrunkNegotiation, UnlocatedError
from gateway.calls.trunks import TrunkCalls
from gateway.media.parameters import Flow
from sdp import SdpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.calls.seam import TrunkMedia
    from gateway.calls.trunk_descriptions import Locate


@dataclass(slots=True)
class Invite:
    """The trunk's leg, and the description for its 200: our answer, or our offer if it has none."""

    leg: trunk.TrunkLeg
    description: str
    is_answered: bool = False
    _connected: bool = False  # media knows where the caller is

    async def progress(self, negotiation: TrunkNegotiation, media: TrunkMedia) -> None:
        """Let the caller hear what comes before the answer.

        One whose description comes in its ACK hears it ring instead.
        """
        if self.is_answered:
            return
        if await self._connect(negotiation, media):
            await media.set_flow(Flow.AUDIO)
            await self.leg.progress(self.description)
        else:
            await self.leg.ring()

    async def _connect(self, negotiation: TrunkNegotiation, media: TrunkMedia) -> bool:
        """Have media know where the caller is, if its INVITE has said so."""
        remote = negotiation.settled("")
        if remote is not None:
            await media.connect_trunk(remote)
            self._connected = True
        return self._connected

    async def answer(self, negotiation: TrunkNegotiation, media: TrunkMedia) -> CallEnd | None:
        """Pick up, once; return the call's end if that cannot be.

        It is for when the browser can be heard: nobody's first words are lost, or paid for in vain.
        """
        if self.is_answered:
            return None
        self.is_answered = True
        connected = await self._connect(negotiation, media)  # else its description is in the ACK
        try:
            await self.leg.answer(self.description)
        except trunk.TrunkError as error:
            return unusable(f"The call could not be answered: {error}.")
        if connected:
            await media.set_flow(Flow.AUDIO)
        return None


class Taken:
    """In the place of `Attempts`: the one trunk that has called. Its line is held elsewhere."""

    def __init__(self, state: TrunkCalls, negotiation: Negotiation) -> None:
        self.first = Attempt(state, negotiation, _dial_nobody)

    def next(self, end: CallEnd) -> Attempt[Negotiation] | None:
        """Return no other attempt: the trunk has called us."""
        return None

    def release(self) -> None:
        """Do nothing: the arrival gives its line back."""


async def _dial_nobody(offer: str, notify: Callable[[trunk.TrunkEvent], None]) -> trunk.TrunkLeg:
    raise NotImplementedError("a call that has come in is not dialed")


async def describe(
    negotiation: TrunkNegotiation, incoming: trunk.IncomingCall, locate: Locate, near: str
) -> str:
    """Return our description for the answer to an INVITE.

    Parameters
    ----------
    near
        Our own address, of whose family the trunk's has to be.

    Raises
    ------
    SdpError
        It cannot be answered, or its host has a name that leads nowhere.
    """
    host = incoming.source.host
    try:
        return negotiation.answer_call(incoming.offer, host)
    except UnlocatedError as missing:
        name = missing.name
    try:
        address = await locate(name, near)
    except trunk.TrunkError as error:
        raise SdpError(str(error), rule="RFC 8866 section 5.7") from error
    negotiation.located(name, address)
    return negotiation.answer_call(incoming.offer, host)
