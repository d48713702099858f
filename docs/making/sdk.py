"""The browser client by name: classes, options and events, from the JSDoc of its sources.

What `voice-client.js` exports is public, and so is what that is written with: the classes of its
properties, the types of its arguments, and theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from docs.making.declarations import (
    SDK,
    Class,
    Member,
    classes,
    constants,
    exported,
    imported,
    names_of_base,
)
from docs.making.jsdoc import BROUGHT, Comment, Tag, Type, find, named_in, plain
from docs.making.markdown import code, one_line, table

# What the classes call each other by
INTERNAL = {
    "AudioDevices": {"calls", "constraints", "constructor", "follow"},
    "Call": {"constructor", "recover", "start"},
    "Emitter": {"watch"},
    "Preflight": {"constructor"},
}
# What declarations do not say: they leave out what JavaScript's own `Error` has
ERROR_NAME = Member(
    "name", "string", True, False, Comment("A word of `ENDINGS`, or a newer one.", ())
)
VALUES = {"ENDINGS": "All words, each with its kind and code: [errors and causes](errors.md)."}

_ALIAS = r"^  {}: (?:async )?\([^()]*(?:\([^()]*\)[^()]*)*\) => (.+?),?(?: //.*)?$"


@cache
def public() -> dict[str, Class]:
    """Return the classes that a page comes across; `Device`, with which it begins, is the first."""
    found: dict[str, Class] = {}
    for name, source in exported().items():
        found |= {known: each for known, each in classes(source).items() if known == name}
    for owner in list(found.values()):
        there = imported(owner.source)
        for member in shown(owner):
            for name in re.findall(r"\w+", member.kind) if member.is_property else ():
                if name in there and name not in found:
                    found[name] = classes(there[name])[name]
    found |= classes(imported(found["Device"].source)["Emitter"])
    return dict(sorted(found.items(), key=lambda each: (each[0] == "Emitter", each[0] != "Device")))


def shown(owner: Class) -> list[Member]:
    """Return what a class shows: nothing internal."""
    members = [*owner.members, *([ERROR_NAME] if owner.base == "Error" else [])]
    return [each for each in members if each.name not in INTERNAL.get(owner.name, set())]


def aliases(owner: Class) -> Type | None:
    """Return the other names of what a class does."""
    for name, file in names_of_base(owner.base):
        return find(name, (owner.source.parent / file).resolve())
    return None


def events(owner: Class) -> Type | None:
    """Return the events of a class."""
    told = re.search(r"Emitter<(\w+)>", owner.base)
    return find(told[1], owner.source) if told else None


@cache
def types() -> dict[Type, str]:
    """Return the public types with their names: those that pages import, then what these need."""
    client = SDK / "voice-client.js"
    told = [name for *_, name in BROUGHT.findall(client.read_text(encoding="utf-8"))]
    found = {kind: name for name in told if (kind := find(name, client)) is not None}
    waiting = [*found, *(kind for owner in public().values() for kind in _needed(owner))]
    for raw, _, source in _constants().values():
        waiting += named_in(raw, source)
    while waiting:
        kind = waiting.pop(0)
        if kind not in found and kind.name not in public():
            taken = kind.name in found.values()
            found[kind] = f"{kind.file.stem.capitalize()}{kind.name}" if taken else kind.name
        fields = [*kind.comment.of("property"), kind.definition]
        more = [each for tag in fields for each in named_in(tag.raw, kind.file)]
        waiting += [each for each in more if each not in found and each not in waiting]
    return found


def _needed(owner: Class) -> Iterator[Type]:
    """Yield the types that a class is written with."""
    for member in shown(owner):
        tags = [*member.comment.of("param"), *member.comment.of("returns")]
        for raw in (member.kind, *(tag.raw for tag in tags)):
            yield from named_in(raw, owner.source)
    for kind in (events(owner), aliases(owner)):
        for tag in kind.comment.of("property") if kind else ():
            yield from named_in(tag.raw, kind.file) if kind else ()


def reference() -> str:
    """Write all classes with their events, then values and types."""
    told = [_type(kind, name) for kind, name in types().items()]
    return "\n\n".join([*map(_class, public().values()), _values(), "## Types", *told])


def _class(owner: Class) -> str:
    text = [f"## {owner.name}", *_paragraphs(owner.comment)]
    properties = [_property(owner, each) for each in shown(owner) if each.is_property]
    methods = [_method(owner, each) for each in shown(owner) if not each.is_property]
    if properties:
        text.append(table(("property", "type", ""), sorted(properties)))
    text += methods
    happens = events(owner)
    if happens is not None:
        rows = _rows_of_events(happens)
        text += [f"### Events of {owner.name}", table(("event", "arguments", "when"), rows)]
    also = aliases(owner)
    if also is not None:
        rows = _rows_of_aliases(also)
        text += [f"### Other names of {owner.name}", table(("method", "type", "does"), rows)]
    return "\n\n".join(part for part in text if part)


def _property(owner: Class, member: Member) -> tuple[str, str, str]:
    before = f"{owner.name}." if member.is_static else ""
    said = [tag.text for tag in member.comment.of("type") if tag.text]
    if not (member.comment.text or said):  # it may be told where it is given
        made = [each for each in owner.members if each.name == "constructor"]
        given = [tag for each in made for tag in each.comment.of("param")]
        said = [tag.text for tag in given if tag.name.strip("[]").endswith(f".{member.name}")]
    return (
        code(f"{before}{member.name}"),
        _kind(member.kind, owner.source),
        " ".join([one_line(member.comment.text), *said]).strip(),
    )


def _rows_of_events(kind: Type) -> Iterator[tuple[str, str, str]]:
    for tag in kind.comment.of("property"):
        yield code(tag.name), code(_told(tag.raw, kind.file)[1:-1]), tag.text


def _rows_of_aliases(kind: Type) -> Iterator[tuple[str, str, str]]:
    source = kind.file.read_text(encoding="utf-8")
    for tag in kind.comment.of("property"):
        does = re.search(_ALIAS.format(tag.name), source, re.MULTILINE)
        yield (
            code(tag.name),
            code(_told(tag.raw, kind.file)),
            tag.text or _done(does),
        )


def _done(found: re.Match[str] | None) -> str:
    """Write what an alias does, without what is there for types alone."""
    if found is None:
        return ""
    bare = re.sub(r"/\*.*?\*/ ?\((\w+)\)", r"\1", found[1])
    return code(bare[1:-1] if bare.startswith("(") else bare)


def _method(owner: Class, member: Member) -> str:
    before = f"{owner.name}." if member.is_static else ""
    title = f"new {owner.name}" if member.name == "constructor" else f"{before}{member.name}"
    params = member.comment.of("param")
    names = ", ".join(_argument(tag) for tag in params if "." not in tag.name)
    text = [f"### `{title}({names})` {{#{owner.name.lower()}-{member.name.lower()}}}"]
    text += _paragraphs(member.comment)
    rows = [(code(tag.name), _kind(tag.raw, owner.source), tag.text) for tag in params]
    if rows:
        text.append(table(("argument", "type", ""), rows))
    text += _returned(owner, member)
    throws = member.comment.of("throws")
    text += [f"Throws {_kind(tag.raw, owner.source)}{_after(tag.text)}" for tag in throws]
    return "\n\n".join(part for part in text if part)


def _returned(owner: Class, member: Member) -> list[str]:
    told = member.comment.of("returns")
    if told:
        return [f"Returns {_kind(tag.raw, owner.source)}{_after(tag.text)}" for tag in told]
    if member.kind in ("", "void", "Promise<void>", "this"):
        return []
    return [f"Returns {_kind(member.kind, owner.source)}"]


def _paragraphs(comment: Comment) -> list[str]:
    return [one_line(part) for part in re.split(r"\n\s*\n", comment.text)]


def _told(raw: str, file: Path) -> str:
    """Write a type by the names that pages call its parts; what is named like a class is told."""
    told = plain(raw)
    for kind in named_in(raw, file):
        name = types().get(kind, plain(kind.definition.raw))
        told = re.sub(rf"\b{kind.name}\b", name, told)
    return told


def _kind(raw: str, file: Path) -> str:
    """Write a type; one of the page's own leads to what it says."""
    told = _told(raw, file)
    named = [types()[kind] for kind in named_in(raw, file) if kind in types()]
    bare = re.sub(r"^(?:Promise|Partial)<(.+)>$", r"\1", told.removesuffix(" | null"))
    bare = bare.removesuffix("[]")
    if bare in (*named, *public()):
        anchor = bare if bare in public() else f"type-{bare}"
        return f"[{code(told)}](#{anchor.lower()})"
    links = [f"[{code(name)}](#type-{name.lower()})" for name in dict.fromkeys(named)]
    return f"{code(told)}: {', '.join(links)}" if links else code(told)


