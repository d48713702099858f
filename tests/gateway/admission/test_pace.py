from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.pace import spend


def taken(full_at: float, now: float, count: int, rate: float = 4, most: float = 8) -> list[float]:
    """Return when the bucket is full after each of those that were there."""
    times = []
    for _ in range(count):
        full_at, may = spend(full_at, now, rate, most)
        if not may:
            break
        times.append(full_at)
    return times


def test_a_burst_and_then_the_rate() -> None:
    times = taken(0, 100, 20)
    assert len(times) == 8
    assert times[-1] == 102
    assert len(taken(times[-1], 100.5, 20)) == 2
    assert len(taken(times[-1], 103, 20)) == 8


def test_a_clock_that_goes_back_empties_it_at_most() -> None:
    full_at, may = spend(1000, 10, 4, 8)
    assert not may
    assert len(taken(full_at, 11, 20)) == 4


@given(st.floats(0.1, 1000), st.integers(1, 500))
def test_sums_that_are_not_exact_lose_none(rate: float, most: int) -> None:
    assert len(taken(0, 5000.1, most + 5, rate, most)) == most
