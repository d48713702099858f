"""The files of examples/deploy, fitted to a test: ports, paths and names, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.peers.process import TREE

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = TREE / "examples" / "deploy"


def fitted(name: str, changes: Mapping[str, str]) -> str:
    """Return the file's text with each key replaced; one that is not there fails the test."""
    text = (FOLDER / name).read_text()
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text
