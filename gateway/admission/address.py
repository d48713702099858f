"""Which addresses count as one client.

A household or a server has a whole /64 of IPv6, and a new address in it for each call costs
nothing. So IPv6 counts by /64. An IPv4 address is one client however IPv6 writes it: mapped
(RFC 4291 section 2.5.5.2) or translated (RFC 6052), where all of IPv4 lies in a single /64.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

IPV6_PREFIX = 64  # bits of an address that name a network (RFC 4291 section 2.5.4)

_TRANSLATED = IPv6Network("64:ff9b::/96")
_HOST_BITS = 128 - IPV6_PREFIX


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that `text` names, as IPv4 where it stands for one, or None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return IPv6Address(int(address))  # without the zone of a link-local address


def client_key(text: str) -> str:
    """Return the name under which a client's address counts.

    What is no address (a socket of the file system has none) counts as it stands: all such clients
    share one limit, so none escapes it.
    """
    address = parse_address(text)
    if address is None:
        return text
    if isinstance(address, IPv4Address):
        return str(address)
    network = IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)
    return f"{network}/{IPV6_PREFIX}"
