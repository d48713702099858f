"""When a stream's packets have come for good, so that they can be played: its playout offset. Pure.

Every packet says when it was made (its timestamp) and we see when it comes; the difference is its
transit, clocks' offset and all. A packet is played when its timestamp plus the stream's offset has
come. The offset is the highest transit of late, seen in blocks of a quarter second:

* over the last two blocks it is the very highest. A burst of late packets is over soon, and what it
  needs is given back as soon;
* over the last eight seconds a tenth of the blocks is left out, the worst. What comes now and then
  in them is jitter that stays, and costs its delay; one burst is within what is left out.
"""

from __future__ import annotations

from collections import deque

LONGEST = 0.2  # seconds: whoever waits longer cannot talk any more (ITU-T G.114)

BLOCK = 0.25  # seconds
BLOCKS = 32
BLOCKS_OF_BASE = 12  # drift of 200 ppm moves the least transit by 0.6 ms in them
LEFT_OUT = 0.1  # of the blocks, the worst

MARGIN = 0.15  # of the delay, since what was seen is not the worst that there is

# A step of the transit as large as this is a clock that was set, not a network
CLOCK_STEP = 1.0  # seconds


class Lateness:
    """Judges one stream.

    Parameters
    ----------
    clock_rate
        Hz of the timestamps.

    Attributes
    ----------
    base
        The least transit of late, in seconds: what the fastest packets take.
    offset
        Seconds from a timestamp to when it should be played.
    """

    __slots__ = (
        "_highest",
        "_highs",
        "_last",
        "_lowest",
        "_lows",
        "_period",
        "_until",
        "base",
        "offset",
    )

    def __init__(self, clock_rate: int) -> None:
        self._period = 1 / clock_rate
        self._restart(0.0, 0.0)
        self._until = float("-inf")  # nothing was noted yet

    def _restart(self, transit: float, now: float) -> None:
        self.base = self.offset = transit
        self._last = self._lowest = self._highest = transit
        self._lows: deque[float] = deque(maxlen=BLOCKS_OF_BASE)
        self._highs: deque[float] = deque(maxlen=BLOCKS)
        self._until = now + BLOCK

    @property
    def target(self) -> float:
        """Seconds that the fastest packets wait, by this offset."""
        return self.offset - self.base

    def note(self, timestamp: int, now: float) -> None:
        """Take the arrival of a packet; the timestamp is unwrapped."""
        transit = now - timestamp * self._period
        if now >= self._until or not -CLOCK_STEP < transit - self._last < CLOCK_STEP:
            self._end_block(transit, now)
        self._last = transit
        if transit < self._lowest:
            self._lowest = transit
            if transit < self.base:
                self.base = transit
                self.offset = min(self.offset, transit + LONGEST)
        elif transit > self._highest:
            self._highest = transit
            if transit > self.offset:
                self.offset = min(transit, self.base + LONGEST)

    def _end_block(self, transit: float, now: float) -> None:
        if self._until < 0 or not -CLOCK_STEP < transit - self._last < CLOCK_STEP:
            self._restart(transit, now)
            return
        self._lows.append(self._lowest)
        self._highs.append(self._highest)
        self._lowest = self._highest = transit
        self._until = now + BLOCK
        self.base = min(transit, min(self._lows))
        worst = sorted(self._highs, reverse=True)
        usual = worst[int(len(worst) * LEFT_OUT)]
        usual += MARGIN * (usual - self.base)
        self.offset = min(max(usual, self._highs[-1], transit), self.base + LONGEST)

    def of(self, timestamp: int, now: float) -> float:
        """Return how many seconds after its time a packet is played, if it is played now."""
        return now - timestamp * self._period - self.offset
