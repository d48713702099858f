"""RTP headers: what is read, what is refused and why, and what is written."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.rtp import (
    HEADER_SIZE,
    RtpError,
    RtpPacket,
    RtpReason,
    is_rtcp,
    pack_header,
    parse,
)

# Firefox's first Opus packet with audio level and mid (RFC 8285), shortened
FIREFOX = bytes.fromhex("90ed5f8d1d4b9a13c0ffee01bede0002 10ff 31 3000 000000") + b"opus"
PLAIN = bytes.fromhex("8000000100000002deadbeef") + bytes(160)


def make_datagram(
    flags: int = 0x80, kind: int = 0, body: bytes = b"payload", seq: int = 1
) -> bytes:
    return struct.pack("!BBHII", flags, kind, seq, 160, 0xDEADBEEF) + body


class TestParse:
    def test_plain(self) -> None:
        assert parse(PLAIN) == RtpPacket(0, False, 1, 2, 0xDEADBEEF, bytes(160))

    def test_extension(self) -> None:
        packet = parse(FIREFOX)
        assert packet.payload_type == 109
        assert packet.marker
        assert packet.sequence == 0x5F8D
        assert packet.timestamp == 0x1D4B9A13
        assert packet.ssrc == 0xC0FFEE01
        assert packet.profile == 0xBEDE
        assert packet.extension == bytes.fromhex("10ff313000000000")
        assert packet.payload == b"opus"

    def test_contributing_sources(self) -> None:
        packet = parse(make_datagram(0x82, body=b"\0\0\0\1\0\0\0\2payload"))
        assert packet.csrcs == (1, 2)
        assert packet.payload == b"payload"

    def test_padding(self) -> None:
        assert parse(make_datagram(0xA0, body=b"payload\0\0\3")).payload == b"payload"

    def test_nothing_but_padding(self) -> None:
        assert parse(make_datagram(0xA0, body=b"\0\0\3")).payload == b""

    def test_no_payload(self) -> None:
        assert parse(make_datagram(body=b"")).payload == b""

    def test_an_empty_extension_is_one(self) -> None:
        packet = parse(make_datagram(0x90, body=b"\xbe\xde\0\0payload"))
        assert packet.profile == 0xBEDE
        assert packet.extension == b""
        assert packet.payload == b"payload"

    def test_all_at_once(self) -> None:
        body = b"\0\0\0\7" + b"\x10\0\0\1abcd" + b"payload" + b"\0\2"
        packet = parse(make_datagram(0xB1, 0x80 | 101, body))
        assert packet == RtpPacket(101, True, 1, 160, 0xDEADBEEF, b"payload", (7,), 0x1000, b"abcd")

    @pytest.mark.parametrize(
        ("datagram", "reason"),
        [
            (b"", RtpReason.SHORT),
            (PLAIN[:11], RtpReason.SHORT),
            (make_datagram(0x00), RtpReason.VERSION),
            (make_datagram(0x40), RtpReason.VERSION),
            (make_datagram(0xC0), RtpReason.VERSION),
            (make_datagram(0x8F, body=bytes(59)), RtpReason.CSRC),
            (make_datagram(0x90, body=b"\xbe\xde\0"), RtpReason.EXTENSION),
            (make_datagram(0x90, body=b"\xbe\xde\0\2abcdefg"), RtpReason.EXTENSION),
            (make_datagram(0x90, body=b"\xbe\xde\xff\xff"), RtpReason.EXTENSION),
            (make_datagram(0xA0, body=b"payload\0"), RtpReason.PADDING),
            (make_datagram(0xA0, body=b"\0\0\4"), RtpReason.PADDING),
            (make_datagram(0xA0, body=b""), RtpReason.PADDING),
            (make_datagram(0xB0, body=b"\xbe\xde\0\1abc\1"), RtpReason.PADDING),
        ],
    )
    def test_malformed(self, datagram: bytes, reason: RtpReason) -> None:
        with pytest.raises(RtpError) as caught:
            parse(datagram)
        assert caught.value.reason is reason

    @given(st.binary(max_size=100))
    def test_any_bytes_are_read_or_refused(self, datagram: bytes) -> None:
        with contextlib.suppress(RtpError):
            packet = parse(datagram)
            assert packet.payload in datagram
            assert datagram[0] >> 6 == 2


class TestPack:
    @given(
        payload_type=st.integers(0, 127),
        sequence=st.integers(0, 2**40),
        timestamp=st.integers(0, 2**60),
        ssrc=st.integers(0, 2**32 - 1),
        marker=st.booleans(),
        payload=st.binary(max_size=20),
    )
    def test_what_is_packed_is_parsed(
        self,
        payload_type: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        marker: bool,
        payload: bytes,
    ) -> None:
        header = pack_header(payload_type, sequence, timestamp, ssrc, marker=marker)
        assert len(header) == HEADER_SIZE
        assert parse(header + payload) == RtpPacket(
            payload_type, marker, sequence % 2**16, timestamp % 2**32, ssrc, payload
        )

    def test_extension(self) -> None:
        extension = b"\xbe\xde\0\1\x10\x7f\0\0"
        packet = parse(pack_header(0, 1, 2, 3, extension=extension) + b"payload")
        assert packet.profile == 0xBEDE
        assert packet.extension == extension[4:]
        assert packet.payload == b"payload"


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        (make_datagram(kind=200), True),  # SR
        (make_datagram(kind=207), True),  # XR
        (make_datagram(kind=192), True),
        (make_datagram(kind=223), True),
        (make_datagram(kind=0x80 | 63), False),
        (make_datagram(kind=0x80 | 96), False),
        (make_datagram(kind=111), False),
        (b"", False),
        (b"\x80", False),
    ],
)
def test_is_rtcp(datagram: bytes, expected: bool) -> None:
    assert is_rtcp(datagram) is expected
