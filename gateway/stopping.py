"""How the gateway goes out of service: it drains, and what calls are left then end with BYE.

Draining takes no new call, from pages or from trunks, and leaves those that run alone: a new
version costs nobody a call. It is over once there is none left, the time is up, or somebody is in a
hurry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from gateway.sd_notify import Supervisor
from gateway.signaling.room import Room

logger = logging.getLogger(__name__)

# The orderly end takes one or two seconds, and eight where a trunk and a call hang in it
STOP_LIMIT = 10.0  # seconds


def _no_limit(seconds: float) -> None:
    pass


class Stop:
    """The wish to stop, from a signal or the operator's API, and how soon.

    Parameters
    ----------
    limit
        Ends the process after so many seconds from now, whatever hangs; each time anew.
    """

    def __init__(self, limit: Callable[[float], None] = _no_limit) -> None:
        self._limit = limit
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()

    def bound(self, more: float = 0) -> None:
        """Leave so many seconds to what goes on, and those of the orderly end."""
        self._limit(more + STOP_LIMIT)

    def drain(self) -> None:
        """Ask for a stop that calls may take their time with; one that is asked for goes on."""
        if not self.asked.is_set():
            self.bound()  # the drain, if there is one, will say how long it takes
            self.asked.set()

    def hurry(self) -> None:
        """Ask for one that ends them."""
        self.bound()
        self.asked.set()
        self.hurried.set()


async def until(*events: asyncio.Event, task: asyncio.Task[None]) -> None:
    """Wait for the first of these."""
    waiting = [asyncio.create_task(event.wait(), name="until") for event in events]
    try:
        await asyncio.wait({task, *waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


async def drain(room: Room, stop: Stop, seconds: float, supervisor: Supervisor) -> None:
    """Take no new calls, and wait until those that run have ended, but no longer than that."""
    calls = room.calls
    if stop.hurried.is_set():
        seconds = 0
    await calls.drain()
    room.draining.begin(seconds)
    if not (calls.active and seconds):
        return
    logger.info("draining: %d calls may go on for %g s", calls.active, seconds)
    stop.bound(seconds)
    leaving = asyncio.create_task(room.leave(), name="leave-trunks")
    telling = asyncio.create_task(
        supervisor.keep_draining(lambda: f"draining: {calls.active} calls"), name="draining"
    )
    emptied = asyncio.create_task(calls.emptied(), name="emptied")
    try:
        async with asyncio.timeout(seconds):
            await until(stop.hurried, room.died, task=emptied)
    except TimeoutError:
        logger.warning("%d calls were not over after %g s", calls.active, seconds)
    finally:
        for task in (leaving, telling, emptied):
            task.cancel()
        await asyncio.wait({leaving})
        if not leaving.cancelled() and (error := leaving.exception()) is not None:
            logger.error("the trunks were not told that we go", exc_info=error)
