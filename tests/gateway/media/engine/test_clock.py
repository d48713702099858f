"""The clock's arithmetic: every tick once, in order, and no burst after a stall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.engine.clock import (
    CATCH_UP,
    LONGEST_CATCH_UP,
    NEAR,
    SLOTS,
    TICK,
    Ticks,
)


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


def test_up_to_a_frame_is_made_up_for_at_once() -> None:
    ticks = Ticks(0.0)
    assert list(ticks.due(SLOTS * TICK)) == list(range(1, SLOTS + 1))
    assert ticks.skipped == 0


def test_several_frames_are_made_up_for_twice_as_fast_as_time_passes() -> None:
    ticks = Ticks(0.0)
    now, behind = 10 * TICK, 10
    seen = list(ticks.due(now))
    assert seen == [1], "one stream would get a burst otherwise"
    while behind > SLOTS:
        now += ticks.wait(now)
        due = list(ticks.due(now))
        seen += due
        behind = int(now / TICK + 0.01) - seen[-1]
    assert seen == list(range(1, len(seen) + 1)), "none is left out"
    assert ticks.skipped == 0
    assert now < 10 * TICK + 10 * TICK


def test_catching_up_takes_no_longer_where_ticks_take_their_time() -> None:
    ticks = Ticks(0.0)
    now = 11 * TICK
    ticks.due(now)
    assert ticks.wait(now) == pytest.approx(CATCH_UP)
    assert ticks.wait(now + CATCH_UP) == 0.0, "the time a tick takes is none to wait besides"


def test_with_too_much_work_every_stream_gets_its_share() -> None:
    ticks = Ticks(0.0)
    now, served = 0.0, [0] * SLOTS
    for _ in range(100):
        due = list(ticks.due(now))
        for number in due:
            served[number % SLOTS] += 1
        now += 0.030  # whatever is due, a turn takes six ticks' time
        now += ticks.wait(now)
    assert min(served) > 90, "each slot once a turn, or nearly"


def test_a_long_stall_costs_whole_frames_and_no_more_than_it_must() -> None:
    ticks = Ticks(0.0)
    (first,) = ticks.due(1000 * TICK)
    assert ticks.skipped % SLOTS == 0
    assert first == ticks.skipped + 1
    assert LONGEST_CATCH_UP / TICK - SLOTS < 1000 - ticks.skipped <= LONGEST_CATCH_UP / TICK
    assert (first - 1) % SLOTS == 0, "every stream keeps its slot"


def test_waiting_is_never_negative() -> None:
    ticks = Ticks(0.0)
    assert ticks.wait(0.0) == TICK
    assert ticks.wait(1.0) == 0.0


def test_a_tick_has_the_time_that_it_was_for() -> None:
    assert Ticks(5.0).time(3) == 5.0 + 3 * TICK


def test_a_tick_that_was_waited_for_is_due_then() -> None:
    """No turn of the loop is spent on waiting for nothing."""
    ticks = Ticks(1000.0)
    now = 1000.0
    for number in range(1, 2000):
        now += ticks.wait(now)
        assert list(ticks.due(now)) == [number]


@given(st.lists(st.floats(0, 0.5) | st.floats(0, 0.012), min_size=1, max_size=200))
def test_however_long_turns_take(durations: list[float]) -> None:
    """Ticks go up by ones but for whole frames, none is early, and none of a long ago is run."""
    ticks = Ticks(0.0)
    now, last = 0.0, 0
    for duration in durations:
        now += ticks.wait(now)
        skipped = ticks.skipped
        for number in ticks.due(now):
            lost = ticks.skipped - skipped
            assert lost % SLOTS == 0
            assert number == last + 1 + lost
            assert ticks.time(number) <= now + NEAR
            assert now - ticks.time(number) < LONGEST_CATCH_UP + TICK + NEAR
            last, skipped = number, ticks.skipped
        now += duration
