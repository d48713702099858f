"""Which addresses of this machine others are told, where media is bound to any of them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import ifaddr

from gateway.errors import UnavailableError

ANY_PORT = 9  # of the far end: nothing is sent there

# A browser checks each candidate against each of its own; a machine of containers has many bridges
MOST_OFFERED = 16


def is_anywhere(host: str) -> bool:
    """Say whether an address to bind stands for all of this machine's."""
    return ip_address(host).is_unspecified


def versions(bound: str) -> tuple[int, ...]:
    """Return the versions of IP that an address to bind is for; "::" is for both, as on Linux."""
    address = ip_address(bound)
    return (4, 6) if address.version == 6 and address.is_unspecified else (address.version,)


def take_both(sock: socket.socket) -> None:
    """Have a socket that will be bound to "::" take IPv4 as well, whatever the system's default."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def source_towards(host: str, bound: str) -> str:
    """Return our address that the route to a host begins at.

    Raises
    ------
    UnavailableError
        There is no route, or media is bound to no address of its kind.
    """
    version = ip_address(host).version
    if version not in versions(bound):
        raise UnavailableError(
            f"media.address = '{bound}' has no IPv{version} address for a trunk at {host}"
        )
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, ANY_PORT))
            return str(probe.getsockname()[0])
    except OSError as error:
        why = error.strerror or str(error)
        raise UnavailableError(f"no address of ours leads to {host}: {why}") from None


def all_addresses() -> tuple[str, ...]:
    """Return each address of this machine now, in the order of its interfaces."""
    found = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips)
    return tuple(dict.fromkeys(ip if isinstance(ip, str) else ip[0] for ip in found))


def offered(addresses: Sequence[str], bound: str, *, loopback: bool) -> tuple[str, ...]:
    """Return those that a browser may reach us at, the loopback ones last, if it may be here.

    Parameters
    ----------
    bound
        What media is bound to, which stands for all.
    """
    known = [ip_address(each) for each in addresses]
    wanted = versions(bound)
    good = [each for each in known if each.version in wanted and _is_reachable(each)]
    if loopback:
        good += [each for each in known if each.version in wanted and each.is_loopback]
    return tuple(map(str, good[:MOST_OFFERED]))


def _is_reachable(address: IPv4Address | IPv6Address) -> bool:
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
    )
