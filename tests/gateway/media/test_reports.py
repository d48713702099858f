"""Reports and quality of a leg: two ends that talk to each other, and what a far end may not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.events import LegQuality
from gateway.media.reports import STALE, LegIdentity, LegReports
from voice.emodel import mos, rating
from voice.reception import Reception
from voice.rtcp import (
    Goodbye,
    Packet,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    Unknown,
    describe,
    ntp_middle,
    ntp_time,
    pack,
    parse,
)

OURS, THEIRS = 0xBEEF, 0xCAFE
UNIX = 1.7e9  # what the clock of these tests has to 1970


def even() -> float:
    return 0.5


class Leg(LegReports):
    """A leg that is told at once of every packet that is heard."""

    reception: Reception

    def heard(
        self, sequence: int, timestamp: int, arrival: float, ssrc: int, clock_rate: int
    ) -> None:
        self.reception.update(ssrc, sequence, timestamp, arrival, clock_rate)
        self.update(self.reception.snapshot())


def make_leg(
    counters: Counter[str] | None = None,
    *,
    ssrc: int = OURS,
    uniform: Callable[[], float] = even,
    started: float = 0.0,
) -> Leg:
    identity = LegIdentity("trunk", ssrc, "0123456789abcdef", UNIX)
    leg = Leg(
        identity,
        Counter() if counters is None else counters,
        started=started,
        uniform=uniform,
        codec="PCMU",
        clock_rate=8000,
    )
    leg.reception = Reception()
    return leg


def hear(leg: Leg, numbers: range | list[int], *, ssrc: int = THEIRS, start: float = 0.0) -> None:
    for number in numbers:
        arrival = start + 0.02 * (number - numbers[0])
        leg.heard(number & 0xFFFF, number * 160 & 0xFFFFFFFF, arrival, ssrc, 8000)


def read(datagram: bytes | None) -> tuple[Packet, ...]:
    assert datagram is not None
    return parse(datagram)


def make_block(ssrc: int = OURS, **values: int) -> ReportBlock:
    return ReportBlock(ssrc, 0, 0, 0, 0, 0, 0)._replace(**values)


class TestDue:
    def test_half_the_interval_first(self) -> None:
        leg = make_leg(started=100.0)
        assert leg.due(102.4) is None
        assert leg.due(102.5) is not None
        assert leg.due(107.4) is None
        assert leg.due(107.5) is not None

    @pytest.mark.parametrize(("chance", "first", "next_one"), [(0.0, 1.25, 2.5), (1.0, 3.75, 7.5)])
    def test_the_spread(self, chance: float, first: float, next_one: float) -> None:
        leg = make_leg(uniform=lambda: chance)
        assert leg.due(first - 0.01) is None
        assert leg.due(first) is not None
        assert leg.due(first + next_one - 0.01) is None
        assert leg.due(first + next_one) is not None

    def test_no_burst_after_a_stall(self) -> None:
        leg = make_leg()
        assert leg.due(60.0) is not None
        assert leg.due(60.1) is None
        assert leg.due(64.9) is None


class TestReport:
    def test_nothing_sent_and_nothing_heard(self) -> None:
        expected = ReceiverReport(OURS), describe(OURS, "0123456789abcdef")
        assert read(make_leg().due(3.0)) == expected

    def test_what_was_sent(self) -> None:
        leg = make_leg()
        leg.sent(100, 16000, 50_000, 2.0)
        leg.sent(1, 160, 50_160, 2.02)
        report, description = read(leg.due(3.02))
        # The timestamp is what RTP would have now: a second after the last packet
        assert report == SenderReport(OURS, ntp_time(UNIX + 3.02), 58_160, 101, 16160)
        assert isinstance(description, SourceDescription)

    def test_what_was_heard(self) -> None:
        leg = make_leg()
        hear(leg, [n for n in range(100) if n % 4 != 1])
        report, _ = read(leg.due(3.0))
        assert isinstance(report, ReceiverReport)
        assert report.blocks == (make_block(THEIRS, fraction_lost=64, lost=25, highest=99),)

    def test_who_has_stopped_sending_is_no_sender(self) -> None:
        leg = make_leg()
        leg.sent(1, 160, 0, 2.0)
        kinds = [type(read(leg.due(now))[0]) for now in (3.0, 10.0, 20.0)]
        assert kinds == [SenderReport, SenderReport, ReceiverReport]
        leg.sent(1, 160, 0, 25.0)
        assert isinstance(read(leg.due(30.0))[0], SenderReport)

    def test_no_block_of_a_source_that_is_silent(self) -> None:
        leg = make_leg()
        hear(leg, range(10))
        assert read(leg.due(3.0)) != read(leg.due(10.0))
        assert read(leg.due(20.0))[0] == ReceiverReport(OURS)

    def test_another_clock_rate(self) -> None:
        leg = make_leg()
        leg.set_codec("L16", 16000)
        leg.sent(1, 640, 0, 2.0)
        report = read(leg.due(3.0))[0]
        assert isinstance(report, SenderReport)
        assert report.timestamp == 16000

    def test_counters_wrap(self) -> None:
        leg = make_leg()
        leg.sent(2**32 + 5, 2**33 + 7, 2**32 - 1, 2.0)
        report = read(leg.due(3.0))[0]
        assert isinstance(report, SenderReport)
        assert report[2:5] == (7999, 5, 7)


class TestGoodbye:
    def test_ours(self) -> None:
        leg = make_leg()
        leg.sent(1, 160, 0, 0.0)
        expected = ReceiverReport(OURS), describe(OURS, "0123456789abcdef"), Goodbye((OURS,))
        assert read(leg.goodbye()) == expected

    def test_nobody_has_heard_of_us(self) -> None:
        leg = make_leg()
        assert leg.goodbye() is None
        assert leg.due(3.0) is not None
        assert leg.goodbye() is not None

    def test_theirs_is_only_counted(self) -> None:
        counters: Counter[str] = Counter()
        leg = make_leg(counters)
        hear(leg, range(50))
        leg.take(pack(ReceiverReport(THEIRS), Goodbye((THEIRS,))), 1.0)
        assert counters["trunk_rtcp_goodbyes"] == 1
        hear(leg, range(50, 100), start=1.0)
        assert leg.quality(2.0, None).packets == 100

    def test_of_somebody_else(self) -> None:
        counters: Counter[str] = Counter()
        leg = make_leg(counters)
        hear(leg, range(50))
        leg.take(pack(Goodbye((1, 2, 3))), 1.0)
        assert counters["trunk_rtcp_goodbyes"] == 0


class TestRoundTrip:
    def exchange(self, there: float, back: float) -> float | None:
        """Return what we find for a far end that answers 2 s after our report came."""
        near, far = make_leg(), make_leg(ssrc=THEIRS)
        near.sent(1, 160, 0, 2.9)
        far.heard(1, 0, 2.9, OURS, 8000)
        report = near.due(3.0)
        assert report is not None
        far.take(report, 3.0 + there)
        answer = far.due(5.0 + there)
        assert answer is not None
        near.take(answer, 5.0 + there + back)
        return near.round_trip(6.0)

    def test_two_ends(self) -> None:
        assert self.exchange(0.030, 0.050) == pytest.approx(0.080, abs=1e-4)

    def test_no_distance_at_all(self) -> None:
        assert self.exchange(0.0, 0.0) == pytest.approx(0.0, abs=1e-4)

    def test_a_report_that_comes_before_the_first_packet(self) -> None:
        far = make_leg(ssrc=THEIRS)
        far.take(pack(SenderReport(OURS, 0x1234_5678_0000, 0, 0, 0)), 1.0)
        far.heard(1, 0, 1.5, OURS, 8000)
        block = read(far.due(3.0))[0].blocks[0]  # type: ignore[union-attr]
        assert (block.last_report, block.delay) == (0x12345678, 2 * 65536)

    def test_of_a_report_that_was_never_sent(self) -> None:
        leg = make_leg()
        leg.sent(1, 160, 0, 0.0)
        leg.due(3.0)
        made_up = ntp_middle(ntp_time(UNIX + 2.0))
        leg.take(pack(ReceiverReport(THEIRS, (make_block(last_report=made_up),))), 4.0)
        assert leg.round_trip(4.0) is None

    def test_it_gets_stale(self) -> None:
        leg = make_leg()
        leg.sent(1, 160, 0, 0.0)
        leg.due(3.0)
        sent = ntp_middle(ntp_time(UNIX + 3.0))
        leg.take(pack(ReceiverReport(THEIRS, (make_block(last_report=sent),))), 3.2)
        assert leg.round_trip(3.2 + STALE - 0.1) == pytest.approx(0.2, abs=1e-4)
        assert leg.round_trip(3.2 + STALE + 0.1) is None

    def test_what_the_far_end_says_of_us(self) -> None:
        leg = make_leg()
        assert leg.far_loss is None
        others = make_block(1, fraction_lost=255)
        block = make_block(fraction_lost=64)
        leg.take(pack(ReceiverReport(THEIRS, (others, block, others))), 1.0)
        assert leg.far_loss == 0.25


class TestTake:
    def test_refusals_are_counted_by_reason(self) -> None:
        counters: Counter[str] = Counter()
        leg = make_leg(counters)
        leg.take(b"", 1.0)
        leg.take(b"\x80\xc9\0\0", 1.0)
        leg.take(pack(ReceiverReport(THEIRS)), 1.0)
        assert counters == {
            "trunk_rejected_rtcp-short": 1,
            "trunk_rejected_rtcp-report": 1,
            "trunk_rtcp_packets": 1,
        }

    def test_what_is_unknown_is_passed_over(self) -> None:
        counters: Counter[str] = Counter()
        make_leg(counters).take(pack(Unknown(206, 1, bytes(8)), Unknown(207, 0, b"")), 1.0)
        assert counters == {"trunk_rtcp_packets": 1}

    @given(st.lists(st.binary(max_size=80), max_size=8))
    def test_any_bytes(self, datagrams: list[bytes]) -> None:
        counters: Counter[str] = Counter()
        leg = make_leg(counters)
        for datagram in datagrams:
            leg.take(datagram, 1.0)
        assert counters.total() - counters["trunk_rtcp_goodbyes"] == len(datagrams)
        read(leg.due(3.0))

    @given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)), max_size=40))
    def test_any_sources_and_reports(self, sources: list[tuple[int, int]]) -> None:
        leg = make_leg()
        leg.sent(1, 160, 0, 0.0)
        for place, (ssrc, word) in enumerate(sources):
            block = make_block(OURS, last_report=word >> 32, delay=word & 0xFFFFFFFF, jitter=ssrc)
            leg.take(pack(SenderReport(ssrc, word, ssrc, 0, 0, (block,))), place * 0.1)
            leg.heard(word & 0xFFFF, ssrc, place * 0.1, ssrc, 8000 if word % 2 else 48000)
        quality = leg.quality(5.0, None)
        assert 0 <= quality.packets <= len(sources)
        assert quality.mos is None or 1.0 <= quality.mos <= 4.5
        read(leg.due(5.0))


class TestQuality:
    def test_nothing_came(self) -> None:
        assert make_leg().quality(2.0, None) == LegQuality(None, 0.0, 0.0, None, None, 0)

    def test_a_good_network(self) -> None:
        leg = make_leg()
        hear(leg, range(100))
        quality = leg.quality(2.0, 30)
        assert quality.mos == pytest.approx(4.41, abs=0.005)
        assert (quality.loss, quality.level, quality.packets) == (0.0, 30, 100)
        assert quality.jitter_ms == pytest.approx(0, abs=1e-6)
        assert quality.rtt_ms is None

    def test_loss(self) -> None:
        leg = make_leg()
        hear(leg, [n for n in range(100) if n % 20 != 10])
        quality = leg.quality(2.0, None)
        assert quality.loss == 0.05
        assert quality.mos == pytest.approx(mos(rating(0, 0.05, "PCMU")))

    def test_bursts(self) -> None:
        leg = make_leg()
        hear(leg, [n for n in range(100) if not 40 <= n < 50])
        quality = leg.quality(2.0, None)
        assert quality.mos == pytest.approx(mos(rating(0, 0.1, "PCMU", 9.0)))

    def test_what_came_too_late_was_not_heard(self) -> None:
        leg = make_leg()
        hear(leg, range(100))
        quality = leg.quality(2.0, None, discarded=5)
        assert quality.loss == 0.0
        assert quality.mos == pytest.approx(mos(rating(0, 0.05, "PCMU")))

    def test_more_discarded_than_came(self) -> None:
        leg = make_leg()
        hear(leg, range(10))
        quality = leg.quality(2.0, None, discarded=50)
        assert quality.mos == pytest.approx(mos(rating(0, 1.0, "PCMU")))

    def test_delay(self) -> None:
        leg = make_leg()
        leg.sent(1, 160, 0, 0.0)
        leg.due(3.0)
        hear(leg, range(100))
        sent = ntp_middle(ntp_time(UNIX + 3.0))
        leg.take(pack(ReceiverReport(THEIRS, (make_block(last_report=sent),))), 3.3)
        quality = leg.quality(3.3, None, buffer_ms=150)
        assert quality.rtt_ms == pytest.approx(300, abs=0.1)
        assert quality.mos == pytest.approx(mos(rating(300, 0, "PCMU")), abs=0.001)

    def test_the_codec(self) -> None:
        leg = make_leg()
        leg.set_codec("opus", 48000)
        hear(leg, [n for n in range(100) if n % 20 != 10])
        assert leg.quality(2.0, None).mos == pytest.approx(mos(rating(0, 0.05, "OPUS")))

    def test_a_codec_that_nobody_knows(self) -> None:
        with pytest.raises(ValueError, match="G729"):
            make_leg().set_codec("G729", 8000)

    def test_only_what_is_new(self) -> None:
        leg = make_leg()
        hear(leg, [0, 1, 2, 4])
        leg.quality(2.0, None)
        assert leg.quality(4.0, None).packets == 0

    def test_a_new_source_starts_afresh_but_nothing_is_forgotten(self) -> None:
        leg = make_leg()
        hear(leg, [0, 1, 3])
        hear(leg, [40000, 40001, 40003, 40004], ssrc=1)
        quality = leg.quality(2.0, None)
        assert quality.packets == 7
        assert quality.loss == pytest.approx(2 / 9)
        report = read(leg.due(3.0))[0]
        assert isinstance(report, ReceiverReport)
        assert report.blocks[0][:4] == (1, 51, 1, 40004)
        assert leg.quality(4.0, None).packets == 0

    def test_a_new_source_is_reported_on_whatever_was_before(self) -> None:
        leg = make_leg()
        hear(leg, range(10))
        leg.due(3.0)
        hear(leg, range(10), ssrc=1, start=3.0)
        report = read(leg.due(10.0))[0]
        assert isinstance(report, ReceiverReport)
        assert [block.ssrc for block in report.blocks] == [1]

    def test_another_clock_is_no_new_source(self) -> None:
        leg = make_leg()
        hear(leg, range(50))
        for number in range(50, 100):
            leg.heard(number, number * 960, number * 0.02, THEIRS, 48000)
        quality = leg.quality(2.0, None)
        assert (quality.packets, quality.loss) == (100, 0.0)
        assert quality.jitter_ms == pytest.approx(0, abs=1e-6)

    def test_sources_that_come_and_go_between_two_snapshots(self) -> None:
        """Nothing is forgotten, whenever the engine hands over what it has counted."""
        leg = make_leg()
        hear(leg, [0, 1, 3])
        for ssrc, numbers in ((1, [7, 9, 10]), (2, [50, 51, 55])):
            for number in numbers:
                leg.reception.update(ssrc, number, number * 160, number * 0.02, 8000)
        hear(leg, [40000, 40001], ssrc=3)
        quality = leg.quality(2.0, None)
        assert quality.packets == 11
        assert quality.loss == pytest.approx(5 / 16)


class TestSilence:
    def test_since_the_start(self) -> None:
        assert make_leg(started=5.0).silent_for(20.0) == 15.0

    def test_rtp_and_rtcp_end_it(self) -> None:
        leg = make_leg()
        leg.heard(1, 0, 10.0, THEIRS, 8000)
        assert leg.silent_for(12.0) == 2.0
        leg.take(pack(ReceiverReport(THEIRS)), 13.0)
        assert leg.silent_for(13.0) == 0.0

    def test_a_report_on_our_stream_ends_it(self) -> None:
        """From whatever source: a far end that is silent has none that could be known."""
        leg = make_leg()
        leg.take(pack(ReceiverReport(1, (make_block(),))), 13.0)
        assert leg.silent_for(13.0) == 0.0

    @pytest.mark.parametrize(
        "packet",
        [
            ReceiverReport(1),
            ReceiverReport(1, (make_block(1),)),
            SenderReport(1, 0, 0, 0, 0),
            Goodbye((THEIRS,)),
        ],
    )
    def test_a_stranger_does_not(self, packet: Packet) -> None:
        """Anybody behind the trunk's address could keep a dead call alive."""
        leg = make_leg()
        leg.heard(1, 0, 10.0, THEIRS, 8000)
        leg.take(pack(packet), 13.0)
        assert leg.silent_for(13.0) == 3.0

    def test_what_is_malformed_does_not(self) -> None:
        leg = make_leg()
        leg.take(b"\x80\xc9\0\0", 10.0)
        assert leg.silent_for(10.0) == 10.0

    def test_a_packet_from_the_same_tick(self) -> None:
        leg = make_leg()
        leg.heard(1, 0, 10.0, THEIRS, 8000)
        assert leg.silent_for(9.999) == 0.0
