"""What an attack is and what it got: each test says so once, and the table in README.md repeats it.

A test carries `@attack(...)`, a case of a parametrized test `marks=attack(...)`. The fixture `got`
gives the test what stands there, to compare it with what the attacker has really got. So the table
cannot say what no test has seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

FOLDER: Final = Path(__file__).parent
README: Final = FOLDER / "README.md"
BEGIN: Final = "<!-- written by `python -m tests.security`, from here -->"
END: Final = "<!-- to here -->"

ANY: Final = "…"  # in a sentence: what differs from run to run


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an attacker reads: a code, a name and a sentence, in which `ANY` stands for anything."""

    code: int
    name: str
    sentence: str

    def check(self, said: Mapping[str, Any]) -> None:
        """Compare with an `error` message, or with the body of a refused request."""
        if "type" in said:
            assert (said["type"], said["code"]) == ("error", self.code), said
        assert said.get("name", said.get("error")) == self.name, said
        assert fits(self.sentence, said["message"]), f"{said['message']!r} is not {self.sentence!r}"

    def __str__(self) -> str:
        return f"{self.code} `{self.name}`: {self.sentence}"


def fits(sentence: str, text: str) -> bool:
    """Whether a text is this sentence."""
    pattern = ".*".join(re.escape(part) for part in sentence.split(ANY))
    return re.fullmatch(pattern, text, re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Got:
    """What an attack got.

    Parameters
    ----------
    refusal
        What the attacker reads, if anything.
    what
        In words, for the table.
    """

    refusal: Refusal | None
    what: str

    def check(self, said: Mapping[str, Any]) -> None:
        """Expect the refusal."""
        assert self.refusal is not None, "this attack reads no refusal"
        self.refusal.check(said)

    def __str__(self) -> str:
        return "; ".join(str(each) for each in (self.refusal, self.what) if each)


def attack(name: str, *got: Refusal | str) -> pytest.MarkDecorator:
    """Declare an attack: its name, the refusal that it reads, and what it got besides, in words."""
    refusals = [each for each in got if isinstance(each, Refusal)]
    words = [each for each in got if isinstance(each, str)]
    assert got
    assert len(refusals) <= 1
    return pytest.mark.attack(name, Got(refusals[0] if refusals else None, "; ".join(words)))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `fault` says why the attack succeeds where it does."""

    name: str
    got: Got
    fault: str = ""


def sections() -> dict[str, list[Row]]:
    """Return the rows of each module that has some, by the module's title."""
    found = {}
    for path in sorted(FOLDER.glob("test_*.py")):
        module = import_module(f"{__package__}.{path.stem}")
        if rows := list(_rows_of(module)):
            found[module.TITLE] = rows
    return found


def _rows_of(module: ModuleType) -> Iterator[Row]:
    for name, test in vars(module).items():
        if name.startswith("test_"):
            marks = getattr(test, "pytestmark", [])
            yield from _rows_in(marks)
            for mark in reversed([each for each in marks if each.name == "parametrize"]):
                for case in mark.args[1]:
                    yield from _rows_in(getattr(case, "marks", ()))


def _rows_in(marks: Any) -> Iterator[Row]:
    faults = [mark.kwargs["reason"] for mark in marks if mark.name == "xfail"]
    for mark in marks:
        if mark.name == "attack":
            yield Row(*mark.args, *faults)


def render() -> str:
    """Return the tables as Markdown."""
    lines: list[str] = []
    for title, rows in sections().items():
        lines += [f"## {title}", "", "| attack | what it got |", "|---|---|"]
        lines += [f"| {_cell(row.name)} | {_cell(_result(row))} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def _result(row: Row) -> str:
    return f"**It succeeds so far**: {row.fault}" if row.fault else str(row.got)


def _cell(text: str) -> str:
    return re.sub(r"([|<>])", r"\\\1", text)


def published(readme: Path = README) -> str:
    """Return the tables that README.md has."""
    return readme.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def publish(readme: Path = README) -> None:
    """Put the tables into their place in README.md."""
    text = readme.read_text()
    before, found, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{readme.name} has no place for the table")
    readme.write_text(f"{before}{BEGIN}\n\n{render()}\n{END}{after}")
