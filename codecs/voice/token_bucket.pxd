"""Rate limits, for compiled callers; token_bucket.pyx says how they are kept."""

cimport cython


@cython.final
cdef class TokenBucket:
    cdef double _price  # seconds in which one token is earned
    cdef double _depth  # seconds
    cdef double _least  # tokens
    cdef double _earned  # when all that was spent will be

    # Whether anything is left at `now`, in seconds of a clock that never goes back
    cpdef bint has_tokens(self, double now) noexcept nogil
    # The last of it may be more than is left, and is owed then
    cpdef void spend(self, double amount) noexcept nogil
