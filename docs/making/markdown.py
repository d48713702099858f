"""How tables and lists are written in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; a pipe in a cell does not end it."""
    lines = [_row(heads), "|" + "---|" * len(heads), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {_without_pipes(one_line(cell))} " for cell in cells) + "|"


def _without_pipes(cell: str) -> str:
    """Write pipes as characters, but for those in code, where they are nothing else."""
    parts = re.split(r"(`[^`]*`)", cell)
    return "".join(part if part.startswith("`") else part.replace("|", "&#124;") for part in parts)


def one_line(text: str) -> str:
    """Join the lines of a docstring or a comment."""
    return re.sub(r"\s*\n\s*", " ", text.strip())


def code(text: str) -> str:
    """Write a value as code; a pipe within needs no escape outside of a table."""
    return f"`{text}`" if text else ""


def definition(term: str, *paragraphs: str) -> str:
    """Write one term of a definition list."""
    told = "\n\n    ".join(text for text in paragraphs if text)
    return f"{term}\n\n:   {told}\n"
