"""What an operator may set: one model of `gateway.toml`, GATEWAY_* variables and flags.

Later sources win: file, environment, flags. Only keys that do something stand here. A key that is
unknown or a value that breaks a rule stops the start with one line that names the key, the value
and the rule; a value that may hold a secret is never in that line.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.admission.fields import parse_caller
from gateway.admission.policy import EVERYTHING
from gateway.errors import RequestError


def broken(rule: str, *, key: str | None = None, value: object = None) -> PydanticCustomError:
    """Make the error of a rule; `key` and `value` where a rule joins several keys."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "key": key, "value": value})


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address (or `localhost`) and a port; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost" or ip_address(self.host).is_loopback


def read_address(value: object) -> Address:
    """Read `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`."""
    if isinstance(value, Address):
        return value
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+)):([0-9]{1,5})", str(value), re.ASCII)
    if match is None:
        raise broken('host:port is needed, such as "127.0.0.1:8080" or "[::1]:8080"')
    host, port = match[1] or match[2], int(match[3])
    if port > 65535:
        raise broken("a port is 0 to 65535")
    if host != "localhost":
        _ip(host)
    return Address(host, port)


def _ip(host: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        raise broken("the host must be an IP address of this machine, or localhost") from None


def _sip_address(address: Address) -> Address:
    _ipv4(address.host)
    return address


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise broken("an IPv4 address is needed") from None


def _media_address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise broken("an IPv4 or IPv6 address is needed") from None
    if address.is_unspecified or address.is_multicast:
        raise broken(
            "one address of this machine is needed: browsers and trunks are told to send there"
        )
    if isinstance(address, IPv6Address):
        if address.scope_id is not None or address.is_link_local:
            raise broken(
                "a link-local address is of one link only, and no description can say which"
            )
        if address.ipv4_mapped is not None:
            raise broken("an IPv4 address is written as one")
    return str(address)


@dataclass(frozen=True, slots=True)
class TrunkUri:
    """Where a trunk listens: a host name or IPv4 address, a port, a transport."""

    host: str
    port: int
    transport: Literal["udp", "tcp"]

    def __str__(self) -> str:
        return f"sip:{self.host}:{self.port};transport={self.transport}"

    @property
    def ip(self) -> IPv4Address | None:
        """The host, unless it is a name."""
        try:
            return IPv4Address(self.host)
        except ValueError:
            return None


_TRUNK_URI = re.compile(
    r"sip:(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:;transport=(?P<transport>udp|tcp))?",
    re.ASCII,
)


def read_trunk_uri(value: object) -> TrunkUri:
    """Read `sip:host[:port][;transport=udp|tcp]`; RFC 3261 section 19.1.2 has the defaults."""
    if isinstance(value, TrunkUri):
        return value
    match = _TRUNK_URI.fullmatch(str(value))
    if match is None:
        raise broken("sip:host:port;transport=udp (or tcp) is needed, without user or password")
    port = int(match["port"] or 5060)
    if not 1 <= port <= 65535:
        raise broken("a port is 1 to 65535")
    return TrunkUri(match["host"], port, "tcp" if match["transport"] == "tcp" else "udp")


def _ports(ports: tuple[int, int]) -> tuple[int, int]:
    low, high = ports
    if not 1024 <= low < high <= 65535:
        raise broken("two ports are needed, the lower one first, within 1024 to 65535")
    return ports


def _prefix(text: str) -> str:
    if text != EVERYTHING and not re.fullmatch(r"[A-Za-z0-9*_+.!~-]{1,32}", text, re.ASCII):
        raise broken(
            'a prefix is 1 to 32 characters of a number or SIP user, or "*" for everything'
        )
    return text


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", text, re.ASCII):
        raise broken('an origin is a scheme and a host, such as "https://shop.example", no path')
    return text.lower()


def _caller_id(text: str) -> str:
    try:
        return parse_caller(text)
    except RequestError:
        raise broken("a number or a SIP user is needed") from None


def _timeout(seconds: float) -> float:
    if seconds and seconds < 1:
        raise broken("at least 1 second is needed, or 0 for never: a stream may pause for a moment")
    return seconds


def _codecs(codecs: tuple[str, ...]) -> tuple[str, ...]:
    if not codecs or len(set(codecs)) != len(codecs):
        raise broken("at least one codec is needed, and each only once")
    return codecs


PORTS_OF_TRUNKS = 4  # at least: a call takes a pair, and it is used again only once it is quiet


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))


def _regular_file(path: Path) -> Path:
    if not path.is_file():
        raise broken("no such file")
    return path


