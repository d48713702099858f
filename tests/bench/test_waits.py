"""How long clicks, reloads and resumptions take: which figure is held to which limit."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.bench.clicking import Times, clicking_table
from tests.bench.goals import clicking_goals, reloading_goals, resuming_goals
from tests.bench.waits import Wait, wait, waits_table

FOLDER = Path(__file__).parent
# One in ten is late: no median shows it
LATE = [20.0] * 18 + [80.0] * 2


def benches() -> set[str]:
    """Return the names that `make bench` knows; some of what it imports is not there in tests."""
    for node in ast.parse((FOLDER / "__main__.py").read_text()).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "BENCHES":
            assert isinstance(node.value, ast.Dict)
            return {ast.literal_eval(key) for key in node.value.keys if key is not None}
    raise AssertionError("there is no BENCHES")


def test_what_is_told_of_some_times() -> None:
    assert wait([float(each) for each in range(1, 102)]) == Wait(101, 51.0, 96.0, 1.0, 101.0)
    [row] = waits_table("Waits", {"pages": LATE}).rows
    assert row == ("pages", "20", "20.0", "80.0", "20.0", "80.0")


def test_a_click_is_judged_by_those_that_are_late() -> None:
    quick = [20.0] * 20
    times = {"connect": Times(LATE, LATE, quick, quick), "button": Times(quick, quick, LATE, LATE)}
    goals = {goal.figure: goal.met for goal in clicking_goals(times)}
    assert goals == {
        "click on the button to the INVITE, a page's first call, p95": True,
        "click on the button to the INVITE, the next ones, p95": False,
        "`connect` to the INVITE, a page's first call, p95": False,
        "`connect` to the INVITE, the next ones, p95": True,
    }
    assert [row[0] for row in clicking_table(times).rows[:2]] == [
        "connect, first",
        "connect, first, sent",
    ]


@pytest.mark.parametrize(("chromium", "firefox"), [(1190.0, 1990.0), (1210.0, 2010.0)])
def test_a_reload_is_judged_by_browser(chromium: float, firefox: float) -> None:
    goals = reloading_goals({"Chromium": [chromium], "Firefox": [firefox]})
    assert [goal.met for goal in goals] == [chromium < 1200, firefox < 2000]


def test_pages_that_come_back_are_judged_by_those_that_are_late() -> None:
    assert [goal.met for goal in resuming_goals([20.0] * 20)] == [True]
    assert [goal.met for goal in resuming_goals(LATE)] == [False]


def test_the_readme_tells_of_each_benchmark() -> None:
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if "| `" in line[:3]]
    told = {row.split("`")[1] for row in rows}
    assert told == benches()
    assert {"clicking", "reloading", "resuming"} <= told
