"""The README's table of keys has each key of SIP and trunks, once, with its default."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gateway
from gateway.config_sip import IncomingSettings, RouteSettings, SipSettings, TrunkSettings

if TYPE_CHECKING:
    from pydantic import BaseModel

README = (Path(gateway.__file__).parent / "README.md").read_text(encoding="utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "[sip]": SipSettings,
    "[[trunks]]": TrunkSettings,
    "[[routes]]": RouteSettings,
    "[[incoming]]": IncomingSettings,
}


def documented(table: str) -> dict[str, str]:
    """Return each key of a table of the README, and what stands as its default."""
    begins = README.index(f"| `{table}` | default |")
    found: dict[str, str] = {}
    for row in README[begins:].split("\n\n")[0].splitlines()[2:]:
        _, keys, defaults, *_ = row.split("|")
        names = re.findall(r"`(\w+)`", keys)
        values = re.findall(r"`([^`]+)`", defaults)
        if not defaults.startswith(" `"):  # none, and what is then the case
            values = [defaults.strip()] * len(names)
        for name, value in zip(names, values, strict=True):
            assert name not in found
            found[name] = value
    return found


@pytest.mark.parametrize("table", TABLES)
def test_each_key_is_there_with_its_default(table: str) -> None:
    model = TABLES[table]
    rows = documented(table)
    assert rows.keys() == {field.alias or name for name, field in model.model_fields.items()}
    for name, field in model.model_fields.items():
        told = rows[field.alias or name]
        if field.is_required():
            assert told == "needed"
        elif field.default is None:
            assert told.startswith(("none", "those of"))
        elif name == "listen":
            assert told == f'"{field.default}"'
        else:
            assert told == json.dumps(field.default)
