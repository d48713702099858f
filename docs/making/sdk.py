"""The browser client by name: classes, options and events, from the JSDoc of its sources.

What `voice-client.js` exports is public, and so are the types that it names. JSDoc is read as the
sources have it, by rules that need no JavaScript to build the pages: a comment, then what it is of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import gateway
from docs.making.markdown import code, one_line, table

SDK = Path(gateway.__file__).parent / "web" / "sdk"

# What the classes call each other by
INTERNAL = {"Call": {"constructor", "start", "recover"}, "Preflight": {"constructor"}}

_COMMENT = re.compile(r"^( *)/\*\*(.*?)\*/[ ]*\n?", re.DOTALL | re.MULTILINE)
_EXPORT = re.compile(r'^export \{ ([\w, ]+) \} from "\./([\w./-]+)";', re.MULTILINE)
_TYPE = re.compile(r'@typedef \{import\("\./([\w./-]+)"\)\.(\w+)\} (\w+)')
_MEMBER = re.compile(
    r"^  (?P<static>static )?(?:async )?(?P<get>get )?(?P<name>[a-zA-Z]\w*)\([^\n]*\) \{$",
    re.MULTILINE,
)
_IMPORTED = re.compile(r'import\("[^"]+"\)\.')


@dataclass(frozen=True, slots=True)
class Tag:
    """A line of JSDoc that begins with @: `@param {kind} name text`."""

    word: str
    kind: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What stands between `/**` and `*/`."""

    text: str
    tags: tuple[Tag, ...]

    def of(self, word: str) -> list[Tag]:
        """Return the tags of one kind."""
        return [tag for tag in self.tags if tag.word == word]


@dataclass(frozen=True, slots=True)
class Member:
    """A method or a getter of a class."""

    name: str
    is_getter: bool
    is_static: bool
    comment: Comment


