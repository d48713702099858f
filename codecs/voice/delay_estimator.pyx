"""When a stream's packets have come for good, so that they can be played. Pure.

Every packet says when it was made (its timestamp) and we see when it comes; the difference is its
transit, clocks' offset and all. A packet is played when its timestamp plus the stream's offset has
come. The offset is the highest transit of late, seen in blocks of a quarter second:

* over the last two blocks it is the very highest. A burst of late packets is over soon, and what it
  needs is given back as soon;
* over the last eight seconds a tenth of the blocks is left out, the worst. What comes now and then
  in them is jitter that stays, and costs its delay; one burst is within what is left out.

A call's first seconds are another matter. Few packets have been seen, so the worst of them is not
the worst there is: the offset is taken from their spread as well. And a sender that is busy with
the call's start sends its first packets late, and catches up. What was noted before says nothing
of the network then, and is forgotten.
"""

from libc.math cimport sqrt
from libc.string cimport memmove

cdef double LONGEST_DELAY = LONGEST_DELAY_MS / 1000.0
cdef double BLOCK = BLOCK_MS / 1000.0
cdef double CLOCK_STEP = CLOCK_STEP_MS / 1000.0

cdef double LEFT_OUT = 0.1  # of the blocks, the worst
cdef enum:
    MOST_LEFT_OUT = 3  # a tenth of 32

cdef double MARGIN = 0.15  # of the delay, since what was seen is not the worst that there is

cdef double YOUNG = 2.5  # seconds from the first packet

# While a stream is young the worst transit is guessed to be so many standard deviations above the
# mean, by two packets half as many again, but at most so many times as far from the base as the
# worst that was seen. PESQ of the first eight seconds, 40 ms of jitter: 3.63 without, 3.91 with it
cdef double DEVIATIONS = 3.5
cdef double MOST_GUESSED = 3.0
# Where packets differ by less from those before them, slots of the clock make good what comes late
cdef double LEAST_UNREST = 0.01  # seconds, root mean square

# A packet that is faster than all before it by so much ends a block: lest one block holds both what
# was before the transit fell and what came after
cdef double FALL = 0.015  # seconds
cdef double STILL_FALLING = 0.005  # seconds from one block to the next

# While a stream is young, blocks in which packets were late by so much, and 2.5 times as late as in
# the last two, are forgotten: the sender was busy
cdef double UNREST = 0.012  # seconds
cdef double CALM = 0.4


