"""Which other texts of the project are pages as they are, and where links lead on the site.

A folder's README is written where its readers are. What it says to users is a page as well, or part
of one; no text stands in two places.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Text:
    """A Markdown file of the project; `without` are the headings of sections for developers."""

    path: str
    without: tuple[str, ...] = ()


# Page: what it shows
PAGES = {
    "index.md": Text("README.md"),
    "sdk.md": Text("gateway/web/README.md", without=("Working on it",)),
    "tokens.md": Text("examples/tokens/README.md"),
    "deploy.md": Text("examples/deploy/README.md"),
    "container.md": Text("examples/container/README.md"),
    "monitoring.md": Text("examples/monitoring/README.md"),
    "load-test.md": Text("examples/load-test/README.md"),
    "migrate-twilio.md": Text("examples/migrate-twilio/README.md"),
    "examples.md": Text("examples/README.md"),
    "click-to-call.md": Text("examples/click-to-call/README.md"),
    "react.md": Text("examples/react/README.md"),
    "vue.md": Text("examples/vue/README.md"),
    "agent-desktop.md": Text("examples/agent-desktop/README.md"),
    "contributing.md": Text("CONTRIBUTING.md"),
    "benchmarks.md": Text("tests/bench/README.md"),
    "attacks.md": Text("tests/security/README.md"),
    "interop.md": Text("tests/interop/README.md"),
    "changelog.md": Text("CHANGELOG.md"),
}

_BY_PATH = {text.path: page for page, text in PAGES.items()}
_FENCE = re.compile(r"^( *)(```|~~~)")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def source_of(page: str) -> str:
    """Return the path of what a page shows, from the project's folder."""
    return PAGES[page].path if page in PAGES else f"docs/{page}"


def read(page: str) -> str:
    """Return the text of a page that stands elsewhere, as it is to be shown."""
    text = PAGES[page]
    kept = (TREE / text.path).read_text(encoding="utf-8")
    for heading in text.without:
        kept = kept.replace(section(kept, heading), "")
    return kept


def section(text: str, heading: str) -> str:
    """Return a section with its heading and all below it; "" where there is none."""
    wanted = re.compile(rf"(#+) {re.escape(heading)}")
    begin, level = None, 0
    for place, line in _lines_outside_code(text):
        if begin is None and (found := wanted.fullmatch(line)):
            begin, level = place, len(found[1])
        elif begin is not None and re.match(rf"#{{1,{level}}} ", line):
            return text[begin:place]
    return "" if begin is None else text[begin:]


def _lines_outside_code(text: str) -> list[tuple[int, str]]:
    """Return the lines that stand in no fence, each with its place in the text."""
    found, place, fenced = [], 0, False
    for line in text.splitlines(keepends=True):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            found.append((place, line.rstrip("\n")))
        place += len(line)
    return found


def on_the_site(text: str, path: str) -> str:
    """Have each relative link of a text lead to a page; what is no page is named and not linked."""
    folder = posixpath.dirname(path)
    lines = text.splitlines(keepends=True)
    fenced = False
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            lines[number] = _LINK.sub(lambda link: _linked(link, folder), line)
    return "".join(lines)


def _linked(link: re.Match[str], folder: str) -> str:
    mark, told, target = link.groups()
    if re.match(r"[a-z]+:|#|/", target):
        return link[0]
    told = _LINK.sub(lambda inner: _linked(inner, folder), told)  # a picture that is a link
    path, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(folder, path))
    page = _BY_PATH.get(path) or _BY_PATH.get(f"{path}/README.md")
    if page is None and path.startswith("docs/"):
        page = path.removeprefix("docs/")
    if page is None:
        return told
    return f"{mark}[{told}]({page}{'#' + anchor if anchor else ''})"
