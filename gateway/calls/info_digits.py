"""Digits that go to the trunk as SIP INFO: one after another, at the pace of a finger.

Media sends events and tones by its own clock. An INFO is a request of the dialog, so the call sends
these; what comes quicker than keys can be pressed waits its turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.errors import RequestError
from voice.pauses import PAUSES

logger = logging.getLogger(__name__)

MOST_WAITING = 64  # as many as wait for media
SHORTEST_DIGIT = 40  # milliseconds, as with events
SHORTEST_GAP = 60


class InfoDigits:
    """The digits of one call that wait for their turn.

    Parameters
    ----------
    send
        Sends one: the digit, and its duration in milliseconds.
    """

    def __init__(self, send: Callable[[str, int], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue()
        self.task: asyncio.Task[None] | None = None

    def press(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Send digits after those that wait, and wait at each pause among them.

        Raises
        ------
        RequestError
            When too many wait.
        """
        if self._waiting.qsize() + len(digits) > MOST_WAITING:
            raise RequestError(f"{MOST_WAITING} digits wait to be sent already; send more later")
        times = max(duration_ms, SHORTEST_DIGIT), max(gap_ms, SHORTEST_GAP)
        for digit in digits:
            self._waiting.put_nowait((digit, *times))
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while not self._waiting.empty():
            digit, duration_ms, gap_ms = self._waiting.get_nowait()
            if digit in PAUSES:
                await asyncio.sleep(PAUSES[digit] / 1000)
                continue
            try:
                await self._send(digit, duration_ms)
            except Exception:  # one digit less; those behind it must not wait for the next press
                logger.exception("a digit was not sent")
            await asyncio.sleep((duration_ms + gap_ms) / 1000)
