"""RTP headers (RFC 3550 section 5.1), read and written.

There is one reader, `read_header`: it runs for every packet of every call, without the interpreter.
`parse` wraps it for Python. Each refusal has a reason out of a closed set, fit to be a metric's
label.
"""

from enum import StrEnum
from typing import NamedTuple

cdef enum:
    PADDED = 0x20
    EXTENDED = 0x10
    CSRC_COUNT = 0x0F
    MARKER = 0x80

# What `read_header` returns: places in RtpReason, counted from 1
cdef enum:
    READ
    SHORT
    WRONG_VERSION
    CSRC
    EXTENSION
    PADDING


class RtpReason(StrEnum):
    """Why a datagram is no RTP packet."""

    SHORT = "short"  # less than the fixed header
    VERSION = "version"
    CSRC = "csrc"  # contributing sources beyond the end
    EXTENSION = "extension"  # header extension beyond the end
    PADDING = "padding"  # padding of no length, or longer than the payload


_REASONS = tuple(RtpReason)


class RtpError(ValueError):
    """A datagram that is no RTP packet; `reason` says which rule it breaks."""

    def __init__(self, reason: RtpReason, problem: str) -> None:
        super().__init__(f"{problem} (RFC 3550 section 5)")
        self.reason = reason


class RtpPacket(NamedTuple):
    """A packet as read: `payload` without padding, `extension` without its four bytes of header."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    csrcs: tuple[int, ...] = ()
    profile: int | None = None  # of the extension; None where there is no extension
    extension: bytes = b""


def is_rtcp(datagram: bytes) -> bool:
    """Whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4)."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


def parse(datagram: bytes) -> RtpPacket:
    """Read one packet.

    Raises
    ------
    RtpError
        The datagram is no RTP packet. RTCP is not told apart here: ask `is_rtcp` first.
    """
    cdef const uint8_t[::1] octets = datagram
    cdef RtpHeader header
    cdef int found = read_header(octets, <int>octets.shape[0], &header)
    if found != READ:
        raise RtpError(_REASONS[found - 1], _problem(octets, found, header))
    return RtpPacket(
        header.payload_type,
        bool(header.marker),
        header.sequence,
        header.timestamp,
        header.ssrc,
        datagram[header.start : header.start + header.size],
        _csrcs(octets),
        None if header.profile < 0 else header.profile,
        datagram[header.extension : header.extension + header.extension_size],
    )


cdef tuple _csrcs(const uint8_t[::1] datagram):
    cdef int count = datagram[0] & CSRC_COUNT
    if not count:
        return ()
    return tuple([_word(datagram, HEADER_SIZE + 4 * place) for place in range(count)])


cdef str _problem(const uint8_t[::1] datagram, int found, RtpHeader header):
    """Say what is wrong, from as much of the header as was read."""
    cdef int size = <int>datagram.shape[0]
    if found == SHORT:
        return f"{size} bytes: the header has {HEADER_SIZE}"
    if found == WRONG_VERSION:
        return f"version {datagram[0] >> 6}: RTP has version {VERSION}"
    if found == CSRC:
        return f"{datagram[0] & CSRC_COUNT} contributing sources in {size} bytes"
    if found == EXTENSION and header.profile < 0:
        return f"no header extension after {header.extension} of {size} bytes"
    if found == EXTENSION:
        return f"an extension of {header.extension_size // 4} words in {size} bytes"
    start = header.extension + header.extension_size
    return f"{datagram[size - 1]} bytes of padding after {start} of {size}"


cdef int read_header(const uint8_t[::1] datagram, int size, RtpHeader *header) noexcept nogil:
    cdef int start, padding
    cdef uint8_t flags
    if size > datagram.shape[0]:
        size = <int>datagram.shape[0]
    if size < HEADER_SIZE:
        return SHORT
    flags = datagram[0]
    if flags >> 6 != VERSION:
        return WRONG_VERSION
    header.payload_type = datagram[1] & ~MARKER
    header.marker = datagram[1] >= MARKER
    header.sequence = _half_word(datagram, 2)
    header.timestamp = _word(datagram, 4)
    header.ssrc = _word(datagram, 8)
    start = HEADER_SIZE + 4 * (flags & CSRC_COUNT)
    if start > size:
        return CSRC
    header.profile = -1
    header.extension = start
    header.extension_size = 0
    if flags & EXTENDED:
        if start + 4 > size:
            return EXTENSION
        header.profile = _half_word(datagram, start)
        header.extension = start + 4
        header.extension_size = 4 * _half_word(datagram, start + 2)
        start = header.extension + header.extension_size
        if start > size:
            return EXTENSION
    if flags & PADDED:
        padding = datagram[size - 1]
        size -= padding
        if not padding or size < start:
            return PADDING
    header.start = start
    header.size = size - start
    return READ


cdef inline uint16_t _half_word(const uint8_t[::1] octets, int at) noexcept nogil:
    return <uint16_t>(octets[at] << 8 | octets[at + 1])


cdef inline uint32_t _word(const uint8_t[::1] octets, int at) noexcept nogil:
    return <uint32_t>_half_word(octets, at) << 16 | _half_word(octets, at + 2)


def pack_header(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    *,
    marker: bool = False,
    extension: bytes = b"",
) -> bytes:
    """Return the header to put before a payload.

    `sequence` and `timestamp` may be endless counters: they are sent modulo 2^16 and 2^32.
    `extension` is a whole header extension, as `rtp_extension.pack_one_byte` makes it.

    Raises
    ------
    OverflowError
        A payload type of more than 8 bits, or an SSRC of more than 32.
    """
    header = bytearray(HEADER_SIZE)
    write_header(header, payload_type, marker, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    if extension:
        header[0] |= EXTENDED
        header += extension
    return bytes(header)


cdef void write_header(
    uint8_t[::1] out,
    uint8_t payload_type,
    bint marker,
    uint16_t sequence,
    uint32_t timestamp,
    uint32_t ssrc,
) noexcept nogil:
    out[0] = VERSION << 6
    out[1] = payload_type | MARKER if marker else payload_type
    _put_half_word(out, 2, sequence)
    _put_word(out, 4, timestamp)
    _put_word(out, 8, ssrc)


cdef inline void _put_half_word(uint8_t[::1] out, int at, uint16_t value) noexcept nogil:
    out[at] = value >> 8
    out[at + 1] = value & 0xFF


cdef inline void _put_word(uint8_t[::1] out, int at, uint32_t value) noexcept nogil:
    _put_half_word(out, at, value >> 16)
    _put_half_word(out, at + 2, value & 0xFFFF)
