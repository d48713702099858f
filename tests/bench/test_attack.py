"""What is made of rounds beside attacks: medians, the worst losses, and what the worst adds."""

from __future__ import annotations

from gateway.bench.measure import Way
from tests.bench.attack import Attacked, attack_goals, attack_table, lines


def beside(what: str, spacing: float | None, lost: int) -> Attacked:
    way = Way(1000, 1000, lost, spacing, 3.0, 6.0, 900)
    return Attacked(what, way, way, 1.5)


ROUNDS = [
    [beside("nobody", 1.0, 0), beside("a flood", 3.0, 0), beside("another", 2.0, 7)],
    [beside("nobody", 9.0, 0), beside("a flood", 4.0, 2), beside("another", 2.0, 0)],
    [beside("nobody", 2.0, 0), beside("a flood", 40.0, 0), beside("another", 2.5, 0)],
]


def test_medians_and_the_worst_losses() -> None:
    found = lines(ROUNDS)
    assert [line.spacing_to_trunk for line in found] == [2.0, 4.0, 2.0]
    assert [line.lost_to_trunk for line in found] == [0, 2, 7]
    assert [row[0] for row in attack_table(found).rows] == ["nobody", "a flood", "another"]


def test_goals() -> None:
    goals = attack_goals(lines(ROUNDS))
    assert [(goal.measured, goal.met) for goal in goals] == [(2.0, True), (7, False), (7, False)]


def test_an_attack_that_silences_everything_meets_no_goal() -> None:
    rounds = [[beside("nobody", 1.0, 0), beside("a flood", None, 0)]]
    assert attack_goals(lines(rounds))[0].met is False