def _argument(tag: Tag) -> str:
    return f"{tag.name[1:-1].partition('=')[0]}?" if tag.name.startswith("[") else tag.name


def _after(text: str) -> str:
    return f": {text}" if text else ""


def _constants() -> dict[str, tuple[str, str, Path]]:
    """Return what a page imports and is no class: its type, what it is, and its source."""
    found = {}
    for name, source in exported().items():
        if name not in public():
            kind, comment = constants(source)[name]
            found[name] = (kind, VALUES.get(name) or one_line(comment.text), source)
    return found


def _values() -> str:
    rows = [
        (code(name), _kind(kind, source), text)
        for name, (kind, text, source) in _constants().items()
    ]
    return "\n\n".join(["## Values", table(("name", "type", ""), rows)])


def _type(kind: Type, name: str) -> str:
    defined = kind.definition
    text = [f"### `{name}` {{#type-{name.lower()}}}", kind.comment.text, defined.text]
    rows = _fields(kind)
    text.append(table(("field", "type", ""), rows) if rows else _kind(defined.raw, kind.file))
    return "\n\n".join(part for part in text if part)


def _fields(kind: Type) -> list[tuple[str, str, str]]:
    tags: Iterable[Tag] = kind.comment.of("property")
    return [(code(tag.name), _kind(tag.raw, kind.file), tag.text) for tag in tags]
