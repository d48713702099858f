"""An event as it is sent: the payload is written once, and each attempt sends the same bytes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["ringing", "answered", "ended", "limit", "feedback"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened.

    `id` is the same in each attempt: whoever has taken it already knows it by that. Events of one
    `key` are sent in their order. `at` is in seconds since the epoch.
    """

    id: str
    kind: str
    key: str
    at: float
    body: str


def make_event(
    kind: Kind, at: float, data: Mapping[str, Any], *, key: str = "", name: str = ""
) -> Event:
    """Write an event down. Without a key it waits for no other; without a name it gets one."""
    name = name or f"msg_{secrets.token_hex(16)}"
    timestamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    payload = {"type": kind, "timestamp": timestamp.replace("+00:00", "Z"), "data": data}
    return Event(name, kind, key or name, at, json.dumps(payload, separators=(",", ":")))
