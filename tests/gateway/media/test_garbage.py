"""Garbage collection moves no packet: during calls little is looked at, and all after the last."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway import garbage
from gateway.media import MediaPlane
from gateway.media.engine.clock import TICK
from tests.gateway.media.call import Call, Trunk, check_steady, open_plane, plane_config
from tests.waiting import until

CALLS = 20
YOUNG = 1  # the older of the generations that are collected while there are calls


class Pauses:
    """How much of its processor's time each collection takes, by generation."""

    def __init__(self) -> None:
        self.seconds: dict[int, list[float]] = {}
        self._began = threading.local()

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began.at = time.thread_time()
        else:
            spent = time.thread_time() - self._began.at
            self.seconds.setdefault(info["generation"], []).append(spent)


@pytest.fixture
def pauses() -> Iterator[Pauses]:
    thresholds = gc.get_threshold()
    made = Pauses()
    gc.collect()  # what other tests have left is none of these calls'
    gc.set_threshold(*garbage.THRESHOLDS)
    gc.callbacks.append(made)
    yield made
    gc.callbacks.remove(made)
    gc.set_threshold(*thresholds)


class Node:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


@contextmanager
def litter() -> Iterator[None]:
    """Have another thread make garbage and collect it."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.002):
            for _ in range(500):
                Node()
            gc.collect(YOUNG)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def test_collections_and_handshakes_leave_running_calls_alone(pauses: Pauses) -> None:
    async with open_plane(pairs=400) as plane:
        trunks = [Trunk() for _ in range(CALLS)]
        for trunk in trunks:
            await (await plane.open()).connect_trunk(trunk.remote())
        listening = asyncio.gather(*(trunk.packets(150) for trunk in trunks))
        with litter():
            while not listening.done():
                call = Call(plane, await plane.open())
                await call.connect()
                await call.trunk.packets(2)
                await call.close()
        for packets in await listening:
            check_steady(packets, plane)
        for trunk in trunks:
            trunk.sock.close()
    assert max(pauses.seconds) == YOUNG, "nobody has looked at everything"
    assert len(pauses.seconds[YOUNG]) > 100
    taken = sorted(each for generation in pauses.seconds.values() for each in generation)
    assert taken[len(taken) * 99 // 100] < TICK


async def test_nobody_is_told_of_idleness_while_there_is_a_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.media.plane.IDLE", 0.1)
    told = list[float]()
    plane = MediaPlane(plane_config(), on_idle=lambda: told.append(time.monotonic()))
    await plane.start()
    await asyncio.sleep(0.2)
    assert told == [], "nothing has come that could be garbage"
    first, second = await plane.open(), await plane.open()
    await first.close()
    await asyncio.sleep(0.2)
    assert told == []
    await second.close()
    third = await plane.open()
    await asyncio.sleep(0.2)
    assert told == [], "the next call came too soon"
    ended = time.monotonic()
    await third.close()
    await until(lambda: len(told) > 0)
    assert told[0] - ended >= 0.1
    await asyncio.sleep(0.2)
    assert len(told) == 1
    # Longer than a busy machine takes from the one to the other
    monkeypatch.setattr("gateway.media.plane.IDLE", 1.0)
    await (await plane.open()).close()
    await plane.close()
    await asyncio.sleep(1.2)
    assert len(told) == 1, "nor after the plane's end"
