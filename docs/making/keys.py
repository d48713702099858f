"""The keys of the configuration: what each takes, its default, and the default's reason.

The reasons are the comments above the keys in `gateway/config*.py`. A key without a comment, right
below another, shares that one's reason.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.making.markdown import code, definition
from gateway.config import Settings
from gateway.config_trunk_uri import ProxyUri, TrunkUri
from gateway.config_trunk_values import NumbersIn
from gateway.config_values import Address, Network, Numbers

# What a value is called where its class is the gateway's own
KINDS: dict[object, str] = {
    str: "text",
    bool: "`true` or `false`",
    int: "a whole number",
    float: "a number",
    Path: "a file",
    SecretStr: "text",
    Address: '`"host:port"`',
    Network: "a network or an address",
    TrunkUri: "a SIP URI",
    ProxyUri: "a SIP URI",
    Numbers: '`"e164"`, `"plain"`, or rules',
    NumbersIn: "rules",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or several that share a reason."""

    names: tuple[str, ...]
    fields: tuple[FieldInfo, ...]
    reason: str


def tables() -> dict[str, type[BaseModel]]:
    """Return each table of `gateway.toml` as it is written there, and its model."""
    return dict(_tables(Settings, ""))


def _tables(model: type[BaseModel], above: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        inner, many = _section(field.annotation)
        if inner is not None:
            path = f"{above}{name}"
            yield f"[[{path}]]" if many else f"[{path}]", inner
            yield from _tables(inner, f"{path}.")


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model of a table, and whether it may stand there several times."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation, False
    for inner in get_args(annotation):
        found, _ = _section(inner)
        if found is not None:
            return found, True
    return None, False


def keys(model: type[BaseModel]) -> list[Key]:
    """Return the keys of a table in their order, with the reasons of their defaults."""
    found: list[Key] = []
    for name, comment in _comments(model):
        field = model.model_fields[name]
        if _section(field.annotation)[0] is not None:
            continue
        told = field.alias or name
        if comment or not found:
            found.append(Key((told,), (field,), comment))
        else:
            last = found[-1]
            found[-1] = Key((*last.names, told), (*last.fields, field), last.reason)
    return found


def _comments(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    source = inspect.getsource(model)
    (body,) = ast.parse(source).body
    assert isinstance(body, ast.ClassDef)
    text = source.splitlines()
    for statement in body.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            above: list[str] = []
            line = statement.lineno - 2
            while text[line].strip().startswith("#"):
                above.insert(0, text[line].strip().removeprefix("#").strip())
                line -= 1
            trailing = re.search(r"  # (.+)$", text[(statement.end_lineno or statement.lineno) - 1])
            yield statement.target.id, " ".join(above) or (trailing[1] if trailing else "")


def default(field: FieldInfo) -> str:
    """Write a default as in the file; "" where there is none."""
    value = field.default
    if field.is_required():
        return "needed"
    if value is None:
        return "none"
    return code(value if isinstance(value, str) and not value else _toml(value))


def _toml(value: Any) -> str:
    if isinstance(value, (Address, Path)):
        return json.dumps(str(value))
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def takes(annotation: Any, metadata: list[Any]) -> str:
    """Say in words what a key takes."""
    if get_origin(annotation) is Literal:
        return ", ".join(code(_toml(choice)) for choice in get_args(annotation))
    if annotation in KINDS:
        return KINDS[annotation] + _bounds(metadata)
    parts = [part for part in get_args(annotation) if part is not NoneType]
    if hasattr(annotation, "__metadata__"):  # Annotated
        return takes(parts[0], [*annotation.__metadata__, *metadata])
    if get_origin(annotation) is tuple:
        if parts[-1] is Ellipsis:
            return f"a list: {takes(parts[0], [])}"
        return f"a list of {len(parts)}: {takes(parts[0], [])}"
    if len(parts) == 1:
        return takes(parts[0], metadata)
    raise TypeError(f"what is {annotation} called?")


def _bounds(metadata: list[Any]) -> str:
    least, most = (
        next((getattr(each, bound) for each in _flat(metadata) if hasattr(each, bound)), None)
        for bound in ("ge", "le")
    )
    if least is None:
        return ""
    return f", from {least}" if most is None else f", {least} to {most}"


def _flat(metadata: list[Any]) -> Iterator[Any]:
    for each in metadata:
        yield from each.metadata if isinstance(each, FieldInfo) else (each,)


def section(name: str) -> str:
    """Write one table of the configuration as a list of definitions."""
    path = name.strip("[]")
    return "\n".join(_entry(path, key) for key in keys(tables()[name]))


def _entry(path: str, key: Key) -> str:
    anchors = "".join(f'<a id="{path}.{name}"></a>' for name in key.names)
    term = anchors + ", ".join(map(code, key.names))
    facts = []
    for name, field in zip(key.names, key.fields, strict=True):
        fact = f"{takes(field.annotation, field.metadata)}; "
        fact += "needed" if field.is_required() else f"default: {default(field)}"
        facts.append(fact if len(key.names) == 1 else f"{code(name)}: {fact}")
    if len({fact.partition(": ")[2] for fact in facts}) == 1:
        facts = [facts[0].partition(": ")[2] if len(key.names) > 1 else facts[0]]
    return definition(term, "<br>".join(facts), _escaped(key.reason))


def _escaped(reason: str) -> str:
    """Keep what a comment has between back ticks; elsewhere an asterisk is one."""
    parts = re.split(r"(`[^`]*`)", f"{reason.rstrip('.')}." if reason else "")
    return "".join(p if p.startswith("`") else re.sub(r"([*<_\[])", r"\\\1", p) for p in parts)


def all_sections() -> str:
    """Write every table under a heading of its own."""
    return "\n\n".join(f"### `{name}`\n\n{section(name)}" for name in tables())
