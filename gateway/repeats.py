"""Has a refusal that is repeated written once a minute, with the number of those between.

Whoever is refused may try again as fast as it likes, and each time would leave a line in the log
and in the audit log: gigabytes a day, and a full disk stops calls by tokens for one use. Pages at
their WebSockets do so, and strangers at the SIP port, who may forge as many addresses as they like:
memory and lines stay bounded whatever comes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

MOST_KINDS: Final = 1000
INTERVAL: Final = 60.0  # seconds between two lines about the same


@dataclass(slots=True)
class _Kind:
    due: float  # when it may be written again
    unwritten: int = 0


class Repeats:
    """Says which refusals are to be written.

    Parameters
    ----------
    clock
        Seconds of a clock that does not jump (time.monotonic).
    lines
        How many there may be of all kinds together, in a minute.
    """

    def __init__(self, clock: Callable[[], float], *, lines: int) -> None:
        self._clock = clock
        self._most = lines
        self._kinds: OrderedDict[Hashable, _Kind] = OrderedDict()
        self._lines = 0
        self._interval_ends = float("-inf")

    def __len__(self) -> int:
        """Return how many kinds are remembered."""
        return len(self._kinds)

    def add(self, kind: Hashable) -> int | None:
        """Count a refusal; return how many of its kind went unwritten, None if it does, too.

        Parameters
        ----------
        kind
            What makes two refusals the same: who is refused, and why, by words that are ours. A
            text of that one's would be another one each time.
        """
        now = self._clock()
        entry = self._entry(kind, now)
        if now < entry.due or not self._has_room(now):
            entry.unwritten += 1
            return None
        unwritten, entry.unwritten, entry.due = entry.unwritten, 0, now + INTERVAL
        return unwritten

    def _entry(self, kind: Hashable, now: float) -> _Kind:
        entry = self._kinds.setdefault(kind, _Kind(now))
        self._kinds.move_to_end(kind)
        if len(self._kinds) > MOST_KINDS:
            self._kinds.popitem(last=False)  # the one that has been silent for the longest
        return entry

    def _has_room(self, now: float) -> bool:
        if now >= self._interval_ends:
            self._lines, self._interval_ends = 0, now + INTERVAL
        self._lines += 1
        return self._lines <= self._most
