"""Real worker processes: calls are spread, crashes and hangs end few, and nothing is left."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.errors import RequestError, UnavailableError
from gateway.media import MediaConfig, MediaPlane, MediaSession
from gateway.media.events import BrowserLost, LossReason, MediaEvent
from gateway.media.parameters import BrowserRemote, DtlsRole, EventFormat, Flow, TrunkRemote
from gateway.media.workers import WorkerPool, WorkerSession
from gateway.media.workers.process import HUNG, PING_INTERVAL
from gateway.media.workers.sharing import split_ports
from tests.peers.ports import free_ports
from tests.peers.process import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 2
ICE_TIMEOUT = 0.3  # seconds
RESTART = 20.0  # seconds that a start may take on a busy machine
LOST = BrowserLost(LossReason.WORKER)

BROWSER = BrowserRemote(
    "ufrag",
    "a password of ICE",
    candidates=(),
    fingerprints=(("sha-256", ":".join(["AB"] * 32)),),
    dtls_role=DtlsRole.SERVER,
    codec="OPUS",
    payload_type=111,
    event=EventFormat(110, 48000),
)


def config() -> MediaConfig:
    ports = free_ports(100)
    return MediaConfig(ports=(ports.start, ports.stop - 1), ice_timeout=ICE_TIMEOUT)


@asynccontextmanager
async def running(count: int) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(config(), count)
    try:
        await pool.start()
        yield pool
    finally:
        await pool.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[WorkerPool]:
    async with running(COUNT) as pool:
        yield pool


@pytest_asyncio.fixture(loop_scope="module")
async def pool(shared: WorkerPool) -> WorkerPool:
    """Two workers without calls, whatever the test before has done to them."""
    await back(shared)
    return shared


async def back(pool: WorkerPool) -> None:
    await wait_until(lambda: len(pool.workers) == COUNT, limit=RESTART, what="all workers")


class Heard:
    """A session, and what it has reported."""

    def __init__(self, session: WorkerSession) -> None:
        self.session = session
        self.events: asyncio.Queue[MediaEvent] = asyncio.Queue()
        session.report_to(self.events.put_nowait)

    async def event(self, limit: float = 5.0) -> MediaEvent:
        async with asyncio.timeout(limit):
            return await self.events.get()


async def open_some(pool: WorkerPool, count: int) -> dict[int, list[Heard]]:
    """Open sessions, and return them by the worker whose ports they have."""
    parts = split_ports(pool._config.ports, COUNT)
    found: dict[int, list[Heard]] = {number: [] for number in range(1, COUNT + 1)}
    for _ in range(count):
        heard = Heard(await pool.open())
        port = heard.session.local.trunk_port
        (part,) = (n for n, (low, high) in enumerate(parts, start=1) if low <= port < high)
        found[part].append(heard)
    return found


async def close_all(found: dict[int, list[Heard]]) -> None:
    await asyncio.gather(*(each.session.close() for some in found.values() for each in some))


async def test_calls_are_spread_and_each_worker_has_ports_of_its_own(pool: WorkerPool) -> None:
    found = await open_some(pool, 8)
    assert all(len(some) >= 2 for some in found.values()), found
    assert [worker.sessions for worker in pool.workers] == [len(some) for some in found.values()]
    assert pool.stats()["sessions"] == 8
    await close_all(found)
    assert pool.stats()["sessions"] == 0


async def test_commands_go_down_and_events_come_up(pool: WorkerPool) -> None:
    """There is no browser: ICE fails after the time that the configuration sets."""
    heard = Heard(await pool.open())
    await heard.session.add_candidate(None)
    await heard.session.connect_browser(BROWSER)
    assert await heard.event() == BrowserLost(LossReason.ICE_TIMEOUT)
    await heard.session.close()
    await heard.session.close()


async def test_errors_are_the_same_as_in_one_process(pool: WorkerPool) -> None:
    remote = TrunkRemote("127.0.0.1", 9, "PCMU", 0, EventFormat(101, 8000), ((0, "PCMU"),), (101,))
    plane = MediaPlane(config())
    texts = []
    for session in (await plane.open(), await pool.open()):
        await session.connect_trunk(remote)
        await session.set_flow(Flow.AUDIO)
        with pytest.raises(RequestError) as raised:
            await session.send_digits("12x", 160, 50)
        texts.append(str(raised.value))
        await session.close()
    await plane.close()
    assert texts[0] == texts[1]
    assert "'X' is no digit" in texts[0]


async def test_a_text_that_cannot_be_sent_is_a_bad_request(pool: WorkerPool) -> None:
    session = await pool.open()
    with pytest.raises(RequestError, match="AddCandidate cannot be sent"):
        await session.add_candidate("\ud800")
    await session.close()


async def test_a_killed_worker_takes_its_own_calls_and_no_other(
    pool: WorkerPool, caplog: pytest.LogCaptureFixture
) -> None:
    found = await open_some(pool, 6)
    victim, survivor = pool.workers
    lost, kept = found[victim.number], found[survivor.number]
    await kept[0].session.connect_trunk(
        TrunkRemote("127.0.0.1", 9, "PCMU", 0, None, ((0, "PCMU"),))
    )
    os.kill(victim.pid, signal.SIGKILL)
    assert [await each.event(1.0) for each in lost] == [LOST] * len(lost)
    # Signaling goes on: new calls have a worker, those that were lost end like any other
    another = await pool.open()
    assert pool.stats()["sessions"] == len(kept) + 1
    for each in lost:
        await each.session.set_flow(Flow.AUDIO)
        await each.session.close()
    assert pool.counters["workers_lost"] >= 1
    await back(pool)
    assert survivor in pool.workers
    assert victim not in pool.workers
    again = await open_some(pool, 6)
    assert again[victim.number], "the new worker gets calls, in the ports of the old one"
    assert all(each.events.empty() for each in (*lost, *kept)), "each is told once"
    await another.close()
    await close_all({0: kept, **again})
    assert f"media worker {victim.number} has ended, status -9" in caplog.text


async def test_every_worker_is_gone_and_comes_back(pool: WorkerPool) -> None:
    session = await pool.open()
    for _ in range(3):
        await session.add_candidate("nonsense")
    before = pool.counters["browser_rejected_candidate"]
    await session.close()
    counted = pool.counters["browser_rejected_candidate"]
    assert counted == before + 3, "known as soon as the call is over"
    unheard = await pool.open()
    for worker in pool.workers:
        os.kill(worker.pid, signal.SIGKILL)
    await wait_until(lambda: not pool.workers, limit=2, what="no worker")
    with pytest.raises(UnavailableError, match="no media worker is running"):
        await pool.open()
    events: list[MediaEvent] = []
    unheard.report_to(events.append)
    assert events == [LOST], "whoever listens late is told at once"
    await unheard.close()
    assert pool.counters["browser_rejected_candidate"] == counted
    await back(pool)
    assert pool.counters["browser_rejected_candidate"] == counted
    await (await pool.open()).close()


async def test_a_command_on_its_way_when_the_worker_dies_is_no_fault(pool: WorkerPool) -> None:
    heard = Heard(await pool.open())
    (carrier,) = (worker for worker in pool.workers if worker.sessions)
    os.kill(carrier.pid, signal.SIGSTOP)  # so that it cannot answer first
    asking = asyncio.create_task(heard.session.set_flow(Flow.AUDIO))
    await asyncio.sleep(0)
    os.kill(carrier.pid, signal.SIGKILL)
    async with asyncio.timeout(2):
        await asking
    assert await heard.event() == LOST


async def test_a_hanging_worker_is_killed(pool: WorkerPool) -> None:
    """New calls go elsewhere before it is given up."""
    found = await open_some(pool, 4)
    victim, survivor = pool.workers
    os.kill(victim.pid, signal.SIGSTOP)
    await wait_until(lambda: victim.slow, limit=3, what="pings without an answer")
    for _ in range(6):
        found[survivor.number].append(Heard(await pool.open()))
    assert survivor.sessions == len(found[survivor.number])
    events = [await each.event(6.0) for each in found[victim.number]]
    assert events == [LOST] * len(events)
    assert all(each.events.empty() for each in found[survivor.number])
    await close_all(found)
    await back(pool)


async def test_a_pause_of_our_own_is_no_fault_of_the_workers(pool: WorkerPool) -> None:
    heard = Heard(await pool.open())
    workers = pool.workers
    time.sleep(HUNG * PING_INTERVAL + 0.5)  # noqa: ASYNC251 (the pause: a laptop's lid, a debugger)
    await heard.session.connect_browser(BROWSER)
    assert await heard.event() == BrowserLost(LossReason.ICE_TIMEOUT)
    assert pool.workers == workers
    await heard.session.close()


async def test_signals_of_a_terminal_or_service_manager_end_no_worker(pool: WorkerPool) -> None:
    heard = Heard(await pool.open())
    workers = pool.workers
    for worker in workers:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker.pid, number)
        assert os.getpgid(worker.pid) != os.getpgid(0)
    await heard.session.connect_browser(BROWSER)
    assert await heard.event() == BrowserLost(LossReason.ICE_TIMEOUT)
    assert pool.workers == workers
    await heard.session.close()


async def test_a_worker_that_cannot_be_started_again_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(1) as pool:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "/nonexistent/python")
            os.kill(pool.workers[0].pid, signal.SIGKILL)
            await wait_until(
                lambda: caplog.text.count("media worker 1 is not back yet") >= 2,
                limit=5,
                what="two attempts",
            )
        await wait_until(lambda: len(pool.workers) == 1, limit=RESTART, what="a worker")
        await (await pool.open()).close()


async def test_a_cancelled_open_leaves_no_session(pool: WorkerPool) -> None:
    openings = [asyncio.create_task(pool.open()) for _ in range(4)]
    await asyncio.sleep(0)
    for opening in openings:
        opening.cancel()
    await asyncio.wait(openings)
    assert pool.stats()["sessions"] == 0
    ports = range(pool._config.ports[0], pool._config.ports[1])
    await wait_until(lambda: not bound(ports), limit=5, what="no port bound")


def bound(ports: range) -> set[int]:
    """Return those of the UDP ports that somebody has open (proc_pid_net(5))."""
    rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows}.intersection(ports)


async def test_as_many_sessions_as_the_plane_may_carry() -> None:
    pool = WorkerPool(MediaConfig(ports=(20000, 20099), sessions=0), COUNT)
    with pytest.raises(UnavailableError, match="all 0 media sessions are in use"):
        await pool.open()


async def test_workers_that_cannot_start_say_why_and_leave_nothing() -> None:
    before = set(children())
    pool = WorkerPool(MediaConfig(address="192.0.2.1", ports=(20000, 20099)), COUNT)
    with pytest.raises(UnavailableError, match=r"media\.address = '192\.0\.2\.1': "):
        await pool.start()
    assert set(children()) == before
    with pytest.raises(UnavailableError, match="closed"):
        await pool.open()


async def test_nothing_is_left_after_a_close(caplog: pytest.LogCaptureFixture) -> None:
    processes, descriptors = set(children()), open_descriptors()
    async with running(1) as pool:
        heard = Heard(await pool.open())
        assert len(children()) == len(processes) + 1
        await pool.close()
        assert set(children()) == processes
        assert open_descriptors() == descriptors
        assert heard.events.empty(), "who closes the plane has no need to be told"
        await heard.session.close()
        await pool.close()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


async def test_a_close_while_a_worker_is_started_again_leaves_nothing() -> None:
    processes = set(children())
    async with running(1) as pool:
        (worker,) = pool.workers
        os.kill(worker.pid, signal.SIGKILL)
        known = {worker.pid, *processes}
        await wait_until(lambda: not known.issuperset(children()), limit=5, what="a start")
    assert set(children()) == processes


def children() -> list[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


PARENT = """
import asyncio, sys
from gateway.media import MediaConfig
from gateway.media.workers import WorkerPool

