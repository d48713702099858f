"""How an operator says where a trunk is: a SIP URI, and that of a proxy before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from gateway.config_values import Address, broken

LONGEST_NAME = 253  # characters of a host's name (RFC 1035 section 2.3.4)


@dataclass(frozen=True, slots=True)
class TrunkUri:
    """Where a trunk listens: a host by name or address, a port, a transport; `secure` for sips.

    What is not given (`port_given`, `transport_given`) is looked up by the name, and is the default
    where the DNS does not say (RFC 3263). Whether it is TLS is never left to the DNS.
    """

    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"]
    secure: bool = False
    port_given: bool = True
    transport_given: bool = True

    def __str__(self) -> str:
        fixed = self.port_given or self.ip is not None
        where = str(Address(self.host, self.port)) if fixed else self.host
        if self.secure:
            return f"sips:{where}"
        named = fixed or self.transport_given
        return f"sip:{where}{f';transport={self.transport}' if named else ''}"

    @property
    def may_use_tcp(self) -> bool:
        """Whether TCP is spoken with it, or may be: where the DNS decides about the transport."""
        asks = self.ip is None and not (self.port_given or self.transport_given)
        return self.transport == "tcp" or asks

    @property
    def ip(self) -> IPv4Address | IPv6Address | None:
        """The host, unless it is a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class ProxyUri:
    """An outbound proxy: a loose router is named in requests, another only gets them."""

    uri: TrunkUri
    loose: bool

    def __str__(self) -> str:
        return f"{self.uri}{';lr' if self.loose else ''}"


_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # of a host's name (RFC 1123 section 2.1)


_TRUNK_URI = re.compile(
    rf"(?P<scheme>sips?):(?:(?P<host>{_LABEL}(?:\.{_LABEL})*)"
    r"|\[(?P<ip>[0-9A-Fa-f:.]+)\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:;transport=(?P<transport>udp|tcp|tls))?",
    re.ASCII,
)


def read_trunk_uri(value: object) -> TrunkUri:
    """Read `sip:host[:port][;transport=udp|tcp|tls]` or `sips:host[:port]`.

    RFC 3261 section 19.1.2 has the defaults.
    """
    if isinstance(value, TrunkUri):
        return value
    match = _TRUNK_URI.fullmatch(str(value))
    if match is None or len(match["host"] or "") > LONGEST_NAME:
        raise broken(
            "sip:host:port;transport=udp (or tcp, or tls) is needed, or sips:host:port, without "
            "user or password"
        )
    secure, named = match["scheme"] == "sips", match["transport"]
    if secure and named == "udp":
        raise broken("sips: goes by TLS, never by UDP")
    tls = secure or named == "tls"
    port = int(match["port"] or (5061 if tls else 5060))
    if not 1 <= port <= 65535:
        raise broken("a port is 1 to 65535")
    host = match["host"] or _ipv6(match["ip"])
    transport: Literal["udp", "tcp", "tls"] = "tls" if tls else "tcp" if named == "tcp" else "udp"
    given = match["port"] is not None, secure or named is not None
    return TrunkUri(host, port, transport, secure, *given)


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise broken("what stands in brackets is no IPv6 address") from None
    if address.is_link_local or address.ipv4_mapped is not None:
        raise broken("an address that is reached from every link is needed, IPv4 written as such")
    return str(address)


def read_proxy_uri(value: object) -> ProxyUri:
    """Read a trunk's URI with `;lr` behind it or not."""
    if isinstance(value, ProxyUri):
        return value
    whole = str(value)
    bare = whole.removesuffix(";lr")
    return ProxyUri(read_trunk_uri(bare), loose=bare != whole)
