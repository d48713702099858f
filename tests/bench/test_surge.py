"""A few calls of the benchmark of many set-ups: it runs, loses none, and says so where some are."""

from __future__ import annotations

import pytest

from tests.bench import surge
from tests.bench.goals import surge_goals
from tests.bench.surge import Surge
from tests.peers.requirement import require, require_own_engine

FINE = Surge(500, 100.0, 6500, 0, 0, 1.5, 12.0, 120.0)
POOR = Surge(500, 100.0, 6500, 3, 2, 1.5, 80.0, 4000.0)


@pytest.mark.peer
def test_a_few_calls() -> None:
    require("sipp")
    require_own_engine()
    found = surge.run(running=20, rate=40.0, seconds=1.0)
    assert (found.placed, found.lost, found.held) == (60, 0, 0)
    assert 0.0 < found.setup_p50_ms < found.setup_p99_ms < 1e3 * surge.LATEST


def test_goals() -> None:
    assert [goal.met for goal in surge_goals([FINE])] == [True] * 4
    assert [goal.met for goal in surge_goals([POOR])] == [False] * 4
    # one run that loses calls is one too many
    assert [goal.met for goal in surge_goals([FINE, POOR, FINE])] == [False, False, True, True]
