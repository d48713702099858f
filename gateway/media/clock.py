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

# After a stall longer than this the missed ticks are not made up for: what they would have sent
# comes too late for any jitter buffer, and would only fill it
LONGEST_CATCH_UP = 0.06  # seconds

# While more than a frame is missing, a tick is run this often: twice as fast as time passes, so
# that what a stall held up is sent neither in a burst nor for long
CATCH_UP = TICK / 2  # seconds

# Turns that take longer than a tick, so many in a row, are no stall but more work than there is
# time for. Then all ticks that are due are run at once: one at a time each would wait for all that
# has come meanwhile, and the streams of its slot for three more such turns
STRAINED = 4  # turns

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
        self._ran = start
        self._strained = 0  # turns in a row that took too long
        self.next = 1
        self.skipped = 0

    def due(self, now: float) -> range:
        """Return the numbers of the ticks to run at `now`, oldest first.

        Ticks older than the longest catch-up are left out, whole frames at a time so that every
        stream keeps its slot. Of several frames that are missing one tick is due at a time.
        """
        last = int((now + NEAR - self._start) / TICK)
        first = self.next
        limit = int(LONGEST_CATCH_UP / TICK)
        if last - first >= limit:
            lost = (last - first + 1 - limit + SLOTS - 1) // SLOTS * SLOTS
            self.skipped += lost
            first += lost
        if last - first >= SLOTS and self._strained < STRAINED:
            last = first
        self._ran = now
        self.next = max(first, last + 1)
        return range(first, last + 1)

    def wait(self, now: float) -> float:
        """Return the seconds from `now`, after a turn of ticks, until the next one."""
        due = self._start + self.next * TICK
        self._strained = self._strained + 1 if now - self._ran > TICK else 0
        if now - due > SLOTS * TICK:
            due = self._ran + CATCH_UP
        return max(0.0, due - now)

    def time(self, number: int) -> float:
        """Return when a tick was to be run."""
        return self._start + number * TICK


async def run(tick: Callable[[int, float], None], skip: Callable[[int], None]) -> None:
    """Call `tick` with each tick's number and time until cancelled, `skip` with frames left out.

    Deadlines are absolute, so lateness does not add up.
    """
    ticks = Ticks(perf_counter())
    while True:
        await asyncio.sleep(ticks.wait(perf_counter()))
        skipped = ticks.skipped
        due = ticks.due(perf_counter())
        if ticks.skipped > skipped:
            skip((ticks.skipped - skipped) // SLOTS)
        for number in due:
            tick(number, ticks.time(number))
