"""Counters that wrap: 16-bit sequence numbers and 32-bit timestamps made endless. Pure."""

from __future__ import annotations

SEQUENCE_BITS = 16
TIMESTAMP_BITS = 32

# RFC 3550 appendix A.1
MAX_DROPOUT = 3000  # a jump ahead by less is loss
MAX_MISORDER = 100  # a step back by less is reordering


class Unwrapper:
    """Turns wrapped values into integers that never wrap.

    Each value is taken as the one nearest to the highest so far, so order, loss and duplication do
    not matter as long as nothing is half a cycle off. The first value stands for itself; what came
    before it may be negative.

    Parameters
    ----------
    bits
        Width of the values; they are taken modulo 2 to that power.
    """

    def __init__(self, bits: int) -> None:
        self._mask = (1 << bits) - 1
        self._half = 1 << (bits - 1)
        self._highest: int | None = None

    def __call__(self, value: int) -> int:
        """Return `value` unwrapped, and remember it if it is the highest."""
        highest = self._highest
        if highest is None:
            self._highest = value & self._mask
            return self._highest
        ahead = (value - highest) & self._mask
        if ahead <= self._half:  # exactly half a cycle counts as ahead: streams seldom go back
            self._highest = highest + ahead
            return highest + ahead
        return highest + ahead - self._mask - 1


class TimestampUnwrapper(Unwrapper):
    """For RTP timestamps."""

    def __init__(self) -> None:
        super().__init__(TIMESTAMP_BITS)


class SequenceTracker:
    """Follows one source's sequence numbers and notices when it starts anew (RFC 3550 A.1).

    A packet far from the others is not believed; a second one right after it is: the source has
    restarted. Unlike in the appendix a new source is valid at once: it has been authenticated
    (SRTP) or comes from the address that the leg has latched on to.

    Attributes
    ----------
    restarts
        How often the source has started anew.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._highest: int | None = None
        self._suspect: int | None = None  # what must come next for a restart

    def __call__(self, sequence: int) -> int | None:
        """Return the packet's unwrapped number, None if it is not believed.

        Numbers of a restarted source are higher than all before, and equal modulo 65536 to the
        sequence numbers that they stand for.
        """
        highest = self._highest
        if highest is None:
            return self._start(sequence, 0)
        ahead = (sequence - highest) & 0xFFFF
        if ahead < MAX_DROPOUT:
            self._suspect = None
            self._highest = highest = highest + ahead
            return highest
        if ahead > 0x10000 - MAX_MISORDER:
            self._suspect = None
            return highest + ahead - 0x10000
        if sequence != self._suspect:
            self._suspect = (sequence + 1) & 0xFFFF
            return None
        self.restarts += 1
        return self._start(sequence, (highest >> SEQUENCE_BITS) + 1)

    def _start(self, sequence: int, cycle: int) -> int:
        self._suspect = None
        self._highest = (cycle << SEQUENCE_BITS) + sequence
        return self._highest
