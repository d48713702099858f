"""Builds the URIs and headers of a call, and keeps everything out that could break a message.

Whatever comes from a page or a token is checked here once more, right before it enters SIP, so that
no text can end its place and begin another: no control characters and no line ends anywhere, the
user part of a URI percent-encoded, a display name quoted. RFC 3261 sections 19.1 and 25.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote

from gateway.trunk.config import SYSTEM_TLS, Secret, Tls, Trunk
from gateway.trunk.errors import TrunkRequestError
from gateway.trunk.targets import Target, Transport

USER_SAFE: Final = "-_.!~*'()&=+$,;?/"  # unreserved and user-unreserved; letters and digits are too
TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # the last two are line ends
NOT_IN_USER: Final = re.compile(r'[<>"\\]')  # no number or user has them, whatever the encoding
TRUNK_URI: Final = re.compile(
    r"(?P<scheme>sips?):(?P<host>[A-Za-z0-9][A-Za-z0-9.\-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?:;transport=(?P<transport>udp|tcp|tls))?"
)
SIP_PORT: Final = 5060
TLS_PORT: Final = 5061
LOOSE: Final = ";lr"  # a loose router: the Request-URI stays the trunk's (RFC 3261 section 16.12)
LONGEST_TEXT: Final = 256
LONGEST_HEADER: Final = 1024  # as much as admission lets through in all headers together

RESERVED: Final = """
    via from to call-id cseq contact route record-route max-forwards content-type content-length
    content-encoding content-disposition authorization proxy-authorization www-authenticate
    proxy-authenticate require proxy-require supported allow expires session-expires min-se rack
    rseq replaces refer-to referred-by user-agent reason f t i m v c l e s k o r b x
"""
OURS: Final = frozenset(RESERVED.split())
"""Headers that the SIP stack writes itself; a caller may not."""


class TrunkUri(NamedTuple):
    """A trunk's address, taken apart; `secure` if its scheme is sips.

    `port_given` and `transport_given`: whether the URI itself says so. If not, the DNS may say
    otherwise (RFC 3263), and the port and transport here are the defaults. Whether it is TLS is
    never left to the DNS.
    """

    host: str
    port: int
    transport: Transport
    secure: bool = False
    port_given: bool = True
    transport_given: bool = True

    @property
    def scheme(self) -> str:
        """Return how its URIs begin."""
        return "sips" if self.secure else "sip"

    @property
    def place(self) -> str:
        """Return host and port as the operator has them: a port would keep others off the DNS."""
        return bracketed(self.host) + (f":{self.port}" if self.port_given else "")

    @property
    def parameter(self) -> str:
        """Return how its URIs name the transport; sips says it already (RFC 5630 section 3.1.3)."""
        return "" if self.secure or self.transport == "udp" else f";transport={self.transport}"


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a trunk: who we are there, where it is now, and how we prove it.

    `registrar` is whom a REGISTER goes to, empty where none is wanted; `header` the Route header
    that requests have outside of a dialog, empty for none. `server` is whose certificate has to be
    shown there, by the rules of `tls`; empty where TLS is not used.
    """

    identity: str
    proxy: str
    username: str | None = None
    password: Secret | None = None
    registrar: str = ""
    expires: int = 0
    header: str = ""
    server: str = ""
    tls: Tls = SYSTEM_TLS

    @property
    def hop(self) -> str:
        """The address and the port that requests go to."""
        return self.proxy.removeprefix("<sip:").partition(";")[0]


def parse_trunk(uri: str) -> TrunkUri:
    """Take `sip:host[:port][;transport=udp|tcp|tls]` or `sips:host[:port]` apart."""
    found = TRUNK_URI.fullmatch(uri)
    if not found:
        raise TrunkRequestError(
            f"trunk uri {uri!r} is not sip:host[:port][;transport=udp|tcp|tls] or sips:host[:port]"
        )
    secure, named = found["scheme"] == "sips", found["transport"]
    if secure and named == "udp":
        raise TrunkRequestError(f"trunk uri {uri!r}: sips is TLS, not UDP")
    tls = secure or named == "tls"
    port = int(found["port"] or (TLS_PORT if tls else SIP_PORT))
    host = found["host"].strip("[]")
    if not 1 <= port <= 65535 or ("[" in found["host"] and not is_ipv6(host)):
        raise TrunkRequestError(f"trunk uri {uri!r} has an address or a port that cannot be")
    transport: Transport = "tls" if tls else "tcp" if named == "tcp" else "udp"
    given = found["port"] is not None, secure or named is not None
    return TrunkUri(host, port, transport, secure, *given)


