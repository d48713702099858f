"""Counters that wrap: 16-bit sequence numbers and 32-bit timestamps made endless. Pure."""

cdef int NO_SUSPECT = -1


cdef class Unwrapper:
    """Turns wrapped values into integers that never wrap.

    Each value is taken as the one nearest to the highest so far, so order, loss and duplication do
    not matter as long as nothing is half a cycle off. The first value stands for itself; what came
    before it may be negative.

    Parameters
    ----------
    bits
        Width of the values, 1 to 32; they are taken modulo 2 to that power.
    """

    def __init__(self, bits: int) -> None:
        if not 1 <= bits <= 32:
            raise ValueError(f"values of {bits} bits: there are 1 to 32")
        self._mask = (1 << bits) - 1
        self._half = 1 << (bits - 1)
        self.reset()

    def __call__(self, value: int) -> int:
        """Return `value` unwrapped, and remember it if it is the highest."""
        return self.unwrap(value & 0xFFFFFFFF)

    cdef int64_t unwrap(self, uint32_t value) noexcept nogil:
        cdef uint32_t ahead
        if not self._started:
            self._started = True
            self._highest = value & self._mask
            return self._highest
        ahead = (value - <uint32_t>self._highest) & self._mask
        if ahead <= self._half:  # exactly half a cycle counts as ahead: streams seldom go back
            self._highest += ahead
            return self._highest
        return self._highest + ahead - self._mask - 1

    cdef void reset(self) noexcept nogil:
        self._highest = 0
        self._started = False


cdef class TimestampUnwrapper(Unwrapper):
    """For RTP timestamps."""

    def __init__(self) -> None:
        super().__init__(TIMESTAMP_BITS)


cdef class SequenceTracker:
    """Follows one source's sequence numbers and notices when it starts anew (RFC 3550 A.1).

    A packet far from the others is not believed; a second one right after it is: the source has
    restarted. Unlike in the appendix a new source is valid at once: it has been authenticated
    (SRTP) or comes from the address that the leg has latched on to.

    Attributes
    ----------
    restarts
        How often the source has started anew.
    """

    def __cinit__(self) -> None:
        self.reset()

    def __call__(self, sequence: int) -> int | None:
        """Return the packet's unwrapped number, None if it is not believed.

        Numbers of a restarted source are higher than all before, and equal modulo 65536 to the
        sequence numbers that they stand for.

        Raises
        ------
        OverflowError
            The sequence number has more than 16 bits.
        """
        cdef int64_t number = 0
        return number if self.track(sequence, &number) else None

    cdef bint track(self, uint16_t sequence, int64_t *number) noexcept nogil:
        cdef uint16_t ahead = <uint16_t>(sequence - <uint16_t>self._highest)
        if not self._started:
            self._started = True
            self._highest = sequence
        elif ahead < MAX_DROPOUT:
            self._highest += ahead
        elif ahead > 0x10000 - MAX_MISORDER:
            self._suspect = NO_SUSPECT
            number[0] = self._highest + ahead - 0x10000
            return True
        elif sequence != self._suspect:
            self._suspect = (sequence + 1) & 0xFFFF  # what must come next for a restart
            return False
        else:
            self.restarts += 1
            self._highest = (((self._highest >> SEQUENCE_BITS) + 1) << SEQUENCE_BITS) + sequence
        self._suspect = NO_SUSPECT
        number[0] = self._highest
        return True

    cdef void reset(self) noexcept nogil:
        self.restarts = 0
        self._highest = 0
        self._suspect = NO_SUSPECT
        self._started = False
