"""The table of the matrix: what a run makes of it, and that README.md shows what is recorded."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.matrix.cells import Cell, Column, NotApplicable, Result
from tests.interop.matrix.columns import COLUMNS
from tests.interop.matrix.rows import ROWS, SLOW
from tests.interop.matrix.table import (
    BEGIN,
    END,
    declared,
    publish,
    published,
    read_record,
    regressions,
    render,
    updated,
    write_record,
)

if TYPE_CHECKING:
    from pathlib import Path

PASS, FAIL = Cell(Result.PASS), Cell(Result.FAIL, "It does not.")


async def told(house: Any, peer: Any) -> None:
    """A story."""


def column(**cells: NotApplicable) -> Column:
    stories = {row: cells.get(row.replace("-", "_"), told) for row in ROWS}
    return Column("peer", "A peer", lambda site: nullcontext(), stories)


def test_readme_shows_what_is_recorded() -> None:
    record = read_record()
    assert list(record) == [(row, each.name) for row in ROWS for each in COLUMNS]
    assert published() == render(record, COLUMNS).strip()
    left_out = {name: c for name, c in record.items() if c.result is Result.NOT_APPLICABLE}
    assert left_out == declared(COLUMNS)


def test_slow_rows_exist() -> None:
    assert set(ROWS) >= SLOW


def test_a_column_has_a_cell_for_each_row() -> None:
    with pytest.raises(ValueError, match="peer: not a cell for each row"):
        Column("peer", "A peer", lambda site: nullcontext(), {"call": told})


@pytest.mark.parametrize(
    ("before", "heard", "after", "worse"),
    [
        (None, PASS, PASS, False),
        (None, FAIL, FAIL, False),
        (None, None, Cell(Result.FAIL, "It has not been run."), False),
        (PASS, None, PASS, False),
        (PASS, FAIL, FAIL, True),
        (FAIL, PASS, PASS, False),
        (FAIL, Cell(Result.FAIL, "Another reason."), FAIL, False),
        (Cell(Result.NOT_APPLICABLE, "It was not."), PASS, PASS, False),
    ],
)
def test_a_run(before: Cell | None, heard: Cell | None, after: Cell, worse: bool) -> None:
    name = ("call", "peer")
    record = {} if before is None else {name: before}
    ran = {} if heard is None else {name: heard}
    assert updated(record, ran, [column()])[name] == after
    assert regressions(record, ran) == ([name] if worse else [])


def test_what_has_no_story_is_not_applicable() -> None:
    why = NotApplicable("It knows none.")
    table = updated({("tcp", "peer"): PASS}, {}, [column(tcp=why)])
    assert table["tcp", "peer"] == Cell(Result.NOT_APPLICABLE, "It knows none.")


def test_reasons_are_told_once(tmp_path: Path) -> None:
    columns = [column(tcp=NotApplicable("No."), bye=NotApplicable("No."))]
    table = updated({}, {("call", "peer"): PASS}, columns)
    lines = render(table, columns).splitlines()
    assert f"| {ROWS['call']} | pass |" in lines
    assert f"| {ROWS['tcp']} | n/a [1] |" in lines
    assert f"| {ROWS['bye']} | n/a [1] |" in lines
    assert f"| {ROWS['cancel']} | **fail** [2] |" in lines
    assert "1. No." in lines
    write_record(table, tmp_path / "table.json")
    assert read_record(tmp_path / "table.json") == table
    assert read_record(tmp_path / "none.json") == {}


def test_publish(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\n| old |\n{END}\nafter\n")
    publish("| new |", readme)
    assert published(readme) == "| new |"
    assert readme.read_text().startswith(f"before\n{BEGIN}\n")
    assert readme.read_text().endswith(f"{END}\nafter\n")
    readme.write_text("nothing\n")
    with pytest.raises(ValueError, match="no place"):
        publish("| new |", readme)
