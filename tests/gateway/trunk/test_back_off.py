"""How long a refused registration waits."""

from __future__ import annotations

import pytest

from gateway.trunk.registration import FIRST_WAIT, LONGEST_WAIT, back_off


@pytest.mark.parametrize(
    ("failures", "least", "most"), [(1, 5, 10), (2, 10, 20), (3, 20, 40), (8, 300, 600)]
)
def test_back_off(failures: int, least: float, most: float) -> None:
    assert (back_off(failures, None, 0), back_off(failures, None, 1)) == (least, most)


def test_back_off_ends() -> None:
    assert back_off(10**9, None, 1) == LONGEST_WAIT
    assert back_off(1, 10**9, 1) == LONGEST_WAIT
    assert back_off(1, 60, 0.5) == 60
    assert back_off(1, 1, 0) == FIRST_WAIT
