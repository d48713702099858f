"""Where a SIP URI leads: which transports and hosts, in which order (RFC 3263 section 4).

Pure: records of the DNS go in, an order comes out, and chance is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, NamedTuple

Transport = Literal["udp", "tcp", "tls"]

DEFAULT_PORTS: Final[Mapping[Transport, int]] = {"udp": 5060, "tcp": 5060, "tls": 5061}
# RFC 3263 section 4.1: the service that a NAPTR record names, and the name to ask SRV records of
NAPTR_SERVICES: Final[Mapping[str, Transport]] = {
    "SIP+D2U": "udp",
    "SIP+D2T": "tcp",
    "SIPS+D2T": "tls",
}
SRV_LABELS: Final[Mapping[Transport, str]] = {
    "udp": "_sip._udp",
    "tcp": "_sip._tcp",
    "tls": "_sips._tcp",
}
NOT_HERE: Final = ""
"""The host of an SRV record that says: this service is not offered (RFC 2782, a target of ".")."""


class Naptr(NamedTuple):
    """A NAPTR record (RFC 3403); names are without the dot at the end."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


class Srv(NamedTuple):
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str


class Service(NamedTuple):
    """A transport, and the name that has its SRV records."""

    transport: Transport
    name: str


class Way(NamedTuple):
    """A host, which may be a name, and how it is reached."""

    host: str
    port: int
    transport: Transport


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request can be sent: an IP address, a port, a transport."""

    host: str
    port: int
    transport: Transport

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port};transport={self.transport}"


def services(host: str, records: Iterable[Naptr], wanted: Sequence[Transport]) -> list[Service]:
    """Return whose SRV records are to be asked for, the best first.

    NAPTR records decide, the lowest order and preference first; those of a transport that we do not
    have are left out, and so is what SIP does not use: flags besides "s", a regular expression.
    Without any usable one each of our transports is tried, in our own order.
    """
    found = []
    for record in sorted(records, key=lambda each: (each.order, each.preference)):
        transport = NAPTR_SERVICES.get(record.service.upper())
        plain = record.flags.upper() == "S" and not record.regexp and record.replacement
        if transport is not None and transport in wanted and plain:
            found.append(Service(transport, record.replacement))
    return found or [Service(each, f"{SRV_LABELS[each]}.{host}") for each in wanted]


def by_weight(records: Iterable[Srv], chance: Random) -> list[Srv]:
    """Return SRV records in the order in which they are to be tried (RFC 2782).

    The lowest priority comes first. Among equal ones chance decides by weight; one of weight 0 has
    a small chance as long as there are others.
    """
    left = sorted(records, key=lambda each: (each.priority, each.weight))
    ordered = []
    while left:
        group = [each for each in left if each.priority == left[0].priority]
        at = chance.randint(0, sum(each.weight for each in group))
        for record in group:
            at -= record.weight
            if at <= 0:
                break
        ordered.append(record)
        left.remove(record)
    return ordered


def ways(records: Iterable[Srv], transport: Transport, chance: Random) -> list[Way]:
    """Return the hosts that SRV records lead to, in the order in which they are to be tried."""
    return [
        Way(each.host, each.port, transport)
        for each in by_weight(records, chance)
        if each.host != NOT_HERE and each.port
    ]


def reached(
    found: Iterable[Way], addresses: Mapping[str, Sequence[str]], chance: Random, most: int
) -> tuple[Target, ...]:
    """Return the targets: each way with the addresses of its host, every target once.

    Chance decides among the addresses of one host, as whoever gives several wants the load shared;
    but those of one version of IP come before the others, as they do in `addresses`.
    """
    targets: dict[Target, None] = {}
    for way in found:
        of_host = list(addresses.get(way.host, ()))
        better = ":" in of_host[0] if of_host else False  # the version of IP
        chance.shuffle(of_host)
        of_host.sort(key=lambda each: (":" in each) is not better)
        targets |= dict.fromkeys(Target(each, way.port, way.transport) for each in of_host)
    return tuple(targets)[:most]
