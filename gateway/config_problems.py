"""How what is wrong with the settings is said: one line for each problem, key, value, rule.

Values are shown only where no secret can stand: never a password, never the user part of a URI,
never a whole table.
"""

from __future__ import annotations

import re
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config import Settings
from gateway.config_values import nearest
from gateway.errors import ConfigError

_SECRET_WORDS = re.compile(r"pass|pwd|secret|token|key|auth|credential", re.IGNORECASE)

# What the gateway is meant to take and does not yet: whoever writes it has not mistyped anything
PLANNED_TABLES = frozenset({"cluster"})

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


def problems(error: ValidationError) -> list[str]:
    """Say each of them in one line."""
    return [_line(detail) for detail in error.errors(include_url=False)]


def _line(detail: ErrorDetails) -> str:
    location, value = detail["loc"], detail["input"]
    if detail["type"] == "extra_forbidden":
        return _unknown_key(location, value)
    rule, context = detail["msg"], detail.get("ctx", {})
    key = _dotted(location)
    if detail["type"] == "tuple_type" and isinstance(value, dict) and len(location) == 1:
        return f"{key}: a list is needed: in the file [[{key}]], in double brackets"
    if detail["type"] == "rule" and context["key"] is not None:
        key = ".".join(filter(None, (key, context["key"])))
        value = context["value"]
    rule = _RULES.get(detail["type"], rule)
    return f"{key}{_shown(key, value)}: {rule}"


def _unknown_key(location: tuple[int | str, ...], value: object) -> str:
    names = _keys_at(location[:-1])
    # In a trunk's table even a mistyped key may hold the password
    shown = "" if location[0] == "trunks" else _shown(str(location[-1]), value)
    if len(location) == 1 and location[0] in PLANNED_TABLES:
        return f"{_dotted(location)}{shown}: not in this version"
    return f"{_dotted(location)}{shown}: unknown key{nearest(str(location[-1]), names)}"


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
    return [field.alias or name for name, field in model.model_fields.items()]


def _dotted(location: tuple[int | str, ...]) -> str:
    return re.sub(r"\.\[", "[", ".".join(f"[{p}]" if isinstance(p, int) else p for p in location))


def _shown(key: str, value: object) -> str:
    name = key.rsplit(".", 1)[-1]
    whole_trunk = name == key and key.startswith("trunks")
    if whole_trunk or (_SECRET_WORDS.search(name) and not name.endswith("_file")):
        return ""
    if isinstance(value, str):
        return f" = {_without_user(value)[:80]!r}"
    if isinstance(value, int | float | bool):
        return f" = {value}"
    if isinstance(value, list | tuple) and all(isinstance(v, int | str) for v in value):
        return f" = {[_without_user(v) if isinstance(v, str) else v for v in value]}"
    return ""


def _without_user(text: str) -> str:
    hidden = re.sub(r"(?i)(\w*pass\w*=)[^&]*", r"\1…", text)  # in the query of a database's URL
    return re.sub(r".*@", "…@", hidden, flags=re.DOTALL)