cdef class DelayEstimator:
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
    falling
        Whether the base fell in the last block, and by more than drift: it may fall further.
    """

    def __init__(self, clock_rate: int) -> None:
        self._period = 1.0 / clock_rate
        self.restart()

    @property
    def target(self) -> float:
        """Seconds that the fastest packets wait, by this offset."""
        return self.target_delay()

    cpdef void note_arrival(self, int64_t timestamp, double now) noexcept nogil:
        """Take the arrival of a packet; the timestamp is unwrapped, `now` in seconds."""
        cdef double transit = now - timestamp * self._period
        if not self._started or not -CLOCK_STEP < transit - self._last < CLOCK_STEP:
            self._begin(transit, now)
        elif now >= self._until:
            self._end_block(transit, now)
        elif transit < self.base - FALL:
            self._remember()
            self._begin_block(transit, now)
        self._last = transit
        self._block.low = min(self._block.low, transit)
        self._block.high = max(self._block.high, transit)
        self._risen = self._risen or transit > self.offset
        self._sample(transit)
        if transit < self.base:
            self._move_base(transit)
        cdef double needed = max(self.offset, max(transit, self._predict(now)))
        self.offset = min(needed, self.base + LONGEST_DELAY)

    cpdef double delay_error(self, int64_t timestamp, double now) noexcept nogil:
        """Return how many seconds after its time a packet is played, if it is played now."""
        return now - timestamp * self._period - self.offset

    cdef double target_delay(self) noexcept nogil:
        return self.offset - self.base

    cdef void expect_delay(self, double delay) noexcept nogil:
        """Begin anew, with the delay that another stream of the same network has needed."""
        self.restart()
        self._expecting = True
        self._count = 1
        self._blocks[0].low = self._blocks[0].base = 0.0
        self._blocks[0].high = delay

    cdef void restart(self) noexcept nogil:
        """Forget the stream so far."""
        self._expecting = False
        self.base = 0.0
        self._begin(0.0, 0.0)
        self._started = False

    cdef void _begin(self, double transit, double now) noexcept nogil:
        self._move_base(transit)
        self.offset = transit
        if self._expecting:
            self.offset = min(self._blocks[0].high, transit + LONGEST_DELAY)
        else:
            self._count = 0
        self._last = transit
        self._begun = now
        self._started = True
        self.falling = False
        self._forget_spread()
        self._begin_block(transit, now)

    cdef void _begin_block(self, double transit, double now) noexcept nogil:
        self._block.low = self._block.high = transit
        self._until = now + BLOCK

    cdef void _end_block(self, double transit, double now) noexcept nogil:
        cdef double newest = self._block.high
        if self._count:
            self.falling = self.base < self._blocks[self._count - 1].base - STILL_FALLING
        self._forget_old(now - self._begun < YOUNG)
        self._remember()
        self._begin_block(transit, now)
        self.base = min(transit, self._lowest_of_late())
        cdef double usual = self._usual_worst()
        usual += MARGIN * (usual - self.base)
        cdef double needed = max(max(usual, self._predict(now)), max(newest, transit))
        self.offset = min(needed, self.base + LONGEST_DELAY)

    cdef void _move_base(self, double transit) noexcept nogil:
        if self._expecting:  # what is expected is a distance from the base, wherever that is
            self._blocks[0].low += transit - self.base
            self._blocks[0].high += transit - self.base
            self._blocks[0].base += transit - self.base
        self.base = transit

    cdef void _remember(self) noexcept nogil:
        """Take the block that is over to the others."""
        if self._count == BLOCKS:
            self._count -= 1
            memmove(&self._blocks[0], &self._blocks[1], self._count * sizeof(Block))
        self._block.base = self.base
        self._blocks[self._count] = self._block
        self._count += 1
        self._expecting = False

    cdef void _forget_old(self, bint young) noexcept nogil:
        """Forget the blocks that say nothing of the network now; the block is over, and whole."""
        cdef double high = self._block.high
        cdef double high_of_two = high
        cdef Block *last = &self._blocks[max(0, self._count - 1)]
        cdef Block *block
        cdef int place, kept = 0
        cdef bint calm
        if self._count:
            high_of_two = max(high, last.high)
        for place in range(self._count):
            block = &self._blocks[place]
            calm = (
                young
                and place < self._count - 1
                and block.high - self.base > UNREST
                and high_of_two - self.base < CALM * (block.high - self.base)
            )
            # Else even the fastest packets of its time took longer than the slowest of now
            if block.base <= high and not calm:
                self._blocks[kept] = block[0]
                kept += 1
        if kept < self._count:
            self._forget_spread()
        self._count = kept

    cdef double _lowest_of_late(self) noexcept nogil:
        cdef double lowest = self._blocks[self._count - 1].low
        cdef int place
        for place in range(max(0, self._count - <int>BLOCKS_OF_BASE), self._count):
            lowest = min(lowest, self._blocks[place].low)
        return lowest

    cdef double _usual_worst(self) noexcept nogil:
        """Return the highest transit of the blocks, without the worst tenth of them."""
        cdef double worst[MOST_LEFT_OUT + 1]
        cdef int left_out = <int>(self._count * LEFT_OUT)
        cdef int kept = 0
        cdef int block, place
        cdef double high
        for block in range(self._count):
            high = self._blocks[block].high
            # Insertion into the few that are worst, the worst of all first
            place = min(kept, left_out)
            if place == kept:
                kept += 1
            elif high <= worst[place]:
                continue
            while place > 0 and worst[place - 1] < high:
                worst[place] = worst[place - 1]
                place -= 1
            worst[place] = high
        return worst[left_out]

    cdef void _sample(self, double transit) noexcept nogil:
        """Take a packet into mean and spread, by Welford's method."""
        self._seen += 1
        cdef double off = transit - self._mean
        self._mean += off / self._seen
        self._squares += off * (transit - self._mean)
        if self._seen == 1:
            self._worst = transit
        else:
            self._worst = max(self._worst, transit)
            self._steps += (transit - self._before) * (transit - self._before) / 2
        self._before = transit

    cdef void _forget_spread(self) noexcept nogil:
        self._seen = 0
        self._mean = self._squares = self._steps = 0.0
        self._risen = False

    cdef double _predict(self, double now) noexcept nogil:
        """Return the transit that few packets of a young stream will exceed.

        Not before a packet was later than the first one: transits that only fall are a sender that
        catches up.
        """
        if not self._risen or self._seen < 2 or now - self._begun >= YOUNG:
            return self.base
        cdef int others = self._seen - 1
        # A transit that drifts is no unrest, however far it gets
        if self._steps < LEAST_UNREST * LEAST_UNREST * others:
            return self.base
        cdef double deviations = DEVIATIONS * (1 + 1.0 / self._seen)
        cdef double guess = self._mean + deviations * sqrt(self._squares / others)
        return min(guess, self.base + MOST_GUESSED * (self._worst - self.base))
