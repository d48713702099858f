"""Header extensions: nothing in them can spoil a packet, and both ways of reading them agree."""

from __future__ import annotations

import contextlib

from voice.rtp import RtpError, RtpPacket, pack_header, parse
from voice.rtp_extension import ONE_BYTE, TWO_BYTE, elements, find, read_audio_level


def one_input(data: bytes) -> None:
    for profile in (ONE_BYTE, TWO_BYTE, TWO_BYTE + 5, None, 0):
        packet = RtpPacket(0, False, 0, 0, 0, b"", (), profile, data)
        read = list(elements(packet))
        assert sum(len(content) for _, content in read) <= len(data)
        for identifier, content in read:
            assert content in data
            first = find(packet, identifier)
            assert first is not None
        assert find(packet, 256) is None
        _check_level(_in_datagram(profile, data))
    _check_level(data)


def _in_datagram(profile: int | None, data: bytes) -> bytes:
    if profile is None:
        return pack_header(0, 1, 2, 3) + data
    words = len(data) // 4
    extension = profile.to_bytes(2, "big") + words.to_bytes(2, "big")
    return pack_header(0, 1, 2, 3, extension=extension) + data


def _check_level(datagram: bytes) -> None:
    packet = None
    with contextlib.suppress(RtpError):
        packet = parse(datagram)
    for identifier in (-1, 0, 1, 3, 14, 15, 16, 255, 256):
        element = None if packet is None else find(packet, identifier)
        assert read_audio_level(datagram, identifier) == (element[0] if element else None)
