"""Builds the URIs and headers of a call, and keeps everything out that could break a message.

Whatever comes from a page or a token is checked here once more, right before it enters SIP, so that
no text can end its place and begin another: no control characters and no line ends anywhere, the
user part of a URI percent-encoded, a display name quoted. RFC 3261 sections 19.1 and 25.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

from gateway.trunk.config import Secret, Trunk
from gateway.trunk.errors import TrunkRequestError

USER_SAFE: Final = "-_.!~*'()&=+$,;?/"  # unreserved and user-unreserved; letters and digits are too
TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # the last two are line ends
NOT_IN_USER: Final = re.compile(r'[<>"\\]')  # no number or user has them, whatever the encoding
TRUNK_URI: Final = re.compile(
    r"sip:(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,252}))(?::(?P<port>[0-9]{1,5}))?"
    r"(?:;transport=(?P<transport>udp|tcp))?"
)
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
    """A trunk's address, taken apart."""

    host: str
    port: int
    transport: Literal["udp", "tcp"]


@dataclass(frozen=True, slots=True)
class Route:
    """A way to a trunk: who we are there, where it is now, and how we prove it.

    `registrar` is whom a REGISTER goes to, empty where none is wanted.
    """

    identity: str
    proxy: str
    username: str | None = None
    password: Secret | None = None
    registrar: str = ""
    expires: int = 0


def parse_trunk(uri: str) -> TrunkUri:
    """Take `sip:host[:port][;transport=udp|tcp]` apart."""
    found = TRUNK_URI.fullmatch(uri)
    port = int(found["port"] or 5060) if found else 0
    if not found or not 1 <= port <= 65535:
        raise TrunkRequestError(
            f"trunk uri {uri!r} is not sip:host[:port][;transport=udp|tcp] with a port up to 65535"
        )
    return TrunkUri(found["host"], port, "tcp" if found["transport"] == "tcp" else "udp")


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
    transport = ";transport=tcp" if trunk.transport == "tcp" else ""
    return f"<sip:{user(to, 'the called number')}@{trunk.host}:{trunk.port}{transport}>"


def trunk_uri(trunk: TrunkUri) -> str:
    """Return the Request-URI of what is for the trunk itself: OPTIONS, REGISTER."""
    transport = ";transport=tcp" if trunk.transport == "tcp" else ""
    return f"sip:{trunk.host}:{trunk.port}{transport}"


def from_uri(caller: str, display_name: str | None, trunk: TrunkUri) -> str:
    """Return the From header's name and address."""
    shown = f"{quoted(text(display_name, 'the display name'))} " if display_name else ""
    return f"{shown}<sip:{user(caller, 'the caller')}@{trunk.host}>"


def quoted(value: str) -> str:
    """Return a quoted-string; quotes and backslashes in it become quoted-pairs."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def next_hop(host: str, trunk: TrunkUri) -> str:
    """Return the proxy that sends requests to `host`; it leaves no Route header behind."""
    return f"<sip:{host}:{trunk.port};transport={trunk.transport};lr;hide>"


def plain_headers(given: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Check the caller's headers: names are tokens and not the stack's own, values plain text."""
    for name, value in given:
        if not TOKEN.fullmatch(name):
            raise TrunkRequestError(f"{name!r} is not the name of a header")
        if name.lower() in OURS:
            raise TrunkRequestError(f"the header {name} belongs to the SIP stack")
        text(value, f"the header {name}", LONGEST_HEADER)
    return given


def route_to(configured: Trunk, trunk: TrunkUri, host: str) -> Route:
    """Return the way to a trunk at the address `host`.

    Where it registers us, we are there who the user name says, whatever number calls come from.
    """
    known_as = configured.caller_id
    if configured.register:
        known_as = configured.username or known_as
    return Route(
        identity=from_uri(known_as, None, trunk),
        proxy=next_hop(host, trunk),
        username=configured.username,
        password=configured.password,
        registrar=trunk_uri(trunk) if configured.register else "",
        expires=configured.expires if configured.register else 0,
    )
