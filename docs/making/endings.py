"""Every way in which a call can end or fail: the client's table, with what people are told."""

from __future__ import annotations

import json
import re

from docs.making.declarations import SDK
from docs.making.markdown import code, table

_ROW = re.compile(
    r'^  "(?P<name>[a-z-]+)": ending\("(?P<kind>[a-z]+)", (?P<code>\d+)(?:,\s*"(?P<text>[^"]*)")?',
    re.MULTILINE,
)
_TEXT = re.compile(r'"((?:error|advice)\.[a-z-]+)":\s*("(?:[^"\\]|\\.)*")')


def texts() -> dict[str, str]:
    """Return the English texts of errors and of what to do about them."""
    path = SDK / "texts" / "en.js"
    if not path.exists():
        return {}
    return {key: json.loads(text) for key, text in _TEXT.findall(path.read_text(encoding="utf-8"))}


def endings() -> str:
    """Write the table."""
    said = texts()
    source = (SDK / "voice" / "errors.js").read_text(encoding="utf-8")
    rows = [
        (
            code(row["name"]),
            row["code"],
            row["kind"],
            said.get(f"error.{row['name']}") or row["text"] or "",
            said.get(f"advice.{row['name']}", ""),
        )
        for row in _ROW.finditer(source)
    ]
    return table(("name", "code", "kind", "what people read", "what they can do"), rows)
