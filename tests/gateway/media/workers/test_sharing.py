"""How ports and calls are shared out, and how long a failing worker waits."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.media.workers.messages import Report
from gateway.media.workers.sharing import burden, delays, split_ports


@given(st.integers(1024, 60000), st.integers(400, 5000), st.integers(1, 64))
def test_parts_are_even_equal_disjoint_and_inside(first: int, size: int, count: int) -> None:
    parts = split_ports((first, first + size), count)
    assert len(parts) == count
    assert parts[0][0] >= first
    assert parts[-1][1] <= first + size
    assert all(low % 2 == 0 and high % 2 == 1 for low, high in parts)
    assert len({high - low for low, high in parts}) == 1
    assert all(one[1] < other[0] for one, other in pairwise(parts))
    assert sum(high - low + 1 for low, high in parts) > size - 2 * count


def test_the_default_range_is_shared_without_a_rest() -> None:
    assert split_ports((20000, 29999), 2) == [(20000, 24999), (25000, 29999)]


def test_too_few_ports_for_so_many_workers() -> None:
    assert len(split_ports((20001, 20017), 4)) == 4
    with pytest.raises(ConfigError, match=r"media\.ports = \[20001, 20016\]: 4 media workers"):
        split_ports((20001, 20016), 4)


IDLE = Report()


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ((1, IDLE), (2, IDLE)),
        # As many calls, cheaper ones
        ((10, Report(cpu=0.02)), (10, Report(cpu=0.2))),
        # A few calls more are better than a loop that is behind already
        ((12, Report(cpu=0.5)), (10, Report(cpu=0.5, late=0.02))),
        # A timer that is late by less than a tick says nothing
        ((3, Report(late=0.004)), (4, Report(late=0.0))),
        ((0, Report(late=0.0)), (0, Report(late=0.1))),
    ],
)
def test_who_gets_the_next_call(less: tuple[int, Report], more: tuple[int, Report]) -> None:
    assert burden(*less) < burden(*more)


def test_the_first_restart_is_at_once_and_later_ones_wait() -> None:
    waits = list(islice(delays(), 20))
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] == 8
