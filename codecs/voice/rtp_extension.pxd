"""Elements of RTP header extensions, for compiled callers; rtp_extension.pyx says what they are."""

from libc.stdint cimport uint8_t

from voice.rtp cimport RtpHeader

cpdef enum:
    ONE_BYTE = 0xBEDE  # profile, RFC 8285 section 4.2
    TWO_BYTE = 0x1000  # profile, section 4.3; its low four bits are the application's

# The byte of RFC 6464 (-dBov, and 128 where it is voice) that the element `identifier` of a packet
# has, -1 if there is none. `header` is what read_header has found in `datagram`
cdef int audio_level(
    const uint8_t[::1] datagram, RtpHeader *header, int identifier
) noexcept nogil
