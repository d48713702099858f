"""What is an event: of all that calls tell, and of limits, what the operator wants to hear."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from time import time
from typing import Any

from gateway.admission.grant import Visitor
from gateway.calls import news
from gateway.calls.call_news import CallNews, Closed, Opened, Rated
from gateway.calls.end import CallEnd
from gateway.calls.record import CallRecord
from gateway.webhooks.event import Event, Kind, make_event

# Whoever runs into a limit does so again and again: one event tells of all that came since the last
LIMIT_EVERY = 60.0  # seconds

View = Callable[[CallRecord], dict[str, Any]]


@dataclass(slots=True)
class _Limit:
    told: float
    untold: int = 0


class Teller:
    """Makes events.

    Parameters
    ----------
    wanted
        The kinds that are sent.
    view
        Writes a call as the API shows it.
    put
        Takes events, at once.
    """

    def __init__(
        self,
        wanted: Collection[str],
        view: View,
        put: Callable[[Event], None],
        wall: Callable[[], float] = time,
    ) -> None:
        self._wanted = frozenset(wanted)
        self._view = view
        self._put = put
        self._wall = wall
        self._open: dict[str, bool] = {}  # calls that run, and whether they were said to ring
        self._limits: dict[str, _Limit] = {}

    def hear(self, told: CallNews) -> None:
        """Take news of a call."""
        record, event = told.record, told.event
        match event:
            case Opened() if record.rule is None:
                self._open[record.id] = False
            case news.Ringing() if self._open.get(record.id) is False:
                self._open[record.id] = True
                self._tell("ringing", record)
            case news.Answered():
                self._tell("answered", record)
            case Closed() if self._open.pop(record.id, None) is not None:
                self._tell("ended", record)  # one that was refused never was a call
            case Rated():
                self._tell("feedback", record)
            case _:
                pass

    def _tell(self, kind: Kind, record: CallRecord) -> None:
        if kind not in self._wanted:
            return
        data = self._view(record)
        if kind == "ended" and record.end is not None:
            self.tell_end(record.id, data, record.end, record.duration_ms)
            return
        if record.end is not None:
            data["end"] = _end(record.end, record.duration_ms)
        if kind == "feedback" and (said := record.feedback) is not None:
            data["feedback"] = {"score": said.score, "issue": said.issue}
        self._put(make_event(kind, self._wall(), data, key=record.id))

    def tell_end(self, call_id: str, data: dict[str, Any], end: CallEnd, duration_ms: int) -> None:
        """Tell that a call has ended, of which `data` is the view.

        A call has one end: who hears of a second one, after the gateway was killed in between,
        knows it by the name of the first.
        """
        if "ended" in self._wanted:
            data["end"] = _end(end, duration_ms)
            name = f"msg_{call_id}_ended"
            self._put(make_event("ended", self._wall(), data, key=call_id, name=name))

    def limit(self, limit: str, visitor: Visitor | None) -> None:
        """Take that a limit was reached, by somebody or by all together."""
        if "limit" not in self._wanted:
            return
        now = self._wall()
        known = self._limits.get(limit)
        if known is not None and 0 <= now - known.told < LIMIT_EVERY:
            known.untold += 1
            return
        count = 1 if known is None else known.untold + 1
        self._limits[limit] = _Limit(now)
        data: dict[str, str | int | None] = {"limit": limit, "count": count}
        if visitor is not None:
            data |= {"address": visitor.address, "origin": visitor.origin}
            data["session"] = visitor.session
        self._put(make_event("limit", now, data))


def _end(end: CallEnd, duration_ms: int) -> dict[str, str | int]:
    return {
        "by": end.by,
        "cause": end.cause,
        "sipCode": end.sip_code,
        "reason": end.reason,
        "message": end.message,
        "durationMs": duration_ms,
    }
