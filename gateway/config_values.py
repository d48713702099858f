"""What a value of the configuration may be: addresses, URIs, files, each with its rule.

`gateway.config` says which keys there are. What is refused here is refused with a sentence for the
operator, and never with the value: the place that prints it knows whether a secret can stand there.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic_core import PydanticCustomError

from gateway.admission.fields import parse_caller, parse_identity
from gateway.admission.number import parse_prefix
from gateway.admission.policy import EVERYTHING
from gateway.admission.target import parse_target
from gateway.admission.turn import check_url
from gateway.errors import RequestError, TargetError

MIN_SECRET = 32  # bytes: a key of HS256 is as long as its hash at least (RFC 7518 section 3.2)
LONGEST_NAME = 253  # characters of a host's name (RFC 1035 section 2.3.4)
POSTGRESQL = "postgresql+asyncpg"
SQLITE = "sqlite:///"  # a third slash, then the file: "sqlite:////var/lib/gateway.db" is absolute
SQLITE_MEMORY = "sqlite:///:memory:"


def broken(rule: str, *, key: str | None = None, value: object = None) -> PydanticCustomError:
    """Make the error of a rule; `key` and `value` where a rule joins several keys."""
    return PydanticCustomError("rule", "{rule}", {"rule": rule, "key": key, "value": value})


def nearest(name: str, known: list[str]) -> str:
    """Return what to add to an unknown name: the nearest one that there is, or all of them."""
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; the nearest one is {near[0]}" if near else f"; known are {', '.join(known)}"


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address (or `localhost`) and a port; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def version(self) -> int:
        """The version of IP."""
        return 6 if ":" in self.host else 4

    @property
    def is_unspecified(self) -> bool:
        return self.host != "localhost" and ip_address(self.host).is_unspecified

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


def sip_address(address: Address) -> Address:
    if address.host == "localhost":
        raise broken("an IP address is needed")
    return address


def media_address(text: str) -> str:
    """Read an address of this machine, or 0.0.0.0 or :: for all of them."""
    try:
        if ip_address(text).is_unspecified:
            return str(ip_address(text))
    except ValueError:
        pass  # said below
    return told_address(text)


def told_address(text: str) -> str:
    """Read an address that others are told to send to."""
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


def ports(ports: tuple[int, int]) -> tuple[int, int]:
    low, high = ports
    if not 1024 <= low < high <= 65535:
        raise broken("two ports are needed, the lower one first, within 1024 to 65535")
    return ports


def prefix(text: str) -> str:
    if text == EVERYTHING:
        return text
    whole = re.fullmatch(r"[A-Za-z0-9*#_+.!~ ()/-]{1,32}", text, re.ASCII)
    if whole is None or not parse_prefix(text.removesuffix("*")):
        raise broken(
            'a prefix is 1 to 32 characters of a number or SIP user, or "*" for everything'
        )
    return text


def number_pattern(text: str) -> str:
    """Check a number, a SIP user or a prefix with "*" behind it; return it in its one spelling."""
    if text == EVERYTHING:
        return text
    if text.endswith("*"):
        return f"{parse_prefix(prefix(text).removesuffix('*'))}*"
    try:
        return parse_target(text)
    except TargetError:
        raise broken(
            'a number or a SIP user is needed, or how they begin and "*", such as "+44*"; '
            '"*" alone is every number'
        ) from None


Numbers = Literal["e164", "plain"] | tuple[tuple[str, str], ...]

_BEGINNING = re.compile(r"\+?[0-9*#]{0,31}", re.ASCII)


def read_numbers(value: object) -> Numbers:
    """Read "e164", "plain", or pairs: a beginning, and what is sent in its place."""
    if value == "e164" or value == "plain":
        return value
    if not isinstance(value, list | tuple) or not value:
        raise broken(_HOW_NUMBERS_GO)
    return tuple(map(_rule_for_numbers, value))


_HOW_NUMBERS_GO = (
    '"e164", "plain" or rules are needed: how a number begins and what is sent in its place, '
    'such as [["+1", ""], ["+", "00"]]'
)


def _rule_for_numbers(value: object) -> tuple[str, str]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise broken(_HOW_NUMBERS_GO)
    begins, sent = value
    if not (isinstance(begins, str) and isinstance(sent, str) and begins):
        raise broken(_HOW_NUMBERS_GO)
    for text in (begins, sent):
        if not _BEGINNING.fullmatch(text):
            raise broken(f"{text!r} begins no number: + and digits are needed, without spaces")
    return begins, sent


def options(seconds: int) -> int:
    if 0 < seconds < 5:
        raise broken("at least 5 seconds are needed, or 0 for none")
    return seconds


def trunk_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or len(set(names)) != len(names):
        raise broken("at least one trunk is needed, and each only once")
    return names


def number(text: str) -> str:
    """Check a number or a SIP user to call; return it in its one spelling."""
    try:
        return parse_target(text)
    except TargetError as error:
        raise broken(str(error).replace("`to` is", "it is", 1)) from None


def identity(text: str) -> str:
    try:
        return parse_identity(text)
    except RequestError as error:
        raise broken(str(error)) from None


def origin(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", text, re.ASCII):
        raise broken('an origin is a scheme and a host, such as "https://shop.example", no path')
    return text.lower()


def caller_id(text: str) -> str:
    try:
        return parse_caller(text)
    except RequestError:
        raise broken("a number or a SIP user is needed") from None


def timeout(seconds: float) -> float:
    if seconds and seconds < 1:
        raise broken("at least 1 second is needed, or 0 for never: a stream may pause for a moment")
    return seconds


def codecs(codecs: tuple[str, ...]) -> tuple[str, ...]:
    if not codecs or len(set(codecs)) != len(codecs):
        raise broken("at least one codec is needed, and each only once")
    return codecs


def regular_file(path: Path) -> Path:
    if not path.is_file():
        raise broken("no such file")
    return path


def secrets_file(path: Path) -> Path:
    """Check a file of secrets, one a line, at start: else the first caller would find out."""
    secrets = _secrets(path)
    for number, secret in secrets:
        if len(secret.encode()) < MIN_SECRET:
            raise broken(
                f"line {number}: a secret of HS256 has at least {MIN_SECRET} bytes (RFC 7518 "
                f"section 3.2); `openssl rand -base64 48` makes one"
            )
    return path


def webhook_secrets(path: Path) -> Path:
    """Check a file of secrets of Standard Webhooks, one a line: each signs."""
    for number, secret in _secrets(path):
        try:
            key = b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
            raise broken(
                f'line {number}: a secret is "whsec_" and 24 to 64 bytes in base64; '
                'echo "whsec_$(openssl rand -base64 32)" makes one'
            )
    return path


def secret_file(path: Path) -> Path:
    """Check a file that holds one secret."""
    if len(_secrets(path)) > 1:
        raise broken("one secret is needed, on one line")
    return path


def read_secrets(path: Path) -> tuple[str, ...]:
    """Return the secrets of a file that was checked."""
    return tuple(secret for _, secret in _secrets(path))


def _secrets(path: Path) -> list[tuple[int, str]]:
    """Return each secret of the file and its line; blank lines and comments (#) hold none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise broken(f"the file cannot be read: {why}") from None
    lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    found = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not found:
        raise broken("the file holds no secret")
    return found


Network = IPv4Network | IPv6Network


def read_network(value: object) -> Network:
    """Read the network of a proxy: `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`."""
    return network(value, "everybody is no proxy: then each client could choose its own address")


def network(value: object, everybody: str) -> Network:
    """Read an address or a network; that of all addresses is refused for the reason given."""
    if isinstance(value, Network):
        return value
    try:
        found = ip_network(str(value))
    except ValueError as error:
        why = "; bits behind the prefix are set" if "host bits" in str(error) else ""
        raise broken(f'an IP address or a network such as "192.0.2.0/24" is needed{why}') from None
    if found.prefixlen == 0:
        raise broken(everybody)
    return found


def url(text: str) -> str:
    """Check the URL of a service that we ask: by TLS, unless it is on this machine."""
    return _service(text, "who can change the answer on its way could let anybody in")


def webhook_url(text: str) -> str:
    """Check the URL of a server that we tell of calls, likewise."""
    return _service(text, "else whoever is on the way reads who calls whom")


def _service(text: str, reason: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not text.isprintable() or " " in text or parts.scheme not in ("http", "https"):
        raise broken('a URL is needed, such as "https://login.example/keys"')
    if parts.username is not None or parts.password is not None:
        raise broken("a URL without user or password is needed")
    if parts.scheme == "http" and not _is_loopback(host):
        raise broken(f"https is needed: {reason}")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def short_code(text: str) -> str:
    if not re.fullmatch(r"[0-9]{2,8}", text, re.ASCII):
        raise broken("a short code is 2 to 8 digits")
    return text


def country(text: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # large, and needed by few

    if text not in SUPPORTED_REGIONS:
        raise broken('a country is two capital letters of ISO 3166, such as "DE", "GB" or "US"')
    return text


# RFC 7065 section 3.1 and RFC 7064 section 3.1


def turn_url(text: str) -> str:
    try:
        return check_url(text)
    except ValueError as error:
        raise broken(str(error)) from None


def sqlite_database(text: str) -> str:
    if text and not (text.startswith(SQLITE) and text.removeprefix(SQLITE).strip()):
        raise broken(f'"{SQLITE}" and a file is needed, or "" for none')
    return text


def database(text: str) -> str:
    if not text.startswith("postgres"):
        return sqlite_database(text)
    try:
        parts = urlsplit(text)
        _ = parts.port  # reads it
    except ValueError as error:
        raise broken(str(error)) from None
    if parts.scheme not in ("postgresql", POSTGRESQL):
        raise broken(f'"{POSTGRESQL}://user@host/database" is needed, or "{SQLITE}" and a file')
    if not (parts.hostname and parts.path.strip("/")):
        raise broken("a host and a database are needed: //user@host/database")
    if "password" in parse_qs(parts.query):
        raise broken("the password belongs before the host, or better into records.password_file")
    return text
