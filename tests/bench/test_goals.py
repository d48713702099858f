"""Which of what was measured is compared with which limit, and the climb to what is carried."""

from __future__ import annotations

import pytest

from tests.bench.cpu import Cpu, Footprint, Once, Row
from tests.bench.goals import cpu_goals, sip_goals, threads_goals
from tests.bench.load import Figure, figure
from tests.bench.report import Goal
from tests.bench.sip import Dialed
from tests.bench.threads import Rung, Threads, climb

NOTHING = figure([0.0])


def row(subject: str, calls: int, cpu_ms: float, *, delivered: float = 1.0) -> Row:
    share = figure([delivered])
    return Row(subject, calls, figure([cpu_ms]), share, share, NOTHING, NOTHING)


def footprint(idle: float, alone: float, memory: float) -> Footprint:
    return Footprint(*(figure([value]) for value in (idle, alone, memory)))


def by_name(goals: list[Goal]) -> dict[str, Goal]:
    return {goal.figure: goal for goal in goals}


def test_a_call_is_compared_among_as_many_calls() -> None:
    rows = [
        row("gateway", 40, 8.0),
        row("gateway", 50, 7.5),
        row("gateway", 200, 6.0),
        row("rtpengine, fullband", 40, 20.0),
        row("rtpengine, fullband", 200, 1.0),
        row("baseline", 40, 16.0),
    ]
    floor = {"narrowband": Figure(5.0, 5.0, 5.0, 1)}
    goals = by_name(cpu_goals(Cpu(40, rows, floor)))
    assert goals["calls per core over rtpengine's, 40 calls"].measured == 2.5
    assert goals["cost of a call over the baseline's"].measured == 0.5
    assert goals["cost of a call over libopus's alone"].measured == 1.6
    assert goals["cost of a call at 200 calls over that at 50"].measured == 0.8
    assert goals["one call alone"].measured is None


def test_who_leaves_packets_out_is_not_cheap() -> None:
    rows = [row("gateway", 40, 8.0, delivered=0.9), row("rtpengine, fullband", 40, 20.0)]
    goals = by_name(cpu_goals(Cpu(40, rows, {})))
    assert goals["calls per core over rtpengine's, 40 calls"].measured is None


def test_what_a_process_takes_stands_beside_the_baseline_s() -> None:
    footprints = {"gateway": footprint(0.1, 1.0, 200), "baseline": footprint(0.5, 15.0, 500)}
    goals = by_name(cpu_goals(Cpu(40, [], {}, footprints)))
    assert (goals["one call alone"].measured, goals["one call alone"].baseline) == (1.0, 15.0)
    assert (goals["memory per call"].measured, goals["memory per call"].baseline) == (200, 500)


@pytest.mark.parametrize(("carried", "found"), [(100, 86), (50, 50), (49, 0), (1000, 124)])
def test_the_climb_ends_below_what_is_not_carried(carried: int, found: int) -> None:
    assert climb(lambda calls: calls <= carried, 50, 1.2, 130) == found


def rung(threads: int, calls: int, busiest: float, *, delivered: float = 1.0) -> Rung:
    return Rung(threads, calls, Once(10.0, delivered, 1.0, 0.3, 1.0), busiest)


def test_two_threads_are_compared_among_the_most_calls_that_both_carry() -> None:
    rungs = [
        *(rung(1, 50, 0.9), rung(1, 58, 1.0, delivered=0.8)),
        *(rung(2, 50, 0.5), rung(2, 58, 0.55), rung(2, 80, 0.6)),
    ]
    goals = threads_goals([Threads(2, rungs, {1: 50, 2: 80})])
    assert [goal.measured for goal in goals] == [1.6, 1.8]


def test_nothing_carried_is_nothing_measured() -> None:
    goals = threads_goals([Threads(2, [], {1: 0, 2: 0})])
    assert [goal.measured for goal in goals] == [None, None]


def test_the_sip_thread_is_compared_with_the_baseline_s() -> None:
    ours = [Dialed(each, 1.0, 90.0, "2") for each in (0.4, 0.5, 0.6)]
    share, reading = sip_goals(ours, [Dialed(1.0, 2.0, 200.0, "1")])
    assert (share.measured, share.met) == (0.5, True)
    assert (reading.measured, reading.baseline, reading.met) == (90.0, 200.0, True)
    assert sip_goals(ours)[0].measured is None
