"""How a session of any kind ends: both ends hear of it, the engine serves its legs no longer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.media.party import Party
    from gateway.media.thread import MediaThread

logger = logging.getLogger(__name__)

# A session that closes waits for the media thread, which answers within a tick, and not for ever
CLOSE_TIMEOUT = 2.0  # seconds


def say_goodbye(parties: Iterable[Party]) -> None:
    """Tell the far ends by RTCP that our streams are over (RFC 3550 section 6.6)."""
    try:
        for party in parties:
            packet = party.reports.goodbye()
            if packet is not None:
                party.send_rtcp(packet)
    except Exception:  # a call that cannot take its leave ends all the same
        logger.exception("a session could not say goodbye")


async def part(thread: MediaThread, leave: Callable[[], None]) -> None:
    """Have the legs served no longer: `leave` does so on the engine's thread."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await thread.call(leave)
    except Exception:
        logger.exception("the legs of a session could not be removed")
