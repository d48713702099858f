"""RTCP: packets as real stacks send them, every refusal, and that any bytes are read or refused."""

from __future__ import annotations

import contextlib
import struct

import pytest
from aiortc.rtp import RtcpByePacket, RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket
from hypothesis import example, given
from hypothesis import strategies as st

from voice.rtcp import (
    CNAME,
    Chunk,
    Goodbye,
    Packet,
    ReceiverReport,
    ReportBlock,
    RtcpError,
    RtcpReason,
    SenderReport,
    SourceDescription,
    Unknown,
    describe,
    ntp_middle,
    ntp_time,
    pack,
    parse,
)
from voice.rtp import is_rtcp

BLOCK = ReportBlock(0xCAFE, 64, -3, 0x0001FFFE, 160, 0x11223344, 0x00010000)

# Written out by hand after the figures of RFC 3550 section 6
SR = bytes.fromhex("81c8000c 0000beef ea60f3ff80000000 0000a000 00000032 00001f40") + bytes.fromhex(
    "0000cafe 40fffffd 0001fffe 000000a0 11223344 00010000"
)
SDES = bytes.fromhex("81ca0003 0000beef 0104") + b"abcd" + bytes(2)
BYE = bytes.fromhex("82cb0005 0000beef 0000cafe 09") + b"teardown!" + bytes(2)
PLI = bytes.fromhex("81ce0002 0000beef 0000cafe")


class TestParse:
    def test_sender_report(self) -> None:
        report = SenderReport(0xBEEF, 0xEA60F3FF80000000, 0xA000, 50, 8000, (BLOCK,))
        assert parse(SR) == (report,)
        assert pack(report) == SR

    def test_empty_receiver_report(self) -> None:
        assert parse(bytes.fromhex("80c90001 0000beef")) == (ReceiverReport(0xBEEF),)

    def test_description(self) -> None:
        assert parse(SDES) == (describe(0xBEEF, "abcd"),)
        assert pack(describe(0xBEEF, "abcd")) == SDES

    def test_goodbye(self) -> None:
        assert parse(BYE) == (Goodbye((0xBEEF, 0xCAFE), b"teardown!"),)
        assert pack(Goodbye((0xBEEF, 0xCAFE), b"teardown!")) == BYE

    def test_compound(self) -> None:
        kinds = [type(packet) for packet in parse(SR + SDES + PLI + BYE)]
        assert kinds == [SenderReport, SourceDescription, Unknown, Goodbye]

    def test_feedback_alone(self) -> None:
        # RFC 5506: browsers send it so once a=rtcp-rsize is agreed on
        assert parse(PLI) == (Unknown(206, 1, bytes.fromhex("0000beef0000cafe")),)

    @pytest.mark.parametrize("packet_type", [192, 204, 205, 206, 207, 223])
    def test_whatever_else_is_unknown(self, packet_type: int) -> None:
        datagram = bytes([0x80, packet_type, 0, 1]) + b"body"
        assert parse(datagram) == (Unknown(packet_type, 0, b"body"),)

    def test_profile_extension_after_the_blocks(self) -> None:
        datagram = bytes.fromhex("80c90002 0000beef") + b"more"
        assert parse(datagram) == (ReceiverReport(0xBEEF),)

    def test_padding_of_the_last_packet(self) -> None:
        padded = bytes.fromhex("a1ce0003 0000beef 0000cafe 00000004")
        assert parse(SR + padded)[1] == parse(PLI)[0]

    def test_the_last_chunk_may_lack_its_end(self) -> None:
        datagram = bytes.fromhex("81ca0002 0000beef 0102") + b"ab"
        assert parse(datagram) == (describe(0xBEEF, "ab"),)

    def test_a_second_chunk_begins_at_a_word(self) -> None:
        chunks = bytes.fromhex("0000beef 0101 61 00 00000007 0101 62 00")
        datagram = b"\x82\xca\0\4" + chunks
        expected = Chunk(0xBEEF, ((CNAME, b"a"),)), Chunk(7, ((CNAME, b"b"),))
        assert parse(datagram) == (SourceDescription(expected),)

    @pytest.mark.parametrize(
        ("datagram", "reason"),
        [
            (b"", RtcpReason.SHORT),
            (b"\x80\xc9\0", RtcpReason.SHORT),
            (SR + b"\x80\xc9", RtcpReason.SHORT),
            (b"\x40\xc9\0\0", RtcpReason.VERSION),
            (b"\x80\x00\0\0", RtcpReason.TYPE),
            (b"\x80\xbf\0\0", RtcpReason.TYPE),
            (b"\x80\xe0\0\0", RtcpReason.TYPE),
            (b"\x80\xc9\0\2\0\0\0\0", RtcpReason.LENGTH),
            (b"\x80\xc9\xff\xff\0\0\0\0", RtcpReason.LENGTH),
            (b"\xa0\xc9\0\1\0\0\0\0", RtcpReason.PADDING),
            (b"\xa0\xc9\0\1\0\0\0\3", RtcpReason.PADDING),
            (b"\xa0\xc9\0\1\0\0\0\x08", RtcpReason.PADDING),
            (b"\xa0\xc9\0\0", RtcpReason.PADDING),
            (b"\xa0\xc9\0\2\0\0\0\0\0\0\0\4" + SDES, RtcpReason.PADDING),
            (b"\x80\xc9\0\0", RtcpReason.REPORT),
            (b"\x81\xc9\0\1\0\0\0\0", RtcpReason.REPORT),
            (b"\x80\xc8\0\5" + bytes(20), RtcpReason.REPORT),
            (b"\x82" + SR[1:], RtcpReason.REPORT),
            (b"\x82" + SDES[1:], RtcpReason.DESCRIPTION),
            (bytes.fromhex("81ca0002 0000beef 01036162"), RtcpReason.DESCRIPTION),
            (bytes.fromhex("81ca0002 0000beef 01016101"), RtcpReason.DESCRIPTION),
            (b"\x83\xcb\0\2" + bytes(8), RtcpReason.GOODBYE),
            (bytes.fromhex("81cb0002 0000beef 04616263"), RtcpReason.GOODBYE),
        ],
    )
    def test_malformed(self, datagram: bytes, reason: RtcpReason) -> None:
        with pytest.raises(RtcpError) as caught:
            parse(datagram)
        assert caught.value.reason is reason

    def test_every_reason_is_tested(self) -> None:
        marks = TestParse.test_malformed.pytestmark  # type: ignore[attr-defined]
        assert {reason for _, reason in marks[0].args[1]} == set(RtcpReason)


