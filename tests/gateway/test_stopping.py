"""Going out of service: what a drain waits for, and what ends it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.sd_notify import Supervisor
from gateway.signaling.room import Room
from gateway.stopping import STOP_LIMIT, Stop, drain
from tests.gateway.signaling.fakes import FakeCalls, open_gate
from tests.peers.systemd import Systemd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LONG = 60.0


class Station:
    """A gateway with one call, on its way out of service."""

    def __init__(self) -> None:
        self.calls = FakeCalls()
        self.calls.active = 1
        self.limits: list[float] = []
        self.stop = Stop(self.limits.append)
        self.left = asyncio.Event()
        self.leaves = asyncio.Event()
        self.told: list[float] = []
        self.room = Room(calls=self.calls, gate=open_gate(), leave=self._leave)
        self.room.draining.enter(self)

    async def _leave(self) -> None:
        self.leaves.set()
        await self.left.wait()

    def tell_draining(self, seconds: float) -> None:
        self.told.append(seconds)

    def finish(self) -> None:
        self.calls.active = 0
        self.calls.empty.set()

    @asynccontextmanager
    async def drained(
        self, seconds: float = LONG, supervisor: Supervisor | None = None
    ) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(drain(self.room, self.stop, seconds, supervisor or Supervisor()))
        async with asyncio.timeout(5):
            await self.leaves.wait()
            yield task
            await task


async def test_it_waits_for_the_last_call() -> None:
    it = Station()
    it.left.set()
    async with it.drained() as drained:
        assert it.calls.draining
        assert it.told == [LONG]
        assert it.limits == [LONG + STOP_LIMIT]
        assert not drained.done()
        it.finish()


async def test_a_signal_after_the_api_has_asked_takes_no_time_from_calls() -> None:
    """As Kubernetes does it: POST /v1/drain before it stops, then SIGTERM."""
    it = Station()
    it.left.set()
    it.stop.drain()
    async with it.drained():
        it.stop.drain()
        assert it.limits[-1] == LONG + STOP_LIMIT
        it.stop.hurry()
        assert it.limits[-1] == STOP_LIMIT


async def test_a_trunk_that_is_slow_to_be_told_is_not_waited_for() -> None:
    it = Station()
    async with it.drained():
        it.finish()


@pytest.mark.parametrize("how", ["hurried", "no time"])
async def test_there_is_none_for_who_has_no_time(how: str) -> None:
    it = Station()
    if how == "hurried":
        it.stop.hurry()
    await drain(it.room, it.stop, LONG if how == "hurried" else 0, Supervisor())
    assert it.calls.draining
    assert it.told == [0]
    assert not it.leaves.is_set()


async def test_without_calls_it_is_over_at_once() -> None:
    it = Station()
    it.finish()
    await drain(it.room, it.stop, LONG, Supervisor())
    assert (it.told, it.limits, it.leaves.is_set()) == ([LONG], [], False)


async def test_it_is_over_when_the_time_is_up(caplog: pytest.LogCaptureFixture) -> None:
    it = Station()
    it.left.set()
    async with it.drained(0.01):
        pass
    assert "1 calls were not over after 0.01 s" in caplog.text


@pytest.mark.parametrize("how", ["hurried", "died"])
async def test_it_is_over_when_nobody_can_wait(how: str) -> None:
    it = Station()
    it.left.set()
    async with it.drained():
        if how == "hurried":
            it.stop.hurry()
        else:
            it.room.died.set()


async def test_a_trunk_that_cannot_be_told_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    it = Station()

    async def fail() -> None:
        it.leaves.set()
        raise OSError("no way to it")

    it.room = Room(calls=it.calls, gate=open_gate(), leave=fail)
    async with it.drained():
        it.finish()
    assert "no way to it" in caplog.text


async def test_systemd_hears_how_many_calls_there_are(tmp_path: Path) -> None:
    it = Station()
    it.left.set()
    with Systemd(str(tmp_path / "notify")) as systemd:
        async with it.drained(supervisor=Supervisor(systemd.address)):
            assert await systemd.hears(2) == [
                "STOPPING=1",
                "STATUS=draining: 1 calls",
                "EXTEND_TIMEOUT_USEC=30000000",
            ]
            it.finish()


async def test_a_page_that_comes_meanwhile_is_told_what_is_left() -> None:
    it, told = Station(), list[float]()

    class Late:
        def tell_draining(self, seconds: float) -> None:
            told.append(seconds)

    late = Late()
    it.room.draining.begin(LONG)
    it.room.draining.enter(late)
    it.room.draining.enter(late)
    assert len(told) == 1
    assert 0 < told[0] <= LONG
    it.room.draining.leave(late)
    it.room.draining.leave(late)
    it.room.draining.begin(LONG)
    assert len(told) == 1