async def main(first, last):
    pool = WorkerPool(MediaConfig(ports=(first, last)), 2)
    await pool.start()
    await pool.open()
    print(*(worker.pid for worker in pool.workers), flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*map(int, sys.argv[1:])))
"""


async def test_workers_end_when_their_gateway_is_killed() -> None:
    ports = free_ports(40)
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(ports.start), str(ports.stop - 1)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    try:
        async with asyncio.timeout(RESTART):
            pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    finally:
        parent.kill()
        await parent.wait()
    assert len(pids) == 2
    await wait_until(lambda: not any(map(alive, pids)), limit=5, what="no worker")
    assert bound(ports) == set()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended may wait for init to take note (proc(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


INTERFACE = [
    *((WorkerPool, MediaPlane, name) for name in ("start", "open", "stats", "close")),
    *(
        (WorkerSession, MediaSession, name)
        for name in (
            *("report_to", "connect_browser", "add_candidate", "connect_trunk", "set_flow"),
            *("send_digits", "close"),
        )
    ),
]


@pytest.mark.parametrize(("ours", "planes", "name"), INTERFACE)
async def test_the_interface_is_that_of_the_plane(ours: type, planes: type, name: str) -> None:
    one, other = (getattr(each, name) for each in (ours, planes))
    assert list(inspect.signature(one).parameters) == list(inspect.signature(other).parameters)
    assert inspect.iscoroutinefunction(one) == inspect.iscoroutinefunction(other)
