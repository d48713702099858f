"""Messages on their way to one client: bounded, in order, and never a reason to wait for a call."""

from __future__ import annotations

import asyncio


class Outbox:
    """A queue whose writer never waits, and whose reader of requests can wait for room.

    Calls put their news in at once. Replies come from the client's own requests, so whoever reads
    these waits for `room` first: a client that asks without reading slows only itself. One task
    waits for room: one future is enough.

    Parameters
    ----------
    size
        Messages that may wait.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: list[str] = []
        self._asker: asyncio.Future[None] | None = None  # waits for room

    def put(self, text: str) -> bool:
        """Add a message; False, and nothing added, when the client has not read for too long."""
        if len(self._waiting) >= self._size:
            return False
        self._waiting.append(text)
        return True

    def take(self) -> str | None:
        """Take out the next message, if there is one."""
        if not self._waiting:
            return None
        text = self._waiting.pop(0)
        if self._has_room():
            _wake(self._asker)
        return text

    async def room(self) -> None:
        """Wait until at most half of the messages that may wait do."""
        if not self._has_room():
            self._asker = asyncio.get_running_loop().create_future()
            await self._asker

    def _has_room(self) -> bool:
        return len(self._waiting) <= self._size // 2

    def take_all(self) -> list[str]:
        """Take out everything that waits."""
        texts, self._waiting = self._waiting, []
        _wake(self._asker)
        return texts


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
