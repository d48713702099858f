"""Results as people and programs read them: tables, goals beside what was measured, JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from math import isfinite, isinf
from pathlib import Path

RESULTS = Path(__file__).with_name("results")

_GAP = "  "


class Rule(StrEnum):
    """Which side of the limit is the good one."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True)
class Table:
    """Text in rows; the first column is set left, numbers right."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Goal:
    """What was aimed at, and what came of it.

    `measured` is None where it was not, and infinite where what was waited for never came;
    `baseline` is what another build of the gateway makes of it.
    """

    figure: str
    rule: Rule
    limit: float
    measured: float | None
    unit: str = ""
    digits: int = 2
    baseline: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether it was reached, as far as the digits shown go."""
        if self.measured is None:
            return None
        measured, limit = round(self.measured, self.digits), round(self.limit, self.digits)
        return measured >= limit if self.rule is Rule.AT_LEAST else measured <= limit

    @property
    def verdict(self) -> str:
        """Return it in a word or three."""
        if self.measured is None:
            return "not measured"
        if self.met:
            return "met"
        if isinf(self.measured):
            return "missed"
        return f"missed by {abs(self.measured - self.limit):.{self.digits}f}{self.unit}"


def render_table(table: Table) -> str:
    """Return a table for a terminal."""
    lines = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(table.columns))]
    text = [_GAP.join(_align(row, widths)).rstrip() for row in lines]
    rule = _GAP.join("─" * width for width in widths)
    return "\n".join([table.title, "", text[0], rule, *text[1:], ""])


def goals_table(goals: Sequence[Goal]) -> Table:
    """Return goals and results side by side, and the baseline's where there are any."""
    columns = ["figure", "goal", "measured", "verdict"]
    rows = [
        [
            goal.figure,
            f"{goal.rule} {goal.limit:.{goal.digits}f}{goal.unit}",
            _show(goal, goal.measured),
            goal.verdict,
        ]
        for goal in goals
    ]
    if any(goal.baseline is not None for goal in goals):
        columns.insert(3, "baseline")
        for goal, row in zip(goals, rows, strict=True):
            row.insert(3, _show(goal, goal.baseline))
    return Table("Goals", tuple(columns), [tuple(row) for row in rows])


def _show(goal: Goal, value: float | None) -> str:
    if value is None:
        return "-"
    return "never" if isinf(value) else f"{value:.{goal.digits}f}{goal.unit}"


def write_json(name: str, data: object, folder: Path = RESULTS) -> Path:
    """Write a result as JSON: dataclasses as objects, null for what is infinite or undefined."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    text = json.dumps(_plain(data), indent=1, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n")
    return file


def _plain(value: object) -> object:
    """Return `value` as JSON knows values."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def _align(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if column and _is_number(cell) else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:1] == "-"
