"""No statement stands in two places: what is changed in one would be wrong in the other."""

from __future__ import annotations

from collections import defaultdict

from docs.making import readmes
from tests.docs.blocks import PAGES, TREE, read, without_code

LONG = 50  # characters of a line that is no coincidence
# What is a page, or belongs to a folder of the gateway's. Examples repeat how they are started
TEXTS = {
    *PAGES,
    *(text.path for text in readmes.PAGES.values() if (TREE / text.path).exists()),
    *(str(path.relative_to(TREE)) for path in TREE.glob("gateway/**/README.md")),
}


def twice(texts: dict[str, str]) -> dict[str, list[str]]:
    """Return the lines that stand in more than one text, outside of code."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, text in texts.items():
        for line in {line.strip() for line in without_code(text).splitlines()}:
            if len(line) >= LONG and not set(line) <= set("|-: "):
                found[line].append(name)
    return {line: names for line, names in found.items() if len(names) > 1}


def test_no_line_stands_twice() -> None:
    assert twice({name: read(name) for name in TEXTS}) == {}


def test_a_line_that_stands_twice_is_found() -> None:
    line = "A gateway that is out of service takes no new calls."
    assert twice({"a": f"# A\n\n{line}\n", "b": f"- b\n{line}\n", "c": f"```\n{line}\n```\n"}) == {
        line: ["a", "b"]
    }
