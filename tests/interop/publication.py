"""The table of the foreign suite in README.md: written by a run, read by the next one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.interop.designs import BY_DESIGN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.interop.outcome import Outcome

README: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- written by `make interop`, from here -->"
END: Final = "<!-- to here -->"

_ROW: Final = re.compile(r"^\| (\S+) \| (pass|fail|by design) \| (.*?) ?\|$", re.M)


class Result(StrEnum):
    """What is said of a file."""

    PASS = "pass"
    FAIL = "fail"
    BY_DESIGN = "by design"


@dataclass(frozen=True, slots=True)
class Row:
    """A file's result, and why it is no pass."""

    result: Result
    why: str = ""


def judge(files: Iterable[str], outcomes: Mapping[str, Outcome]) -> dict[str, Row]:
    """Return a row for each file; one of which nothing was heard has failed."""
    return {file: _judge(file, outcomes.get(file)) for file in files}


def _judge(file: str, outcome: Outcome | None) -> Row:
    if file in BY_DESIGN:
        return Row(Result.BY_DESIGN, BY_DESIGN[file])
    if outcome is None:
        return Row(Result.FAIL, "it was not run")
    return Row(Result.PASS) if outcome.passed else Row(Result.FAIL, outcome.why)


def publish(rows: Mapping[str, Row], readme: Path = README) -> None:
    """Put the table into its place."""
    text = readme.read_text()
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{readme.name} has no place for the table")
    readme.write_text(f"{before}{BEGIN}\n\n{render(rows)}\n{END}{after}")


def render(rows: Mapping[str, Row]) -> str:
    """Return the counts and the table as Markdown."""
    counts = [f"{sum(row.result is each for row in rows.values())} {each}" for each in Result]
    lines = [
        f"{len(rows)} files: {', '.join(counts)}.",
        "",
        "| file | result | why |",
        "|---|---|---|",
    ]
    lines += [f"| {file} | {row.result} | {_cell(row.why)} |" for file, row in rows.items()]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def read_published(readme: Path = README) -> dict[str, Row]:
    """Return what the table says."""
    table = readme.read_text().partition(BEGIN)[2].partition(END)[0]
    found = _ROW.findall(table)
    return {file: Row(Result(result), why.replace("\\|", "|")) for file, result, why in found}
