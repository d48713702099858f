"""A call from a trunk, as whoever takes calls gets it: the INVITE in the gateway's terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gateway.trunk.caller import Diversion, called_user, caller_of, diversion_of
from gateway.trunk.config import SipAddress, Trunk
from gateway.trunk.leg import TrunkLeg
from gateway.trunk.message import Message
from gateway.trunk.number import incoming_number
from gateway.trunk.private_headers import headers_for_page
from gateway.trunk.sources import Sources

NO_TRUNK: Final = Trunk("", "sip:127.0.0.1", headers=())
"""Whose rules hold for a stranger's call: nothing of it is changed, and no header shown."""


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """An INVITE from a trunk.

    Parameters
    ----------
    trunk
        The name of the one that it comes from; empty for a stranger's, where these are taken.
    to, caller
        E.164 as far as the trunk's `numbers_in` make them so. An `anonymous` caller is called that,
        and has no display name.
    offer
        The trunk's description, empty when it asks for ours.
    headers
        The `X-` headers that the trunk's list lets through to a page.
    diversion
        Who has sent the call on, and why; None where nobody says so.
    """

    leg: TrunkLeg
    trunk: str
    to: str
    caller: str
    display_name: str
    anonymous: bool
    offer: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    source: SipAddress
    diversion: Diversion | None = None


def address_of(source: str) -> SipAddress:
    """Return the address that the engine writes as `host:port` or `[host]:port`."""
    host, _, port = source.rpartition(":")
    return SipAddress(host.strip("[]"), int(port))


def sender_of(invite: Message, source: SipAddress, known: Sources) -> Trunk | None:
    """Return which trunk an INVITE from an address comes from; None for a stranger's."""
    return known.trunk_at(source, called_user(invite))


def incoming_call(
    leg: TrunkLeg, invite: Message, source: SipAddress, known: Sources
) -> IncomingCall:
    """Return the call that an INVITE from an address stands for."""
    called = called_user(invite)
    trunk = sender_of(invite, source, known) or NO_TRUNK
    caller = caller_of(invite, trunk.identity, trunk.numbers_in)
    return IncomingCall(
        leg=leg,
        trunk=trunk.name,
        to=incoming_number(trunk.numbers_in, called),
        caller=caller.number,
        display_name=caller.display_name,
        anonymous=caller.anonymous,
        offer=invite.sdp,
        headers=headers_for_page(invite, trunk.headers),
        source=source,
        diversion=diversion_of(invite, trunk.numbers_in),
    )
