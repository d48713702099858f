"""What a receiver counts: loss, order, jitter, the clock of the source, and the report on it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.reception import Interval, Reception, round_trip
from voice.rtcp import ReceiverReport as Report
from voice.rtcp import ReportBlock, pack, parse

RATE = 8000
FRAME = 160
SPACING = 0.02


def play(
    reception: Reception,
    numbers: list[int] | range,
    *,
    start: float = 0.0,
    timestamp: int = 0,
) -> None:
    """Hand in packets by endless number, each at its own time but in the order given."""
    for number in numbers:
        arrival = start + SPACING * (number - numbers[0])
        stamp = timestamp + FRAME * (number - numbers[0])
        reception.update(number & 0xFFFF, stamp & 0xFFFFFFFF, arrival)


def check_steady(heard: Interval, received: int) -> None:
    assert heard[:3] == (received, 0, 0)
    assert heard.jitter == pytest.approx(0, abs=1e-6)


class TestCount:
    def test_nothing_has_come(self) -> None:
        reception = Reception(RATE, 7)
        assert reception.interval() == Interval(0, 0, 0, 0.0)
        assert reception.report_block(1.0) == ReportBlock(7, 0, 0, 0, 0, 0, 0)

    def test_all_came(self) -> None:
        reception = Reception(RATE)
        play(reception, range(100))
        assert reception.expected == reception.received == 100
        check_steady(reception.interval(), 100)

    @pytest.mark.parametrize("first", [0, 1, 65535, 65500])
    def test_any_first_number(self, first: int) -> None:
        reception = Reception(RATE)
        play(reception, range(first, first + 50))
        assert reception.expected == reception.received == 50

    def test_wrap_around(self) -> None:
        reception = Reception(RATE)
        play(reception, range(65000, 65000 + 70000), timestamp=2**32 - 16000)
        assert reception.expected == 70000
        check_steady(reception.interval(), 70000)
        assert reception.report_block(0).highest == 65000 + 70000 - 1

    def test_loss(self) -> None:
        reception = Reception(RATE)
        play(reception, [n for n in range(100) if n not in (10, 20, 21, 22)])
        heard = reception.interval()
        assert (heard.received, heard.lost, heard.gaps) == (96, 4, 2)
        assert heard.loss == 0.04

    def test_reordering_is_no_loss(self) -> None:
        reception = Reception(RATE)
        numbers = list(range(100))
        numbers[10], numbers[14] = numbers[14], numbers[10]
        play(reception, numbers)
        assert reception.interval()[:3] == (100, 0, 0)
        assert reception.duplicates == 0

    def test_duplicates_do_not_hide_loss(self) -> None:
        reception = Reception(RATE)
        play(reception, [0, 1, 1, 2, 2, 5, 5, 6])
        assert reception.interval()[:3] == (5, 2, 1)
        assert reception.duplicates == 3
        # The report counts them, as appendix A.3 wants it
        assert reception.report_block(0).lost == -1

    def test_a_packet_late_and_then_twice(self) -> None:
        reception = Reception(RATE)
        play(reception, [0, 2, 1, 1])
        assert reception.interval()[:3] == (3, 0, 0)
        assert reception.duplicates == 1

    def test_the_first_packet_was_late(self) -> None:
        reception = Reception(RATE)
        play(reception, [1, 0, 2])
        assert reception.expected == 2
        assert reception.interval()[1] == 0

    def test_what_is_missing_is_forgotten(self) -> None:
        reception = Reception(RATE)
        for number in range(0, 200_000, 2900):
            reception.update(number & 0xFFFF, 0, 0.0)
        assert len(reception._missing) <= 100

    @given(st.lists(st.integers(0, 0xFFFF), max_size=300))
    def test_any_numbers(self, numbers: list[int]) -> None:
        reception = Reception(RATE)
        for place, number in enumerate(numbers):
            reception.update(number, number * 7919 & 0xFFFFFFFF, place * SPACING)
            heard = reception.interval()
            assert heard.received <= 1
            assert heard.lost >= heard.gaps >= 0
            assert len(reception._missing) <= 100
        block = reception.report_block(9.0)
        assert parse(pack(Report(1, (block,)))) == (Report(1, (block,)),)

    @given(st.integers(0, 2**32), st.integers(0, 0xFFFF))
    def test_it_agrees_with_sets(self, seed: int, first: int) -> None:
        chance = random.Random(seed)
        # Loss, reordering by less than 100 and duplicates: what came is a set of numbers
        sent = list(range(first, first + 400))
        kept = [number for number in sent if number == first or chance.random() > 0.1]
        kept += [number for number in kept if chance.random() < 0.1]
        kept.sort(key=lambda number: number + (chance.uniform(0, 40) if number > first else -1))
        reception = Reception(RATE)
        play(reception, kept)
        heard = reception.interval()
        assert heard.received == len(set(kept))
        assert heard.lost == max(kept) - first + 1 - len(set(kept))
        assert reception.duplicates == len(kept) - len(set(kept))


class TestInterval:
    def test_only_what_is_new(self) -> None:
        reception = Reception(RATE)
        play(reception, [0, 1, 2, 4])
        reception.interval()
        play(reception, [5, 6, 9, 10])
        assert reception.interval()[:3] == (4, 2, 1)
        assert reception.interval()[:3] == (0, 0, 0)

    def test_too_late_is_not_made_up_for(self) -> None:
        reception = Reception(RATE)
        play(reception, [0, 1, 3])
        assert reception.interval()[:3] == (3, 1, 1)
        play(reception, [2])
        assert reception.interval()[:3] == (1, 0, 0)

    def test_bursts(self) -> None:
        assert Interval(100, 0, 0, 0.0).burst_ratio == 1.0
        assert Interval(95, 5, 5, 0.0).burst_ratio == 1.0
        assert Interval(90, 10, 2, 0.0).burst_ratio == pytest.approx(4.5)

    @pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
    def test_random_loss_has_a_burst_ratio_of_1(self, rate: float) -> None:
        chance = random.Random(1)
        reception = Reception(RATE)
        play(reception, [n for n in range(20000) if not n or chance.random() > rate])
        heard = reception.interval()
        assert heard.loss == pytest.approx(rate, rel=0.1)
        assert heard.burst_ratio == pytest.approx(1.0, abs=0.05)


class TestRestart:
    def test_the_same_source_begins_anew(self) -> None:
        reception = Reception(RATE)
        play(reception, range(100))
        play(reception, range(30000, 30101), start=2.0, timestamp=10**9)
        # The first packet after the jump is not believed
        check_steady(reception.interval(), 200)
        assert reception.report_block(0).lost == 0

    def test_loss_before_it_is_not_forgotten(self) -> None:
        reception = Reception(RATE)
        play(reception, [0, 1, 4, 5])
        play(reception, [20000, 20001, 20002, 20004])
        assert reception.expected == 6 + 4
        assert reception.report_block(0).lost == 3

    def test_a_stray_packet_counts_for_nothing(self) -> None:
        reception = Reception(RATE)
        play(reception, range(10))
        reception.update(40000, 5, 0.2)
        play(reception, range(10, 20), start=0.2, timestamp=1600)
        check_steady(reception.interval(), 20)


class TestJitter:
    def jitter_of(self, lateness: list[float], rate: int = RATE) -> float:
        reception = Reception(rate)
        for number, late in enumerate(lateness):
            stamp = number * rate // 50
            reception.update(number & 0xFFFF, stamp, number * SPACING + late)
        return reception.interval().jitter

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
        reception = Reception(48000)
        for number in range(400):
            reception.update(number, number * 960, number * SPACING + number % 2 * 0.01)
        assert reception.report_block(8.0).jitter == pytest.approx(480, abs=3)

    def test_packets_of_one_time(self) -> None:
        # A telephone event: its packets carry the time at which it began (RFC 4733 section 2.1)
        reception = Reception(RATE)
        play(reception, range(10))
        for number in range(10, 20):
            reception.update(number, 10 * FRAME, number * SPACING)
        play(reception, range(20, 30), start=0.4, timestamp=20 * FRAME)
        assert reception.interval().jitter == pytest.approx(0, abs=1e-6)

    def test_a_packet_of_an_earlier_time(self) -> None:
        # 20 ms after its predecessor, and should have been 20 ms before it
        reception = Reception(RATE)
        reception.update(1, 0, 0.0)
        reception.update(0, 2**32 - FRAME, SPACING)
        assert reception.interval().jitter == pytest.approx(2 * SPACING / 16)

    def test_a_clock_that_is_set_anew(self) -> None:
        reception = Reception(RATE)
        play(reception, range(50))
        play(reception, range(50, 100), start=1.0, timestamp=3 * 10**9)
        assert reception.interval().jitter == pytest.approx(0, abs=1e-6)

    def test_another_clock_rate(self) -> None:
        reception = Reception(RATE)
        for number in range(200):
            reception.update(number, number * 160, number * SPACING + number % 2 * 0.01)
        reception.retime(16000)
        reception.update(200, 200 * 320 - 16160, 4.0)
        assert reception.interval().jitter == pytest.approx(0.01, rel=0.01)
        for number in range(201, 400):
            reception.update(number, number * 320 - 16160, number * SPACING + number % 2 * 0.01)
        assert reception.interval().jitter == pytest.approx(0.01, rel=0.01)

    def test_no_clock_at_all(self) -> None:
        with pytest.raises(ValueError, match="clock rate 0"):
            Reception(0)


class TestReportBlock:
    def test_the_fraction_is_of_the_time_since_the_last(self) -> None:
        reception = Reception(RATE)
        play(reception, [n for n in range(100) if n % 4 != 1])
        assert reception.report_block(2.0).fraction_lost == 64
        play(reception, range(100, 200))
        block = reception.report_block(4.0)
        assert (block.fraction_lost, block.lost) == (0, 25)

    def test_almost_nothing_came(self) -> None:
        reception = Reception(RATE)
        play(reception, [0, 2999])
        assert reception.report_block(1.0).fraction_lost == 255

    def test_the_highest_number_has_its_cycles(self) -> None:
        reception = Reception(RATE)
        play(reception, range(65530, 65540))
        assert reception.report_block(0.0).highest == 0x00010003

    def test_the_sender_report(self) -> None:
        reception = Reception(RATE)
        reception.hear_report(0x12345678, 10.0)
        block = reception.report_block(12.5)
        assert (block.last_report, block.delay) == (0x12345678, int(2.5 * 65536))

    def test_a_delay_past_what_can_be_said(self) -> None:
        reception = Reception(RATE)
        reception.hear_report(1, 0.0)
        assert reception.report_block(1e6).delay == 0xFFFFFFFF

    def test_lost_stays_in_24_bits(self) -> None:
        reception = Reception(RATE)
        for step in range(3000):
            reception.update(step * 2999 & 0xFFFF, 0, 0.0)
        assert reception.report_block(0.0).lost == 2**23 - 1


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
