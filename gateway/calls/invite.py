"""The INVITE of a trunk that a page has accepted: what its call begins with instead of dialing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway import trunk
from gateway.calls.end import CallEnd
from gateway.calls.endings import unusable
from gateway.calls.negotiation import Negotiation
from gateway.calls.trunk_negotiation import TrunkNegotiation, UnlocatedError
from gateway.calls.trunks import TrunkCalls
from gateway.media.parameters import Flow
from gateway.trunk import TrunkLeg
from sdp import SdpError

if TYPE_CHECKING:
    from gateway.calls.events import CallEvent
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
            self.is_answered = False
            return unusable("The call could not be answered", error)
        if connected:
            await media.set_flow(Flow.AUDIO)
        return None


@dataclass(frozen=True, slots=True)
class Taken:
    """The way to a far end that has called us: its INVITE, in the place of `Outgoing`.

    `release` gives the line of the trunk back; the second time does nothing.
    """

    trunk: TrunkCalls
    negotiation: Negotiation
    invite: Invite
    release: Callable[[], None]

    @property
    def owns_call_id(self) -> bool:
        """The trunk has made it."""
        return False

    @property
    def is_unanswered(self) -> bool:
        """Whether the INVITE waits for an answer."""
        return not self.invite.is_answered

    @property
    def has_answered(self) -> bool:
        """Whether we have picked up, though the trunk may not know it yet."""
        return self.invite.is_answered

    @property
    def leg(self) -> TrunkLeg:
        """The trunk's, from the first moment on."""
        return self.invite.leg

    async def placed(self) -> TrunkLeg:
        """Return it."""
        return self.leg

    def begin(self) -> None:
        """Do nothing: it is answered once the browser is up."""

    def goes_elsewhere(self, event: CallEvent) -> bool:
        """Go nowhere: the trunk has called us."""
        return False

    async def browser_is_up(self, media: TrunkMedia) -> CallEnd | None:
        """Pick up."""
        return await self.invite.answer(self.negotiation, media)

    async def stop(self) -> None:
        """Do nothing: nothing goes on beside the call."""


async def describe(
    negotiation: TrunkNegotiation,
    incoming: trunk.IncomingCall,
    locate: Locate,
    own_host: Callable[[str], str],
) -> str:
    """Return our description for the answer to an INVITE.

    Parameters
    ----------
    own_host
        Returns our address as a trunk at this one is told it.

    Raises
    ------
    UnavailableError
        None of ours leads there.
    SdpError
        It cannot be answered, or its host has a name that leads nowhere.
    """
    host = incoming.source.host
    negotiation.at(own_host(host))
    try:
        return negotiation.answer_call(incoming.offer, host)
    except UnlocatedError as missing:
        name = missing.name
    try:
        address = await locate(name, negotiation.host)
    except trunk.TrunkError as error:
        raise SdpError(str(error), rule="RFC 8866 section 5.7") from error
    negotiation.located(name, address)
    return negotiation.answer_call(incoming.offer, host)
