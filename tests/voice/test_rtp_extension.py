"""Header extension elements of RFC 8285, and audio levels in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.rtp import RtpPacket, pack_header, parse
from voice.rtp_extension import elements, find, pack_one_byte, read_audio_level


def make_packet(profile: int, extension: bytes) -> RtpPacket:
    return RtpPacket(0, False, 1, 2, 3, b"", (), profile, extension)


@pytest.mark.parametrize(
    ("profile", "extension", "expected"),
    [
        (0xBEDE, "10ff0000", [(1, b"\xff")]),
        (0xBEDE, "10ff313000000000", [(1, b"\xff"), (3, b"0\0")]),
        (0xBEDE, "0010ff00", [(1, b"\xff")]),  # padding first
        (0xBEDE, "10fff0aa20bb0000", [(1, b"\xff")]),  # 15 stops
        (0xBEDE, "10ff2faa", [(1, b"\xff")]),  # beyond the end
        (0xBEDE, "01aabb10ff000000", [(1, b"\xff")]),  # id 0 with a length is skipped
        (0xBEDE, "", []),
        (0x1000, "0101ff00", [(1, b"\xff")]),
        (0x1005, "0100ff02aabb", [(1, b""), (255, b"\xaa\xbb")]),
        (0x1000, "0000000101ff", [(1, b"\xff")]),
        (0x1000, "0101ff0205aa", [(1, b"\xff")]),
        (0x1000, "01", []),
        (0x1234, "10ff0000", []),  # somebody's own
    ],
)
def test_elements(profile: int, extension: str, expected: list[tuple[int, bytes]]) -> None:
    packet = make_packet(profile, bytes.fromhex(extension))
    assert list(elements(packet)) == expected
    for identifier, data in expected:
        assert find(packet, identifier) == data
    assert find(packet, 14) is None


def test_a_packet_without_extension_has_none() -> None:
    packet = RtpPacket(0, False, 1, 2, 3, b"")
    assert list(elements(packet)) == []
    assert find(packet, 1) is None


@given(
    st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16)), max_size=8),
    st.binary(max_size=20),
)
def test_what_is_packed_is_found(contents: list[tuple[int, bytes]], payload: bytes) -> None:
    packet = parse(pack_header(0, 1, 2, 3, extension=pack_one_byte(contents)) + payload)
    assert list(elements(packet)) == contents
    assert packet.payload == payload


@given(st.one_of(st.just(0xBEDE), st.integers(0x1000, 0x100F)), st.binary(max_size=100))
def test_any_bytes_are_read(profile: int, extension: bytes) -> None:
    for _, data in elements(make_packet(profile, extension)):
        assert data in extension


@pytest.mark.parametrize(
    ("datagram", "identifier", "level"),
    [
        ("90000001 00000002 00000003 bede0001 10ff0000", 1, 0xFF),
        ("90000001 00000002 00000003 bede0001 10ff0000", 2, None),
        ("92000001 00000002 00000003 0000000a 0000000b bede0001 10070000", 1, 7),
        ("90000001 00000002 00000003 bede0001 11077f00", 1, 7),  # only the first byte
        ("90000001 00000002 00000003 10000002 0100 0102 1122 0000", 1, None),  # an empty one first
        ("90000001 00000002 00000003 10000001 ff017f00", 255, 0x7F),
        ("90000001 00000002 00000003 bede0000 10ff0000", 1, None),  # that is payload
        ("80000001 00000002 00000003 bede0001 10ff0000", 1, None),
        ("90000001 00000002 00000003 bede0002 10ff0000", 1, None),  # no RTP
        ("", 1, None),
    ],
)
def test_audio_levels(datagram: str, identifier: int, level: int | None) -> None:
    assert read_audio_level(bytes.fromhex(datagram), identifier) == level


@given(
    st.sampled_from([0xBEDE, 0x1000, 0x100F, 0x1010, 0]),
    st.lists(st.sampled_from([0, 0x10, 0x11, 0x1F, 0x20, 0xF0, 1, 2, 5, 0xFF]), max_size=40),
    st.integers(0, 16),
)
def test_both_ways_of_reading_agree(profile: int, octets: list[int], identifier: int) -> None:
    body = bytes(octets)
    extension = profile.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big")
    datagram = pack_header(0, 1, 2, 3, extension=extension) + body
    element = find(parse(datagram), identifier)
    assert read_audio_level(datagram, identifier) == (element[0] if element else None)


@pytest.mark.parametrize(("identifier", "size"), [(0, 1), (15, 1), (1, 0), (1, 17)])
def test_what_one_byte_cannot_say_is_refused(identifier: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"extension {identifier} of {size} bytes"):
        pack_one_byte([(identifier, bytes(size))])
