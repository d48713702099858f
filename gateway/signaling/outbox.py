"""Messages on their way to one client: bounded, in order, and never a reason to wait for a call."""

from __future__ import annotations

import asyncio
from collections import deque


class Outbox:
    """A queue whose writer never waits, and whose reader of requests can wait for room.

    Calls put their news in at once. Replies come from the client's own requests, so whoever reads
    these waits for `room` first: a client that asks without reading slows only itself.

    Parameters
    ----------
    size
        Messages that may wait.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[str] = deque()
        self._any = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, text: str) -> bool:
        """Add a message; False, and nothing added, when the client has not read for too long."""
        if len(self._waiting) >= self._size:
            return False
        self._waiting.append(text)
        self._any.set()
        if len(self._waiting) > self._size // 2:
            self._room.clear()
        return True

    async def get(self) -> str:
        """Wait for the next message and take it out."""
        await self._any.wait()
        text = self._waiting.popleft()
        if not self._waiting:
            self._any.clear()
        if len(self._waiting) <= self._size // 2:
            self._room.set()
        return text

    async def room(self) -> None:
        """Wait until at most half of the messages that may wait do."""
        await self._room.wait()

    def take_all(self) -> list[str]:
        """Take out everything that waits."""
        texts = list(self._waiting)
        self._waiting.clear()
        self._any.clear()
        self._room.set()
        return texts
