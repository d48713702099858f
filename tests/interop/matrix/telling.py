"""Tells the stories of all columns beside each other, through one gateway."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.end_to_end.odd_trunk import odd_trunk
from tests.end_to_end.trunks import open_trunk
from tests.interop.matrix.cells import Cell, Result, Site, Way
from tests.interop.matrix.house import (
    FAILOVER,
    PHONE,
    House,
    open_gateway,
    page_numbers,
    prefixes,
    trunk_name,
)
from tests.interop.matrix.natted import run_natted
from tests.interop.matrix.rows import NATTED, SLOW
from tests.peers.ports import free_port
from tests.peers.process import PeerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

    from tests.interop.matrix.cells import Column, Name, Table
    from tests.peers.gateway import Gateway

HOST: Final = "127.0.0.1"
DEAD: Final = "dead"
AT_ONCE: Final = 4  # calls with two ends each, beside the slow ones, on a small machine
LIMIT: Final = 40.0  # seconds for a story
SLOW_LIMIT: Final = 100.0
NATTED_LIMIT: Final = 100.0  # for all stories in a network of their own, their peers' start and end


class Telling:
    """Stories on their way. `hear` one to know how it went. Use `tell_all`."""

    def __init__(self) -> None:
        self.tasks: dict[Name, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    def begin(self, column: Column, house: House, peer: Any, rows: Collection[str]) -> None:
        """Begin to tell a column's stories, the slow ones first."""
        room = asyncio.Semaphore(column.at_once)

        async def tell(row: str) -> None:
            story = column.stories()[row]
            if row in SLOW:
                async with asyncio.timeout(SLOW_LIMIT):
                    await story(house, peer)
                return
            async with room, self._room, asyncio.timeout(LIMIT):
                await story(house, peer)

        for row in sorted(rows, key=lambda row: row not in SLOW):
            self.tasks[row, column.name] = asyncio.create_task(
                tell(row), name=f"{row}-{column.name}"
            )

    def expect(
        self, told: asyncio.Future[dict[Name, str]], rows: Mapping[str, Collection[str]]
    ) -> None:
        """Have stories, by column, be as they are told elsewhere: what is wrong with each."""

        async def told_elsewhere(row: str, column: str) -> None:
            if why := (await asyncio.shield(told))[row, column]:
                raise AssertionError(why)

        for column, own in rows.items():
            for row in own:
                self.tasks[row, column] = asyncio.create_task(told_elsewhere(row, column))

    def lack(self, column: Column, rows: Collection[str], error: BaseException) -> None:
        """Have a column's stories fail, or be skipped, as its peer did not start."""

        async def fail() -> None:
            raise error.with_traceback(None)

        for row in rows:
            self.tasks[row, column.name] = asyncio.create_task(fail())

    async def hear(self, row: str, column: str) -> None:
        """Wait for a story; what it raised is raised."""
        await asyncio.shield(self.tasks[row, column])

    async def over(self) -> Table:
        """Wait until all of them are told; return which have passed, and which have failed."""
        if self.tasks:
            await asyncio.wait(self.tasks.values())
        cells = {name: _cell(task.exception()) for name, task in self.tasks.items()}
        return {name: cell for name, cell in cells.items() if cell is not None}

    async def close(self) -> None:
        """Interrupt those that are still being told."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def _cell(error: BaseException | None) -> Cell | None:
    """Return what a story's end says; nothing of one whose peer is not on this machine."""
    if error is None:
        return Cell(Result.PASS)
    if isinstance(error, pytest.skip.Exception):
        return None
    return Cell(Result.FAIL, str(error) or type(error).__name__)


@asynccontextmanager
async def tell_all(
    columns: Sequence[Column], rows: Mapping[str, Collection[str]], site: Site
) -> AsyncIterator[tuple[Telling, Gateway]]:
    """Start the peers and the gateway, and begin the stories; of each column those of `rows`."""
    telling = Telling()
    elsewhere = {name: [row for row in own if row in NATTED] for name, own in rows.items()}
    here = {name: [row for row in own if row not in NATTED] for name, own in rows.items()}
    if any(elsewhere.values()):
        world = asyncio.to_thread(run_natted, elsewhere, NATTED_LIMIT)
        telling.expect(asyncio.create_task(world), elsewhere)
    async with AsyncExitStack() as stack:
        peers: dict[str, Any] = {}
        for column in columns:
            folder = site.folder / column.name
            folder.mkdir()
            try:
                there = column.open(replace(site, folder=folder))
                peers[column.name] = await stack.enter_async_context(there)
            except (PeerError, pytest.skip.Exception, pytest.fail.Exception) as error:
                telling.lack(column, here[column.name], error)
        dead = stack.enter_context(silent_port())
        phone = await stack.enter_async_context(odd_trunk())
        ways = all_ways({name: peer.ways for name, peer in peers.items()}, dead)
        ways[PHONE] = Way(open_trunk(phone.port))
        pages = page_numbers(peers)
        gateway = await stack.enter_async_context(
            open_gateway(site.folder / "gateway", ways, pages, site.lab.gateway_port)
        )
        stack.push_async_callback(telling.close)
        begin = prefixes(ways)
        for column in columns:
            if (peer := peers.get(column.name)) is not None:
                own = {way: begin[trunk_name(column.name, way)] for way in (*peer.ways, FAILOVER)}
                own[PHONE] = begin[PHONE]
                folder = site.folder / column.name
                house = House(gateway, site.tone, column.name, own, pages, folder, phone)
                telling.begin(column, house, peer, here[column.name])
        yield telling, gateway


@contextmanager
def silent_port() -> Iterator[int]:
    """A port where whatever comes is read by nobody."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, free_port()))
        yield sock.getsockname()[1]


def all_ways(peers: Mapping[str, Mapping[str, Way]], dead: int) -> dict[str, Way]:
    """Return the ways of all peers, by the names that the gateway has for them.

    The first way of each is also behind a trunk that is dead, at a port.
    """
    ways: dict[str, Way] = {DEAD: Way({"uri": f"sip:{HOST}:{dead}"})}
    for peer, own in peers.items():
        ways.update((trunk_name(peer, name), way) for name, way in own.items())
        first = trunk_name(peer, next(iter(own)))
        ways[trunk_name(peer, FAILOVER)] = Way(then=(DEAD, first))
    return ways
