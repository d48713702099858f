"""How much of something a far end may ask for: a token bucket.

What was not used is saved up, but only to a limit, so that what waited during a stall passes at
once and a flood does not. The bucket is kept as the time by which all that was spent is earned:
that is one number, and packets are many.
"""

cimport cython
from libc.math cimport INFINITY

# Of one stream, whose tokens are seconds of audio: the backlog of a stall passes, a flood that
# would take more than a call's share of a core does not
AUDIO_PER_SECOND = 2.0  # seconds
MOST_SAVED_AUDIO = 0.5  # seconds
LEAST_AUDIO_PER_PACKET = 0.01  # seconds: whatever a packet holds, it costs as much as this


@cython.final
cdef class TokenBucket:
    """So much per second, and at most so much at once.

    Parameters
    ----------
    rate
        Tokens that are earned per second.
    burst
        Tokens that may be saved up, and are there at the beginning.
    least
        Tokens that are spent at a time, however few were asked for.
    """

    def __init__(self, double rate, double burst, double least=0.0) -> None:
        if not rate > 0:
            raise ValueError(f"{rate} tokens per second: more than 0 have to be earned")
        self._price = 1 / rate
        self._depth = burst / rate
        self._least = least
        self._earned = -INFINITY

    cpdef bint has_tokens(self, double now) noexcept nogil:
        """Say whether anything is left at `now`, in seconds of a clock that never goes back."""
        if self._earned < now:
            self._earned = now
        return self._earned - now < self._depth

    cpdef void spend(self, double amount) noexcept nogil:
        """Spend so much; the last of it may be more than is left, and is owed then."""
        self._earned += max(amount, self._least) * self._price


def AudioBucket() -> TokenBucket:
    """Return the bucket of one stream of packets, in seconds of audio."""
    return TokenBucket(AUDIO_PER_SECOND, MOST_SAVED_AUDIO, LEAST_AUDIO_PER_PACKET)
