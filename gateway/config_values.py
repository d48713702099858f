"""What a value of the configuration may be: addresses, numbers, names, each with its rule.

`gateway.config` says which keys there are; files, URLs and the URIs of trunks have modules of their
own. What is refused here is refused with a sentence for the
operator, and never with the value: the place that prints it knows whether a secret can stand there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from pydantic_core import PydanticCustomError

from gateway.admission.fields import parse_caller, parse_identity
from gateway.admission.number import parse_prefix
from gateway.admission.policy import EVERYTHING
from gateway.admission.target import parse_target
from gateway.errors import RequestError, TargetError


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


def short_code(text: str) -> str:
    if not re.fullmatch(r"[0-9]{2,8}", text, re.ASCII):
        raise broken("a short code is 2 to 8 digits")
    return text


def country(text: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # large, and needed by few

    if text not in SUPPORTED_REGIONS:
        raise broken('a country is two capital letters of ISO 3166, such as "DE", "GB" or "US"')
    return text
