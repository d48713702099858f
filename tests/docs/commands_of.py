"""Whether what a page tells somebody to type is there to be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable

from gateway.cli import make_parser
from tests.docs.blocks import TREE
from tests.examples.test_operating import served

COMMAND = re.compile(r"(?:\.venv/bin/)?gateway")


def refusal(line: str) -> str | None:
    """Say what is wrong with a line of a shell; None if nothing is, or where it is a comment."""
    words = shlex.split(re.sub(r"\$\([^)]*\)", "1", line), comments=True)  # what it puts out
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words = words[1:]
    if not words:
        return None
    for known, check in KNOWN.items():
        if re.fullmatch(known, words[0]):
            return check(words[1:])
    return f"nobody checks {words[0]!r}"


def _make(words: list[str]) -> str | None:
    target = words[0] if words else "help"
    made = re.search(rf"^{re.escape(target)}:.*## ", (TREE / "Makefile").read_text(), re.MULTILINE)
    return None if made else f"the Makefile has no {target!r}"


def _gateway(words: list[str]) -> str | None:
    try:
        make_parser(words[:1]).parse_args(words)
    except SystemExit:
        return f"`gateway` does not take {words}"
    return None


def _curl(words: list[str]) -> str | None:
    (url,) = [word for word in words if word.startswith("http")]
    path = re.sub(r"^https?://[^/]+", "", url).partition("?")[0]
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    return None if (method, path) in set(served()) else f"nothing serves {method} {path}"


def _clone(words: list[str]) -> str | None:
    return None if words[:1] == ["clone"] else f"what is `git {words}` for?"


def _folder(words: list[str]) -> str | None:
    return None if len(words) == 1 else "a folder has one name"


KNOWN: dict[str, Callable[[list[str]], str | None]] = {
    r"make": _make,
    r"(\.venv/bin/)?gateway": _gateway,
    r"curl": _curl,
    r"git": _clone,
    r"cd": _folder,
}


def syntax(text: str) -> str:
    """Return what a shell says of a script that it reads and does not run."""
    read = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return read.stderr
