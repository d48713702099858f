"""RTP header extensions with many elements in one (RFC 8285): one-byte and two-byte headers.

Nothing here can spoil a packet: an extension is always something that may be ignored. So the
reading ends, without an error, at the first element that does not fit.
"""

from collections.abc import Iterable, Iterator

from voice.rtp cimport read_header

from voice.rtp import RtpPacket

cdef enum:
    STOP = 15  # one-byte id that ends the reading, section 4.2
    LARGEST = 16  # bytes of a one-byte element

# Where the data of an element lies. The next one is looked for behind it
cdef struct Element:
    int identifier
    int start
    int size


def elements(packet: RtpPacket) -> Iterator[tuple[int, bytes]]:
    """Return (id, data) of each element, up to the first that does not fit."""
    cdef const uint8_t[::1] octets = packet.extension
    cdef int profile = _profile(packet)
    cdef Element element = Element(0, 0, 0)
    extension: bytes = packet.extension
    found = []
    while _advance(octets, profile, <int>octets.shape[0], &element):
        data = extension[element.start : element.start + element.size]
        found.append((element.identifier, data))
    return iter(found)


def find(packet: RtpPacket, identifier: int) -> bytes | None:
    """Return the data of the element that a=extmap gives `identifier`, None if there is none."""
    cdef const uint8_t[::1] octets = packet.extension
    cdef Element element = Element(0, 0, 0)
    if not _find(octets, _profile(packet), <int>octets.shape[0], identifier, &element):
        return None
    return packet.extension[element.start : element.start + element.size]


def read_audio_level(datagram: bytes, identifier: int) -> int | None:
    """Return the byte of RFC 6464 that the element `identifier` of a datagram has.

    None if it has no such element, the element is empty, or the datagram is no RTP packet.
    """
    cdef const uint8_t[::1] octets = datagram
    cdef RtpHeader header
    cdef int level = -1
    if not read_header(octets, <int>octets.shape[0], &header):
        level = audio_level(octets, &header, identifier)
    return None if level < 0 else level


def pack_one_byte(contents: Iterable[tuple[int, bytes]]) -> bytes:
    """Return a whole header extension of (id, data) with one-byte headers, header and padding too.

    Raises
    ------
    ValueError
        An id outside 1 to 14, or data of no or more than 16 bytes.
    """
    body = bytearray()
    for identifier, data in contents:
        if not 1 <= identifier < STOP or not 1 <= len(data) <= LARGEST:
            rule = f"ids are 1 to {STOP - 1}, data 1 to {LARGEST} bytes (RFC 8285 section 4.2)"
            raise ValueError(f"extension {identifier} of {len(data)} bytes: {rule}")
        body.append(identifier << 4 | len(data) - 1)
        body += data
    body += bytes(-len(body) & 3)  # whole words
    return ONE_BYTE.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + body


cdef int _profile(packet) except? -1:
    return -1 if packet.profile is None else packet.profile


cdef int audio_level(
    const uint8_t[::1] datagram, RtpHeader *header, int identifier
) noexcept nogil:
    cdef int end = header.extension + header.extension_size
    cdef Element element = Element(0, header.extension, 0)
    if end > datagram.shape[0]:
        end = <int>datagram.shape[0]
    if not _find(datagram, header.profile, end, identifier, &element) or not element.size:
        return -1
    return datagram[element.start]


cdef bint _find(
    const uint8_t[::1] octets, int profile, int end, int identifier, Element *element
) noexcept nogil:
    while _advance(octets, profile, end, element):
        if element.identifier == identifier:
            return True
    return False


cdef bint _advance(
    const uint8_t[::1] octets, int profile, int end, Element *element
) noexcept nogil:
    """Moves on to the next element; False at the end, and where one goes on beyond `end`."""
    if profile == ONE_BYTE:
        return _advance_one_byte(octets, end, element)
    if profile & 0xFFF0 == TWO_BYTE:
        return _advance_two_byte(octets, end, element)
    return False  # somebody's own


cdef bint _advance_one_byte(const uint8_t[::1] octets, int end, Element *element) noexcept nogil:
    cdef int at = element.start + element.size
    cdef uint8_t head
    while at < end:
        head = octets[at]
        at += 1
        if not head:  # padding
            continue
        element.identifier = head >> 4
        element.start = at
        element.size = (head & 15) + 1
        at += element.size
        if element.identifier == STOP or at > end:
            return False
        if element.identifier:  # 0 with a length is to be skipped
            return True
    return False


cdef bint _advance_two_byte(const uint8_t[::1] octets, int end, Element *element) noexcept nogil:
    cdef int at = element.start + element.size
    while at < end:
        element.identifier = octets[at]
        at += 1
        if not element.identifier:  # padding
            continue
        if at == end:
            return False
        element.start = at + 1
        element.size = octets[at]
        return element.start + element.size <= end
    return False