def read_comment(inside: str) -> Comment:
    """Take a comment apart."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in inside.strip().splitlines()]
    text, *tags = re.split(r"(?:^|\n)(?=@)", "\n".join(lines).strip())
    return Comment(_IMPORTED.sub("", text).strip(), tuple(_tag(tag) for tag in tags))


def _tag(text: str) -> Tag:
    word, rest = (*text[1:].split(None, 1), "")[:2]
    kind, rest = _braces(rest)
    name = ""
    if word in ("param", "property", "typedef", "template"):
        name, rest = (*rest.split(None, 1), "", "")[:2]
    return Tag(word, _IMPORTED.sub("", one_line(kind)), name, _IMPORTED.sub("", one_line(rest)))


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
    for match in _COMMENT.finditer(source):
        comment = read_comment(match[2])
        for tag in comment.of("typedef"):
            if tag.kind != tag.name:  # what another file defines has been brought here by its name
                found[tag.name or tag.kind] = comment
    return found


def members(source: str, name: str) -> list[Member]:
    """Return what a class shows: no `#private`, nothing `@protected`, in the order of the file."""
    body = re.search(rf"^export class {name}\b.*?\n(.*?)^\}}", source, re.DOTALL | re.MULTILINE)
    if body is None:
        raise ValueError(f"there is no class {name}")
    text = body[1]
    comments = {match.end(): read_comment(match[2]) for match in _COMMENT.finditer(text)}
    found = []
    for match in _MEMBER.finditer(text):
        comment = comments.get(match.start(), Comment("", ()))
        if match["name"] in INTERNAL.get(name, ()) or comment.of("protected"):
            continue
        found.append(Member(match["name"], bool(match["get"]), bool(match["static"]), comment))
    return found


def classes() -> dict[str, Path]:
    """Return the public classes and the files that they stand in."""
    text = (SDK / "voice-client.js").read_text(encoding="utf-8")
    exported = [
        (name.strip(), SDK / file)
        for names, file in _EXPORT.findall(text)
        for name in names.split(",")
    ]
    return {
        name: path
        for name, path in exported
        if re.search(rf"^export class {name}\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }


@cache
def types() -> dict[str, Comment]:
    """Return the public types, by the names that pages call them."""
    text = (SDK / "voice-client.js").read_text(encoding="utf-8")
    return {told: _defined(SDK / file, name) for file, name, told in _TYPE.findall(text)}


def _defined(file: Path, name: str) -> Comment:
    source = file.read_text(encoding="utf-8")
    comment = typedefs(source).get(name)
    if comment is None:  # the file has brought it from another
        brought = [(file, was) for file, was, told in _TYPE.findall(source) if told == name]
        if not brought:
            raise LookupError(f"{file.name} defines no type {name}")
        ((path, was),) = brought
        return _defined(file.parent / path, was)
    (tag,) = [tag for tag in comment.of("typedef") if name in (tag.name, tag.kind)]
    return Comment(comment.text, (tag, *comment.of("property")))


def _events(name: str) -> Comment | None:
    found = (typedefs(path.read_text(encoding="utf-8")) for path in (SDK / "voice").glob("*.js"))
    return next((known[name] for known in found if name in known), None)


def reference() -> str:
    """Write all classes with their events, then the types."""
    shown = sorted(classes(), key=lambda name: name != "Device")  # with it every page begins
    told = [_type(*each) for each in types().items()]
    return "\n\n".join([*map(_class, shown), "## Types", *told])


def _class(name: str) -> str:
    source = classes()[name].read_text(encoding="utf-8")
    shown = members(source, name)
    text = [f"## {name}", *(_member(name, member) for member in shown)]
    events = _events(f"{name}Events")
    if events is not None:
        rows = _rows_of_events(events)
        text += [f"### Events of {name}", table(("event", "arguments", "when"), rows)]
    return "\n\n".join(text)


def _rows_of_events(events: Comment) -> Iterator[tuple[str, str, str]]:
    for tag in events.of("property"):
        yield code(tag.name), code(tag.kind.removeprefix("[").removesuffix("]")), tag.text


def _member(owner: str, member: Member) -> str:
    before = f"{owner}." if member.is_static else ""
    title = f"new {owner}" if member.name == "constructor" else f"{before}{member.name}"
    names = ", ".join(_argument(tag) for tag in member.comment.of("param") if "." not in tag.name)
    told = title if member.is_getter else f"{title}({names})"
    text = [f"### `{told}` {{#{owner.lower()}-{member.name.lower()}}}"]
    text += [one_line(part) for part in re.split(r"\n\s*\n", member.comment.text)]
    rows = [(code(tag.name), _kind(tag.kind), tag.text) for tag in member.comment.of("param")]
    if rows:
        text.append(table(("argument", "type", ""), rows))
    text += [f"Returns {code(tag.kind)}{_after(tag.text)}" for tag in member.comment.of("returns")]
    text += [f"Is {code(tag.kind)}{_after(tag.text)}" for tag in member.comment.of("type")]
    text += [f"Throws {code(tag.kind)}{_after(tag.text)}" for tag in member.comment.of("throws")]
    return "\n\n".join(part for part in text if part)


def _kind(kind: str) -> str:
    """Write a type; one of the page's own leads to its fields."""
    return f"[{code(kind)}](#type-{kind.lower()})" if kind in types() else code(kind)


def _argument(tag: Tag) -> str:
    return f"{tag.name[1:-1].partition('=')[0]}?" if tag.name.startswith("[") else tag.name


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _type(name: str, comment: Comment) -> str:
    (defined,) = comment.of("typedef")
    text = [f"### `{name}` {{#type-{name.lower()}}}", comment.text, defined.text]
    rows = [(code(tag.name), _kind(tag.kind), tag.text) for tag in comment.of("property")]
    text.append(table(("field", "type", ""), rows) if rows else code(defined.kind))
    return "\n\n".join(part for part in text if part)
