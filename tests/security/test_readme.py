"""The table in README.md: what the tests declare, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.security.attack import (
    BEGIN,
    END,
    Refusal,
    Row,
    attack,
    fits,
    publish,
    published,
    render,
    sections,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_the_table_is_what_the_tests_declare() -> None:
    assert published() == render().strip(), "`python -m tests.security` writes it again"


def test_every_attack_has_a_name_of_its_own() -> None:
    names = [row.name for rows in sections().values() for row in rows]
    assert len(names) == len(set(names)) > 100


def test_round_trip(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\n| old |\n{END}\nafter\n")
    publish(readme)
    assert published(readme) == render().strip()
    assert readme.read_text().startswith(f"before\n{BEGIN}\n")
    assert readme.read_text().endswith(f"{END}\nafter\n")


def test_no_place(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n")
    with pytest.raises(ValueError, match="no place"):
        publish(readme)


@pytest.mark.parametrize(
    ("sentence", "text", "fit"),
    [
        ("a (b)", "a (b)", True),
        ("a (b)", "a (b).", False),
        ("a … c", "a b c", True),
        ("a …", "b a c", False),
        ("…", "", True),
    ],
)
def test_sentences(sentence: str, text: str, fit: bool) -> None:
    assert fits(sentence, text) == fit


REFUSAL = Refusal(403, "not-allowed", "no")
SAID = {"type": "error", "code": 403, "name": "not-allowed", "message": "no"}


def test_a_refusal_knows_itself() -> None:
    REFUSAL.check(SAID)
    REFUSAL.check({"error": "not-allowed", "message": "no"})
    for wrong in ({"code": 401}, {"name": "bad-token"}, {"message": "nope"}, {"type": "trying"}):
        with pytest.raises(AssertionError):
            REFUSAL.check({**SAID, **wrong})


def test_a_declaration() -> None:
    mark = attack("x", REFUSAL, "closed").mark
    assert str(Row(*mark.args).got) == "403 `not-allowed`: no; closed"