def is_ipv6(host: str) -> bool:
    """Tell whether a host is an IPv6 address."""
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def bracketed(host: str) -> str:
    """Return a host as it stands in a URI."""
    return f"[{host}]" if ":" in host else host


def next_uri(trunk: Trunk) -> TrunkUri:
    """Return where a trunk's requests are sent: to its outbound proxy, if it has one."""
    return parse_trunk((trunk.outbound_proxy or trunk.uri).removesuffix(LOOSE))


def text(value: str, what: str, longest: int = LONGEST_TEXT) -> str:
    """Return `value` if it can stand in a header, else raise TrunkRequestError naming `what`."""
    if len(value) > longest:
        raise TrunkRequestError(f"{what} has {len(value)} characters, {longest} at most")
    if bad := CONTROL.search(value):
        raise TrunkRequestError(
            f"{what} {value!r} holds {bad[0]!r}: control characters and line ends cannot stand in "
            "a SIP header"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise TrunkRequestError(f"{what} {value!r} holds half a surrogate pair") from None
    return value


def user(value: str, what: str) -> str:
    """Return the user part of a URI, escaped (RFC 3261 section 19.1.2)."""
    if not text(value, what):
        raise TrunkRequestError(f"{what} is empty")
    if bad := NOT_IN_USER.search(value):
        raise TrunkRequestError(
            f"{what} {value!r} holds {bad[0]!r}: quotes, backslashes and angle brackets are no "
            "part of a SIP user"
        )
    return quote(value, safe=USER_SAFE)


def request_uri(to: str, trunk: TrunkUri) -> str:
    """Return the Request-URI (and To) of a call."""
    called = user(to, "the called number")
    return f"<{trunk.scheme}:{called}@{trunk.place}{trunk.parameter}>"


def trunk_uri(trunk: TrunkUri) -> str:
    """Return the Request-URI of what is for the trunk itself: OPTIONS, REGISTER."""
    return f"{trunk.scheme}:{trunk.place}{trunk.parameter}"


def from_uri(caller: str, display_name: str | None, trunk: TrunkUri) -> str:
    """Return the From header's name and address."""
    shown = f"{quoted(text(display_name, 'the display name'))} " if display_name else ""
    return f"{shown}<{trunk.scheme}:{user(caller, 'the caller')}@{bracketed(trunk.host)}>"


def quoted(value: str) -> str:
    """Return a quoted-string; quotes and backslashes in it become quoted-pairs."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def next_hop(target: Target) -> str:
    """Return the proxy that sends requests to a target; it leaves no Route header behind."""
    return f"<sip:{target};lr;hide>"


def route_header(proxy: str) -> str:
    """Return the Route header's value for an outbound proxy (RFC 3261 section 8.1.2)."""
    if not proxy.endswith(LOOSE):
        return ""
    return f"<{trunk_uri(parse_trunk(proxy.removesuffix(LOOSE)))}{LOOSE}>"


def plain_headers(given: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Check the caller's headers: names are tokens and not the stack's own, values plain text."""
    for name, value in given:
        if not TOKEN.fullmatch(name):
            raise TrunkRequestError(f"{name!r} is not the name of a header")
        if name.lower() in OURS:
            raise TrunkRequestError(f"the header {name} belongs to the SIP stack")
        text(value, f"the header {name}", LONGEST_HEADER)
    return given


def route_to(configured: Trunk, trunk: TrunkUri, target: Target) -> Route:
    """Return the way to a trunk by one of its targets.

    Where it registers us, we are there who the user name says, whatever number calls come from.
    """
    known_as = configured.caller_id
    if configured.register:
        known_as = configured.username or known_as
    return Route(
        identity=from_uri(known_as, None, trunk),
        proxy=next_hop(target),
        username=configured.username,
        password=configured.password,
        registrar=trunk_uri(trunk) if configured.register else "",
        expires=configured.expires if configured.register else 0,
        header=route_header(configured.outbound_proxy),
        server=next_uri(configured).host if target.transport == "tls" else "",
        tls=configured.tls if target.transport == "tls" else SYSTEM_TLS,
    )
