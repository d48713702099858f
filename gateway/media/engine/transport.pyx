"""Where a leg's packets go. A leg without a port has this base class, which sends nothing."""

from libc.stdint cimport uint8_t


cdef class Transport:
    """One leg's way out. The packet is built where it is sent from, and is not copied."""

    cdef uint8_t[::1] next_packet(self) noexcept nogil:
        return None

    cdef bint send_packet(self, int size) noexcept nogil:
        return False

    cdef bint is_open(self) noexcept nogil:
        return False
