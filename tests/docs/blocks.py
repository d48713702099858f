"""The code blocks of pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "gateway/web/README.md",
    "examples/tokens/README.md",
    *sorted(f"docs/{p.name}" for p in TREE.glob("docs/*.md")),
)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"\n\n {4,}\S.*")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code, and where it stands."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, text: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    return [
        Block(page, text.count("\n", 0, fence.start()) + 1, fence[1], fence[2])
        for fence in _FENCE.finditer(text)
    ]


def indented(text: str) -> list[str]:
    """Return how blocks begin that no fence gives a language to."""
    return [found[0].strip() for found in _INDENTED.finditer(_FENCE.sub("", text))]


def without_code(text: str) -> str:
    """Return a page without its blocks of code, fenced or indented."""
    return re.sub(r"^ {4,}.*$", "", _FENCE.sub("", text), flags=re.MULTILINE)


def indented_lines(text: str) -> list[str]:
    """Return the lines of blocks that no fence gives a language to."""
    return [
        line.strip() for line in re.findall(r"^ {4,}(\S.*)$", _FENCE.sub("", text), re.MULTILINE)
    ]


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks(page, read(page))]


def read(page: str) -> str:
    return (TREE / page).read_text(encoding="utf-8")
