"""The clock's arithmetic: every tick once, in order, and no burst after a stall."""

from __future__ import annotations

import asyncio
import time

from gateway.media.clock import FRAME, LONGEST_CATCH_UP, NEAR, SLOTS, TICK, Ticks, run


def test_each_tick_comes_once_and_in_order() -> None:
    ticks = Ticks(100.0)
    seen = [n for step in range(400) for n in ticks.due(100.0 + step * 0.003)]
    assert seen == list(range(1, len(seen) + 1))


def test_nothing_is_due_before_its_time() -> None:
    ticks = Ticks(0.0)
    assert not ticks.due(TICK - 2 * NEAR)
    assert list(ticks.due(TICK)) == [1]
    assert not ticks.due(TICK)


def test_a_tick_that_is_near_is_run_at_once() -> None:
    assert list(Ticks(0.0).due(TICK - NEAR / 2)) == [1]


def test_a_short_stall_is_made_up_for() -> None:
    ticks = Ticks(0.0)
    assert list(ticks.due(10 * TICK)) == list(range(1, 11))
    assert ticks.skipped == 0


def test_a_long_stall_costs_whole_frames_and_no_more_than_it_must() -> None:
    ticks = Ticks(0.0)
    due = ticks.due(1000 * TICK)
    assert ticks.skipped % SLOTS == 0
    assert len(due) <= LONGEST_CATCH_UP / TICK
    assert len(due) > LONGEST_CATCH_UP / TICK - SLOTS
    assert ticks.skipped + len(due) == 1000
    assert list(ticks.due(1001 * TICK)) == [1001]


def test_waiting_is_never_negative() -> None:
    ticks = Ticks(0.0)
    assert ticks.wait(0.0) == TICK
    assert ticks.wait(1.0) == 0.0


async def test_late_ticks_let_the_loop_read_between_them() -> None:
    turns: list[str] = []
    skipped: list[int] = []
    enough = asyncio.Event()

    def tick(number: int) -> None:
        turns.append("tick")
        asyncio.get_running_loop().call_soon(turns.append, "read")
        if number == 2:
            time.sleep(0.05)
        if number >= 12:
            enough.set()

    task = asyncio.create_task(run(tick, skipped.append))
    async with asyncio.timeout(2):
        await enough.wait()
    task.cancel()
    assert ["tick", "tick"] not in [turns[at : at + 2] for at in range(len(turns))]
    assert not skipped


async def test_a_long_stall_is_told_in_frames() -> None:
    skipped: asyncio.Queue[int] = asyncio.Queue()

    def tick(number: int) -> None:
        if number == 2:
            time.sleep(0.4)

    task = asyncio.create_task(run(tick, skipped.put_nowait))
    async with asyncio.timeout(2):
        frames = await skipped.get()
    task.cancel()
    assert frames >= (0.4 - LONGEST_CATCH_UP) / FRAME - 1
