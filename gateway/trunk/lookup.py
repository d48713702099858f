"""Finds addresses by name: where a trunk is (RFC 3263), and hosts that descriptions name.

The DNS is asked in the event loop, by dnspython: nothing blocks, every question has a limit, and
what is found is kept for as long as its owner allows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.resolver

from gateway.trunk.address import TrunkUri
from gateway.trunk.errors import TrunkLookupError
from gateway.trunk.hosts_file import HostsFile
from gateway.trunk.targets import Naptr, Srv, Target, Transport, Way, reached, services, ways

log = logging.getLogger(__name__)

LOOKUP_LIMIT: Final = 5.0  # seconds for all that is asked about a trunk
SERVICE_LIMIT: Final = 2.0  # seconds for NAPTR and SRV: routers that drop these are no rarity
STALE_AFTER: Final = 1.8  # seconds; what was known before is used then (RFC 8767 section 5)
MOST_LOOKUPS: Final = 100  # at a time; each is a socket, and descriptions can name what they like
MOST_TARGETS: Final = 8  # of a trunk
LONGEST_KEPT: Final = 3600.0  # seconds for an answer, whatever its owner allows
LONGEST_MISSED: Final = 30.0  # seconds for the answer that there is none: it may just be added
KEPT_ANSWERS: Final = 1000
DNS_PORT: Final = 53
RECORDS: Final = {4: "A", 6: "AAAA"}


class Cache(dns.resolver.LRUCache):
    """Answers, for as long as they live, but not for days: a trunk may move."""

    def put(self, key: Any, value: dns.resolver.Answer) -> None:
        """Keep an answer."""
        most = LONGEST_KEPT if value.rrset is not None else LONGEST_MISSED
        value.expiration = min(value.expiration, time.time() + most)
        super().put(key, value)


class SystemServers:
    """The name servers that the machine is configured with; read again when that has changed."""

    def __init__(self, path: Path = Path("/etc/resolv.conf")) -> None:
        self._path = path
        self._read: int | None = None
        self._servers: dns.asyncresolver.Resolver | None = None

    def __call__(self) -> dns.asyncresolver.Resolver:
        """Return what asks them."""
        try:
            read = self._path.stat().st_mtime_ns
        except OSError:
            read = None
        if self._servers is None or read != self._read:
            self._servers, self._read = ask_as_configured(self._path), read
        return self._servers


def ask_as_configured(path: Path) -> dns.asyncresolver.Resolver:
    """Return what asks the name servers of a file; as in the C library the one here by default."""
    servers = dns.asyncresolver.Resolver(configure=False)
    with suppress(dns.exception.DNSException, OSError, ValueError):  # the last for no address
        servers.read_resolv_conf(str(path))
    if not servers.nameservers:
        servers.nameservers = ["127.0.0.1"]
    servers.cache = Cache(KEPT_ANSWERS)
    return servers


@dataclass(frozen=True, slots=True)
class Found:
    """Records; none, and why. `failed`: nobody could say whether there are any."""

    records: tuple[Any, ...] = ()
    why: str = ""
    failed: bool = False


class UnansweredError(TrunkLookupError):
    """Nobody could say."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be found: see `Resolver.targets`."""

    uri: TrunkUri
    what: str
    transports: tuple[Transport, ...]
    versions: tuple[int, ...]


Question = tuple[str, str]  # a name, and the type of record


