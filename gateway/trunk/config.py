"""What the operator says about SIP, and what a caller asks of it: frozen values, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Final

from gateway.trunk.number import Rules
from gateway.trunk.targets import Target

if TYPE_CHECKING:
    from gateway.trunk.caller import Diversion
    from gateway.trunk.referred import ReferredTo


class Secret:
    """A password: it can be used, but it does not show in a repr, a log line or a traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; for the SIP engine only."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class SipAddress:
    """An IP address and a port, as SIP and the operating system know them."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection by TLS (1.2 or 1.3) is secured; each is the name of a file in PEM.

    `ca` holds the authorities whose certificates are believed, the system's where it is empty;
    `certificate` and `key` are what we show, nothing where they are empty.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""


SYSTEM_TLS: Final = Tls()


class Identity(StrEnum):
    """Which header says who calls."""

    FROM = "from"
    ASSERTED = "pai"  # P-Asserted-Identity
    PREFERRED = "ppi"  # P-Preferred-Identity
    REMOTE_PARTY = "rpid"  # Remote-Party-ID


class Elsewhere(StrEnum):
    """What becomes of a request from an address of no trunk's."""

    TAKEN = "taken"  # what the method deserves; for where nobody but trunks can send
    REFUSED = "refuse"  # 403
    IGNORED = "silent"  # nothing: a scanner does not even learn that SIP is spoken here


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Where the gateway speaks SIP.

    `address` is the address to bind and `port` the port, for UDP and (with `tcp`) for TCP;
    port 0 takes any. An IPv6 address is for IPv6 alone, but "::" for both. TCP is for trunks that
    use it: each connection, whoever makes it, costs a file descriptor. `tls_listen` is where trunks
    reach us by TLS, with the certificate of `tls`; calls out by TLS need none of it.
    `public_address` stands in Via and Contact when we are behind a 1:1 NAT.
    `max_calls` is a wish: the engine has a limit of its own, see `TrunkEndpoint.capacity`.
    `log_level` is pjsip's, for the logger `gateway.trunk.pjsip`: 1 errors, 3 a line per
    message, 5 whole messages (credentials are cut out). `trunks` are all that there are: who sends
    from another address than theirs is a stranger, and gets what `strangers` says.
    """

    address: str = "127.0.0.1"
    port: int = 5060
    tcp: bool = False
    tls_listen: SipAddress | None = None
    tls: Tls = SYSTEM_TLS
    public_address: str | None = None
    user_agent: str = "webrtc-sip-gateway"
    max_calls: int = 2000
    log_level: int = 1
    trunks: tuple[Trunk, ...] = ()
    strangers: Elsewhere = Elsewhere.TAKEN


@dataclass(frozen=True, slots=True)
class Trunk:
    """One SIP trunk.

    `uri` is `sip:host[:port][;transport=udp|tcp|tls]` or `sips:host[:port]`; `tls` says how the
    last two are secured: the trunk's certificate has to be for `host`. `caller_id` is the user part
    of From unless a call brings its own. `response_timeout`: a trunk that sends nothing at all for
    so many seconds counts as unreachable. A trunk says 100 at once, and must within 200 ms if it
    has nothing better (RFC 3261 section 17.2.1); 10 s leaves room for five lost INVITEs (0, 0.5,
    1.5, 3.5 and 7.5 s), where SIP's own limit, 32 s, is longer than a person waits. `register`:
    whether the trunk wants a REGISTER, which is to hold for `expires` seconds; `options`: seconds
    between two OPTIONS, 0 for none. `sources`: networks that it sends from, besides the hosts of
    its URI; `numbers_in`: how the numbers that it writes become E.164; `identity`: which header
    says who calls; `headers`: names of the `X-` headers that pages and the trunk may send each
    other, "*" at the end for any end. `outbound_proxy`: where requests are
    sent instead, written as `uri` is; with `;lr` behind it, it stands in a Route header.
    `transfers`: whether its REFERs are told (`Referred`) instead of declined.
    """

    name: str
    uri: str
    username: str | None = None
    password: Secret | None = None
    caller_id: str = "anonymous"
    response_timeout: float = 10.0
    register: bool = False
    expires: int = 300
    options: float = 30.0
    sources: tuple[IPv4Network | IPv6Network, ...] = ()
    numbers_in: Rules = ()
    identity: Identity = Identity.FROM
    headers: tuple[str, ...] = ("X-*",)
    outbound_proxy: str = ""
    tls: Tls = SYSTEM_TLS
    transfers: bool = False


@dataclass(frozen=True, slots=True)
class DialRequest:
    """A call to place.

    `to` is a number (E.164 with its plus sign, or as the trunk wants it) or a SIP user; `offer` our
    SDP, sent byte for byte. `response_timeout` takes the place of the trunk's, for a call that has
    another trunk to go to. `target`: where of its targets the trunk is tried, the best one if None.
    `diversion`: who has sent the call on, for a call that is forwarded. `referral`: by whose REFER
    it is placed.
    """

    trunk: Trunk
    to: str
    offer: str
    from_user: str | None = None
    display_name: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=())
    response_timeout: float | None = None
    target: Target | None = None
    diversion: Diversion | None = None
    referral: ReferredTo | None = None
