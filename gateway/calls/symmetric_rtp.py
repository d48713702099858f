"""Whose audio is believed besides the described host's (symmetric RTP).

A PBX behind a NAT describes its own address, which nobody outside can reach; its packets come from
the NAT's, and so does its SIP. So where the described address cannot be reached from here, the host
that the trunk's SIP comes from is believed, too, and nobody else is.
"""

from __future__ import annotations

from enum import Enum, StrEnum, auto
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


class SymmetricRtp(StrEnum):
    """What an operator may say of a trunk."""

    AUTO = "auto"  # the SIP peer's host as well, where the described one cannot be reached
    STRICT = "strict"  # the described host alone
    ANY = "any"  # whoever sends first


class Reach(Enum):
    """From where an address can be reached."""

    NOWHERE = auto()
    THIS_MACHINE = auto()
    THIS_LINK = auto()
    PRIVATE_NETWORK = auto()
    CARRIER_NETWORK = auto()
    EVERYWHERE = auto()


# The first that fits. Written out, as what `ipaddress` calls private has the networks of examples
# and benchmarks in it
_NETWORKS: tuple[tuple[IPv4Network | IPv6Network, Reach], ...] = (
    (IPv4Network("0.0.0.0/8"), Reach.NOWHERE),
    (IPv6Network("::/128"), Reach.NOWHERE),
    (IPv4Network("127.0.0.0/8"), Reach.THIS_MACHINE),
    (IPv6Network("::1/128"), Reach.THIS_MACHINE),
    (IPv4Network("169.254.0.0/16"), Reach.THIS_LINK),  # RFC 3927
    (IPv6Network("fe80::/10"), Reach.THIS_LINK),  # RFC 4291 section 2.5.6
    (IPv4Network("10.0.0.0/8"), Reach.PRIVATE_NETWORK),  # RFC 1918
    (IPv4Network("172.16.0.0/12"), Reach.PRIVATE_NETWORK),
    (IPv4Network("192.168.0.0/16"), Reach.PRIVATE_NETWORK),
    (IPv6Network("fc00::/7"), Reach.PRIVATE_NETWORK),  # RFC 4193
    (IPv4Network("100.64.0.0/10"), Reach.CARRIER_NETWORK),  # RFC 6598
)


def reach(address: IPv4Address | IPv6Address) -> Reach:
    """Say from where an address can be reached."""
    return next((where for network, where in _NETWORKS if address in network), Reach.EVERYWHERE)


def believed_too(rule: SymmetricRtp, described: str, peer: str) -> str | None:
    """Return the host whose audio is believed besides the described one's, if any.

    Parameters
    ----------
    described
        Address of the description's `c=` line.
    peer
        Address that the trunk's SIP messages come from; empty while it is not known.
    """
    if rule is not SymmetricRtp.AUTO or not peer:
        return None
    media, sip = ip_address(described), ip_address(peer)
    if media == sip or media.version != sip.version:  # one socket, one kind of address
        return None
    where = reach(media)
    reached = where is Reach.EVERYWHERE or (where is reach(sip) and where is not Reach.NOWHERE)
    return None if reached else str(sip)