class Resolver:
    """Looks names up. Calls that ask for the same one at the same time share a question.

    Parameters
    ----------
    servers
        Returns what asks the name servers.
    chance
        Decides among targets of equal rank.
    """

    def __init__(
        self,
        servers: Callable[[], dns.asyncresolver.Resolver] | None = None,
        chance: Random | None = None,
        hosts: HostsFile | None = None,
    ) -> None:
        self._servers = servers or SystemServers()
        self._chance = chance or Random()
        self._hosts = hosts or HostsFile()
        self._asked: dict[Question, asyncio.Task[Found]] = {}
        self._last: dict[Asked, tuple[Target, ...]] = {}  # one for each trunk

    async def targets(
        self,
        uri: TrunkUri,
        what: str,
        *,
        transports: Sequence[Transport] = ("udp",),
        versions: Sequence[int] = (4,),
        limit: float = LOOKUP_LIMIT,
    ) -> tuple[Target, ...]:
        """Return where a trunk can be reached now, in the order in which to try.

        A host with a port is looked up by its address alone; one that /etc/hosts has, too. Else SRV
        records say which hosts and ports there are, and NAPTR records (unless the URI names a
        transport) which transport is wanted. What the DNS leaves to chance is drawn anew each time.
        Where the name servers are silent, what they have said last still counts.

        Parameters
        ----------
        what
            Names the host in errors, as "the trunk's host".
        transports
            Those that can be used where the URI names none, the best first.
        versions
            Of IP, the best first.

        Raises
        ------
        TrunkLookupError
            When there is no address in time; it says which name.
        """
        with suppress(ValueError):
            return (Target(str(ip_address(uri.host)), uri.port, uri.transport),)
        asked = Asked(uri, what, tuple(transports), tuple(versions))
        last = self._last.get(asked)
        error: TrunkLookupError
        try:
            async with asyncio.timeout(limit if last is None else min(limit, STALE_AFTER)):
                found = await self._ways(asked, strict=last is not None)
                self._last[asked] = targets = await self._reached(found, asked)
                return targets
        except TimeoutError:
            error = _too_late(what, uri.host, limit)
        except UnansweredError as failure:
            error = failure
        if last is None:
            raise error
        log.warning("%s; what was known before is used", error)
        return last

    async def resolve(
        self, host: str, what: str, *, version: int = 4, limit: float = LOOKUP_LIMIT
    ) -> str:
        """Return the address of a host, which may be one already; TrunkLookupError if none."""
        with suppress(ValueError):
            return str(ip_address(host))
        try:
            async with asyncio.timeout(limit):
                found = await self._addresses(host, (version,))
        except TimeoutError:
            raise _too_late(what, host, limit) from None
        if not found.records:
            raise _missing(what, host, found)
        return str(found.records[0])

    @property
    def name_servers(self) -> tuple[str, ...]:
        """The addresses of the name servers, for another who asks them, always at port 53."""
        servers = self._servers()
        if servers.port != DNS_PORT:
            return ()
        return tuple(str(each) for each in servers.nameservers if "%" not in str(each))

    async def close(self) -> None:
        """Stop asking; whoever waits gets no answer."""
        tasks = tuple(self._asked.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- where a URI leads

    async def _ways(self, asked: Asked, *, strict: bool) -> list[Way]:
        uri, direct = asked.uri, Way(asked.uri.host, asked.uri.port, asked.uri.transport)
        if uri.port_given or self._hosts.addresses(uri.host):
            return [direct]
        wanted = (uri.transport,) if uri.transport_given else asked.transports
        for version in asked.versions:  # all at once: it counts where there are no services
            self._ask(uri.host, RECORDS[version])
        for service in services(uri.host, (), wanted):
            self._ask(service.name, "SRV")
        pointers: tuple[Any, ...] = ()
        if not uri.transport_given:
            pointers = await self._service(uri.host, "NAPTR", strict=strict)
        refused = False
        for transport, name in services(uri.host, map(_naptr, pointers), wanted):
            records = await self._service(name, "SRV", strict=strict)
            if found := ways(map(_srv, records), transport, self._chance):
                return found
            refused = refused or bool(records)
        if refused:  # RFC 2782: the target "."
            raise TrunkLookupError(
                f"{asked.what} {uri.host!r} offers no SIP that we speak, its SRV records say"
            )
        return [direct]

    async def _service(self, name: str, kind: str, *, strict: bool) -> tuple[Any, ...]:
        """Return NAPTR or SRV records.

        If nobody can say in time whether there are any, there are none, unless `strict`: then it
        raises UnansweredError.
        """
        try:
            async with asyncio.timeout(SERVICE_LIMIT):
                found = await self._answer(name, kind)
        except TimeoutError:
            found = Found(why="the name servers do not answer", failed=True)
        if found.failed:
            unknown = f"the {kind} records of {name!r} are not known: {found.why}"
            if strict:
                raise UnansweredError(unknown)
            log.info("%s", unknown)
        return found.records

    async def _reached(self, found: Sequence[Way], asked: Asked) -> tuple[Target, ...]:
        host, what = asked.uri.host, asked.what
        names = list(dict.fromkeys(way.host for way in found))[:MOST_TARGETS]
        answers = await asyncio.gather(*(self._addresses(name, asked.versions) for name in names))
        known = {
            name: [str(each) for each in answer.records]
            for name, answer in zip(names, answers, strict=True)
        }
        targets = reached(found, known, self._chance, MOST_TARGETS)
        if not targets:
            name, answer = names[0], answers[0]
            raise _missing(what if name == host else f"{what} {host!r}: its server", name, answer)
        return targets

    async def _addresses(self, host: str, versions: Sequence[int]) -> Found:
        with suppress(ValueError):
            return Found((str(ip_address(host)),))
        if local := self._hosts.addresses(host):
            fitting = tuple(each for each in local if ip_address(each).version in versions)
            return Found(fitting, "" if fitting else "/etc/hosts has none that fits")
        answers = await asyncio.gather(
            *(self._answer(host, RECORDS[version]) for version in versions)
        )
        records = tuple(record.address for answer in answers for record in answer.records)
        return Found(records, answers[0].why, all(answer.failed for answer in answers))

    # -- questions

    async def _answer(self, name: str, kind: str) -> Found:
        asked = self._ask(name, kind)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if asked.cancelled() and waiting is not None and not waiting.cancelling():
                return Found(why="the gateway asks no more", failed=True)
            raise

    def _ask(self, name: str, kind: str) -> asyncio.Future[Found]:
        question = name, kind
        pending = self._asked.get(question)
        if pending is not None:
            return pending
        if len(self._asked) >= MOST_LOOKUPS:
            full: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
            full.set_result(Found(why="too many names wait for an answer", failed=True))
            return full
        pending = asyncio.create_task(self._look_up(name, kind), name=f"look-up-{name}-{kind}")
        self._asked[question] = pending
        pending.add_done_callback(lambda _: self._asked.pop(question))
        return pending

    async def _look_up(self, name: str, kind: str) -> Found:
        """Ask; search domains count for hosts, as in the C library, and not for services."""
        search = kind in RECORDS.values()
        try:
            answer = await self._servers().resolve(name, kind, lifetime=LOOKUP_LIMIT, search=search)
        except dns.resolver.NXDOMAIN:
            return Found(why="the name does not exist")
        except dns.resolver.NoAnswer:
            return Found(why=f"there is no {kind} record of that name")
        except dns.exception.Timeout:
            return Found(why="the name servers do not answer", failed=True)
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Found(why=f"{error}" or type(error).__name__, failed=True)
        return Found(tuple(answer))


def versions(address: str) -> tuple[int, ...]:
    """Return the versions of IP that whoever listens at an address has, the best first.

    As on Linux in general, "::" is for both; IPv4 comes first, for it works in more networks.
    """
    own = ip_address(address)
    return (4, 6) if own.version == 6 and own.is_unspecified else (own.version,)


def _naptr(record: Any) -> Naptr:
    return Naptr(
        record.order,
        record.preference,
        record.flags.decode("ascii", "replace"),
        record.service.decode("ascii", "replace"),
        record.regexp.decode("ascii", "replace"),
        record.replacement.to_text(omit_final_dot=True).rstrip("."),
    )


def _srv(record: Any) -> Srv:
    host = record.target.to_text(omit_final_dot=True).rstrip(".")
    return Srv(record.priority, record.weight, record.port, host)


def _too_late(what: str, host: str, limit: float) -> TrunkLookupError:
    return TrunkLookupError(f"{what} {host!r} was not resolved within {limit:g} s")


def _missing(what: str, host: str, found: Found) -> TrunkLookupError:
    kind = UnansweredError if found.failed else TrunkLookupError
    return kind(f"{what} {host!r} has no address: {found.why}")
