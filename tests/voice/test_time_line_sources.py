"""Streams as sloppy trunks send them: the time line passes on what was meant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.stamped import (
    FRAME,
    JITTER,
    SEQUENCE,
    SOURCE,
    TIMESTAMP,
    UNITS,
    Heard,
    Stamp,
    Trunk,
    passed,
)
from voice.time_line import NOT_PLACED, WIDEST_GAP, TimeLine


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
