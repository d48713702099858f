"""The media clock: a tick every 5 ms, four of them to a frame of 20 ms.

Every stream sits in one of the four slots and is served once per frame, together with all other
streams of its slot, so that the work on a frame is done for many calls at a time. Deadlines are
absolute, so lateness does not add up.
"""

from libc.stdint cimport int64_t

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

# A tick that is this near is run at once: to sleep for less costs more than it saves
NEAR = 0.0001  # seconds

cdef double _tick = TICK, _catch_up = CATCH_UP, _near = NEAR
cdef int _slots = SLOTS, _strained_turns = STRAINED
cdef int _most = round(LONGEST_CATCH_UP / TICK)  # ticks that are made up for


cdef class Ticks:
    """Counts ticks against a clock; pure.

    Parameters
    ----------
    start
        Time of tick 0, in seconds of whatever clock the caller reads.
    """

    def __init__(self, start: float) -> None:
        self._start = self._ran = start
        self.next = 1

    def due(self, now: float) -> range:
        """Return the numbers of the ticks to run at `now`, oldest first.

        Ticks older than the longest catch-up are left out, whole frames at a time so that every
        stream keeps its slot. Of several frames that are missing one tick is due at a time.
        """
        cdef int64_t last = self.due_until(now)
        cdef int64_t first = self.next
        self.next = max(first, last + 1)
        return range(first, last + 1)

    def wait(self, now: float) -> float:
        """Return the seconds from `now`, after a turn of ticks, until the next one."""
        return self.seconds_to_wait(now)

    def time(self, number: int) -> float:
        """Return when a tick was to be run."""
        return self.time_of(number)

    cdef int64_t due_until(self, double now) noexcept nogil:
        """Return the last tick to run now; the first is `next`, moved on by what is left out."""
        cdef int64_t last = <int64_t> ((now + _near - self._start) / _tick)
        cdef int64_t lost
        if last - self.next >= _most:
            lost = (last - self.next + 1 - _most + _slots - 1) // _slots * _slots
            self.skipped += lost
            self.next += lost
        if last - self.next >= _slots and self._strained < _strained_turns:
            last = self.next
        self._ran = now
        return last

    cdef double seconds_to_wait(self, double now) noexcept nogil:
        cdef double due = self.time_of(self.next)
        self._strained = self._strained + 1 if now - self._ran > _tick else 0
        if now - due > _slots * _tick:
            due = self._ran + _catch_up
        return due - now if due > now else 0.0

    cdef double time_of(self, int64_t number) noexcept nogil:
        return self._start + number * _tick
