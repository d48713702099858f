"""What all calls of this process have come to since its start."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic

from gateway.calls.news import Answered, Ended, News
from gateway.calls.record import Direction


@dataclass(slots=True)
class Totals:
    """Counts since the start, for metrics."""

    placed: int = 0
    answered: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    last_answered: float | None = None  # of time.monotonic
    lines_dropped: int = 0  # of trunks' descriptions
    # Calls from trunks; the counts above are of those that pages have placed
    received: int = 0
    accepted: int = 0
    received_ended: Counter[str] = field(default_factory=Counter)  # by cause

    def count(self, event: News, direction: Direction) -> None:
        """Count what happens to a call."""
        if direction == "incoming":
            if isinstance(event, Answered):
                self.accepted += 1
            elif isinstance(event, Ended):
                self.received_ended[event.end.cause] += 1
        elif isinstance(event, Answered):
            self.answered += 1
            self.last_answered = monotonic()
        elif isinstance(event, Ended):
            self.ended[event.end.cause] += 1
