"""The classes of the browser client, from the declarations that tsc has made of its sources.

These know what the sources only imply: the types of properties, and those that a constructor sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gateway
from docs.making.jsdoc import IMPORTED, Comment, read_comment

SDK = (Path(gateway.__file__).parent / "web" / "sdk").resolve()
TYPES = SDK / "types"

_CLASS = re.compile(
    r"^(?:/\*\*(?P<comment>(?:(?!\*/).)*)\*/\n)?"
    r"export declare class (?P<name>\w+)(?:<.*?>)?(?: extends (?P<base>[^{]+?))? \{\n"
    r"(?P<body>.*?)^\}",
    re.DOTALL | re.MULTILINE,
)
_BASE = re.compile(r"^declare const Base: new \(\) => (.+);$", re.MULTILINE)
_MEMBER = re.compile(
    r"(?P<static>static )?(?P<word>get |set |readonly |protected )?"
    r"(?P<name>[A-Za-z]\w*)(?P<rest>.*)",
    re.DOTALL,
)
_WITHIN = re.compile(r"/\*.*?\*/ ?", re.DOTALL)
_CONSTANT = re.compile(r"^export declare const (\w+): (.+);$", re.MULTILINE)
_EXPORT = re.compile(r'^export \{ ([\w, ]+) \} from "\./([\w./-]+)";', re.MULTILINE)
_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "([\w./-]+)";', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Member:
    """What a class has: a method, or else a property with its type."""

    name: str
    kind: str
    is_property: bool
    is_static: bool
    comment: Comment


@dataclass(frozen=True, slots=True)
class Class:
    """A class; `source` is its JavaScript, `base` what it extends, as a type."""

    name: str
    source: Path
    base: str
    comment: Comment
    members: tuple[Member, ...]


def source_of(declarations: Path) -> Path:
    """Return the file that declarations are of."""
    name = declarations.relative_to(TYPES).as_posix().removesuffix(".d.ts")
    return SDK / f"{name}.js"


def declarations_of(source: Path) -> Path:
    """Return what tsc has made of a source."""
    name = source.relative_to(SDK).as_posix().removesuffix(".js")
    return TYPES / f"{name}.d.ts"


def exported() -> dict[str, Path]:
    """Return all that a page may import, each with its source."""
    text = (SDK / "voice-client.js").read_text(encoding="utf-8")
    return {
        name.strip(): SDK / file
        for names, file in _EXPORT.findall(text)
        for name in names.split(",")
    }


def classes(source: Path) -> dict[str, Class]:
    """Return the classes that a source exports."""
    text = declarations_of(source).read_text(encoding="utf-8")
    base = _BASE.search(text)
    return {
        found["name"]: Class(
            found["name"],
            source,
            base[1] if base and found["base"] == "Base" else (found["base"] or ""),
            read_comment(found["comment"] or ""),
            tuple(_members(found["body"])),
        )
        for found in _CLASS.finditer(text)
    }


def imported(source: Path) -> dict[str, Path]:
    """Return the classes that declarations have from others, each with its source."""
    text = declarations_of(source).read_text(encoding="utf-8")
    return {
        name.strip(): (source.parent / file).resolve()
        for names, file in _IMPORT.findall(text)
        for name in names.split(",")
    }


def constants(source: Path) -> dict[str, tuple[str, Comment]]:
    """Return the values that a source exports, each with its type."""
    text = declarations_of(source).read_text(encoding="utf-8")
    found = {}
    for match in _CONSTANT.finditer(text):
        comment = re.search(r"/\*\*((?:(?!\*/).)*)\*/\n$", text[: match.start()], re.DOTALL)
        found[match[1]] = (match[2], read_comment(comment[1] if comment else ""))
    return found


def _members(body: str) -> Iterator[Member]:
    seen = set()
    for comment, statement in _statements(body):
        match = _MEMBER.fullmatch(statement)
        if match is None or match["word"] in ("set ", "protected ") or match["name"] in seen:
            continue  # what is #private or @protected, or has been told by its getter
        seen.add(match["name"])
        is_property = match["word"] is not None or not match["rest"].startswith(("(", "<"))
        bare = _WITHIN.sub("", match["rest"]).removeprefix("()").removeprefix(":")
        kind = re.sub(r"\s+", " ", bare.strip())
        yield Member(
            match["name"],
            kind if is_property else returned(match["rest"]),
            is_property,
            bool(match["static"]),
            read_comment(comment),
        )


def _statements(body: str) -> Iterator[tuple[str, str]]:
    """Yield each member of a class with the comment above it."""
    comment, place = "", 0
    while (left := body[place:].lstrip()) != "":
        place = len(body) - len(left)
        if left.startswith("/**"):
            end = body.index("*/", place)
            comment, place = body[place + 3 : end], end + 2
            continue
        end = place + _length(left)
        yield comment, body[place:end].strip()
        comment, place = "", end + 1


def _length(text: str) -> int:
    """Return how long the statement is that a text begins with."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == ";" and depth == 0:
            return place
    return len(text)


def returned(signature: str) -> str:
    """Return the type of what a method returns: what stands behind its brackets."""
    depth = 0
    for place, letter in enumerate(signature):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and letter == ")":
            return re.sub(r"\s+", " ", signature[place + 1 :].removeprefix(":").strip())
    return ""


def names_of_base(base: str) -> list[tuple[str, str]]:
    """Return the types that a class is joined with, each with the file it comes from."""
    return [(name, file) for file, name in IMPORTED.findall(base)]