WORD = st.integers(0, 2**32 - 1)
BLOCKS = st.lists(
    st.builds(
        ReportBlock,
        WORD,
        st.integers(0, 255),
        st.integers(-(2**23), 2**23 - 1),
        WORD,
        WORD,
        WORD,
        WORD,
    ),
    max_size=31,
).map(tuple)
ITEMS = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=255)), max_size=4).map(tuple)
CHUNKS = st.lists(st.builds(Chunk, WORD, ITEMS), max_size=31).map(tuple)
PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(SenderReport, WORD, st.integers(0, 2**64 - 1), WORD, WORD, WORD, BLOCKS),
    st.builds(ReceiverReport, WORD, BLOCKS),
    st.builds(SourceDescription, CHUNKS),
    st.builds(Goodbye, st.lists(WORD, max_size=31).map(tuple), st.binary(max_size=255)),
    st.builds(
        Unknown,
        st.sampled_from([192, 204, 205, 206, 207, 208, 223]),
        st.integers(0, 31),
        st.binary(max_size=15).map(lambda body: body * 4),
    ),
)


class TestPack:
    @given(st.lists(PACKETS, min_size=1, max_size=4))
    def test_what_is_packed_is_parsed(self, packets: list[Packet]) -> None:
        datagram = pack(*packets)
        assert len(datagram) % 4 == 0
        assert is_rtcp(datagram)
        assert parse(datagram) == tuple(packets)

    @pytest.mark.parametrize(
        "packet",
        [
            SenderReport(2**32, 0, 0, 0, 0),
            SenderReport(0, 2**64, 0, 0, 0),
            SenderReport(0, 0, -1, 0, 0),
            ReceiverReport(0, (BLOCK,) * 32),
            ReceiverReport(0, (BLOCK._replace(lost=2**23),)),
            ReceiverReport(0, (BLOCK._replace(lost=-(2**23) - 1),)),
            ReceiverReport(0, (BLOCK._replace(fraction_lost=256),)),
            SourceDescription((Chunk(0, ((0, b"a"),)),)),
            SourceDescription((Chunk(0, ((256, b"a"),)),)),
            describe(0, "a" * 256),
            Goodbye((0,) * 32),
            Goodbye((), b"a" * 256),
            Unknown(204, 0, b"abc"),
            Unknown(256, 0, b""),
            Unknown(204, 32, b""),
        ],
    )
    def test_what_no_packet_holds(self, packet: Packet) -> None:
        with pytest.raises(ValueError, match=r"\d"):
            pack(packet)


