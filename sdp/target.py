"""Where a stranger's description may make the gateway send RTP to: a policy, and a pure one.

A description names any address at all. Most that are no host's on a network are mistakes, and some
are attempts to have the gateway talk to itself or to services that listen on loopback only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache

from sdp.error import quoted

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")

# RFC 1123 section 2.1: letters, digits and hyphens, in labels of up to 63 (RFC 1035 section 2.3.4);
# the last label is not all digits, as what looks like an address is none that was mistyped
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*(?!\d+\.?\Z){_LABEL}\.?", re.ASCII)
LONGEST_NAME = 253


@lru_cache(256)  # trunks have few addresses, and a description's is read several times
def read_ip(host: str) -> Address | None:
    """Read an IP address; None for what is none.

    RFC 8866 has no zones (`%eth0`): with one an address would be unequal to itself without, and so
    to our own.
    """
    if "%" in host:
        return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def read_address(host: str) -> Address | None:
    """Read an IP address as `read_ip` does, but an IPv4 one in IPv6's clothes as IPv4."""
    address = read_ip(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_host_name(host: str) -> bool:
    """Whether a text has the form of a host's name (RFC 1123), which DNS may know or not."""
    return len(host.rstrip(".")) <= LONGEST_NAME and _NAME.fullmatch(host) is not None


def forbidden_target(host: str, *, own: Collection[str] = (), loopback: bool = False) -> str | None:
    """Say why no RTP may go to an address.

    Parameters
    ----------
    host
        An IP address; a name has to be resolved first.
    own
        The gateway's own addresses.
    loopback
        Whether loopback is allowed, as it is where the trunk itself is reached by it.

    Returns
    -------
    str or None
        A sentence for people; None where nothing is against it. 0.0.0.0 and :: are forbidden too:
        a description puts the stream on hold by them, and then nothing may be sent.
    """
    address = read_address(host)
    if address is None:
        return f"{quoted(host)} is no IP address"
    if address.is_unspecified or (address.version == 4 and address in _THIS_NETWORK):
        return f"{host} is no host's address, and media cannot go there"
    if address.is_loopback:
        return None if loopback else f"{host} is the gateway's own loopback address"
    if any(address == read_address(each) for each in own):
        return f"{host} is the gateway's own address"
    if address.is_multicast:
        return f"{host} is a multicast address, and a call has one peer"
    if address == _BROADCAST:
        return f"{host} is the broadcast address, and a call has one peer"
    if address.is_link_local:
        return f"{host} is a link-local address, which nobody beyond one cable has"
    return None
