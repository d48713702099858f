"""What a receiver counts: loss, order, jitter, the clock of the source, and its sources."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.receiver import FRAME as SPACING
from tests.voice.receiver import Receiver
from voice.reception import Reception, ReceptionSnapshot, SourceCounts
from voice.reception_report import Interval
from voice.rtcp import ReceiverReport as Report
from voice.rtcp import ReportBlock, pack, parse

RATE = 8000
FRAME = 160


def check_steady(heard: Interval, received: int) -> None:
    assert heard[:3] == (received, 0, 0)
    assert heard.jitter == pytest.approx(0, abs=1e-6)


class TestCount:
    def test_nothing_has_come(self) -> None:
        receiver = Receiver()
        assert receiver.interval() == Interval(0, 0, 0, 0.0)
        assert receiver.report_block(1.0) == ReportBlock(0, 0, 0, 0, 0, 0, 0)

    def test_all_came(self) -> None:
        receiver = Receiver()
        receiver.play(range(100))
        assert receiver.snapshot().present == SourceCounts(expected=100, received=100)
        check_steady(receiver.interval(), 100)

    @pytest.mark.parametrize("first", [0, 1, 65535, 65500])
    def test_any_first_number(self, first: int) -> None:
        receiver = Receiver()
        receiver.play(range(first, first + 50))
        assert receiver.snapshot().present == SourceCounts(expected=50, received=50)

    def test_wrap_around(self) -> None:
        receiver = Receiver()
        receiver.play(range(65000, 65000 + 70000), timestamp=2**32 - 16000)
        assert receiver.snapshot().present.expected == 70000
        check_steady(receiver.interval(), 70000)
        assert receiver.report_block(0).highest == 65000 + 70000 - 1

    def test_loss(self) -> None:
        receiver = Receiver()
        receiver.play([n for n in range(100) if n not in (10, 20, 21, 22)])
        heard = receiver.interval()
        assert (heard.received, heard.lost, heard.gaps) == (96, 4, 2)
        assert heard.loss == 0.04

    def test_reordering_is_no_loss(self) -> None:
        receiver = Receiver()
        numbers = list(range(100))
        numbers[10], numbers[14] = numbers[14], numbers[10]
        receiver.play(numbers)
        assert receiver.interval()[:3] == (100, 0, 0)
        assert receiver.snapshot().present.duplicates == 0

    def test_duplicates_do_not_hide_loss(self) -> None:
        receiver = Receiver()
        receiver.play([0, 1, 1, 2, 2, 5, 5, 6])
        assert receiver.interval()[:3] == (5, 2, 1)
        assert receiver.snapshot().present.duplicates == 3
        # The report counts them, as appendix A.3 wants it
        assert receiver.report_block(0).lost == -1

    def test_a_packet_late_and_then_twice(self) -> None:
        receiver = Receiver()
        receiver.play([0, 2, 1, 1])
        assert receiver.interval()[:3] == (3, 0, 0)
        assert receiver.snapshot().present.duplicates == 1

    def test_the_first_packet_was_late(self) -> None:
        receiver = Receiver()
        receiver.play([1, 0, 2])
        assert receiver.snapshot().present.expected == 2
        assert receiver.interval()[1] == 0

    @pytest.mark.parametrize("first", [0, 1, 65436, 65500])
    @pytest.mark.parametrize(("behind", "made_up"), [(2, True), (99, True), (100, False)])
    def test_how_late_a_packet_may_be(self, first: int, behind: int, made_up: bool) -> None:
        receiver = Receiver()
        receiver.play([first, *range(first + 2, first + 1 + behind + 1)])
        receiver.update(first + 1 & 0xFFFF, FRAME, 9.0)
        receiver.update(first + 1 & 0xFFFF, FRAME, 9.0)
        counts = receiver.snapshot().present
        assert (counts.unique == counts.expected) == made_up
        assert counts.duplicates == made_up  # the second one

    @pytest.mark.parametrize("gap", [2, 50, 99, 100, 101, 250, 2999])
    def test_what_is_missing_after_a_gap(self, gap: int) -> None:
        """All that may still come late, each once, whatever was missing before."""
        receiver = Receiver()
        receiver.play([0, 2, 4, 5, 5 + gap])
        back = range(max(6, 5 + gap - 99), 5 + gap)
        for number in (*back, *back):
            receiver.update(number, 0, 9.0)
        counts = receiver.snapshot().present
        assert counts.unique == 5 + len(back)
        assert counts.duplicates == len(back)

    @given(st.lists(st.integers(0, 0xFFFF), max_size=300))
    def test_any_numbers(self, numbers: list[int]) -> None:
        receiver = Receiver()
        for place, number in enumerate(numbers):
            receiver.update(number, number * 7919 & 0xFFFFFFFF, place * SPACING)
            heard = receiver.interval()
            assert heard.received <= 1
            assert heard.lost >= heard.gaps >= 0
        block = receiver.report_block(9.0)
        assert parse(pack(Report(1, (block,)))) == (Report(1, (block,)),)

    @given(st.integers(0, 2**32), st.integers(0, 0xFFFF))
    def test_it_agrees_with_sets(self, seed: int, first: int) -> None:
        chance = random.Random(seed)
        # Loss, reordering by less than 100 and duplicates: what came is a set of numbers
        sent = list(range(first, first + 400))
        kept = [number for number in sent if number == first or chance.random() > 0.1]
        kept += [number for number in kept if chance.random() < 0.1]
        kept.sort(key=lambda number: number + (chance.uniform(0, 40) if number > first else -1))
        receiver = Receiver()
        receiver.play(kept)
        heard = receiver.interval()
        assert heard.received == len(set(kept))
        assert heard.lost == max(kept) - first + 1 - len(set(kept))
        assert receiver.snapshot().present.duplicates == len(kept) - len(set(kept))


class TestRestart:
    def test_the_same_source_begins_anew(self) -> None:
        receiver = Receiver()
        receiver.play(range(100))
        receiver.play(range(30000, 30101), start=2.0, timestamp=10**9)
        # The first packet after the jump is not believed
        check_steady(receiver.interval(), 200)
        assert receiver.report_block(0).lost == 0

    def test_loss_before_it_is_not_forgotten(self) -> None:
        receiver = Receiver()
        receiver.play([0, 1, 4, 5])
        receiver.play([20000, 20001, 20002, 20004])
        assert receiver.snapshot().present.expected == 6 + 4
        assert receiver.report_block(0).lost == 3

    def test_a_stray_packet_counts_for_nothing(self) -> None:
        receiver = Receiver()
        receiver.play(range(10))
        receiver.update(40000, 5, 0.2)
        receiver.play(range(10, 20), start=0.2, timestamp=1600)
        check_steady(receiver.interval(), 20)


class TestJitter:
    def jitter_of(self, lateness: list[float], rate: int = RATE) -> float:
        receiver = Receiver(rate)
        for number, late in enumerate(lateness):
            stamp = number * rate // 50
            receiver.update(number & 0xFFFF, stamp, number * SPACING + late)
        return receiver.interval().jitter

    def test_it_follows_appendix_a8(self) -> None:
        chance = random.Random(2)
        lateness = [chance.uniform(0, 0.03) for _ in range(500)]
        expected = 0.0
        for before, after in pairwise(lateness):
            expected += (abs(after - before) - expected) / 16
        assert self.jitter_of(lateness) == pytest.approx(expected, rel=1e-6)

    def test_the_second_packet_counts(self) -> None:
        assert self.jitter_of([0.0, 0.016]) == pytest.approx(0.001)

    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    def test_it_is_in_seconds(self, rate: int) -> None:
        # Every other packet 10 ms late: each differs by 10 ms from the one before
        assert self.jitter_of([0.0, 0.01] * 200, rate) == pytest.approx(0.01, rel=0.01)

    def test_the_report_has_it_in_timestamps(self) -> None:
        receiver = Receiver(48000)
        for number in range(400):
            receiver.update(number, number * 960, number * SPACING + number % 2 * 0.01)
        assert receiver.report_block(8.0).jitter == pytest.approx(480, abs=3)

    def test_packets_of_one_time(self) -> None:
        # A telephone event: its packets carry the time at which it began (RFC 4733 section 2.1)
        receiver = Receiver()
        receiver.play(range(10))
        for number in range(10, 20):
            receiver.update(number, 10 * FRAME, number * SPACING)
        receiver.play(range(20, 30), start=0.4, timestamp=20 * FRAME)
        assert receiver.interval().jitter == pytest.approx(0, abs=1e-6)

    def test_a_packet_of_an_earlier_time(self) -> None:
        # 20 ms after its predecessor, and should have been 20 ms before it
        receiver = Receiver()
        receiver.update(1, 0, 0.0)
        receiver.update(0, 2**32 - FRAME, SPACING)
        assert receiver.interval().jitter == pytest.approx(2 * SPACING / 16)

    def test_a_clock_that_is_set_anew(self) -> None:
        receiver = Receiver()
        receiver.play(range(50))
        receiver.play(range(50, 100), start=1.0, timestamp=3 * 10**9)
        assert receiver.interval().jitter == pytest.approx(0, abs=1e-6)

    def test_another_clock_rate(self) -> None:
        receiver = Receiver()
        for number in range(200):
            receiver.update(number, number * 160, number * SPACING + number % 2 * 0.01)
        receiver.clock_rate = 16000
        receiver.update(200, 200 * 320 - 16160, 4.0)
        assert receiver.interval().jitter == pytest.approx(0.01, rel=0.01)
        for number in range(201, 400):
            receiver.update(number, number * 320 - 16160, number * SPACING + number % 2 * 0.01)
        assert receiver.interval().jitter == pytest.approx(0.01, rel=0.01)


class TestSources:
    def test_another_one_is_another_count(self) -> None:
        reception = Reception()
        for number in (1, 2, 4):
            reception.update(10, number, 0, 0.0, 8000)
        first = reception.snapshot()
        assert (first.ssrc, first.sources, first.highest) == (10, 1, 4)
        reception.update(10, 5, 0, 0.0, 8000)
        reception.update(11, 40000, 0, 0.0, 16000)
        second = reception.snapshot()
        assert (second.ssrc, second.sources, second.clock_rate) == (11, 2, 16000)
        assert (second.present, second.highest) == (SourceCounts(1, 1), 40000)
        assert second.left == SourceCounts(expected=5, received=4, gaps=1)
        assert second.passed == SourceCounts()

    def test_those_that_no_snapshot_saw(self) -> None:
        reception = Reception()
        reception.snapshot()
        for ssrc, numbers in ((1, [0, 3]), (2, [0, 2, 1, 1]), (1, [9])):
            for number in numbers:
                reception.update(ssrc, number, 0, 0.0, 8000)
        snapshot = reception.snapshot()
        assert (snapshot.ssrc, snapshot.sources) == (1, 3)
        assert snapshot.present == SourceCounts(1, 1)
        assert snapshot.left == SourceCounts()
        # A gap that was filled is no loss
        assert snapshot.passed == SourceCounts(expected=7, received=6, duplicates=1, gaps=1)

    def test_ssrc_0_is_a_source(self) -> None:
        receiver = Receiver(ssrc=0)
        assert receiver.snapshot() == ReceptionSnapshot()
        receiver.play([5])
        assert (receiver.snapshot().ssrc, receiver.snapshot().sources) == (0, 1)

    def test_when_the_last_packet_came(self) -> None:
        receiver = Receiver()
        assert receiver.snapshot().arrival == float("-inf")
        receiver.play(range(10), start=5.0)
        receiver.update(40000, 0, 6.0)  # not believed, but somebody sends
        assert receiver.snapshot().arrival == 6.0


class TestRefusals:
    @pytest.mark.parametrize("rate", [0, -8000])
    def test_no_clock_at_all(self, rate: int) -> None:
        reception = Reception()
        with pytest.raises(ValueError, match=f"clock rate {rate}"):
            reception.update(1, 1, 0, 0.0, rate)
        assert reception.snapshot() == ReceptionSnapshot()

    @pytest.mark.parametrize("header", [(2**32, 0, 0), (0, 2**16, 0), (0, 0, 2**32), (0, -1, 0)])
    def test_more_bits_than_the_header_has(self, header: tuple[int, int, int]) -> None:
        reception = Reception()
        with pytest.raises(OverflowError):
            reception.update(*header, 0.0, 8000)
        assert reception.snapshot() == ReceptionSnapshot()
