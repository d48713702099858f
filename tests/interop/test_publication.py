"""The table: what is written is what is read, and says of each file how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.interop.designs import BY_DESIGN
from tests.interop.outcome import Outcome, read_outcomes
from tests.interop.publication import (
    BEGIN,
    END,
    Result,
    Row,
    judge,
    publish,
    read_published,
)

if TYPE_CHECKING:
    from pathlib import Path

ROWS = {
    "scripts-sipp/a.xml": Row(Result.PASS),
    "scripts-sipp/b.xml": Row(Result.FAIL, "488 came, and not a|b"),
    "scripts-sipp/c.xml": Row(Result.BY_DESIGN, "It subscribes."),
}


def test_round_trip(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\n| old | pass | |\n{END}\nafter\n")
    publish(ROWS, readme)
    publish(ROWS, readme)
    assert read_published(readme) == ROWS
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}")
    assert text.endswith(f"{END}\nafter\n")
    assert "3 files: 1 pass, 1 fail, 1 by design." in text


def test_no_place(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n")
    with pytest.raises(ValueError, match="no place"):
        publish(ROWS, readme)


def test_judge() -> None:
    left_out = next(iter(BY_DESIGN))
    said = [Outcome("a", True), Outcome("b", False, "BYE came")]
    outcomes = read_outcomes("".join(f"{each.line()}\n" for each in said))
    assert judge(["a", "b", "c", left_out], outcomes) == {
        "a": Row(Result.PASS),
        "b": Row(Result.FAIL, "BYE came"),
        "c": Row(Result.FAIL, "it was not run"),
        left_out: Row(Result.BY_DESIGN, BY_DESIGN[left_out]),
    }
