"""The frames of an Opus packet, for compiled callers; opus_frames.pyx says more."""

from libc.stdint cimport uint8_t


# How long a packet is, in units of 48 kHz; 0 if it is malformed
cdef int packet_units(const uint8_t *payload, int size) noexcept nogil
# Whether a packet carries its predecessor as well
cdef bint packet_has_fec(const uint8_t *payload, int size) noexcept nogil
