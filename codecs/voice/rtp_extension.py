"""RTP header extensions with many elements in one (RFC 8285): one-byte and two-byte headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from voice.rtp import RtpPacket

ONE_BYTE = 0xBEDE  # profile, section 4.2
TWO_BYTE = 0x1000  # profile, section 4.3; its low four bits are the application's

_STOP = 15  # one-byte id that ends the reading, section 4.2
_LARGEST = 16  # bytes of a one-byte element


def elements(packet: RtpPacket) -> Iterator[tuple[int, bytes]]:
    """Yield (id, data) of each element, up to the first that does not fit.

    Nothing here can spoil the packet: an extension is always something that may be ignored.
    """
    if packet.profile == ONE_BYTE:
        yield from _one_byte(packet.extension)
    elif packet.profile is not None and packet.profile & 0xFFF0 == TWO_BYTE:
        yield from _two_byte(packet.extension)


def find(packet: RtpPacket, identifier: int) -> bytes | None:
    """Return the data of the element that a=extmap gives `identifier`, None if there is none."""
    if packet.profile is None:
        return None
    for found, data in elements(packet):
        if found == identifier:
            return data
    return None


def pack_one_byte(contents: Iterable[tuple[int, bytes]]) -> bytes:
    """Return a whole header extension of (id, data) with one-byte headers, header and padding too.

    Raises
    ------
    ValueError
        An id outside 1 to 14, or data of no or more than 16 bytes.
    """
    body = bytearray()
    for identifier, data in contents:
        if not 1 <= identifier < _STOP or not 1 <= len(data) <= _LARGEST:
            rule = f"ids are 1 to {_STOP - 1}, data 1 to {_LARGEST} bytes (RFC 8285 section 4.2)"
            raise ValueError(f"extension {identifier} of {len(data)} bytes: {rule}")
        body.append(identifier << 4 | len(data) - 1)
        body += data
    body += bytes(-len(body) % 4)
    return ONE_BYTE.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + body


def _one_byte(extension: bytes) -> Iterator[tuple[int, bytes]]:
    at, end = 0, len(extension)
    while at < end:
        head = extension[at]
        at += 1
        if not head:  # padding
            continue
        identifier, size = head >> 4, (head & 15) + 1
        if identifier == _STOP or at + size > end:
            return
        if identifier:  # 0 with a length is to be skipped
            yield identifier, extension[at : at + size]
        at += size


def _two_byte(extension: bytes) -> Iterator[tuple[int, bytes]]:
    at, end = 0, len(extension)
    while at < end:
        identifier = extension[at]
        at += 1
        if not identifier:  # padding
            continue
        if at == end:
            return
        size = extension[at]
        at += 1
        if at + size > end:
            return
        yield identifier, extension[at : at + size]
        at += size
