"""Every block of code on a page is checked: by its language, or by a test that is named here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from docs.making import readmes
from gateway.signaling.messages import MessageError, parse
from tests.docs.blocks import (
    PAGES,
    TREE,
    Block,
    all_blocks,
    blocks,
    indented,
    indented_lines,
    read,
)
from tests.docs.commands_of import refusal, syntax
from tests.docs.settings_of import settings_of
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NIGHT = "tests/end_to_end/test_night.py"
SNIPPETS = "tests/examples/test_snippets.py"
# Blocks that another test runs: the page, how the block begins, and the test
RUN_ELSEWHERE = (
    ("docs/five-minutes.md", "", "tests/examples/test_five_minutes.py"),
    ("docs/webhooks.md", "from pathlib import Path", "tests/gateway/webhooks/test_example.py"),
    ("docs/operating.md", "api() {", NIGHT),
    ("docs/operating.md", "jq -r", NIGHT),
    ("docs/http-api.md", "curl", NIGHT),
    ("README.md", "<script", SNIPPETS),
    ("docs/button.md", "<script", SNIPPETS),
    ("gateway/web/README.md", '<button id="call">', SNIPPETS),
    ("gateway/web/README.md", "const device = new Device({ f", SNIPPETS),
    ("gateway/web/README.md", 'device.on("incoming"', SNIPPETS),
    ("gateway/web/README.md", 'device.on("restored"', SNIPPETS),
    ("gateway/web/README.md", "const test = Device.runPreflight", SNIPPETS),
    ("examples/tokens/README.md", "curl", "tests/examples/test_tokens.py"),
)
OURS = re.compile(r"(?:\.venv/bin/)?gateway \w|make \w")
OTHERS = [text.path for text in readmes.PAGES.values() if (TREE / text.path).exists()]
EXPORTED = re.compile(r"^export \{ ([\w, ]+) \}", re.MULTILINE)
IMPORTED = re.compile(r'import \{ ([\w, ]+) \} from "[^"]*/sdk/voice-client(?:\.min)?\.js"')
SDK = TREE / "gateway" / "web" / "sdk"
ELEMENT = re.compile(r"<click-to-call\b([^>]*)>")
SOURCE = re.compile(r'src="[^"]*/sdk/([^"]+)"')
LOADED = re.compile(r'["`][^"`]*/sdk/([\w.-]+\.js)["`]')
COPIED = (".html", ".jsx", ".vue", ".js")
SCRIPT = re.compile(r'<script type="module">\n(.*?)</script>', re.DOTALL)


def toml(block: Block, tmp_path: Path) -> None:
    settings_of(block.text, tmp_path)


def json_(block: Block, tmp_path: Path) -> None:
    message = json.loads(block.text)
    if "data" in message:
        assert message["type"] in ("ringing", "answered", "ended", "limit")
    else:
        parse(block.text)


def script(block: Block, tmp_path: Path) -> None:
    """Node reads it as a module, and the browser client exports what it imports."""
    text = block.text
    if block.language == "html":
        assert unknown_attributes(text) == set()
        assert [name for name in SOURCE.findall(text) if not (SDK / name).exists()] == []
        assert [name for name in LOADED.findall(text) if not name.endswith(".min.js")] == []
        text = "\n".join(SCRIPT.findall(text))
    file = tmp_path / "block.mjs"
    file.write_text(text)
    read_ = subprocess.run([require("node"), "--check", file], capture_output=True, text=True)
    assert read_.returncode == 0, read_.stderr
    source = (SDK / "voice-client.js").read_text()
    exported = {name for names in EXPORTED.findall(source) for name in names.split(", ")}
    for names in IMPORTED.findall(text):
        assert set(names.split(", ")) <= exported


def unknown_attributes(text: str) -> set[str]:
    """Return what an element of ours is given and none of its sources reads."""
    given = {name for tag in ELEMENT.findall(text) for name in re.findall(r'([\w-]+)="', tag)}
    sources = [path.read_text() for path in (SDK / "button").glob("*.js")]
    read_ = {name for name in given if any(f'"{name}"' in source for source in sources)}
    return given - read_ - {"id", "class", "dir", "lang"}


def shell(block: Block, tmp_path: Path) -> None:
    assert syntax(block.text) == ""
    assert [said for line in block.text.splitlines() if (said := refusal(line))] == []


def nothing(block: Block, tmp_path: Path) -> None:
    """Drawings."""


CHECKS: dict[str, Callable[[Block, Path], None]] = {
    "console": shell,
    "html": script,
    "js": script,
    "json": json_,
    "sh": shell,
    "text": nothing,
    "toml": toml,
}


def runner_of(block: Block) -> str | None:
    """Return the test that runs a block, if it is not checked here."""
    for page, begins, test in RUN_ELSEWHERE:
        if block.page == page and block.text.startswith(begins):
            return test
    return None


@pytest.mark.parametrize("block", all_blocks(), ids=str)
def test_a_block_is_right(block: Block, tmp_path: Path) -> None:
    elsewhere = runner_of(block)
    if elsewhere is None:
        assert block.language in CHECKS, f"{block}: nobody checks {block.language or 'this'}"
        CHECKS[block.language](block, tmp_path)
    else:
        assert (TREE / elsewhere).exists()
        assert block.language != "sh" or syntax(block.text) == ""
        if block.language in ("html", "js"):  # a test may have put its own address in
            script(block, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    assert indented(read(page)) == []


@pytest.mark.parametrize("page", OTHERS)
def test_commands_of_other_texts_are_there(page: str) -> None:
    """Of blocks in READMEs, which have no language: each `make` and `gateway` can be typed."""
    ours = [line for line in indented_lines(read(page)) if OURS.match(line)]
    assert [(line, said) for line in ours if (said := refusal(line.rstrip("\\")))] == []


def test_every_test_of_the_table_has_its_block() -> None:
    found = {runner_of(block) for block in all_blocks()}
    wanted = {test for page, _, test in RUN_ELSEWHERE if (TREE / page).exists()}
    assert wanted <= found


# ---- the checks themselves -----------------------------------------------------------------------


def block_of(language: str, text: str) -> Block:
    (block,) = blocks("docs/page.md", f"# Page\n\n```{language}\n{text}\n```\n")
    return block


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("toml", "[http]\nlisten_on = 5"),
        ("toml", '[[trunks]]\ncodecs = ["mp3"]'),
        ("json", '{"type": "hangup"}'),
        ("json", "{"),
        ("js", "const a = ;"),
        ("js", 'import { Phone } from "https://gateway.example/sdk/voice-client.js";'),
        ("html", '<script type="module">\nlet a = (;\n</script>'),
        ("html", '<script type="module" src="https://gateway.example/sdk/call-me.js"></script>'),
        (
            "html",
            '<script type="module" src="https://gateway.example/sdk/click-to-call.js"></script>',
        ),
        ("html", '<click-to-call to="+1555" colour="red"></click-to-call>'),
        ("sh", "make coffee"),
        ("sh", "gateway brew"),
        ("sh", "curl http://127.0.0.1:8080/v2/calls"),
        ("sh", "rm -rf /"),
        ("sh", "if true; then"),
    ],
)
def test_what_is_wrong_is_found(language: str, text: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError, MessageError)):
        CHECKS[language](block_of(language, text), tmp_path)


def test_a_block_without_a_fence_is_found() -> None:
    assert indented("Type\n\n    make run\n\nand wait.\n") == ["make run"]
    assert indented("- Type\n\n      make run\n") == ["make run"]
    assert indented("```js\na;\n\n    b;\n```\n") == []


def test_pages_to_copy_load_what_is_small() -> None:
    """The readable files are three times as much, in sixty requests."""
    loaded = []
    for folder, below, names in os.walk(TREE / "examples"):
        below[:] = set(below) - {"node_modules"}  # thousands of files, where they are built
        pages = [TREE / folder / name for name in names if name.endswith(COPIED)]
        loaded += [name for page in pages for name in LOADED.findall(page.read_text())]
    assert {"click-to-call.min.js", "voice-client.min.js"} == set(loaded)
