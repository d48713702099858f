"""The receiver's time line is ours, whatever the source counts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.time_line import NOT_PLACED, WIDEST_GAP, TimeLine

SEQUENCE, TIMESTAMP = 65534, 2**32 - 500
UNITS = 160  # of G.711 in 20 ms
STEP = 960  # of Opus in 20 ms
RATIO = 6  # of the clocks
FRAME = 0.02  # seconds
SOURCE = 7
JITTER = 0.04  # seconds, where arrivals are not even


class Stamp(NamedTuple):
    sequence: int
    timestamp: int
    marker: bool


class Heard(NamedTuple):
    """What became of a packet, in frames of 20 ms since the first that is heard."""

    at: float  # when it came, seconds
    time: float  # where it begins on our line, seconds
    number: int  # of ours
    marker: bool


class Trunk:
    """Feeds a time line; every packet has 20 ms of G.711 unless it says otherwise."""

    def __init__(self, clock_rate: int = 48000) -> None:
        self.line = TimeLine(SEQUENCE, TIMESTAMP, clock_rate)
        self.missing: list[int] = []

    def send(
        self,
        sequence: int,
        timestamp: int,
        now: float | None = None,
        *,
        ssrc: int = SOURCE,
        marker: bool = False,
        clock_rate: int = 8000,
        units: int = UNITS,
    ) -> Stamp | None:
        """Return the stamp of a packet that comes when its timestamp says so, or `now`."""
        when = timestamp / clock_rate if now is None else now
        missing = self.line.place(
            ssrc, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, marker, clock_rate, units, when
        )
        if missing == NOT_PLACED:
            return None
        self.missing.append(missing)
        return Stamp(*self.line.stamp(0, self.line.clock_rate // 50))

    def heard(
        self,
        sequence: int,
        timestamp: int,
        now: float | None = None,
        *,
        ssrc: int = SOURCE,
        marker: bool = False,
        clock_rate: int = 8000,
        units: int = UNITS,
    ) -> Stamp:
        """Return the stamp of a packet that has one."""
        stamp = self.send(
            sequence, timestamp, now, ssrc=ssrc, marker=marker, clock_rate=clock_rate, units=units
        )
        assert stamp is not None
        return stamp

    def late(self, sequence: int, timestamp: int, ssrc: int = SOURCE) -> Stamp | None:
        """Return the place of a packet that others have overtaken."""
        assert self.send(sequence, timestamp, ssrc=ssrc) is None
        stamp = self.line.stamp_late(ssrc, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 8000)
        return None if stamp is None else Stamp(*stamp)


def numbers(stamps: list[Stamp]) -> list[int]:
    return [(stamp.sequence - SEQUENCE) & 0xFFFF for stamp in stamps]


def passed(before: Stamp, after: Stamp) -> int:
    return (after.timestamp - before.timestamp) % 2**32


def steps(stamps: list[Stamp]) -> set[int]:
    return {passed(before, after) for before, after in pairwise(stamps)}


class TestTiming:
    def test_the_first_packet_starts_our_clock_with_a_marker(self) -> None:
        assert Trunk().heard(1, 9000) == (SEQUENCE, TIMESTAMP, True)

    def test_sequence_and_timestamp_go_on_and_wrap(self) -> None:
        trunk = Trunk()
        stamps = [trunk.heard(65534 + n, n * UNITS - 200, n * FRAME) for n in range(4)]
        assert [stamp.sequence for stamp in stamps] == [65534, 65535, 0, 1]
        expected = [(TIMESTAMP + n * STEP) % 2**32 for n in range(4)]
        assert [stamp.timestamp for stamp in stamps] == expected
        assert [stamp.marker for stamp in stamps] == [True, False, False, False]

    @pytest.mark.parametrize("silent", [UNITS // 2, UNITS, 3 * UNITS, 8000, 45 * 8000])
    def test_a_pause_stays_a_pause_in_time_only(self, silent: int) -> None:
        trunk = Trunk()
        first = trunk.heard(1, 0)
        after = trunk.heard(2, UNITS + silent, marker=True)
        assert numbers([first, after]) == [0, 1]
        assert passed(first, after) == (UNITS + silent) * RATIO
        assert after.marker

    def test_a_pause_that_the_source_does_not_mark_is_marked(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        assert trunk.heard(2, 8000).marker

    def test_a_marker_passes(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        assert trunk.heard(2, UNITS, marker=True).marker

    def test_a_marker_waits_for_a_frame(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        trunk.line.place(SOURCE, 2, UNITS, True, 8000, UNITS, FRAME)
        trunk.line.place(SOURCE, 3, 2 * UNITS, False, 8000, UNITS, 2 * FRAME)
        assert trunk.line.stamp(-STEP, STEP)[2]

    def test_what_does_not_follow_is_apart(self) -> None:
        trunk, apart = Trunk(), []
        for n, timestamp in enumerate([0, UNITS, 8000, 8160, 99, 99 + UNITS]):
            trunk.heard(n, timestamp, 1.0 + n * FRAME + (n > 1))
            apart.append(trunk.line.apart)
        assert apart == [True, False, True, False, False, False]
        trunk.heard(9, 0, ssrc=8)
        assert trunk.line.apart
        trunk.line.stamp_extension(STEP, 2.0)
        trunk.heard(10, UNITS, ssrc=8)
        assert trunk.line.apart

    @pytest.mark.parametrize("units", [80, 240, 320, 480])
    def test_frames_are_cut_from_packets_of_another_length(self, units: int) -> None:
        trunk = Trunk()
        stamps, rest = [], 0
        for n in range(12):
            now = (n + 1) * units / 8000
            assert trunk.line.place(SOURCE, n, n * units, False, 8000, units, now) == 0
            offset = -rest
            while units - offset >= UNITS:
                stamps.append(Stamp(*trunk.line.stamp(offset * RATIO, STEP)))
                offset += UNITS
            rest = units - offset
        assert len(stamps) == 12 * units // UNITS
        assert steps(stamps) == {STEP}
        assert numbers(stamps) == [*range(len(stamps))]

    def test_a_receiver_that_speaks_g711_has_its_own_clock(self) -> None:
        trunk = Trunk(8000)
        assert passed(trunk.heard(1, 0), trunk.heard(2, UNITS)) == UNITS

    def test_clocks_that_do_not_divide_do_not_drift(self) -> None:
        trunk = Trunk()
        first = trunk.heard(0, 0, clock_rate=44100, units=883)
        for n in range(1, 1001):
            last = trunk.heard(n, n * 883, n * 883 / 44100, clock_rate=44100, units=883)
        assert passed(first, last) == 1000 * 883 * 48000 // 44100

    def test_another_codec_for_the_receiver_goes_on(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        second = trunk.heard(2, UNITS)
        trunk.line.clock_rate = 8000
        third, fourth = trunk.heard(3, 2 * UNITS), trunk.heard(4, 3 * UNITS)
        # What was sent lasts as long as it was said to; only what follows counts at the new rate
        assert passed(second, third) == STEP
        assert third.marker
        assert passed(third, fourth) == UNITS
        after = trunk.heard(5, 4 * UNITS + 8000)
        assert passed(fourth, after) == 8000 + UNITS

    def test_a_payload_of_unknown_length_breaks_nothing(self) -> None:
        trunk = Trunk()
        stamps = [trunk.heard(n, n * UNITS, units=0 if n % 3 else UNITS) for n in range(10)]
        assert steps(stamps) == {STEP}

    def test_a_malformed_payload_has_no_frame_and_takes_its_time(self) -> None:
        trunk = Trunk()
        first = trunk.heard(1, 0)
        assert trunk.line.place(SOURCE, 2, UNITS, False, 8000, 0, FRAME) == 0
        after = trunk.heard(3, 2 * UNITS)
        assert numbers([first, after]) == [0, 1]
        assert passed(first, after) == 2 * STEP

    @pytest.mark.parametrize("clock_rate", [0, -8000])
    def test_there_is_no_clock_without_a_rate(self, clock_rate: int) -> None:
        with pytest.raises(ValueError, match="more than 0"):
            TimeLine(0, 0, clock_rate)
        line = TimeLine(0, 0)
        assert line.place(1, 1, 0, False, clock_rate, 160, 0.0) == NOT_PLACED
        line.clock_rate = clock_rate
        assert line.place(1, 1, 0, False, 8000, 160, 0.0) == 0
        assert line.stamp(0, 960) == (0, 0, True)


class TestLoss:
    def test_a_lost_packet_stays_a_gap_in_both(self) -> None:
        trunk = Trunk()
        first, after = trunk.heard(1, 0), trunk.heard(4, 3 * UNITS)
        assert numbers([first, after]) == [0, 3]
        assert passed(first, after) == 3 * STEP
        assert trunk.missing == [0, 2]
        assert not after.marker

    def test_a_wide_gap_is_a_new_start(self) -> None:
        trunk = Trunk()
        first = trunk.heard(1, 0)
        after = trunk.heard(3 + WIDEST_GAP, (2 + WIDEST_GAP) * UNITS)
        assert numbers([first, after]) == [0, 1]
        assert trunk.missing == [0, 1 + WIDEST_GAP]

    def test_late_and_doubled_packets_are_not_placed(self) -> None:
        trunk = Trunk()
        trunk.heard(5, 0)
        assert trunk.send(5, 0) is None
        assert trunk.send(4, 0) is None

    def test_events_between_packets_are_no_loss(self) -> None:
        trunk = Trunk()
        first = trunk.heard(1, 0)
        for sequence in (2, 3, 4):
            trunk.line.pass_over(SOURCE, sequence)
        after = trunk.heard(5, 5 * UNITS)
        assert numbers([first, after]) == [0, 1]
        assert trunk.missing == [0, 0]

    def test_events_of_another_source_change_nothing(self) -> None:
        trunk = Trunk()
        trunk.line.pass_over(8, 499)
        trunk.heard(1, 0)
        trunk.line.pass_over(8, 500)
        assert trunk.send(2, UNITS) is not None

    def test_losses_while_the_timestamps_stand_still_are_gaps(self) -> None:
        trunk = Trunk()
        first = trunk.heard(1, 0, 1.0)
        after = trunk.heard(4, 0, 1.06)
        assert numbers([first, after]) == [0, 3]
        assert passed(first, after) == 3 * STEP

    def test_a_source_that_counts_its_packets_in_twos_does_not_run_ahead(self) -> None:
        trunk = Trunk()
        first = trunk.heard(0, 0, 0.0)
        for n in range(1, 500):
            last = trunk.heard(2 * n, 2 * n * UNITS, n * FRAME)
        assert 0 <= passed(first, last) / 48000 - 499 * FRAME <= 0.25


class TestLate:
    def test_a_late_packet_takes_its_own_place(self) -> None:
        trunk = Trunk()
        stamps = [trunk.heard(n, n * UNITS) for n in (1, 2, 5)]
        for n in (4, 3):
            stamp = trunk.late(n, n * UNITS)
            assert stamp is not None
            assert not stamp.marker
            stamps.insert(2, stamp)
        stamps.append(trunk.heard(6, 6 * UNITS))
        assert numbers(stamps) == [0, 1, 2, 3, 4, 5]
        assert steps(stamps) == {STEP}

    def test_it_takes_it_once(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        trunk.heard(3, 2 * UNITS)
        assert trunk.late(2, UNITS) is not None
        assert trunk.late(2, UNITS) is None

    def test_a_packet_that_has_come_has_no_other_place(self) -> None:
        trunk = Trunk()
        for n in range(4):
            trunk.heard(n, n * UNITS)
        assert [trunk.late(n, n * UNITS) for n in range(4)] == [None] * 4

    @pytest.mark.parametrize("timestamp", [0, 2 * UNITS, 5 * UNITS, 10**6, -(10**6), UNITS - 1])
    def test_its_timestamp_must_be_that_of_its_place(self, timestamp: int) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        trunk.heard(3, 2 * UNITS)
        assert trunk.send(2, timestamp, 0.05) is None
        assert trunk.line.stamp_late(SOURCE, 2, timestamp & 0xFFFFFFFF, 8000) is None or (
            timestamp == UNITS - 1
        )

    def test_there_is_no_place_without_time(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0, 0.0)
        trunk.heard(3, 0, 0.0)  # the source's clock has stood still
        assert trunk.late(2, 0) is None

    def test_it_has_none_in_a_wide_gap_nor_far_behind(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        trunk.heard(3 + WIDEST_GAP, (2 + WIDEST_GAP) * UNITS)
        assert trunk.late(3, 2 * UNITS) is None
        trunk = Trunk()
        for n in (1, *range(3, 4 + WIDEST_GAP)):
            trunk.heard(n, n * UNITS)
        assert trunk.late(2, 2 * UNITS) is None

    def test_it_has_none_after_a_change_of_source_or_clock(self) -> None:
        for change in ("ssrc", "source", "clock"):
            trunk = Trunk()
            trunk.heard(1, 0)
            trunk.heard(3, 2 * UNITS)
            if change == "clock":
                trunk.line.clock_rate = 8000
            elif change == "source":
                trunk.line.change_source()
            else:
                assert trunk.line.stamp_late(8, 2, UNITS, 8000) is None
                trunk.heard(4, 3 * UNITS, ssrc=8)
            assert trunk.line.stamp_late(SOURCE, 2, UNITS, 8000) is None

    def test_packets_shuffled_by_a_few_places_all_have_theirs(self) -> None:
        shuffled = random.Random(1)
        order = sorted(range(200), key=lambda n: n + shuffled.uniform(0, 4))
        trunk, stamps = Trunk(), dict[int, Stamp]()
        for n in order:
            stamp = trunk.send(n, n * UNITS, 100.0 + n * FRAME)
            if stamp is None:
                late = trunk.line.stamp_late(SOURCE, n, n * UNITS, 8000)
                stamp = None if late is None else Stamp(*late)
            if stamp is not None:
                stamps[n] = stamp
        assert len(stamps) >= 197  # those before the first that came have no place
        first = min(stamps)
        for n, stamp in stamps.items():
            assert passed(stamps[first], stamp) == (n - first) * STEP
            assert numbers([stamp])[0] - numbers([stamps[first]])[0] == n - first


class TestSource:
    def test_a_new_source_goes_on_after_the_time_that_passed(self) -> None:
        trunk = Trunk()
        before = trunk.heard(1, 0, 1.0)
        after = trunk.heard(5000, 123456, 1.5, ssrc=8)
        assert after.marker
        assert numbers([before, after]) == [0, 1]
        assert passed(before, after) == 4000 * RATIO

    def test_another_leg_goes_on_after_the_time_that_passed_under_the_same_ssrc(self) -> None:
        trunk = Trunk()
        before = trunk.heard(1, 0, 1.0)
        trunk.line.change_source()
        after = trunk.heard(1, 0, 1.5)
        assert after.marker
        assert numbers([before, after]) == [0, 1]
        assert passed(before, after) == 4000 * RATIO

    def test_a_new_source_goes_on_where_the_old_one_ended(self) -> None:
        trunk = Trunk()
        before = trunk.heard(1, 0, 1.0)
        trunk.line.change_source()
        after = trunk.heard(7000, 99, 1.02)
        assert numbers([before, after]) == [0, 1]
        assert passed(before, after) == STEP

    def test_a_source_that_starts_anew_is_followed_from_its_second_packet(self) -> None:
        trunk = Trunk()
        before = trunk.heard(1, 0, 1.0)
        assert trunk.send(40000, 99, 1.5) is None
        after = trunk.heard(40001, 99 + UNITS, 1.52)
        assert after.marker
        assert numbers([before, after]) == [0, 1]
        assert passed(before, after) == round(0.52 * 48000)

    def test_a_codec_of_another_clock_goes_on_where_the_last_ended(self) -> None:
        trunk = Trunk()
        before = trunk.heard(1, 0, 1.0)
        after = trunk.heard(2, 320, 1.02, clock_rate=16000, units=320)
        assert numbers([before, after]) == [0, 1]
        assert passed(before, after) == STEP
        assert after.marker
        assert passed(after, trunk.heard(3, 640, 1.04, clock_rate=16000, units=320)) == STEP

    def test_sources_that_take_turns_do_not_run_ahead(self) -> None:
        trunk = Trunk()
        first = trunk.heard(0, 0, 0.0)
        for n in range(1, 200):
            last = trunk.heard(n, n * 999, n * FRAME, ssrc=n % 2)
        assert passed(first, last) == 199 * STEP


class TestExtend:
    def extend(self, trunk: Trunk, now: float) -> Stamp:
        return Stamp(*trunk.line.stamp_extension(STEP, now))

    def test_noise_follows_audio_and_audio_follows_noise(self) -> None:
        trunk = Trunk()
        before = trunk.heard(1, 0)
        noise = [self.extend(trunk, n * FRAME) for n in range(1, 50)]
        after = trunk.heard(2, 8000)
        stamps = [before, *noise, after]
        assert numbers(stamps) == [*range(51)]
        assert steps(stamps) == {STEP}

    @pytest.mark.parametrize("phase", [0.001, 0.011, 0.019])
    def test_audio_in_between_two_frames_of_noise_follows(self, phase: float) -> None:
        trunk = Trunk()
        before = trunk.heard(1, 0)
        noise = [self.extend(trunk, n * FRAME + 0.005) for n in range(1, 50)]
        after = trunk.heard(2, round(8000 * (0.98 + phase)))
        assert steps([before, *noise, after]) == {STEP}

    def test_the_sources_clock_counts_again_after_noise(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0)
        self.extend(trunk, FRAME)
        first = trunk.heard(2, 2 * UNITS)
        second = trunk.heard(3, 5 * UNITS, marker=True)
        assert passed(first, second) == 3 * STEP

    def test_noise_that_is_sent_when_due_does_not_run_ahead(self) -> None:
        trunk, shuffled = Trunk(), random.Random(2)
        now, sequence, frames = 1.0, 0, 0
        first = trunk.heard(0, 8000)
        for _ in range(200):
            spoken = shuffled.uniform(0.1, 1.0)
            until = now + shuffled.uniform(0.1, 1.0)
            while now < until:
                now += 0.005
                if trunk.line.is_due(STEP, now):
                    self.extend(trunk, now)
                    frames += 1
            for n in range(round(spoken / FRAME)):
                now += FRAME
                sequence += 1
                last = trunk.heard(sequence, round(now * 8000) + n, now)
        assert frames > 1000
        assert passed(first, last) / 48000 <= now - 1.0 + 2 * FRAME

    def test_frames_of_ours_alone(self) -> None:
        trunk = Trunk()
        stamps = [self.extend(trunk, 5.0 + n * FRAME + n % 3 * 0.004) for n in range(100)]
        assert stamps[0] == (SEQUENCE, TIMESTAMP, True)
        assert steps(stamps) == {STEP}
        assert [stamp.marker for stamp in stamps] == [True] + 99 * [False]

    def test_a_pause_is_stamped_with_the_time_that_passed(self) -> None:
        trunk = Trunk()
        before = self.extend(trunk, 5.0)
        after, next_one = self.extend(trunk, 7.0), self.extend(trunk, 7.02)
        assert passed(before, after) == 2 * 48000
        assert (after.marker, next_one.marker) == (True, False)
        assert numbers([before, after, next_one]) == [0, 1, 2]

    def test_stalls_of_our_own_clock_do_not_add_up(self) -> None:
        trunk = Trunk()
        first = self.extend(trunk, 5.0)
        for second in range(5, 65):
            for n in range(50):
                # For 200 ms nothing is served, and then all that has waited
                when = second + max(n, 10) * FRAME + FRAME
                last = self.extend(trunk, when)
        assert passed(first, last) / 48000 <= 60.0 + 0.25

    def test_a_steady_stream_counts_frames_alone(self) -> None:
        trunk = Trunk()
        stamps = [Stamp(*trunk.line.stamp_following(STEP)) for _ in range(3)]
        event = Stamp(*trunk.line.stamp_telephone_event())
        assert passed(stamps[-1], event) == STEP
        trunk.line.pass_units(5 * STEP)
        after = Stamp(*trunk.line.stamp_following(STEP))
        assert steps(stamps) == {STEP}
        assert passed(stamps[-1], after) == 6 * STEP
        assert numbers([*stamps, event, after]) == [0, 1, 2, 3, 4]
        assert (event.marker, after.marker) == (False, True)

    def test_a_source_goes_on_after_a_steady_stream(self) -> None:
        trunk = Trunk()
        trunk.heard(1, 0, 1.0)
        frames = [Stamp(*trunk.line.stamp_following(STEP)) for _ in range(500)]
        assert passed(frames[-1], trunk.heard(2, 99, 11.02)) == STEP


class Packet(NamedTuple):
    sequence: int
    timestamp: int
    sent: float  # seconds
    ssrc: int = SOURCE
    marker: bool = False


def speech(start: int = 0, count: int = 100, units: int = UNITS) -> list[Packet]:
    """Return packets of an ordinary stream, whose timestamps count `units` per packet."""
    return [Packet(start + n, 3000 + n * units, (start + n) * FRAME) for n in range(count)]


def shifted(packets: list[Packet], by: int, later: float = 0.0) -> list[Packet]:
    """Return packets whose timestamps are others, and that are sent later."""
    return [
        packet._replace(timestamp=packet.timestamp + by, sent=packet.sent + later)
        for packet in packets
    ]


def arrivals(packets: list[Packet], jitter: float, seed: int = 0) -> Iterator[tuple[Packet, float]]:
    """Return packets in the order they were sent, each with when it comes."""
    rng, latest = random.Random(seed), 0.0
    for packet in packets:
        latest = max(latest, 100.0 + packet.sent + rng.uniform(0, jitter))
        yield packet, latest


def hear(packets: list[Packet], jitter: float, clock_rate: int = 48000) -> list[Heard]:
    """Return what the receiver gets; checks what holds of every stream."""
    trunk, heard = Trunk(clock_rate), list[Heard]()
    time, number, before = 0, 0, Stamp(SEQUENCE, TIMESTAMP, marker=False)
    for packet, now in arrivals(packets, jitter):
        stamp = trunk.send(
            packet.sequence, packet.timestamp, now, ssrc=packet.ssrc, marker=packet.marker
        )
        assert stamp is not None
        assert not heard or passed(before, stamp) < 2**31
        assert not heard or 0 < (stamp.sequence - before.sequence) & 0xFFFF <= 1 + WIDEST_GAP
        time += passed(before, stamp)
        number += (stamp.sequence - before.sequence) & 0xFFFF
        before = stamp
        heard.append(Heard(now, time / clock_rate, number, stamp.marker))
    return heard


def assert_contiguous(heard: list[Heard], first: int = 0) -> None:
    """Check that frames follow each other, each at once, from this one on."""
    for n in range(first + 1, len(heard)):
        assert heard[n].number == heard[n - 1].number + 1
        assert heard[n].time - heard[n - 1].time == pytest.approx(FRAME, abs=1e-9)


@pytest.mark.parametrize("clock_rate", [48000, 8000])
@pytest.mark.parametrize("jitter", [0.0, JITTER])
class TestSloppySources:
    """Streams of real trunks; what the source does wrong is no time on our line."""

    @pytest.mark.parametrize("start", [0, 10**6, 2**31, 2**32 - UNITS])
    def test_timestamps_begin_anew(self, jitter: float, clock_rate: int, start: int) -> None:
        packets = speech(count=50) + shifted(speech(50, 50), start - 3000)
        heard = hear(packets, jitter, clock_rate)
        assert len(heard) == 100
        assert_contiguous(heard)

    @pytest.mark.parametrize("jump", [10**6, -(10**6), 2 * UNITS, 5 * UNITS, -UNITS, 2**31 - 1])
    def test_timestamps_jump(self, jitter: float, clock_rate: int, jump: int) -> None:
        packets = speech()
        packets[50:] = shifted(packets[50:], jump)
        heard = hear(packets, jitter, clock_rate)
        ahead = heard[-1].time - 99 * FRAME
        assert -1e-9 <= ahead <= jitter + 0.011
        if jitter == 0.0 or abs(jump) > 8000:
            assert_contiguous(heard)

    @pytest.mark.parametrize("jump", [10**6, -(10**6), UNITS, -UNITS, 7, 2**31])
    def test_one_timestamp_is_wild(self, jitter: float, clock_rate: int, jump: int) -> None:
        packets = speech()
        packets[50:51] = shifted(packets[50:51], jump)
        heard = hear(packets, jitter, clock_rate)
        if abs(jump) == 7:  # a clock that wavers may do so
            assert heard[-1].time == pytest.approx(99 * FRAME + 7 / 8000, abs=1e-3)
        else:
            assert_contiguous(heard)

    def test_timestamps_that_waver_do_not_run_ahead(self, jitter: float, clock_rate: int) -> None:
        rng = random.Random(3)
        packets = [
            packet._replace(timestamp=packet.timestamp + rng.randint(-20, 20))
            for packet in speech(count=1000)
        ]
        heard = hear(packets, jitter, clock_rate)
        assert 0 <= heard[-1].time - 999 * FRAME <= 0.006
        assert [each.marker for each in heard] == [True] + 999 * [False]

    @pytest.mark.parametrize("counted", [15, 100])
    def test_g722_is_counted_at_twice_the_rate(
        self, jitter: float, clock_rate: int, counted: int
    ) -> None:
        packets = speech(count=100, units=2 * UNITS)
        packets[counted:] = shifted(speech(count=100)[counted:], counted * UNITS)
        heard = hear(packets, jitter, clock_rate)
        assert_contiguous(heard)
        assert [each.marker for each in heard] == [True] + 99 * [False]

    def test_losses_of_a_source_that_counts_at_twice_the_rate(
        self, jitter: float, clock_rate: int
    ) -> None:
        packets = speech(count=100, units=2 * UNITS)
        del packets[30], packets[60:63]
        heard = hear(packets, jitter, clock_rate)
        assert heard[-1].number == 99
        assert heard[-1].time == pytest.approx(99 * FRAME)

    @pytest.mark.parametrize("units", [80, 320 * 3, 1, 0, 53])
    def test_any_other_wrong_rate(self, jitter: float, clock_rate: int, units: int) -> None:
        heard = hear(speech(count=500, units=units), jitter, clock_rate)
        assert -1e-9 <= heard[-1].time - 499 * FRAME <= jitter + 0.011

    @pytest.mark.parametrize("silent", [0.5, 3.0, 45.0, 3600.0])
    @pytest.mark.parametrize("counted", ["on", "not", "at twice the rate", "anew"])
    def test_silence(self, jitter: float, clock_rate: int, silent: float, counted: str) -> None:
        packets = speech()
        by = {"on": round(silent * 8000), "not": 0, "anew": -9999}.get(
            counted, 2 * round(silent * 8000)
        )
        packets[50:] = shifted(packets[50:], by, silent)
        heard = hear(packets, jitter, clock_rate)
        gap = heard[50].time - heard[49].time - FRAME
        assert heard[50].marker
        assert heard[50].number == 50
        # What is no jitter is the source's, and exactly so where its clock is right
        assert gap == pytest.approx(silent, abs=1e-4 if counted == "on" else jitter + 0.001)
        assert_contiguous(heard[:50])
        assert_contiguous(heard, 50)

    def test_silence_with_losses_around_it(self, jitter: float, clock_rate: int) -> None:
        packets = speech()
        packets[50:] = shifted(packets[50:], 80000, 10.0)
        del packets[48:52]
        heard = hear(packets, jitter, clock_rate)
        assert heard[-1].number == 99
        assert heard[-1].time == pytest.approx(99 * FRAME + 10.0)

    def test_the_ssrc_changes_between_two_packets(self, jitter: float, clock_rate: int) -> None:
        packets = speech(count=50)
        packets += [
            packet._replace(ssrc=9, sequence=(packet.sequence + 30000) & 0xFFFF)
            for packet in shifted(speech(50, 50), 777777)
        ]
        heard = hear(packets, jitter, clock_rate)
        assert_contiguous(heard)
        assert [n for n, each in enumerate(heard) if each.marker] == [0, 50]

    def test_a_stall_of_the_network_is_no_time(self, jitter: float, clock_rate: int) -> None:
        packets = speech(count=500)
        stalled = [
            packet._replace(sent=max(packet.sent, 1.15)) if packet.sent >= 1.0 else packet
            for packet in packets
        ]
        assert_contiguous(hear(stalled, jitter, clock_rate))

    def test_long_stalls_do_not_add_up(self, jitter: float, clock_rate: int) -> None:
        stalled = [
            packet._replace(sent=packet.sent // 5 * 5 + max(packet.sent % 5, 0.4))
            for packet in speech(count=5000)
        ]
        heard = hear(stalled, jitter, clock_rate)
        assert heard[-1].time - 4999 * FRAME <= 0.4 + jitter

    @pytest.mark.parametrize("drift", [-2e-4, 2e-4])
    def test_a_clock_of_another_speed_makes_no_pauses(
        self, jitter: float, clock_rate: int, drift: float
    ) -> None:
        packets = [
            packet._replace(sent=packet.sent * (1 + drift)) for packet in speech(count=20000)
        ]
        heard = hear(packets, jitter, clock_rate)
        assert_contiguous(heard)

    def test_discontinuous_transmission(self, jitter: float, clock_rate: int) -> None:
        rng, packets, number, time = random.Random(4), list[Packet](), 0, 0.0
        for _ in range(200):
            for _ in range(rng.randint(1, 30)):
                packets.append(Packet(number & 0xFFFF, round(time * 8000), time))
                number += 1
                time += FRAME
            time += FRAME * rng.choice([3, 5, 20, 50])
        heard = hear(packets, jitter, clock_rate)
        for packet, each in zip(packets, heard, strict=True):
            # Nothing is lost of a source whose clock is right but by how late its first packet was
            assert -jitter - 1e-3 <= each.time - packet.sent <= 1e-3


packets_in_time = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.06, 0.3, 2.0]),  # silence before it
        st.sampled_from([160, 160, 80, 240]),  # units of it
        st.integers(0, 2**32 - 1) | st.sampled_from([0, 160, 320, 480, 8000]),  # timestamp step
        st.sampled_from([0, 0, 0, 0, 1, 3]),  # packets lost before it
        st.floats(0, 0.15),  # jitter
        st.booleans(),  # its timestamp is right
        st.sampled_from([0, 0, 0, 0, 1]),  # SSRC is another from here on
        st.booleans(),  # marker
    ),
    max_size=120,
)


@given(packets_in_time, st.sampled_from([48000, 8000]))
def test_our_clock_never_goes_back_nor_runs_ahead(
    packets: list[tuple[float, int, int, int, float, bool, int, bool]], clock_rate: int
) -> None:
    line = TimeLine(SEQUENCE, TIMESTAMP, clock_rate)
    sent = now = lost_time = 0.0
    ours = first = 0
    sequence, timestamp, ssrc, length, most = 0, 0, 0, 0, 0.0
    before: tuple[int, int] | None = None
    began = 0.0
    for silence, units, step, lost, jitter, right, change, marker in packets:
        sent += silence + (lost + 1) * units / 8000
        most = max(most, jitter)
        now = max(now, sent + jitter)
        sequence = (sequence + lost + 1) & 0xFFFF
        timestamp += round((silence + (lost + 1) * units / 8000) * 8000) if right else step
        ssrc += change
        lost_time += lost * max(units, length) / 8000  # they may have been like either neighbor
        length = units
        missing = line.place(ssrc, sequence, timestamp & 0xFFFFFFFF, marker, 8000, units, now)
        assert missing == (0 if change or before is None else lost)
        number, stamp, _ = line.stamp(0, units * clock_rate // 8000)
        if before is None:
            began, first = now, units
        else:
            assert 1 <= (number - before[0]) & 0xFFFF <= 1 + lost
            assert (stamp - before[1]) % 2**32 < 2**31
            ours += (stamp - before[1]) % 2**32
        before = number, stamp
        # Packets come when they are whole: the first frame began before our clock did
        ended = ours / clock_rate + units / 8000
        # 11 ms: what the source's clock is believed beyond arrival, and rounding
        allowed = now - began + first / 8000 + most + lost_time + 0.011
        assert ended <= allowed


class Use(NamedTuple):
    """One call of a time line, with whatever a packet may say."""

    what: str
    ssrc: int
    sequence: int
    timestamp: int
    marker: bool
    clock_rate: int
    units: int
    offset: int
    now: float

    def stamp(self, line: TimeLine) -> tuple[int, int, bool] | None:
        match self.what:
            case "place":
                missing = line.place(*self[1:7], self.now)
                assert NOT_PLACED <= missing < 3000
                return line.stamp(self.offset, self.units) if missing >= 0 else None
            case "late":
                return line.stamp_late(self.ssrc, self.sequence, self.timestamp, self.clock_rate)
            case "extend":
                return line.stamp_extension(self.units, self.now)
            case "follow":
                return line.stamp_following(self.units)
            case "event":
                return line.stamp_telephone_event()
            case "pass":
                line.pass_units(self.units)
            case "codec":
                line.clock_rate = self.clock_rate
            case "over":
                line.pass_over(self.ssrc, self.sequence)
            case _:
                line.change_source()
        return None


uses = st.builds(
    Use,
    st.sampled_from(
        ["place", "place", "late", "extend", "follow", "event", "pass", "codec", "over", "other"]
    ),
    st.integers(0, 3),
    st.integers(0, 65535) | st.integers(0, 20),
    st.integers(0, 2**32 - 1) | st.integers(0, 2000),
    st.booleans(),
    st.sampled_from([8000, 8000, 16000, 48000, 44100, 1, 0]),
    st.integers(-5, 6000),
    st.integers(-2000, 2000),
    st.floats(0, 1e6),
)


@given(st.lists(uses, max_size=50), st.sampled_from([48000, 8000]))
def test_whatever_comes_has_fields_that_fit(calls: list[Use], clock_rate: int) -> None:
    line = TimeLine(SEQUENCE, TIMESTAMP, clock_rate)
    for call in calls:
        stamp = call.stamp(line)
        if stamp is not None:
            assert 0 <= stamp[0] < 2**16
            assert 0 <= stamp[1] < 2**32
