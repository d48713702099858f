"""What records are asked for, and where a page of them ends. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import RequestError
from gateway.records.row import Row

MOST = 500
"""Records on a page."""

Cursor = tuple[float, str]
"""Of the last record of a page: when it was started, and its id."""


@dataclass(frozen=True, slots=True)
class Search:
    """Which records; None for all. `since` and `until` are seconds since the epoch, of `started`.

    `from_number` and `to_number` with "*" at the end are prefixes.
    """

    from_number: str | None = None
    to_number: str | None = None
    identity: str | None = None
    trunk: str | None = None
    cause: str | None = None
    direction: str | None = None
    since: float | None = None
    until: float | None = None
    after: Cursor | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Records, the newest first, and the cursor of the next page; None on the last one."""

    rows: Sequence[Row]
    next: str | None


def page_of(rows: Sequence[Row], limit: int) -> Page:
    """Make a page of what was found; one more than `limit` was asked for."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(shown, write_cursor((shown[-1].started, shown[-1].id)) if more else None)


def write_cursor(cursor: Cursor) -> str:
    """Return a cursor as a word for URLs."""
    started, name = cursor
    return base64.urlsafe_b64encode(f"{round(started * 1000)}.{name}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Return what a cursor says; RequestError for one that is none of ours."""
    try:
        padded = text + "=" * (-len(text) % 4)
        started, _, name = base64.b64decode(padded, b"-_", validate=True).decode().partition(".")
        if not (name.isalnum() and name.isascii() and len(name) <= 32 and len(started) <= 14):
            raise ValueError
        return int(started) / 1000, name
    except (ValueError, binascii.Error):
        raise RequestError("`cursor` is not one that a page of records has given") from None
