"""The media clock: a tick every 5 ms, four of them to a frame of 20 ms.

Every stream sits in one of the four slots and is served once per frame, together with all other
streams of its slot, so that the work on a frame is done for many calls at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

TICK = 0.005  # seconds
SLOTS = 4
FRAME = TICK * SLOTS

# After a stall longer than this the missed ticks are not made up for: what they would have sent is
# of no use to anybody any more, and a burst of it would fill the far end's jitter buffer.
LONGEST_CATCH_UP = 0.2  # seconds

# Event loops round their timers to a millisecond. A tick that is this near is run at once: waiting
# for the rest would take a dozen turns of a loop whose shortest wait is zero.
NEAR = 0.0006  # seconds


class Ticks:
    """Counts ticks against a clock; pure.

    Parameters
    ----------
    start
        Time of tick 0, in seconds of whatever clock the caller reads.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self.next = 1
        self.skipped = 0

    def due(self, now: float) -> range:
        """Return the numbers of the ticks to run at `now`, oldest first.

        Ticks older than the longest catch-up are left out, whole frames at a time so that every
        stream keeps its slot.
        """
        last = int((now + NEAR - self._start) / TICK)
        first = self.next
        limit = int(LONGEST_CATCH_UP / TICK)
        if last - first >= limit:
            lost = (last - first + 1 - limit + SLOTS - 1) // SLOTS * SLOTS
            self.skipped += lost
            first += lost
        self.next = max(self.next, last + 1)
        return range(first, last + 1)

    def wait(self, now: float) -> float:
        """Return the seconds from `now` until the next tick, never negative."""
        return max(0.0, self._start + self.next * TICK - now)


async def run(tick: Callable[[int], None], skip: Callable[[int], None]) -> None:
    """Call `tick` with each tick's number until cancelled, `skip` with the frames left out.

    Deadlines are absolute, so lateness does not add up, and late ticks are run one after the other
    as soon as the loop comes round.
    """
    ticks = Ticks(perf_counter())
    while True:
        await asyncio.sleep(ticks.wait(perf_counter()))
        skipped = ticks.skipped
        due = ticks.due(perf_counter())
        if ticks.skipped > skipped:
            skip((ticks.skipped - skipped) // SLOTS)
        for number in due:
            tick(number)
            if number + 1 in due:
                # The packets of the frames to catch up are still in the kernel, and the loop reads
                # one of each socket per turn: without it they would be taken for lost
                await asyncio.sleep(0)
