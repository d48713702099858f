"""Where settings come from, and how what is wrong with them is said.

Each problem becomes one line: source, key, value, rule. Values are shown only where no secret can
stand: never a password, never the user part of a URI, never a whole table.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config import Settings
from gateway.errors import ConfigError

PREFIX = "GATEWAY_"
SEPARATOR = "__"  # between levels: key names hold single underscores
DEFAULT_FILE = Path("gateway.toml")

_SECRET_WORDS = re.compile(r"pass|pwd|secret|token|key|auth|credential", re.IGNORECASE)

# What the gateway is meant to take and does not yet: whoever writes it has not mistyped anything
_PLANNED_TABLES = frozenset({"cluster", "incoming", "routes", "sessions", "webhooks"})
_PLANNED_KEYS = {
    "sip": {"tls_listen", "public_address"},
    "trunks": {
        *("register", "expires", "srtp", "priority", "weight", "outbound_proxy", "sources"),
        *("numbers", "numbers_in", "identity", "options"),
    },
}

# Where pydantic's own words speak of Python and not of the file
_RULES = {
    "missing": "this key is needed",
    "model_type": "a table of keys and values is needed",
    "tuple_type": "a list is needed",
    "string_type": "a text is needed",
    "too_short": "this must not be empty",
}


class BadConfigError(ConfigError):
    """All that is wrong; the text is the first problem and how many more there are."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)


def load(file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Read the settings: flags win over GATEWAY_* variables, and these over the file.

    Parameters
    ----------
    file
        None reads no file.
    flags
        Nested like the file, with the values that flags gave.

    Raises
    ------
    BadConfigError
        Anything is unknown, out of range or not readable.
    """
    values = {"trunks": [], **(_read_file(file) if file is not None else {})}
    values = _merged(_merged(values, _read_environment(os.environ)), flags)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise BadConfigError([_line(detail) for detail in details]) from None


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfigError([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadConfigError([f"{file}: cannot be read: it is not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfigError([f"{file}: this is not TOML: {error}"]) from None


def _read_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Nest GATEWAY_A__B=value as {"a": {"b": value}}; a list or a table is written as JSON."""
    problems = list(_stray_variables(environ))
    if problems:
        raise BadConfigError(problems)
    nested: dict[str, Any] = {}
    for variable, text in environ.items():
        section, *keys = variable.upper().removeprefix(PREFIX).lower().split(SEPARATOR)
        if not variable.upper().startswith(PREFIX) or section not in Settings.model_fields:
            continue
        value = _read_value(variable, text)
        for key in reversed(keys):
            value = {key: value}
        nested = _merged(nested, {section: value})
    return nested


_BRACKETED_ADDRESS = re.compile(r"\[[0-9A-Fa-f:.]+\]:[0-9]+", re.ASCII)  # [::1]:8080


def _read_value(variable: str, text: str) -> Any:
    if not text.startswith(("[", "{")) or _BRACKETED_ADDRESS.fullmatch(text):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # The text itself may hold a password
        raise BadConfigError([f"{variable}: this is not JSON: {error}"]) from None


def _stray_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Find variables that were meant for us and that nothing would read.

    Others are left alone: Kubernetes, for one, adds GATEWAY_SERVICE_HOST and GATEWAY_PORT beside a
    service that is called gateway.
    """
    known = {
        f"{PREFIX}{section}{SEPARATOR}{key}".upper()
        for section, model in _sections().items()
        for key in model.model_fields
    }
    with_one_underscore = {name.replace(SEPARATOR, "_"): name for name in known}
    for variable in sorted(environ):
        name = variable.upper()
        if not name.startswith(PREFIX):
            continue
        section, separator, _ = name.removeprefix(PREFIX).partition(SEPARATOR)
        if separator and section.lower() in _PLANNED_TABLES:
            yield f"{variable}: not in this version"
        elif separator and section.lower() not in Settings.model_fields:
            yield f"{variable}: unknown key{_nearest(name, sorted(known))}"
        elif name in with_one_underscore:
            yield f"{variable}: unknown key; the nearest one is {with_one_underscore[name]}"


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _merged(below: Any, above: Any) -> Any:
    """Lay `above` over `below`; over a list, {"0": …} (TRUNKS__0__PASSWORD) is its first entry."""
    if not isinstance(above, Mapping):
        return above
    if isinstance(below, list) and above and all(key.isdecimal() for key in above):
        entries: dict[int, Any] = dict(enumerate(below))
        for key, value in above.items():
            entries[int(key)] = _merged(entries.get(int(key)), value)
        return [entry for _, entry in sorted(entries.items())]
    under = below if isinstance(below, Mapping) else {}
    return {**under, **{key: _merged(under.get(key), value) for key, value in above.items()}}


def _line(detail: ErrorDetails) -> str:
    location, value = detail["loc"], detail["input"]
    if detail["type"] == "extra_forbidden":
        return _unknown_key(location, value)
    rule, context = detail["msg"], detail.get("ctx", {})
    key = _dotted(location)
    if detail["type"] == "rule" and context["key"] is not None:
        key = ".".join(filter(None, (key, context["key"])))
        value = context["value"]
    rule = _RULES.get(detail["type"], rule)
    return f"{key}{_shown(key, value)}: {rule}"


def _unknown_key(location: tuple[int | str, ...], value: object) -> str:
    names = _keys_at(location[:-1])
    # In a trunk's table even a mistyped key may hold the password
    shown = "" if location[0] == "trunks" else _shown(str(location[-1]), value)
    if _is_planned_key(location):
        return f"{_dotted(location)}{shown}: not in this version"
    return f"{_dotted(location)}{shown}: unknown key{_nearest(str(location[-1]), names)}"


def _is_planned_key(location: tuple[int | str, ...]) -> bool:
    match _names(location):
        case (table,):
            return table in _PLANNED_TABLES
        case (table, key):
            return key in _PLANNED_KEYS.get(table, ())
        case _:
            return False


def _names(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Return the keys without the places in a list: trunks[0].codecs[1] is trunks, codecs."""
    return tuple(name for name in location if isinstance(name, str))


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for name in location:
        if isinstance(name, str):
            annotation = model.model_fields[name].annotation
            candidates = (annotation, *get_args(annotation))
            model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; the nearest one is {near[0]}" if near else f"; known are {', '.join(known)}"


def _dotted(location: tuple[int | str, ...]) -> str:
    return re.sub(r"\.\[", "[", ".".join(f"[{p}]" if isinstance(p, int) else p for p in location))


def _shown(key: str, value: object) -> str:
    name = key.rsplit(".", 1)[-1]
    if name.startswith("trunks") or (_SECRET_WORDS.search(name) and not name.endswith("_file")):
        return ""
    if isinstance(value, str):
        without_user = re.sub(r".*@", "…@", value, flags=re.DOTALL)
        return f" = {without_user[:80]!r}"
    if isinstance(value, int | float | bool):
        return f" = {value}"
    if isinstance(value, list | tuple) and all(isinstance(v, int | str) for v in value):
        return f" = {list(value)}"
    return ""
