"""When an attempt is made again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.schedule import FIRST_WAIT, LONGEST_WAIT, wait_after


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"),
    [(1, 1, 5), (1, 0, 2.5), (2, 1, 10), (5, 1, 80), (10, 1, 2560), (11, 1, 3600), (99, 1, 3600)],
)
def test_it_is_doubled_up_to_an_hour(failures: int, chance: float, seconds: float) -> None:
    assert wait_after(failures, chance) == seconds


@pytest.mark.parametrize(("after", "seconds"), [(60, 60), (1, 5), (1e9, LONGEST_WAIT), (-1, 5)])
def test_a_server_may_say_when(after: float, seconds: float) -> None:
    assert wait_after(1, 1, after) == seconds


@given(st.integers(1, 10**6), st.floats(0, 1), st.none() | st.floats(0, 1e12))
def test_it_never_hammers_and_never_gives_up(
    failures: int, chance: float, after: float | None
) -> None:
    assert FIRST_WAIT / 2 <= wait_after(failures, chance, after) <= LONGEST_WAIT
