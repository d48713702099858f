"""What is said of what came: intervals over all sources, report blocks, round trips."""

from __future__ import annotations

import random

import pytest

from tests.voice.receiver import Receiver
from voice.reception_report import Interval, round_trip
from voice.rtcp import ReportBlock


class TestInterval:
    def test_only_what_is_new(self) -> None:
        receiver = Receiver()
        receiver.play([0, 1, 2, 4])
        receiver.interval()
        receiver.play([5, 6, 9, 10])
        assert receiver.interval()[:3] == (4, 2, 1)
        assert receiver.interval()[:3] == (0, 0, 0)

    def test_too_late_is_not_made_up_for(self) -> None:
        receiver = Receiver()
        receiver.play([0, 1, 3])
        assert receiver.interval()[:3] == (3, 1, 1)
        receiver.play([2])
        assert receiver.interval()[:3] == (1, 0, 0)

    def test_a_snapshot_ends_no_interval(self) -> None:
        receiver = Receiver()
        receiver.play([0, 1, 3])
        receiver.snapshot()
        receiver.play([2])
        assert receiver.interval()[:3] == (4, 0, 0)

    def test_bursts(self) -> None:
        assert Interval(100, 0, 0, 0.0).burst_ratio == 1.0
        assert Interval(95, 5, 5, 0.0).burst_ratio == 1.0
        assert Interval(90, 10, 2, 0.0).burst_ratio == pytest.approx(4.5)

    @pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
    def test_random_loss_has_a_burst_ratio_of_1(self, rate: float) -> None:
        chance = random.Random(1)
        receiver = Receiver()
        receiver.play([n for n in range(20000) if not n or chance.random() > rate])
        heard = receiver.interval()
        assert heard.loss == pytest.approx(rate, rel=0.1)
        assert heard.burst_ratio == pytest.approx(1.0, abs=0.05)


class TestSources:
    @pytest.mark.parametrize("looks", [set(), {0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}])
    def test_nothing_is_forgotten(self, looks: set[int]) -> None:
        """Whenever snapshots are taken, and whichever sources they miss."""
        receiver = Receiver()
        for place, numbers in enumerate(([0, 1, 3], [70, 71, 75, 74], [40, 42, 41])):
            receiver.ssrc = place
            receiver.play(numbers[:2])
            if place in looks:
                receiver.snapshot()
            receiver.play(numbers[2:])
        assert receiver.interval()[:3] == (10, 3, 2)
        assert receiver.interval()[:3] == (0, 0, 0)

    def test_each_is_an_interval_of_its_own(self) -> None:
        """One source's late packets do not make up for another's loss."""
        receiver = Receiver()
        receiver.play([0, 1, 4])
        assert receiver.interval()[:3] == (3, 2, 1)
        receiver.play([2, 3])
        receiver.ssrc = 8
        receiver.play([0, 5])
        assert receiver.interval()[:3] == (4, 4, 1)

    def test_the_block_is_of_the_present_one(self) -> None:
        receiver = Receiver()
        receiver.play([0, 9])
        receiver.report_block(0.0)
        receiver.ssrc = 8
        receiver.play([100, 101, 103])
        receiver.snapshot()
        receiver.reports.hear_report(8, 0x12345678, 1.0)
        assert receiver.report_block(2.0) == ReportBlock(8, 64, 1, 103, 0, 0x12345678, 65536)

    def test_one_that_comes_back_begins_anew(self) -> None:
        receiver = Receiver()
        receiver.play([0, 1])
        receiver.snapshot()
        receiver.reports.hear_report(7, 1, 0.0)
        receiver.ssrc = 8
        receiver.play([5])
        receiver.ssrc = 7
        receiver.play([2])
        assert receiver.report_block(1.0) == ReportBlock(7, 0, 0, 2, 0, 0, 0)


class TestReportBlock:
    def test_the_fraction_is_of_the_time_since_the_last(self) -> None:
        receiver = Receiver()
        receiver.play([n for n in range(100) if n % 4 != 1])
        assert receiver.report_block(2.0).fraction_lost == 64
        receiver.play(range(100, 200))
        block = receiver.report_block(4.0)
        assert (block.fraction_lost, block.lost) == (0, 25)

    def test_almost_nothing_came(self) -> None:
        receiver = Receiver()
        receiver.play([0, 2999])
        assert receiver.report_block(1.0).fraction_lost == 255

    def test_the_highest_number_has_its_cycles(self) -> None:
        receiver = Receiver()
        receiver.play(range(65530, 65540))
        assert receiver.report_block(0.0).highest == 0x00010003

    def test_the_sender_report(self) -> None:
        receiver = Receiver()
        receiver.play([0])
        receiver.snapshot()
        receiver.reports.hear_report(7, 0x12345678, 10.0)
        block = receiver.report_block(12.5)
        assert (block.last_report, block.delay) == (0x12345678, int(2.5 * 65536))

    def test_a_report_that_comes_before_the_first_packet(self) -> None:
        receiver = Receiver()
        receiver.reports.hear_report(7, 0x12345678, 10.0)
        assert receiver.report_block(12.5).last_report == 0
        receiver.play([0])
        block = receiver.report_block(12.5)
        assert (block.last_report, block.delay) == (0x12345678, int(2.5 * 65536))

    def test_a_delay_past_what_can_be_said(self) -> None:
        receiver = Receiver()
        receiver.play([0])
        receiver.snapshot()
        receiver.reports.hear_report(7, 1, 0.0)
        assert receiver.report_block(1e6).delay == 0xFFFFFFFF

    def test_lost_stays_in_24_bits(self) -> None:
        receiver = Receiver()
        for step in range(3000):
            receiver.update(step * 2999 & 0xFFFF, 0, 0.0)
        assert receiver.report_block(0.0).lost == 2**23 - 1


class TestRoundTrip:
    def make_block(self, last_report: int, delay: int) -> ReportBlock:
        return ReportBlock(0, 0, 0, 0, 0, last_report, delay)

    def test_the_example_of_the_rfc(self) -> None:
        # RFC 3550 figure 2: 6.125 s
        block = self.make_block(0xB705_2000, 0x0005_4000)
        assert round_trip(block, 0xB710_8000) == pytest.approx(6.125)

    def test_the_middle_wraps(self) -> None:
        assert round_trip(self.make_block(0xFFFF_0000, 0x8000), 0x0000_0000) == 0.5

    def test_no_report_was_seen(self) -> None:
        assert round_trip(self.make_block(0, 0), 0x1000) is None

    def test_rounding(self) -> None:
        assert round_trip(self.make_block(0x10000, 0x10001), 0x20000) == 0.0

    def test_held_for_longer_than_it_was_had(self) -> None:
        assert round_trip(self.make_block(0x10000, 0x20000), 0x20000) is None