RegularFile = Annotated[Path, AfterValidator(_regular_file)]
Timeout = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False), AfterValidator(_timeout)]
Prefix = Annotated[str, AfterValidator(_prefix)]
TrunkCodec = Literal["PCMU", "PCMA", "G722", "opus", "L16"]
SymmetricRtp = Literal["auto", "strict", "any"]
DtmfMode = Literal["auto", "rfc4733", "info", "inband"]


class Section(BaseModel):
    """A table of the file: closed, so that a mistyped key is found, and never changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpSettings(Section):
    # Loopback: the only place where browsers give a page the microphone without TLS
    listen: Annotated[Address, PlainValidator(read_address)] = Address("127.0.0.1", 8080)
    # No TLS unless both are given, in PEM
    certificate: RegularFile | None = None
    key: RegularFile | None = None

    @model_validator(mode="after")
    def _key_and_certificate_together(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            missing = "key" if self.key is None else "certificate"
            raise broken("certificate and key are needed together", key=missing)
        return self


class SipSettings(Section):
    # SIP's own port on every interface: a trunk reaches us wherever it sends from. UDP, and TCP
    # where a trunk says transport=tcp
    listen: Annotated[Address, PlainValidator(read_address), AfterValidator(_sip_address)] = (
        Address("0.0.0.0", 5060)
    )
    # One value, and nobody reads it: pjsua2 as it is installed is the only engine so far. The key
    # is kept so that a file which names another, meant for a later version, is refused
    engine: Literal["auto"] = "auto"


class MediaSettings(Section):
    # Loopback, as http.listen: a first start talks to nobody outside. With a trunk elsewhere it has
    # to change (Settings checks it): the trunk is told to send its audio to this address
    address: Annotated[str, AfterValidator(_media_address)] = "127.0.0.1"
    # The same as `address` unless a 1:1 NAT stands before this machine; the check is of this one
    public_address: Annotated[str, AfterValidator(_media_address)] | None = None
    # Below the ports that Linux gives to outgoing connections (32768 and up)
    ports: Annotated[tuple[int, int], AfterValidator(_ports)] = (20000, 29999)
    # One for all browsers of a thread, so that a firewall has one to open: the first of `ports`,
    # which it has open for the trunks already. Further threads take the ports after it
    browser_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    # One for each core but one, which is left to signaling and handshakes; at least one
    threads: Annotated[int, Field(ge=0, le=64)] = 0
    # Between browser and gateway. Opus sounds better on a bad network, since it repairs losses;
    # "passthrough" takes G.711 wherever browser and trunk share it, for a fraction of the CPU
    codec: Literal["opus", "passthrough"] = "opus"
    # Of our Opus encoder, 0 to 10. 5 costs two and a half times what 0 does, and scores 0.04 (PESQ)
    # more on a clean network and 0.06 at 5 % loss; `make bench` prints the table
    complexity: Annotated[int, Field(ge=0, le=10)] = 0
    # Bit/s of Opus in either direction, for narrowband; where a trunk has a wideband codec the
    # browser is asked for more in proportion. Below 26000 libopus spares FEC at complexity 0, and
    # at 5 % loss speech falls from PESQ 3.99 to 3.2; from the browser 32000 scores 3.94, 24000 3.87
    bitrate: Annotated[int, Field(ge=6000, le=64_000)] = 32_000
    # Seconds without RTP and RTCP from the trunk that end a call; 0 for never. An answered call
    # costs money although nobody hears anything; a call on hold may be silent
    timeout: Timeout = 15.0
    # The same before the answer, where an announcement may pause, and ringing ends by itself
    early_timeout: Timeout = 30.0

    @model_validator(mode="after")
    def _addresses_of_one_kind(self) -> Self:
        public = self.public_address
        if public is not None and (":" in public) != (":" in self.address):
            raise broken(
                f"both are IPv4 or both IPv6, and media.address is {self.address}",
                key="public_address",
                value=public,
            )
        return self

    @model_validator(mode="after")
    def _ports_for_every_thread(self) -> Self:
        browsers, (first, last) = self.browser_ports, self.ports
        if browsers[-1] > 65_535:
            raise broken(
                f"{len(browsers)} threads need as many ports from here on, and 65535 is the last",
                key="browser_port",
                value=browsers[0],
            )
        taken = sum(first <= port <= last for port in browsers)
        if last - first + 1 - taken < PORTS_OF_TRUNKS:
            raise broken(
                f"trunks need at least {PORTS_OF_TRUNKS} of these, and browsers take {taken}",
                key="ports",
                value=self.ports,
            )
        return self

    @property
    def thread_count(self) -> int:
        """How many threads there are: `threads`, or as many as the machine has cores to spare."""
        return self.threads or max(1, usable_cores() - 1)

    @property
    def browser_ports(self) -> range:
        """The UDP ports that browsers send to, one for each thread."""
        first = self.ports[0] if self.browser_port is None else self.browser_port
        return range(first, first + self.thread_count)

    @property
    def told(self) -> str:
        """The address that browsers and trunks are told to send to."""
        return self.public_address or self.address


class TrunkSettings(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    # One elsewhere needs a media.address that it can send to
    uri: Annotated[TrunkUri, PlainValidator(read_trunk_uri)]
    # No digest authentication unless a user name is given; many trunks know us by address
    username: Annotated[str, Field(pattern=r'^[^\s"\\\x00-\x1f]{1,128}$')] | None = None
    password: SecretStr | None = Field(default=None, min_length=1, max_length=256)
    password_file: Path | None = None
    # What the trunk is offered, the best first: the two that every trunk has, the one of North
    # America and Japan first. With a wideband one (G722, L16: 16 kHz; opus: 48 kHz, not decoded
    # here) browsers are asked for more than telephone sound
    codecs: Annotated[tuple[TrunkCodec, ...], AfterValidator(_codecs)] = ("PCMU", "PCMA")
    # "anonymous" unless this or the page's `from` names a caller
    caller_id: Annotated[str, AfterValidator(_caller_id)] | None = None
    # Whose audio is believed. A PBX behind a NAT describes an address that nobody outside reaches:
    # "auto" then takes it from the host that its SIP comes from, too. "strict" never does; "any"
    # takes the first stream wherever it comes from, which lets whoever guesses a port speak
    symmetric_rtp: SymmetricRtp = "auto"
    # How digits go out. "auto" takes the best that the trunk says it reads: telephone events where
    # its answer has them, else INFO where its Allow has that, else tones. The others are for a
    # trunk that says one thing and reads another
    dtmf: DtmfMode = "auto"
    # What a small trunk contract carries; past it we refuse before the carrier does
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = 100

    @model_validator(mode="before")
    @classmethod
    def _read_password_file(cls, values: Any) -> Any:
        """Read the secret at start: a missing file is found then, not at the first call."""
        if not isinstance(values, dict) or not values.get("password_file"):
            return values
        if "password" in values:
            raise broken(
                "either password or password_file is needed, not both", key="password_file"
            )
        path = Path(str(values["password_file"]))
        try:
            secret = path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            rule = f"the file cannot be read: {why}"
            raise broken(rule, key="password_file", value=str(path)) from None
        return {**values, "password": secret}

    @model_validator(mode="after")
    def _username_and_password_together(self) -> Self:
        if (self.username is None) != (self.password is None):
            missing = "username" if self.username is None else "password"
            raise broken(
                "username and password (or password_file) are needed together", key=missing
            )
        return self


def _one_trunk(trunks: tuple[TrunkSettings, ...]) -> tuple[TrunkSettings, ...]:
    if len(trunks) > 1:
        raise broken("this version takes one trunk; there is no failover yet")
    return trunks


class AdmissionSettings(Section):
    # The only mode so far: whoever reaches the page may call, hence loopback only
    mode: Literal["open"] = "open"
    # None besides the page's own: the gateway serves it itself
    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    # Nothing may be dialled until the operator says what; calls cost money
    allow: tuple[Prefix, ...] = ()
    deny: tuple[Prefix, ...] = ()
    # Seconds. Longer than nearly every call, and an end to what a forgotten one costs
    max_duration: Annotated[int, Field(ge=1, le=86_400)] = 3600


class LogSettings(Section):
    # One line per call and session; "debug" adds SIP and media detail
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Section):
    """The whole configuration; `gateway.config_sources.load` reads it."""

    http: HttpSettings = HttpSettings()
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    # None to assume: only the operator knows who carries the calls
    trunks: Annotated[tuple[TrunkSettings, ...], AfterValidator(_one_trunk)] = ()
    admission: AdmissionSettings = AdmissionSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> Self:
        if self.admission.mode == "open" and not self.http.listen.is_loopback:
            raise broken(
                'admission.mode "open" is for a loopback address only, as there whoever '
                "reaches the page may call",
                key="http.listen",
                value=str(self.http.listen),
            )
        return self

    @model_validator(mode="after")
    def _media_where_trunks_can_send(self) -> Self:
        for trunk in self.trunks:
            if trunk.uri.ip is not None and not reaches(self.media, trunk.uri.ip):
                raise broken(
                    f"the trunk {trunk.name!r} at {trunk.uri.host} cannot send audio to a loopback "
                    "address: an address of this machine that it reaches is needed",
                    key="media.public_address" if self.media.public_address else "media.address",
                    value=self.media.told,
                )
        return self


def reaches(media: MediaSettings, trunk: IPv4Address) -> bool:
    """Say whether a trunk at this address can send to ours; else both sides hear silence."""
    return trunk.is_loopback or not ip_address(media.told).is_loopback
