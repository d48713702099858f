"""The table of the matrix: `table.json` keeps what has passed, README.md shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.interop.matrix.cells import Cell, Column, NotApplicable, Result
from tests.interop.matrix.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.interop.matrix.cells import Name, Table

RECORD: Final = Path(__file__).with_name("table.json")
README: Final = Path(__file__).parents[1] / "README.md"
BEGIN: Final = "<!-- written by `make test`, from here: the matrix -->"
END: Final = "<!-- to here: the matrix -->"


def declared(columns: Iterable[Column]) -> Table:
    """Return the cells that have no story, and why."""
    return {
        (row, column.name): Cell(Result.NOT_APPLICABLE, story.why)
        for column in columns
        for row, story in column.cells.items()
        if isinstance(story, NotApplicable)
    }


def updated(
    record: Mapping[Name, Cell], heard: Mapping[Name, Cell], columns: Sequence[Column]
) -> Table:
    """Return the table after a run.

    A cell that was not run, or fails as it is recorded to do, stays as it is.
    """
    told = {
        name: cell
        for name, cell in heard.items()
        if name not in record or cell.result is not record[name].result
    }
    known = {**record, **told, **declared(columns)}
    missing = Cell(Result.FAIL, "It has not been run.")
    names = [(row, column.name) for row in ROWS for column in columns]
    return {name: known.get(name, missing) for name in names}


def regressions(record: Mapping[Name, Cell], heard: Mapping[Name, Cell]) -> list[Name]:
    """Return the cells that have failed, and where the record has a pass."""
    return [
        name
        for name, cell in heard.items()
        if cell.result is Result.FAIL and name in record and record[name].result is Result.PASS
    ]


def read_record(path: Path = RECORD) -> Table:
    """Return what has been recorded; nothing if there is no file."""
    if not path.exists():
        return {}
    rows: dict[str, dict[str, list[str]]] = json.loads(path.read_text())
    return {
        (row, column): Cell(Result(cell[0]), *cell[1:])
        for row, cells in rows.items()
        for column, cell in cells.items()
    }


def write_record(table: Mapping[Name, Cell], path: Path = RECORD) -> None:
    """Keep a table."""
    rows: dict[str, dict[str, list[str]]] = {}
    for (row, column), cell in table.items():
        rows.setdefault(row, {})[column] = [cell.result, cell.why] if cell.why else [cell.result]
    path.write_text(json.dumps(rows, indent=1) + "\n")


def render(table: Mapping[Name, Cell], columns: Sequence[Column]) -> str:
    """Return the table as Markdown, and below it why a cell is no pass, by numbers."""
    reasons: dict[str, int] = {}

    def show(cell: Cell) -> str:
        if cell.result is Result.PASS:
            return "pass"
        number = reasons.setdefault(cell.why, len(reasons) + 1)
        return f"{'**fail**' if cell.result is Result.FAIL else 'n/a'} [{number}]"

    counts = [f"{sum(c.result is each for c in table.values())} {each}" for each in Result]
    lines = [
        f"{len(table)} cells: {', '.join(counts)}.",
        "",
        f"| | {' | '.join(column.title for column in columns)} |",
        "|---|" + "---|" * len(columns),
    ]
    for row, title in ROWS.items():
        cells = [show(table[row, column.name]) for column in columns]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines.append("")
    lines += [f"{number}. {why}" for why, number in reasons.items()]
    return "\n".join(lines)


def _parts(readme: Path) -> tuple[str, str, str]:
    before, found, rest = readme.read_text().partition(BEGIN)
    shown, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{readme.name} has no place for the matrix")
    return before, shown, after


def published(readme: Path = README) -> str:
    """Return what README.md shows."""
    return _parts(readme)[1].strip()


def publish(text: str, readme: Path = README) -> None:
    """Put a table into its place."""
    before, _, after = _parts(readme)
    readme.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}")
