"""Whom the operator keeps out at once, and the switch that stops all new calls.

Limits bound what an attack costs; a block ends it. It holds from the moment at which it is set,
also for sockets that are open. A look-up takes the same time with a thousand blocks as with one:
under attack there are many, and calls come fastest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal, get_args
from urllib.parse import urlsplit

from gateway.admission import numbering
from gateway.admission.address import IPV6_PREFIX, parse_address
from gateway.admission.dialing import (
    SHORTEST,
    dialled_in,
    exists,
    names_of,
    readings,
    spellings,
    without_excess,
)
from gateway.admission.grant import Grant, Visitor
from gateway.admission.number import parse_prefix
from gateway.errors import RequestError

Kind = Literal["address", "origin", "identity", "number"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MAX_TEXT = 256  # characters, of a value and of a reason
ANY = "*"

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Parameters
    ----------
    kind, value
        What is kept out, as `Blocks.add` has normalized it.
    why, by
        The operator's reason, and who set it; a client never hears of either.
    at, until
        Seconds since the epoch; `until` is None for as long as nobody removes it.
    """

    kind: Kind
    value: str
    why: str
    by: str
    at: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no new call is taken, who said so, and when."""

    why: str
    by: str
    at: float


class Blocks:
    """The blocks in force, and the kill switch.

    Parameters
    ----------
    wall
        Seconds since the epoch (time.time): blocks end at a time of day, also after a restart.
    blocks, switch
        What was in force before a restart.
    """

    def __init__(
        self, wall: Callable[[], float], blocks: Iterable[Block] = (), switch: Stop | None = None
    ) -> None:
        self.switch = switch
        self._wall = wall
        self._blocks: dict[tuple[str, str], Block] = {}
        # The lengths that a look-up has to try: few, whatever the number of blocks
        self._prefixes: Counter[tuple[str, int]] = Counter()
        self._networks: Counter[tuple[int, int]] = Counter()
        self._codes: Counter[str] = Counter()  # of the countries whose numbers are blocked
        for block in blocks:
            self._insert(block)

    @property
    def stopped(self) -> str | None:
        """Why no new call is taken, or None."""
        return None if self.switch is None else self.switch.why

    def stop(self, why: str, by: str) -> Stop:
        """Let no new call begin, until `start`. The first reason stays."""
        if self.switch is None:
            self.switch = Stop(_line("why", why), _line("by", by), self._wall())
        return self.switch

    def start(self) -> bool:
        """Let calls begin again, and return whether they were stopped."""
        stopped, self.switch = self.switch is not None, None
        return stopped

    def add(self, kind: str, value: str, why: str, by: str, until: float | None = None) -> Block:
        """Keep somebody out, and return the block as it holds.

        Parameters
        ----------
        kind, value
            An address or a network (IPv6 is widened to a /64, which one client has whole), an
            origin, or an identity or a number with "*" at the end for all that begin so.
        why, by
            For the operator who will read it later.
        until
            Seconds since the epoch, None for good.

        Raises
        ------
        RequestError
            `value` is nothing of that kind, or `until` has passed.
        """
        now = self._wall()
        if until is not None and not until > now:
            raise RequestError(f"`until` is {until}, which has passed: it is {now:.0f} now")
        known, normal = normalize(kind, value)
        block = Block(known, normal, _line("why", why), _line("by", by), now, until)
        self._insert(block)
        return block

    def remove(self, kind: str, value: str) -> Block | None:
        """Let somebody in again, and return the block that held, None without one.

        Raises
        ------
        RequestError
            `value` is nothing of that kind.
        """
        block = self._blocks.get(normalize(kind, value))
        if block is not None:
            self._drop(block)
        return block

    def current(self) -> list[Block]:
        """Return the blocks in force, in the order in which they were set."""
        for block in list(self._blocks.values()):
            self._in_force(block)
        return list(self._blocks.values())

    def find(
        self,
        visitor: Visitor,
        grant: Grant | None = None,
        to: str | None = None,
        country: str | None = None,
    ) -> Block | None:
        """Return a block that keeps this visitor out, or this call from being made.

        Parameters
        ----------
        to, country
            A parsed target, and whose national numbers are dialled. A number that is blocked is so
            however it is dialled, also with digits that are too many.
        """
        found = self._find_address(visitor.address)
        if found is None and visitor.origin is not None:
            found = self._find("origin", visitor.origin.lower())
        if found is None and grant is not None and grant.identity is not None:
            found = self._find("identity", grant.identity)
        if found is None and to is not None:
            found = self._find("number", to) or self._find_number(to, country)
        return found

    def refused(
        self,
        visitor: Visitor,
        grant: Grant | None = None,
        to: str | None = None,
        country: str | None = None,
    ) -> str | None:
        """Return what to say to a client that is kept out, or None; parameters as for `find`."""
        found = self.find(visitor, grant, to, country)
        if found is None:
            return None
        if found.kind == "number":
            return f"{to} may not be called: the operator has blocked this number"
        return f"the operator has blocked this {found.kind}"

    def _find(self, kind: Kind, value: str) -> Block | None:
        found = self._in_force(self._blocks.get((kind, value)))
        for of, length in list(self._prefixes) if found is None else ():
            if of == kind and length <= len(value):
                pattern = value[:length] + ANY
                found = found or self._in_force(self._blocks.get((kind, pattern)))
        return found

    def _find_number(self, to: str, country: str | None) -> Block | None:
        """Look for a number by what its digits mean."""
        if not self._codes:
            return None
        at_home = list(self._at_home(to, country))
        names = dict.fromkeys([*names_of(to, country), *filter(exists, at_home)])
        for name in names:
            if (found := self._find("number", name)) is not None:
                return found
        # What little speaks for counts if it is the whole of a blocked number
        whole = [*names, *at_home, *(each.number for each in readings(to, country))]
        whole += map(without_excess, tuple(whole))
        numbers = dict.fromkeys(name for name in whole if name.startswith("+"))
        whole += [written for number in numbers for written in spellings(number, country)]
        for name in dict.fromkeys(whole):
            if (found := self._in_force(self._blocks.get(("number", name)))) is not None:
                return found
        return None

    def _at_home(self, to: str, country: str | None) -> Iterator[str]:
        """Return what digits mean in the countries of blocked numbers, if nobody says in which."""
        if country is None and not to.startswith("+"):
            for code in filter(None, self._codes):
                for number in dialled_in(code, to):
                    # Asking the plans of all these countries would take long
                    starts = (number[:length] for length in range(SHORTEST, len(number) + 1))
                    if self._find("number", number) or any(
                        ("number", start) in self._blocks for start in starts
                    ):
                        yield number

    def _find_address(self, text: str) -> Block | None:
        if not self._networks or (address := parse_address(text)) is None:
            return None
        for version, length in list(self._networks):
            if version == address.version:
                network = ip_network((address, length), strict=False)
                found = self._in_force(self._blocks.get(("address", _network_text(network))))
                if found is not None:
                    return found
        return None

    def _in_force(self, block: Block | None) -> Block | None:
        if block is not None and block.until is not None and block.until <= self._wall():
            self._drop(block)
            return None
        return block

    def _insert(self, block: Block) -> None:
        if (block.kind, block.value) not in self._blocks:
            self._count(block, 1)
        self._blocks[block.kind, block.value] = block

    def _drop(self, block: Block) -> None:
        del self._blocks[block.kind, block.value]
        self._count(block, -1)

    def _count(self, block: Block, by: int) -> None:
        if block.kind == "address":
            network = ip_network(block.value)
            self._networks[network.version, network.prefixlen] += by
            self._networks = +self._networks  # without those that are no more
        elif block.value.endswith(ANY):
            self._prefixes[block.kind, len(block.value) - 1] += by
            self._prefixes = +self._prefixes
        if block.kind == "number":
            self._codes[numbering.country_code(block.value[1:].removesuffix(ANY)) or ""] += by
            self._codes = +self._codes


def normalize(kind: str, value: str) -> tuple[Kind, str]:
    """Return a kind and a value in the one way in which they are kept and compared.

    Raises
    ------
    RequestError
        The kind is unknown, or `value` is nothing of that kind.
    """
    value = _line("value", value)
    if not value:
        raise RequestError("`value` is empty")
    match kind:
        case "address":
            return "address", _network_text(_parse_network(value))
        case "origin":
            return "origin", _normal_origin(value)
        case "identity":
            return "identity", value
        case "number":
            return "number", _normal_number(value)
    raise RequestError(f"`kind` is {kind[:40]!r}: one of {', '.join(KINDS)} is needed")


def _normal_number(value: str) -> str:
    """Write a number, a SIP user or a prefix of one as what is dialled is written."""
    prefix = parse_prefix(value.removesuffix(ANY))
    if prefix is None or (not prefix and value != ANY):
        raise RequestError("`value` is neither a number nor a SIP user")
    return prefix + ANY if value.endswith(ANY) else prefix


def _line(field: str, text: str) -> str:
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise RequestError(f"`{field}` has {len(text)} characters: at most {MAX_TEXT} are allowed")
    if not text.isprintable():
        raise RequestError(f"`{field}` has a control character or a line end")
    return text


def _parse_network(text: str) -> IPv4Network | IPv6Network:
    written = text.partition("/")[0]
    address = parse_address(written)
    try:
        length = ip_network(text, strict=False).prefixlen
        if address is None:
            raise ValueError(written)
        if ":" in written and address.version == 4:
            length -= 96  # an address of IPv4 in the clothes of IPv6
        elif address.version == 6:
            length = min(length, IPV6_PREFIX)
        return ip_network((address, length), strict=False)
    except ValueError:
        raise RequestError(
            f"{text!r} is neither an IP address nor a network such as 192.0.2.0/24"
        ) from None


def _network_text(network: IPv4Network | IPv6Network) -> str:
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return str(network)


def _normal_origin(text: str) -> str:
    """Return an origin as browsers send it (RFC 6454 section 6.2)."""
    if text == "null":
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    whole = parts.scheme and parts.hostname and parts.path in ("", "/")
    if not whole or parts.query or parts.fragment or "@" in parts.netloc or not text.isascii():
        raise RequestError(f"{text!r} is no origin such as https://shop.example")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    end = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{end}"
