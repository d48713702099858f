"""What a session's page says of its calls: how they are heard, and how they were.

A person rates a call when it is over, so a session knows the last of its calls for a while longer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from gateway.calls.opinion import Feedback
from gateway.calls.record import CallRecord
from gateway.errors import UnknownCallError
from gateway.signaling import messages
from gateway.signaling.browser_stats import read_stats
from gateway.signaling.room import Room

# Calls of a session that have ended: a person rates the last one, perhaps the one before
MOST_ENDED = 4


class Opinions:
    """Takes them.

    Parameters
    ----------
    find
        Returns the gateway's name of a call that the page has, by the page's name of it; None
        where it is not placed yet. Raises `UnknownCallError`.
    """

    def __init__(self, room: Room, find: Callable[[str], str | None]) -> None:
        self._room = room
        self._find = find
        self._ended: OrderedDict[str, CallRecord] = OrderedDict()

    def remember(self, call: str, placed: str | None) -> None:
        """Know a call of the page's for a while longer; it is over, or another page has it."""
        record = None if placed is None else self._room.calls.record_of(placed)
        if record is None:
            return
        self._ended[call] = record
        self._ended.move_to_end(call)
        if len(self._ended) > MOST_ENDED:
            self._ended.popitem(last=False)

    def rate(self, message: messages.Feedback) -> None:
        """Take what a person says of a call.

        Raises
        ------
        UnknownCallError
            The session has no such call, and has had none lately.
        RequestError
            It has been said too often.
        """
        record = self._record(message.call)
        if record is None:
            raise UnknownCallError(f"call {message.call!r} has not begun yet")
        first = record.feedback is None
        issue = (message.issue or "").strip() or None
        self._room.calls.rate(record, Feedback(message.score, issue))
        if first:
            self._room.metrics.observe_feedback(message.score)

    def hear(self, message: messages.Stats) -> None:
        """Take a sample of a call; of one that has just ended nothing, as samples cross its end."""
        record = self._record(message.call)
        if record is not None and record.state == "answered":
            record.page.add(read_stats(message.entries))

    def _record(self, call: str) -> CallRecord | None:
        try:
            placed = self._find(call)
        except UnknownCallError:
            if (ended := self._ended.get(call)) is not None:
                return ended
            raise
        return None if placed is None else self._room.calls.record_of(placed)