class TestAnotherImplementation:
    def test_it_reads_what_we_write(self) -> None:
        report = SenderReport(0xBEEF, ntp_time(1.7e9), 160, 1, 160, (BLOCK,))
        quiet = ReceiverReport(0xBEEF, (BLOCK, BLOCK._replace(ssrc=1, lost=2**23 - 1)))
        datagram = pack(report, quiet, describe(0xBEEF, "cname"), Goodbye((0xBEEF, 7)))
        sender, receiver, description, goodbye = RtcpPacket.parse(datagram)
        assert isinstance(sender, RtcpSrPacket)
        assert sender.ssrc == report.ssrc
        info = sender.sender_info
        assert (info.ntp_timestamp, info.rtp_timestamp) == (report.ntp, report.timestamp)
        assert (info.packet_count, info.octet_count) == (report.packets, report.octets)
        assert isinstance(receiver, RtcpRrPacket)
        for theirs, ours in zip(receiver.reports, quiet.blocks, strict=True):
            assert (
                ReportBlock(
                    theirs.ssrc,
                    theirs.fraction_lost,
                    theirs.packets_lost,
                    theirs.highest_sequence,
                    theirs.jitter,
                    theirs.lsr,
                    theirs.dlsr,
                )
                == ours
            )
        assert isinstance(description, RtcpSdesPacket)
        assert [(chunk.ssrc, chunk.items) for chunk in description.chunks] == [
            (0xBEEF, [(CNAME, b"cname")])
        ]
        assert isinstance(goodbye, RtcpByePacket)
        assert goodbye.sources == [0xBEEF, 7]


class TestFuzz:
    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, datagram: bytes) -> None:
        with contextlib.suppress(RtcpError):
            assert parse(datagram)

    @given(
        st.lists(
            st.tuples(st.integers(0x80, 0xBF), st.integers(200, 204), st.binary(max_size=60)),
            min_size=1,
            max_size=4,
        )
    )
    def test_headers_that_hold_and_bodies_that_need_not(
        self, parts: list[tuple[int, int, bytes]]
    ) -> None:
        datagram = b"".join(
            struct.pack("!BBH", flags, kind, len(body) // 4) + body[: len(body) // 4 * 4]
            for flags, kind, body in parts
        )
        with contextlib.suppress(RtcpError):
            assert len(parse(datagram)) == len(parts)

    @given(
        st.lists(PACKETS, min_size=1, max_size=3),
        st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4),
        st.integers(0, 8),
        st.binary(max_size=8),
    )
    @example([describe(1, "abc")], [(9, 255)], 0, b"")
    def test_packets_with_faults(
        self, packets: list[Packet], faults: list[tuple[int, int]], cut: int, more: bytes
    ) -> None:
        datagram = bytearray(pack(*packets))
        for place, value in faults:
            datagram[place % len(datagram)] = value
        with contextlib.suppress(RtcpError):
            assert parse(bytes(datagram)[: -cut or None] + more)


class TestNtp:
    def test_a_known_moment(self) -> None:
        # 1970-01-01 is 2208988800 s after 1900-01-01 (RFC 5905 figure 4)
        assert ntp_time(0) == 2208988800 << 32
        assert ntp_time(1.5) == (2208988801 << 32) + 2**31

    def test_it_begins_anew_in_2036(self) -> None:
        assert ntp_time(2085978496.25) == 2**30

    def test_the_middle(self) -> None:
        assert ntp_middle(0x11223344_55667788) == 0x33445566

    @given(st.floats(0, 4e9))
    def test_the_middle_counts_65536_in_a_second(self, unix: float) -> None:
        step = ntp_middle(ntp_time(unix + 1)) - ntp_middle(ntp_time(unix))
        assert step % 2**32 == pytest.approx(65536, abs=1)
