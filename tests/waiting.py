"""Waits for what other tasks, threads and processes bring about, where nothing tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

STEP = 0.002  # seconds


async def until(condition: Callable[[], object], limit: float = 5.0) -> None:
    """Wait until something holds; TimeoutError after `limit` seconds."""
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(STEP)
