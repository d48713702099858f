"""JSDoc, taken apart: what a comment says, and the types that a file defines by one.

By rules that need no JavaScript to build the pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from docs.making.markdown import one_line

COMMENT = re.compile(r"^( *)/\*\*(.*?)\*/[ ]*\n?", re.DOTALL | re.MULTILINE)
BROUGHT = re.compile(r'@typedef \{import\("([\w./-]+)"\)\.(\w+)\} (\w+)')
IMPORTED = re.compile(r'import\("([^"]+)"\)\.(\w+)')
_NAMES = re.compile(r"\b[A-Z]\w+")


@dataclass(frozen=True, slots=True)
class Tag:
    """A line of JSDoc that begins with @: `@param {kind} name text`.

    `raw` is the kind as it is written, with the files that its names come from.
    """

    word: str
    kind: str
    name: str
    text: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """What stands between `/**` and `*/`."""

    text: str
    tags: tuple[Tag, ...]

    def of(self, word: str) -> list[Tag]:
        """Return the tags of one kind."""
        return [tag for tag in self.tags if tag.word == word]


def read_comment(inside: str) -> Comment:
    """Take a comment apart."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in inside.strip().splitlines()]
    text, *tags = re.split(r"(?:^|\n)(?=@)", "\n".join(lines).strip())
    return Comment(plain(text).strip(), tuple(_tag(tag) for tag in tags))


def _tag(text: str) -> Tag:
    word, rest = (*text[1:].split(None, 1), "")[:2]
    kind, rest = _braces(rest)
    name = ""
    if word in ("param", "property", "typedef", "template"):
        name, rest = (*rest.split(None, 1), "", "")[:2]
    raw = one_line(kind)
    return Tag(word, plain(raw), name, plain(one_line(rest)), raw)


def plain(text: str) -> str:
    """Leave out which files the names of a type come from."""
    return IMPORTED.sub(r"\2", text)


def _braces(text: str) -> tuple[str, str]:
    """Split off what stands in braces at the beginning; there may be braces in it."""
    if not text.startswith("{"):
        return "", text
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return text[1:place].strip(), text[place + 1 :].strip()
    raise ValueError(f"a brace is open: {text[:60]}")


def typedefs(source: str) -> dict[str, Comment]:
    """Return the types that a file defines, each with its properties as tags."""
    found: dict[str, Comment] = {}
    for match in COMMENT.finditer(source):
        comment = read_comment(match[2])
        for tag in comment.of("typedef"):
            if tag.kind != tag.name:  # what another file defines has been brought here by its name
                found[tag.name or tag.kind] = comment
    return found


@dataclass(frozen=True, slots=True)
class Type:
    """A type, and the file that defines it."""

    name: str
    file: Path
    comment: Comment = field(compare=False)

    @property
    def definition(self) -> Tag:
        """The line that defines it."""
        (tag,) = [tag for tag in self.comment.of("typedef") if self.name in (tag.name, tag.kind)]
        return tag


@cache
def _read(file: Path) -> tuple[dict[str, Comment], dict[str, tuple[Path, str]]]:
    """Return the types that a file defines, and those that it has from others."""
    if not file.exists():
        return {}, {}
    source = file.read_text(encoding="utf-8")
    brought = {
        told: ((file.parent / at).resolve(), name) for at, name, told in BROUGHT.findall(source)
    }
    own = {name: each for name, each in typedefs(source).items() if name not in brought}
    return own, brought


def find(name: str, file: Path) -> Type | None:
    """Return the type that a file calls so; None where it is none of ours, or a class."""
    own, brought = _read(file)
    if name in own:
        return Type(name, file, own[name])
    if name in brought:
        at, was = brought[name]
        return find(was, at)
    return None


def named_in(raw: str, file: Path) -> list[Type]:
    """Return our types that a type is written with."""
    elsewhere = [find(name, (file.parent / at).resolve()) for at, name in IMPORTED.findall(raw)]
    here = [find(name, file) for name in _NAMES.findall(IMPORTED.sub("", raw))]
    return [each for each in (*elsewhere, *here) if each is not None]
