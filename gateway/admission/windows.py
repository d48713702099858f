"""How often, and to how many numbers, somebody has tried to call in the time that a limit looks at.

The windows slide and are exact: the times themselves are kept, not a count for each minute. Two
counts per key and an estimate between them need less memory, and let nearly twice the limit pass
when a burst straddles two minutes. A limit on money is a promise, and it bounds the memory too: a
window never holds more entries than its limit, plus one.

A refused try counts as well. Else a program that hammers gets each place at the moment at which it
becomes free, and takes it from everybody else who shares the window.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

MAX_ENTRIES = 200_000
"""Times and numbers that all keys of one limit hold together: 25 MB at most."""

_STALE_AT_ONCE = 4  # what one call clears away: more than it adds, and no pause for those that talk


class Window(Protocol):
    """What one key has tried lately."""

    def attempt(self, to: str, now: float, since: float, most: int) -> bool:
        """Count a try, and return whether it is within the limit."""

    def __len__(self) -> int: ...


class Tries:
    """The times of the latest tries, at most as many as the limit."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times = array("d")  # 8 bytes a try; a list of floats takes 32

    def __len__(self) -> int:
        return len(self._times)

    def full(self, since: float, most: int) -> bool:
        """Whether there were `most` tries after `since`."""
        return len(self._times) >= most and self._times[-most] > since

    def add(self, now: float, most: int) -> None:
        """Count a try."""
        self._times.append(now)
        if len(self._times) > most:
            del self._times[: len(self._times) - most]

    def attempt(self, to: str, now: float, since: float, most: int) -> bool:
        """Count a try, and return whether fewer than `most` came before it."""
        full = self.full(since, most)
        self.add(now, most)
        return not full


class Numbers:
    """The latest distinct numbers, and which of them have been let through.

    A number is let through when fewer than `most` others were tried lately, or when it was let
    through before and is remembered. One more than the limit is kept: a number that was refused
    must find all those in its way when it comes again.
    """

    __slots__ = ("_tried",)

    def __init__(self) -> None:
        self._tried: dict[str, tuple[float, bool]] = {}  # in the order of the last try

    def __len__(self) -> int:
        return len(self._tried)

    def attempt(self, to: str, now: float, since: float, most: int) -> bool:
        """Count a try of `to`, and return whether it is among the numbers that are within."""
        before, within = self._tried.pop(to, (since, False))
        if not (within and before > since):
            within = self._others(since) < most
        self._tried[to] = (now, within)
        while len(self._tried) > most + 1:
            del self._tried[next(iter(self._tried))]
        return within

    def _others(self, since: float) -> int:
        while self._tried:
            oldest = next(iter(self._tried))
            if self._tried[oldest][0] > since:
                break
            del self._tried[oldest]
        return len(self._tried)


W = TypeVar("W", bound=Window)


class Windows(Generic[W]):
    """A window for each key, within bounded memory.

    A key that has been quiet for the whole span goes. When all hold too much, the key that has been
    quiet for longest goes before its time. That opens no hole: to push one key out takes the tries
    of thousands of others, each of which had a limit of its own to use. Keys of different kinds
    must not share an object, else cheap addresses would push out identities.

    Parameters
    ----------
    new
        Makes an empty window.
    span
        Seconds that the limit looks back.
    """

    def __init__(self, new: Callable[[], W], span: float, max_entries: int = MAX_ENTRIES) -> None:
        self._new = new
        self._span = span
        self._max_entries = max_entries
        self._windows: OrderedDict[str, tuple[W, float]] = OrderedDict()  # by the last try
        self._entries = 0

    def __len__(self) -> int:
        return len(self._windows)

    def attempt(self, key: str, to: str, now: float, most: int) -> bool:
        """Count a try for `key`, and return whether it is within `most`."""
        since = now - self._span
        self._drop_stale(since)
        window = self._windows[key][0] if key in self._windows else self._new()
        before = len(window)
        within = window.attempt(to, now, since, most)
        self._entries += len(window) - before
        self._windows[key] = (window, now)
        self._windows.move_to_end(key)
        while self._entries > self._max_entries and len(self._windows) > 1:
            self._drop_oldest()
        return within

    def _drop_stale(self, since: float) -> None:
        for _ in range(_STALE_AT_ONCE):
            if not self._windows:
                return
            _, last = self._windows[next(iter(self._windows))]
            if last > since:
                return
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, (window, _) = self._windows.popitem(last=False)
        self._entries -= len(window)
