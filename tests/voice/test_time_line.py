"""The receiver's time line is ours, whatever the source counts."""

from __future__ import annotations

import random

import pytest

from tests.voice.stamped import (
    FRAME,
    RATIO,
    SEQUENCE,
    SOURCE,
    STEP,
    TIMESTAMP,
    UNITS,
    Stamp,
    Trunk,
    numbers,
    passed,
    steps,
)
from voice.time_line import NOT_PLACED, WIDEST_GAP, TimeLine


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
