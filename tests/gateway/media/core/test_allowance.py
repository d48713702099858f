"""A far end gets a steady rate, and what it has saved up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.media.core.allowance import Allowance


def test_what_is_saved_up_passes_at_once_and_no_more() -> None:
    allowance = Allowance(2.0, 5.0)
    passed = 0
    while allowance.allows(100.0):
        allowance.spend(1.0)
        passed += 1
    assert passed == 5
    assert not allowance.allows(100.0)
    assert allowance.allows(100.1)


def test_a_long_pause_saves_no_more_than_the_burst() -> None:
    allowance = Allowance(2.0, 5.0)
    allowance.allows(0.0)
    allowance.spend(5.0)
    passed = 0
    while allowance.allows(1e6):
        allowance.spend(1.0)
        passed += 1
    assert passed == 5


def test_what_is_owed_is_paid_before_more_is_allowed() -> None:
    allowance = Allowance(1.0, 1.0)
    assert allowance.allows(0.0)
    allowance.spend(3.0)
    assert not allowance.allows(1.5)
    assert allowance.allows(2.5)


@given(st.lists(st.tuples(st.floats(0, 0.1), st.floats(0, 1)), max_size=200))
def test_never_more_than_the_rate_and_the_burst(asked: list[tuple[float, float]]) -> None:
    allowance = Allowance(2.0, 0.5)
    now = used = largest = 0.0
    for pause, amount in asked:
        now += pause
        if allowance.allows(now):
            allowance.spend(amount)
            used += amount
            largest = max(largest, amount)
    assert used <= 0.5 + 2 * now + largest + 1e-6
