"""Header extensions: nothing in them can spoil a packet."""

from __future__ import annotations

from voice.levels import parse as parse_level
from voice.rtp import RtpPacket
from voice.rtp_extension import ONE_BYTE, TWO_BYTE, elements, find


def one_input(data: bytes) -> None:
    for profile in (ONE_BYTE, TWO_BYTE, TWO_BYTE + 5, None, 0):
        packet = RtpPacket(0, False, 0, 0, 0, b"", (), profile, data)
        read = list(elements(packet))
        assert sum(len(content) for _, content in read) <= len(data)
        for identifier, content in read:
            assert content in data
            first = find(packet, identifier)
            assert first is not None
            level = parse_level(first)
            assert level is None or 0 <= level.level <= 127
        assert find(packet, 256) is None
