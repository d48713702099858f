"""RTP headers, for compiled callers; rtp.pyx says what they are."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cpdef enum:
    VERSION = 2
    HEADER_SIZE = 12  # bytes, without contributing sources and extension

cdef struct RtpHeader:
    uint8_t payload_type
    bint marker
    uint16_t sequence
    uint32_t timestamp
    uint32_t ssrc
    int start  # of the payload in its datagram
    int size  # of the payload, without padding
    int profile  # of the header extension; -1 where there is none
    int extension  # where its elements begin
    int extension_size

# 0 when `header` has been filled, else 1 + the place of the reason in RtpReason. `size` is that of
# the datagram, which may lie in a larger buffer: what lies behind it is not read
cdef int read_header(const uint8_t[::1] datagram, int size, RtpHeader *header) noexcept nogil

# Writes 12 bytes at the beginning of `out`
cdef void write_header(
    uint8_t[::1] out,
    uint8_t payload_type,
    bint marker,
    uint16_t sequence,
    uint32_t timestamp,
    uint32_t ssrc,
) noexcept nogil
