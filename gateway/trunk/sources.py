"""Which trunk a request comes from, by the address that sent it.

A trunk does not say who it is, so its address has to: the host of its URI, wherever its name has
led since the start (the last 32 addresses), and the networks that the operator names. Whoever is at
none of them is a stranger. An address is proof over TCP; over UDP it can be forged, but then the
answers go to whom it belongs to, and without these nobody gets as far as a call with sound.

Pure, but for what is learned of names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from gateway.trunk.address import TrunkUri, parse_trunk
from gateway.trunk.config import SipAddress, Trunk

MOST_HOSTS: Final = 32  # of one trunk: a name may lead elsewhere each minute, for years
RECENT: Final = 8  # of those: a name has so many targets at most, and they are learned each time
OF_URI: Final = 1000  # more than any length of a prefix: an address says more than a network


@dataclass(frozen=True, slots=True)
class _Place:
    trunk: Trunk
    uri: TrunkUri
    hosts: tuple[str, ...]  # what its name has led to, the last of them last


class Sources:
    """The trunks, and where each of them is.

    Written in the event loop and read in the SIP thread: a change replaces one item of a dict.
    """

    def __init__(self, trunks: Iterable[Trunk] = ()) -> None:
        self._places: dict[str, _Place] = {}
        for trunk in trunks:
            self.learn(trunk, parse_trunk(trunk.uri).host)

    def learn(self, trunk: Trunk, host: str) -> None:
        """Note an address that a trunk's name has led to, or a host that it sends from."""
        host = spelled(host)
        known = self._places.get(trunk.name)
        if known is not None and known.trunk == trunk and host in known.hosts[-RECENT:]:
            return
        before = [each for each in known.hosts if each != host] if known is not None else []
        hosts = (*before[-MOST_HOSTS + 1 :], host)
        self._places[trunk.name] = _Place(trunk, parse_trunk(trunk.uri), hosts)

    def knows(self, host: str) -> bool:
        """Tell whether requests from an address are those of a trunk."""
        return self.trunk_at(SipAddress(host, 0)) is not None

    def trunk_at(self, source: SipAddress, called: str = "") -> Trunk | None:
        """Return the trunk that sends from an address, None if none does.

        Of several the one that sends from the port of its URI, the one whose account is called (a
        registrar sends to the user that is registered), the one of the smallest network, and the
        first of the configuration, in this order.
        """
        address = plain_address(source.host)
        if address is None:
            return None
        places = list(self._places.values())
        found = [(rank, place) for place in places if (rank := _rank(place, address))]

        def order(each: tuple[int, _Place]) -> tuple[bool, bool, int]:
            rank, place = each
            own_port = rank == OF_URI and place.uri.port == source.port
            return own_port, place.trunk.register and place.trunk.username == called, rank

        return max(found, key=order)[1].trunk if found else None  # the first of equal ones


def _rank(place: _Place, address: IPv4Address | IPv6Address) -> int:
    """Return how much an address says for a trunk; 0 for nothing."""
    if str(address) in place.hosts:
        return OF_URI
    fits = [each.prefixlen for each in place.trunk.sources if address in each]
    return max(fits, default=-1) + 1


def spelled(host: str) -> str:
    """Return a host in the one spelling that it is compared in."""
    return str(plain_address(host.strip("[]")) or host.lower())


def plain_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return an address in the one way to write it; None if it is none."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
