"""Which of the calls that run are asked for, in the words of a search for records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from gateway.calls.record import CallRecord
from gateway.records.search import MOST, Search, read_cursor, write_cursor
from gateway.signaling.api_messages import Closed

# What a database takes as text; nobody has chosen anything else
Text = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]

Number = Annotated[Text | None, Field(description="`*` at the end: a prefix")]

# In any time zone a year that there is: databases have none before the first and after the 9999th
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC)),
]


class CallSearch(Closed):
    """Which calls; without any of these all.

    `from` and `to` are numbers as the calls have them, prefixes with "*" at the end. `since` and
    `until` are times of `startedAt` with a time zone, the second one not included. `cursor` is
    `next` of the page before.
    """

    from_: Annotated[Number, Field(alias="from")] = None
    to: Number = None
    identity: Text | None = None
    trunk: Text | None = None
    direction: Literal["outgoing", "incoming"] | None = None
    since: Annotated[Moment | None, Field(description="by `startedAt`, with a time zone")] = None
    until: Annotated[Moment | None, Field(description="by `startedAt`; not included")] = None
    cursor: Annotated[
        str | None, Field(max_length=128, description="`next` of the page before")
    ] = None
    # Whoever looks at what goes on wants all of it: only a big gateway has more
    limit: Annotated[int, Field(ge=1, le=MOST)] = MOST

    def search(self) -> Search:
        """Return it in the words of the records; RequestError for a cursor that is none."""
        return Search(
            from_number=self.from_,
            to_number=self.to,
            identity=self.identity,
            trunk=self.trunk,
            direction=self.direction,
            since=None if self.since is None else self.since.timestamp(),
            until=None if self.until is None else self.until.timestamp(),
            after=None if self.cursor is None else read_cursor(self.cursor),
            limit=self.limit,
        )


def page_of(
    records: Iterable[CallRecord], wanted: Search
) -> tuple[Sequence[CallRecord], str | None]:
    """Return the calls of a page, the oldest first, and the cursor of the next one."""
    found = sorted((each for each in records if _fits(each, wanted)), key=_place)
    shown = found[: wanted.limit]
    if len(found) == len(shown):
        return shown, None
    return shown, write_cursor((shown[-1].started, shown[-1].id))


def _place(record: CallRecord) -> tuple[int, str]:
    return _place_at(record.started, record.id)


def _place_at(started: float, call_id: str) -> tuple[int, str]:
    """Return where a call stands among all, to the millisecond that a cursor tells."""
    return round(started * 1000), call_id


def _fits(record: CallRecord, wanted: Search) -> bool:
    request, started = record.request, round(record.started, 3)
    return (
        _is_number(request.caller, wanted.from_number)
        and _is_number(request.to, wanted.to_number)
        and wanted.identity in (None, request.identity)
        and wanted.trunk in (None, record.trunk)
        and wanted.direction in (None, record.direction)
        and (wanted.since is None or started >= wanted.since)
        and (wanted.until is None or started < wanted.until)
        and (wanted.after is None or _place(record) > _place_at(*wanted.after))
    )


def _is_number(number: str | None, wanted: str | None) -> bool:
    if wanted is None:
        return True
    if number is None:
        return False
    return number.startswith(wanted[:-1]) if wanted.endswith("*") else number == wanted
