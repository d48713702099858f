"""The frames of an Opus packet (RFC 6716 section 3): how long it is, and whether it repairs a loss.

Only as many bytes are looked at as this takes, and none of them is decoded.
"""

from libc.stdint cimport uint8_t

from voice.opus_packet import (
    BAD_ARGUMENT,
    INVALID_PACKET,
    LONGEST_FRAME,
    LONGEST_PACKET_MS,
    OpusError,
    read_toc,
)

CLOCK_RATE = 48000  # Hz of the RTP clock, whatever the rate of the samples (RFC 7587 section 4.1)

cdef int _BAD_ARGUMENT = BAD_ARGUMENT, _INVALID_PACKET = INVALID_PACKET
cdef int _LONGEST_FRAME = LONGEST_FRAME
cdef int _LONGEST_UNITS = CLOCK_RATE * LONGEST_PACKET_MS // 1000

# Units of 48 kHz in one frame, by the first byte of the packet
cdef int[256] _FRAME_UNITS
for _toc in range(len(_FRAME_UNITS)):
    _FRAME_UNITS[_toc] = read_toc(bytes([_toc])).frame_samples


cdef int packet_units(const uint8_t *payload, int size) noexcept nogil:
    # Only two bytes are looked at: a damaged packet may still fail to decode
    cdef int count = _frame_count(payload, size)
    return 0 if count < 0 else count * _FRAME_UNITS[payload[0]]


cdef bint packet_has_fec(const uint8_t *payload, int size) noexcept nogil:
    return _read_fec(payload, size) > 0


def packet_samples(const uint8_t[::1] payload not None, int sample_rate):
    """Return how many samples per channel a packet decodes to at `sample_rate` Hz.

    Only its first two bytes are looked at: a damaged packet may still fail to decode.

    Raises
    ------
    OpusError
        The packet is empty, has no frame, or lasts longer than 120 ms (R1, R5).
    """
    cdef int size = <int>payload.shape[0]
    cdef int units = packet_units(&payload[0], size) if size else 0
    if not units:
        raise _malformed(size)
    return units * sample_rate // CLOCK_RATE


def has_fec(const uint8_t[::1] payload not None):
    """Whether a packet also carries its predecessor at a lower rate (section 4.2.4).

    If so, `OpusDecoder.decode_fec` repairs a lost predecessor from it.

    Raises
    ------
    OpusError
        The packet is malformed.
    """
    cdef int size = <int>payload.shape[0]
    cdef int found = _read_fec(&payload[0], size) if size else _BAD_ARGUMENT
    if found < 0:
        raise _malformed(size)
    return found > 0


def _malformed(size):
    if not size:
        return OpusError(BAD_ARGUMENT, "a packet of 0 bytes: RFC 6716 asks for at least one (R1)")
    return OpusError(INVALID_PACKET, f"a packet of {size} bytes that RFC 6716 section 3.4 forbids")


cdef int _frame_count(const uint8_t *payload, int size) noexcept nogil:
    """Return how many frames a packet has, negative against R1, R5 and R6 (section 3.4)."""
    if size <= 0:
        return _BAD_ARGUMENT
    cdef int code = payload[0] & 3
    if code < 3:
        return 1 if code == 0 else 2
    if size < 2:
        return _INVALID_PACKET
    cdef int count = payload[1] & 0x3F
    if not 0 < count * _FRAME_UNITS[payload[0]] <= _LONGEST_UNITS:
        return _INVALID_PACKET
    return count


cdef int _read_fec(const uint8_t *payload, int size) noexcept nogil:
    """Return whether the first frame has its predecessor with it, negative if it is malformed."""
    cdef int start = 0
    cdef int length = _first_frame(payload, size, &start)
    if length <= 0 or payload[0] & 0x80:  # CELT has none
        return min(length, 0)
    # The SILK layer begins with one bit of voice activity per 20 ms and then the flag, per channel
    cdef int blocks = max(1, _FRAME_UNITS[payload[0]] // 960)
    cdef int flags = 1 << (7 - blocks)
    if payload[0] & 4:
        flags |= 1 << (6 - 2 * blocks)
    return (payload[start] & flags) != 0


cdef int _first_frame(const uint8_t *payload, int size, int *start) noexcept nogil:
    """Return the size of the first frame, with all frames checked to fit (section 3.2).

    `start` becomes its offset; negative if the packet is malformed.
    """
    cdef int count = _frame_count(payload, size)
    if count < 0:
        return count
    cdef int code = payload[0] & 3, at = 1, end = size
    cdef bint equal = code != 2
    if code == 3:
        equal = not payload[1] & 0x80
        at = 2
        if payload[1] & 0x40:
            end -= _padding(payload, size, &at)
    if at > end:
        return _INVALID_PACKET
    start[0] = at
    if not equal:
        return _first_of_unequal(payload, end, count, start)
    if (end - at) % count or (end - at) // count > _LONGEST_FRAME:
        return _INVALID_PACKET
    return (end - at) // count


cdef int _first_of_unequal(const uint8_t *payload, int end, int count, int *start) noexcept nogil:
    """Return the size of the first frame of those whose sizes stand at `start`."""
    cdef int first = -1, total = 0, length, at = start[0]
    for _ in range(count - 1):
        # Section 3.2.1
        if at < end and payload[at] < 252:
            length = payload[at]
            at += 1
        elif at + 1 < end:
            length = payload[at + 1] * 4 + payload[at]
            at += 2
        else:
            return _INVALID_PACKET
        total += length
        if first < 0:
            first = length
    start[0] = at
    cdef int last = end - at - total
    if not 0 <= last <= _LONGEST_FRAME:
        return _INVALID_PACKET
    return last if first < 0 else first


cdef int _padding(const uint8_t *payload, int size, int *at) noexcept nogil:
    """Return how much padding there is, and move `at` behind its length (section 3.2.5).

    Where its length does not end, the padding is all there is, and more.
    """
    cdef int padding = 0, length
    while at[0] < size:
        length = payload[at[0]]
        at[0] += 1
        padding += min(length, 254)
        if length < 255:
            return padding
    return size + 1
