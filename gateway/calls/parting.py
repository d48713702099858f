"""The leg of a far end that has handed our page over: it hangs up, or a little later we do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway import trunk

logger = logging.getLogger(__name__)

# Whoever has referred us hangs up at the report of success (RFC 5589 section 6.1), one round trip
# away; over UDP its BYE may be lost twice
PATIENCE: Final = 3.0  # seconds


class Partings:
    """The tasks of such legs, which a call owns."""

    def __init__(self, call_id: str) -> None:
        self._id = call_id
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, leg: trunk.TrunkLeg, release: Callable[[], None]) -> None:
        """Part from a leg, whose events are nobody's any more; `release` gives its line back."""
        inbox: asyncio.Queue[trunk.TrunkEvent] = asyncio.Queue()
        leg.notify = inbox.put_nowait  # from now on
        task = asyncio.create_task(self._part(leg, inbox, release), name=f"part-{self._id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _part(
        self,
        leg: trunk.TrunkLeg,
        inbox: asyncio.Queue[trunk.TrunkEvent],
        release: Callable[[], None],
    ) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not leg.over:
                    event = await inbox.get()
                    if isinstance(event, trunk.Offered):
                        await leg.refuse_offer(event.token, "the call has been handed over")
        except TimeoutError:
            logger.debug("call %s: whoever has referred us does not hang up", self._id)
        finally:
            try:
                await leg.hangup(cause="transferred")
            finally:
                release()

    async def close(self) -> None:
        """Hang up at once."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        for fault in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(fault, Exception):
                logger.error("call %s: a leg was not hung up", self._id, exc_info=fault)
