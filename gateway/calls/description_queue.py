"""The trunk's descriptions in their order, where one of them waits for a host's address.

What comes meanwhile waits behind it: a description that was applied late would take back what a
newer one has changed. Early media is no more than a preview, so a newer answer replaces it.
"""

from __future__ import annotations

from collections import deque

from gateway.calls.events import Described
from gateway.trunk import Answered, Progress


class DescriptionQueue:
    """Pure: descriptions go in as they come, and come out as they can be read."""

    def __init__(self) -> None:
        self._waiting: Described | None = None
        self._behind: deque[Described] = deque()

    def put(self, described: Described) -> None:
        """Take a description; a preview that has not been read is forgotten for a newer answer."""
        if isinstance(described, (Progress, Answered)) and described.sdp:
            if isinstance(self._waiting, Progress):
                self._waiting = None
            self._behind = deque(each for each in self._behind if not isinstance(each, Progress))
        self._behind.append(described)

    def next(self) -> Described | None:
        """Return the next one to read; None when there is none, or while one waits."""
        if self._waiting is not None or not self._behind:
            return None
        return self._behind.popleft()

    def wait(self, described: Described) -> None:
        """Let one wait for its address, and all that come after it."""
        self._waiting = described

    def resume(self, described: Described, *, again: bool) -> bool:
        """Go on behind one that has waited, or with it once more; false if it has been replaced."""
        if described is not self._waiting:
            return False
        self._waiting = None
        if again:
            self._behind.appendleft(described)
        return True
