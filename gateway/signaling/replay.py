"""What a session has said of its calls: numbered, and the last part of it kept.

A client counts what it has taken, and tells the number when it comes back on another WebSocket. So
it gets what it has missed, in order and once, whatever was lost with the old one.
"""

from __future__ import annotations

from collections import deque


class Replay:
    """The last messages of a session.

    `said` is the number of all that there were.

    Parameters
    ----------
    messages, size
        How many are kept, and how many characters of them, whichever is less; the last one is kept
        in any case.
    """

    __slots__ = ("_kept", "_messages", "_room", "said")

    def __init__(self, messages: int, size: int) -> None:
        self._messages = messages
        self._room = size
        self._kept: deque[str] | None = None  # most sessions never say anything
        self.said = 0

    def add(self, text: str) -> None:
        """Number a message, and keep it in place of the oldest ones."""
        self.said += 1
        kept = self._kept
        if kept is None:
            kept = self._kept = deque()
        kept.append(text)
        self._room -= len(text)
        while len(kept) > 1 and (len(kept) > self._messages or self._room < 0):
            self._room += len(kept.popleft())

    def after(self, taken: int) -> list[str]:
        """Return what is kept of the messages behind the first `taken` ones."""
        kept = self._kept or ()
        first = self.said - len(kept)
        return [text for number, text in enumerate(kept, first) if number >= taken]
