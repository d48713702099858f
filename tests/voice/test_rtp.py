"""RTP headers: one packet, whole batches, and that both agree on any bytes."""

from __future__ import annotations

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice.rtp import (
    HEADER_SIZE,
    RtpError,
    RtpPacket,
    RtpReason,
    is_rtcp,
    join_datagrams,
    pack_header,
    pack_headers,
    parse,
    parse_batch,
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
        assert parse_batch(*join_datagrams([datagram])).reasons == [reason]

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


# Mostly packets, of all shapes, some cut short; and arbitrary bytes
DATAGRAMS = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda flags, kind, body, cut: make_datagram(flags, kind, body)[: -cut or None],
        st.integers(0x80, 0xBF),
        st.integers(0, 255),
        st.one_of(
            st.binary(max_size=80),
            st.builds(
                lambda n, rest: bytes([0xBE, 0xDE, 0, n]) + rest, st.integers(0, 5), st.binary()
            ),
        ),
        st.integers(0, 12),
    ),
)


class TestBatch:
    @given(st.lists(DATAGRAMS, max_size=12), st.integers(0, 5))
    @example([PLAIN, b"", FIREFOX, make_datagram(0xA0, body=b"\1")], 0)
    @example([b"", b"\x80"], 0)
    def test_it_agrees_with_one_by_one(self, datagrams: list[bytes], spare: int) -> None:
        rows, lengths = join_datagrams(datagrams)
        rows = np.pad(rows, ((0, 0), (0, spare)), constant_values=0xFF)
        batch = parse_batch(rows, lengths)
        assert len(batch.reasons) == len(datagrams)
        for i, datagram in enumerate(datagrams):
            try:
                packet = parse(datagram)
            except RtpError as error:
                assert batch.reasons[i] is error.reason  # noqa: PT017 (both ways must agree)
                assert batch.start[i] == batch.length[i] == 0
                continue
            start, length = int(batch.start[i]), int(batch.length[i])
            assert batch.reasons[i] is None
            assert packet.payload_type == batch.payload_type[i]
            assert packet.marker == batch.marker[i]
            assert packet.sequence == batch.sequence[i]
            assert packet.timestamp == batch.timestamp[i]
            assert packet.ssrc == batch.ssrc[i]
            assert packet.payload == datagram[start : start + length]

    def test_types(self) -> None:
        batch = parse_batch(*join_datagrams([PLAIN, FIREFOX]))
        assert batch.payload_type.dtype == np.uint8
        assert batch.marker.dtype == np.bool_
        assert batch.sequence.dtype == np.uint16
        assert batch.timestamp.dtype == np.uint32
        assert batch.ssrc.dtype == np.uint32

    def test_it_owns_what_it_gives(self) -> None:
        rows = np.frombuffer(PLAIN, np.uint8).reshape(1, -1).copy()
        batch = parse_batch(rows, [len(PLAIN)])
        rows[:] = 0
        assert batch.ssrc[0] == 0xDEADBEEF
        assert batch.sequence[0] == 1

    def test_nothing_at_all(self) -> None:
        batch = parse_batch(np.zeros((0, 1500), np.uint8), np.zeros(0, np.int64))
        assert batch.reasons == []
        assert batch.sequence.shape == (0,)

    def test_what_lies_behind_a_datagram_is_not_read(self) -> None:
        rows = np.full((1, 100), 0xFF, np.uint8)
        rows[0, :20] = list(make_datagram(0xA0, body=b"payload\1"))
        batch = parse_batch(rows, [20])
        assert (batch.start[0], batch.length[0]) == (12, 7)

    def test_wrong_arrays_are_refused(self) -> None:
        rows = np.zeros((2, 100), np.uint8)
        with pytest.raises(ValueError, match=r"\(1,\) lengths for 2"):
            parse_batch(rows, [100])
        with pytest.raises(ValueError, match="50 to 101 in rows of 100"):
            parse_batch(rows, [50, 101])
        with pytest.raises(ValueError, match="-1 to 100"):
            parse_batch(rows, [100, -1])
        with pytest.raises(TypeError, match="int16"):
            parse_batch(rows.astype(np.int16), [1, 1])
        with pytest.raises(TypeError, match="rows of uint8"):
            parse_batch(rows[0], [1, 1])


class TestPackHeaders:
    def test_it_agrees_with_one_by_one(self) -> None:
        rng = np.random.default_rng(2)
        count = 50
        fields = {
            "payload_type": rng.integers(0, 128, count),
            "sequence": rng.integers(0, 2**40, count),
            "timestamp": rng.integers(0, 2**60, count),
            "ssrc": rng.integers(0, 2**32, count),
            "marker": rng.integers(0, 2, count).astype(bool),
        }
        out = np.full((count, 172), 77, np.uint8)
        pack_headers(out, **fields)
        for i, row in enumerate(out):
            one = {name: values[i].item() for name, values in fields.items()}
            assert row[:HEADER_SIZE].tobytes() == pack_header(
                one["payload_type"],
                one["sequence"],
                one["timestamp"],
                one["ssrc"],
                marker=one["marker"],
            )
        assert (out[:, HEADER_SIZE:] == 77).all()

    def test_narrow_fields_are_taken(self) -> None:
        out = np.zeros((2, 12), np.uint8)
        pack_headers(
            out,
            payload_type=np.array([0, 8], np.uint8),
            sequence=np.array([65535, 0], np.uint16),
            timestamp=np.array([2**32 - 1, 159], np.uint32),
            ssrc=np.array([1, 2], np.uint32),
            marker=np.array([True, False]),
        )
        packets = [parse(row.tobytes()) for row in out]
        assert packets[0] == RtpPacket(0, True, 65535, 2**32 - 1, 1, b"")
        assert packets[1] == RtpPacket(8, False, 0, 159, 2, b"")

    def test_one_value_serves_all(self) -> None:
        out = np.zeros((3, 20), np.uint8)
        pack_headers(out, payload_type=0, sequence=[7, 8, 65543], timestamp=2**32 + 5, ssrc=9)
        packets = [parse(row.tobytes()) for row in out]
        assert [packet.sequence for packet in packets] == [7, 8, 7]
        assert {packet.timestamp for packet in packets} == {5}
        assert not any(packet.marker for packet in packets)

    def test_rows_of_a_larger_array(self) -> None:
        memory = np.full((6, 200), 77, np.uint8)
        pack_headers(memory[1:5:2, 10:], payload_type=0, sequence=1, timestamp=2, ssrc=3)
        assert (memory[[0, 2, 4, 5]] == 77).all()
        assert (memory[:, :10] == 77).all()
        assert parse(memory[3, 10:].tobytes()).ssrc == 3

    def test_wrong_arrays_are_refused(self) -> None:
        fields = {"payload_type": 0, "sequence": 1, "timestamp": 2, "ssrc": 3}
        with pytest.raises(ValueError, match="rows of 11 bytes"):
            pack_headers(np.zeros((2, 11), np.uint8), **fields)
        with pytest.raises(ValueError, match="2 apart"):
            pack_headers(np.zeros((2, 40), np.uint8)[:, ::2], **fields)
        with pytest.raises(TypeError, match="rows of uint8"):
            pack_headers(np.zeros(12, np.uint8), **fields)
        with pytest.raises(ValueError, match="broadcast"):
            pack_headers(
                np.zeros((2, 12), np.uint8), payload_type=0, sequence=[1, 2, 3], timestamp=2, ssrc=3
            )
