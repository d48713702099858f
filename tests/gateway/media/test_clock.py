"""The clock's arithmetic: every tick once, in order, and no burst after a stall."""

from __future__ import annotations

from gateway.media.clock import LONGEST_CATCH_UP, NEAR, SLOTS, TICK, Ticks


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
