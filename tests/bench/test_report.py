"""Tables, goals and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import pytest

from tests.bench.report import Goal, Rule, Table, goals_table, render_table, write_json


@pytest.mark.parametrize(
    ("rule", "measured", "verdict"),
    [
        (Rule.AT_LEAST, 3.8, "met"),
        (Rule.AT_LEAST, 3.796, "met"),  # 3.80 as it is shown
        (Rule.AT_LEAST, 3.7, "missed by 0.10 MOS"),
        (Rule.AT_MOST, 3.8, "met"),
        (Rule.AT_MOST, 4.3, "missed by 0.50 MOS"),
        (Rule.AT_MOST, inf, "missed"),
        (Rule.AT_MOST, None, "not measured"),
    ],
)
def test_the_verdict_of_a_goal(rule: Rule, measured: float | None, verdict: str) -> None:
    assert Goal("figure", rule, 3.8, measured, " MOS").verdict == verdict


def test_goals_stand_beside_what_was_measured() -> None:
    goals = [Goal("delay", Rule.AT_MOST, 5, 2.5, " ms"), Goal("back", Rule.AT_MOST, 1, inf, " s")]
    assert goals_table(goals).rows == [
        ("delay", "≤ 5.00 ms", "2.50 ms", "met"),
        ("back", "≤ 1.00 s", "never", "missed"),
    ]


def test_a_baseline_stands_beside_what_was_measured() -> None:
    delay = Goal("delay", Rule.AT_MOST, 5, 2.5, " ms", baseline=8.25)
    assert goals_table([delay, Goal("back", Rule.AT_MOST, 1, 0.5, " s")]) == Table(
        "Goals",
        ("figure", "goal", "measured", "baseline", "verdict"),
        [
            ("delay", "≤ 5.00 ms", "2.50 ms", "8.25 ms", "met"),
            ("back", "≤ 1.00 s", "0.50 s", "-", "met"),
        ],
    )


def test_columns_are_set_under_each_other() -> None:
    table = Table("Title", ("who", "ms"), [("gateway", "4.5"), ("peer", "10.5")])
    assert render_table(table).splitlines() == [
        "Title",
        "",
        "who      ms",
        "───────  ────",
        "gateway   4.5",
        "peer     10.5",
    ]


@dataclass(frozen=True)
class _Result:
    figure: float
    spread: tuple[float, ...]


def test_json_has_no_numbers_that_are_none(tmp_path: Path) -> None:
    file = write_json("name", {"a": [_Result(inf, (1.5, nan))]}, tmp_path)
    assert json.loads(file.read_text()) == {"a": [{"figure": None, "spread": [1.5, None]}]}


def test_what_json_cannot_say_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="object"):
        write_json("name", {"a": object()}, tmp_path)
