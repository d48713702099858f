"""Where chaos is made: a gateway, its trunk, a network that can be cut, a disk that can be full.

All of it is in a namespace of its own (`peers.namespace`), so that whole addresses can be cut off
by packet filter, and a small disk be mounted.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from tests.chaos import preloaded
from tests.chaos.cases import AHEAD, AWAY, BEHIND, UP, WAITED
from tests.chaos.crowd import BROWSERS, REFUSED, TRUNK_MEDIA, Crowd, LiveCall
from tests.chaos.rows import FileRows, ServerRows
from tests.end_to_end.trunks import media_ports
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import TREE, PeerError, end_process, poll, tree_environment

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections import Counter
    from collections.abc import Callable, Coroutine

    from gateway.bench.session import Bench
    from tests.chaos.cases import Action
    from tests.chaos.rows import Rows
    from tests.peers.postgres import Postgres

HOST = "127.0.0.1"
SETTLE = 8.0  # seconds for what a fault has left to go away


class TrunkProcess:
    """The trunk as a process of its own (`tests.chaos.trunk`), and what it says of its calls."""

    def __init__(self) -> None:
        self.port = free_port()
        self.held = 0
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and wait until it takes calls."""
        arguments = ("-m", "tests.chaos.trunk", HOST, str(self.port), TRUNK_MEDIA)
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            cwd=TREE,
            env=tree_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        self.held = json.loads(await process.stdout.readline())["held"]
        self._reading = asyncio.create_task(self._read(process.stdout))

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            self.held = json.loads(line)["held"]

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def hang_up(self) -> None:
        """Have it end all its calls."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    async def restart(self) -> None:
        """Start it again, once it was killed."""
        await self.end()
        await self.start()

    async def end(self) -> None:
        if self._process is not None:
            await end_process(self._process)
        if self._reading is not None:
            await asyncio.wait([self._reading])


class Network:
    """Cuts addresses and ports off, by packet filter: what is sent to or from them vanishes."""

    def __init__(self) -> None:
        _nft("add table inet chaos")
        _nft("add chain inet chaos input { type filter hook input priority 0; }")

    def cut(self, address: str, tcp_port: int = 0) -> None:
        """Cut the UDP of an address, and all connections to a port."""
        rules = [f"ip {side} {address} meta l4proto udp" for side in ("saddr", "daddr")]
        if tcp_port:
            rules += [f"tcp {side} {tcp_port}" for side in ("sport", "dport")]
        _nft("; ".join(f"add rule inet chaos input {rule} drop" for rule in rules))

    def mend(self) -> None:
        """Let everything pass again."""
        _nft("flush chain inet chaos input")


def _nft(text: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True)


@dataclass(frozen=True)
class State:
    """What the gateway and the trunk hold at one moment.

    `unrecorded` are calls that are over and have no row in the database.
    """

    calls: int
    unrecorded: int
    sessions: int
    ports: int
    dialogs: int
    tasks: int
    threads: int
    descriptors: int

    def beyond(self, other: State) -> dict[str, int]:
        """Return by how much each figure is more than another's, or less where they must agree.

        A process that has just begun has not opened all that it needs.
        """
        found = {name: value - getattr(other, name) for name, value in vars(self).items()}
        late = ("tasks", "threads", "descriptors")
        return {
            name: value
            for name, value in found.items()
            if value and (value > 0 or name not in late)
        }


class World:
    """The gateway with its trunk, and the crowd that talks through them.

    Without a server of PostgreSQL's the rows of calls go into a file. `said` is the log of the
    gateway before the one that runs.
    """

    said: str
    bench: Bench
    trunk: TrunkProcess
    network: Network
    gateway: Gateway
    crowd: Crowd

    def __init__(
        self,
        bench: Bench,
        folder: Path,
        disk: Path,
        *,
        media_timeout: int,
        server: Postgres | None = None,
    ) -> None:
        self.bench = bench
        self.trunk = TrunkProcess()
        self.network = Network()
        self._folder = disk / "gateway"  # all that the gateway writes is on the small disk
        self._filling = disk / "filling"
        self._rows: Rows = FileRows(self._folder) if server is None else ServerRows(server)
        self._library = preloaded.build(folder)
        self._config = GatewayConfig(
            [
                {
                    "name": "chaos",
                    "uri": f"sip:{HOST}:{self.trunk.port};transport=udp",
                    "codecs": ["PCMU"],
                    "caller_id": "+15550001",
                }
            ],
            overrides={
                "media": {"timeout": media_timeout},
                "sessions": {"resume_window": 60, "drain_timeout": 60},
                "records": {"database": self._rows.url},
                "log": {"audit_file": "audit.log"},
            },
        )
        self.gateway = self._start()
        self.crowd = Crowd(bench, self.gateway.websocket_url)
        self.meanwhile: list[LiveCall] = []
        self.attempts: list[str] = []  # numbers and causes, while the server was away
        self.shown: dict[str, float] = {}  # what was seen of a fault
        self._told: list[str] = []  # how calls went that came and went
        self._begun: list[Callable[[], None]] = []
        self._waited = 0.0

    # Processes

    def _start(self) -> Gateway:
        environment = {**tree_environment(), "LD_PRELOAD": str(self._library)}
        run = run_gateway(self._config, self._folder, environment=environment)
        self._stack = AsyncExitStack()
        return self.bench.run(self._stack.enter_async_context(run))

    def start_trunk(self) -> None:
        self.bench.run(self.trunk.start())

    def restart_trunk(self) -> None:
        """Begin to start it again: it goes on while people talk."""
        self._begin(self.trunk.restart())

    def start_again(self) -> None:
        """Start the gateway with the same ports and files, once it was killed.

        All pages come back to it at once. They don't knock while it starts: fifty of them would
        only take its time.
        """
        self.crowd.hold_back()
        with suppress(PeerError):  # it has not ended with status 0
            self.bench.run(self._stack.aclose())
        self._start_another()
        self.crowd.come_back()

    def restart_gateway(self) -> None:
        """Stop it (by a second SIGTERM, if it drains), and start it with the same ports and files.

        PeerError unless it has ended with status 0. No page comes back to it.
        """
        self.bench.run(self._stack.aclose())
        self.crowd.forget()
        self._start_another()

    def _start_another(self) -> None:
        self.said = self.gateway.log()
        self.gateway = self._start()

    def stop(self) -> None:
        """Stop all; PeerError if the gateway does not end with status 0."""
        try:
            self.bench.run(self._stack.aclose())
        finally:
            self.bench.run(self.trunk.end())

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.gateway.pid, number)

    # Faults

    def stall(self, thread: str, seconds: float) -> None:
        preloaded.stall(self.gateway.pid, thread, seconds)

    def set_clock(self, ahead: int) -> None:
        preloaded.set_clock(self.gateway.pid, ahead)

    def cut_browsers(self) -> None:
        self.network.cut(BROWSERS, self.gateway.config.http_port)

    def cut_trunk(self) -> None:
        self.network.cut(TRUNK_MEDIA)

    def cut_sockets(self) -> None:
        """Cut all WebSockets off without a goodbye."""
        for each in self.crowd.calls:
            each.cut()

    def fill_disk(self) -> None:
        with self._filling.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def empty_disk(self) -> None:
        self._filling.unlink()

    @property
    def file(self) -> FileRows:
        assert isinstance(self._rows, FileRows)
        return self._rows

    @property
    def server(self) -> Postgres:
        assert isinstance(self._rows, ServerRows)
        return self._rows.server

    def exhaust_descriptors(self) -> None:
        """Let the process open nothing more: each new one has the lowest number that is free."""
        used = {int(each) for each in os.listdir(f"/proc/{self.gateway.pid}/fd")}
        free = next(number for number in count() if number not in used)
        _, most = resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (free, most))

    def allow_descriptors(self) -> None:
        _, most = resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (most, most))

    def call_meanwhile(self) -> None:
        """Place a call more, while people talk."""

        async def call() -> None:
            self.meanwhile.append(self.crowd.new())
            await self.meanwhile[-1].begin()

        self._begin(call())

    def come_and_go(self) -> None:
        """Place a call that ends at once, and see how long its row waits for the database."""
        self._begin(self._come_and_go())

    async def _come_and_go(self) -> None:
        call = self.crowd.new()
        await call.begin()
        self._told.append(call.failure or "up")
        await call.close()
        ended = monotonic()
        while (await self.gateway.metrics())["gateway_records_queued"]:
            self.shown[WAITED] = monotonic() - ended
            await asyncio.sleep(0.05)
            if self.shown[WAITED] > SETTLE:
                raise PeerError("the row of a call has not come into the database")

    def count_hours(self) -> None:
        """Count the rows that begin an hour before or after the time that they were written at."""
        off = self.file.hours_off()
        self.shown |= {AHEAD: off[1], BEHIND: off[-1]}

    def lose_server(self, lose: Action, find: Action) -> None:
        """Take the server away while people talk, for some calls that come and go."""
        self._begin(self._do_without_server(lose, find))

    async def _do_without_server(self, lose: Action, find: Action) -> None:
        began = monotonic()
        await asyncio.to_thread(lose, self)
        for call in (self.crowd.new(), self.crowd.new(REFUSED), self.crowd.new()):
            await call.begin()
            self.attempts.append(f"{call.number}|{'hangup' if call.up else 'not-allowed'}")
            await call.close()
        await poll(self._has_queued, limit=SETTLE, what="rows that wait")
        await asyncio.sleep(began + AWAY - monotonic())
        await asyncio.to_thread(find, self)

    async def _has_queued(self) -> bool:
        metrics = await self.gateway.metrics()
        return metrics["gateway_records_queued"] == len(self.attempts)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._begun.append(self.bench.begin(work))

    def mend(self) -> None:
        """Undo every fault there may be."""
        self.network.mend()
        self._filling.unlink(missing_ok=True)
        self.allow_descriptors()
        self._rows.mend()
        self.set_clock(0)
        for each in (self.signal, self.trunk.send):
            each(signal.SIGCONT)

    # What is there

    def finish_meanwhile(self) -> list[str]:
        """Wait for what has begun; return how the calls went, and hang them up."""
        for wait in self._begun:
            wait()
        self._begun.clear()
        told = [*self._told, *(each.failure or "up" for each in self.meanwhile)]
        self._told.clear()
        if self.meanwhile:
            self.shown[UP] = min(each.took for each in self.meanwhile)
        self.crowd.close(self.meanwhile)
        self.meanwhile.clear()
        return told

    def recorded(self) -> Counter[str]:
        """Count the rows of calls, by how they have ended."""
        return self._rows.recorded()

    def arrived(self) -> list[str]:
        """Return number and cause of the rows that came while the server was away, in order."""
        if not self.attempts:
            return []
        assert isinstance(self._rows, ServerRows)
        return self._rows.arrived()[-len(self.attempts) :]

    async def state(self) -> State:
        metrics = await self.gateway.metrics()
        usage = self.gateway.usage()
        calls = int(metrics["gateway_calls_active"])
        return State(
            calls=calls,
            unrecorded=LiveCall.placed - calls - self.recorded().total(),
            sessions=int(metrics["gateway_websocket_sessions"]),
            ports=len(media_ports(self.gateway)),
            dialogs=self.trunk.held,
            tasks=int(metrics["gateway_tasks"]),
            threads=usage.threads,
            descriptors=usage.descriptors,
        )

    def settle(self, wanted: State) -> dict[str, int]:
        """Wait until the state is the wanted one; return by what it differs if it never is."""

        async def wait() -> dict[str, int]:
            found: dict[str, int] = {}
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE):
                    while True:
                        found = (await self.state()).beyond(wanted)
                        if not found:
                            break
                        await asyncio.sleep(0.1)
            return found

        return self.bench.run(wait())

    def waited(self) -> float:
        """Return for how many seconds the media thread was ready to run and had no core."""
        with suppress(OSError, PeerError):  # the process has been killed
            thread = preloaded.thread_of(self.gateway.pid, "media")
            file = Path(f"/proc/{self.gateway.pid}/task/{thread}/schedstat")
            self._waited = int(file.read_text().split()[1]) / 1e9
        return self._waited

    def now(self) -> State:
        return self.bench.run(self.state())
