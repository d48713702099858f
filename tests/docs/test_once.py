"""No statement stands in two places: what is changed in one would be wrong in the other."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from docs.making import readmes
from tests.docs.blocks import PAGES, TREE, all_blocks, read, without_code

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


# What was told in several places, in other words each, and the one that tells it now
PLACES = {
    r"media-src blob: mediastream:": "docs/button.md",
    r"seven days|after a week": "docs/security.md",
    r"`?(?:media\.)?browser_port`?[^\n]*\| audio|let in `browser_port`": "docs/networks.md",
    r"[Nn]ew first line": "docs/operating.md",
    r"# [^\n]*\b\d+ to \d+\b(?! s\b)": None,  # configuration.md makes ranges from the model
}


@pytest.mark.parametrize("words", PLACES)
def test_a_rule_is_told_in_one_place(words: str) -> None:
    place = PLACES[words]
    texts = [(name, read(name)) for name in sorted(TEXTS - {"CHANGELOG.md"})]
    if place is None:
        texts = [(f"{each}", each.text) for each in all_blocks() if each.language == "toml"]
    found = [name for name, text in texts if re.search(words, text)]
    assert found == ([] if place is None else [place])
