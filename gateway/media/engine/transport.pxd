"""Where a leg's packets go; the base class of what browser ports and trunk ports offer."""

from libc.stdint cimport uint8_t


cdef class Transport:
    # The buffer that the next packet is written into; at least LONGEST_PACKET bytes
    cdef uint8_t[::1] next_packet(self) noexcept nogil
    # Sends what stands in the first `size` bytes of it; false if it could not be sent
    cdef bint send_packet(self, int size) noexcept nogil
    # Whether there is anywhere to send to
    cdef bint is_open(self) noexcept nogil
