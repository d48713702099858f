"""What goes to a trunk: one packet per frame, on one clock, with marks where audio begins."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.errors import RequestError
from gateway.media.engine.leg import MAX_WAITING, SHORTEST_DIGIT, TrunkLeg
from tests.gateway.media.engine.line import (
    TONE,
    Line,
    digits_in,
    open_line,
    sequence_steps,
    timestamp_steps,
    type_of,
)
from tests.gateway.media.engine.rig import EVENT_TYPE, Owner, Rig, Talker, Trunk, drain, join
from tests.tones import assert_tone
from voice.codec import CODECS
from voice.rtp import RtpPacket
from voice.telephone_event import parse as parse_event
from voice.tones import DTMF, DigitDetector

FRAME = 160  # units of the RTP clock, and bytes of G.711


@pytest.fixture
def line() -> Iterator[Line]:
    with open_line() as line:
        yield line


def events_of(packets: list[RtpPacket]) -> list[RtpPacket]:
    return [packet for packet in packets if packet.payload_type == EVENT_TYPE]


def digits_heard(sound: NDArray[np.int16], rate: int) -> list[str]:
    """Return the digits that are said in the sound."""
    size = rate // 50
    detector = DigitDetector(1, rate)
    return [
        digit
        for frame in sound[: len(sound) // size * size].reshape(-1, size)
        for _, digit in detector.detect(frame[None, :])
    ]


class TestClock:
    def test_the_first_packet_is_marked_and_no_other(self, line: Line) -> None:
        line.run(5)
        assert [packet.marker for packet in line.received()] == [True, *[False] * 4]

    @pytest.mark.parametrize("codec", ["OPUS", "G722", "PCMU"])
    def test_tones_keep_the_clock_of_every_codec(self, codec: str) -> None:
        """A payload of Opus does not say by its size how long it lasts."""
        with open_line(codec, event_rate=None) as line:
            line.run(3)
            line.trunk.leg.send_digits("5")
            line.run(12)
            packets = line.received()
            assert len(packets) == 15
            assert set(timestamp_steps(packets)) == {CODECS[codec].clock_rate // 50}

    def test_nothing_is_sent_before_there_is_a_description(self) -> None:
        """Neither without an address to send to, nor without a codec to send."""
        rig = Rig()
        nowhere = Trunk(rig, described=False)
        engine = rig.engine
        silent = TrunkLeg(
            Owner(), *rig.socket_pair(), engine.trunk_counters, engine.narrow, engine.wide
        )
        engine.add(silent)
        far_end = rig.far_end()
        host, port = far_end.getsockname()
        silent.port.expect(host, port, None)
        for leg in (nowhere.leg, silent):
            join(rig, Talker(rig, TONE).leg, leg)
        rig.tick(40)
        assert nowhere.heard() == []
        assert drain(far_end) == []
        assert engine.trunk_counters.counted() == {}
        rig.close()

    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16", "OPUS"])
    def test_every_codec_keeps_one_clock(self, codec: str) -> None:
        with open_line(codec) as line:
            line.run(100)
            packets = line.received()
        assert len(packets) == 100
        assert {packet.ssrc for packet in packets} == {line.trunk.leg.sender.ssrc}
        assert {packet.payload_type for packet in packets} == {type_of(codec)}
        assert set(sequence_steps(packets)) == {1}
        assert set(timestamp_steps(packets)) == {CODECS[codec].clock_rate // 50}

    @pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
    @pytest.mark.parametrize("codec", ["PCMU", "G722", "L16"])
    def test_every_length_of_packet(self, codec: str, ptime: int) -> None:
        with open_line(codec, ptime=ptime, tone=TONE) as line:
            line.run(150)
            packets = line.received()
            assert len(packets) == pytest.approx(3000 / ptime, abs=2)
            assert set(timestamp_steps(packets)) == {CODECS[codec].clock_rate * ptime // 1000}
            assert set(sequence_steps(packets)) == {1}
            assert {len(packet.payload) for packet in packets} == {len(packets[0].payload)}
            assert [packet.marker for packet in packets] == [True, *[False] * (len(packets) - 1)]

    @pytest.mark.parametrize("ptime", [20, 30])
    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16"])
    def test_every_codec_says_what_the_source_said(self, codec: str, ptime: int) -> None:
        with open_line(codec, ptime=ptime, tone=TONE) as line:
            line.run(50)
            assert_tone(line.sound()[500:], CODECS[codec].sample_rate, present=[TONE], ratio=20)

    def test_opus_says_what_the_source_said(self) -> None:
        with open_line("OPUS", tone=TONE) as line:
            line.run(50)
            assert_tone(line.sound()[1000:], line.sound_rate, present=[TONE], ratio=20)

    @pytest.mark.parametrize("ptime", [20, 30])
    def test_frames_that_were_skipped_have_passed(self, ptime: int) -> None:
        with open_line(ptime=ptime) as line:
            line.run(3)
            before = line.received()
            line.rig.engine.skip(10)
            line.run(3)
            after = line.received()
        passed = after[0].timestamp - before[-1].timestamp & 0xFFFFFFFF
        assert passed == pytest.approx(10 * FRAME + 8 * ptime, abs=FRAME)
        assert after[0].sequence - before[-1].sequence & 0xFFFF == 1
        assert [packet.marker for packet in after] == [True, *[False] * (len(after) - 1)]

    def test_nothing_is_counted_as_sent_that_was_not(self, line: Line) -> None:
        line.trunk.leg.port.expect("255.255.255.255", 9, None)
        line.run(3)
        assert line.trunk.leg.counters.counted() == {"send_errors": 3}
        assert line.trunk.leg.sender.packets_sent == 0

    def test_what_was_sent_is_counted_for_reports(self, line: Line) -> None:
        line.run(5)
        sender, packets = line.trunk.leg.sender, line.received()
        assert (sender.packets_sent, sender.octets_sent) == (5, 5 * FRAME)
        assert sender.timestamp == packets[-1].timestamp


class TestSilence:
    def test_before_the_answer_the_trunk_hears_silence(self) -> None:
        with open_line(tone=TONE) as line:
            line.silence(True)
            line.run(20)
            packets = line.received()
            assert {packet.payload for packet in packets} == {b"\xff" * FRAME}
            line.silence(False)
            line.run(20)
            assert_tone(line.sound(), 8000, present=[TONE])

    @pytest.mark.parametrize("codec", ["OPUS", "G722"])
    def test_a_trunk_that_speaks_a_codec_with_state_gets_its_silence(self, codec: str) -> None:
        with open_line(codec, tone=TONE) as line:
            line.silence(True)
            line.run(20)
            assert np.abs(line.sound()).max() <= 8


class TestHold:
    @pytest.mark.parametrize("ptime", [20, 30])
    def test_after_a_hold_time_has_gone_on_and_audio_begins_anew(self, ptime: int) -> None:
        with open_line(ptime=ptime) as line:
            line.run(30)
            before = line.received()
            line.hold(True)
            line.run(60)
            assert line.received() == []
            line.hold(False)
            line.run(30)
            after = line.received()
        passed = after[0].timestamp - before[-1].timestamp & 0xFFFFFFFF
        assert passed == pytest.approx(60 * FRAME + 8 * ptime, abs=FRAME)
        assert after[0].sequence - before[-1].sequence & 0xFFFF == 1
        assert [packet.marker for packet in after] == [True, *[False] * (len(after) - 1)]

    @pytest.mark.parametrize("event_rate", [8000, None])
    def test_digits_wait_for_the_end_of_a_hold(self, event_rate: int | None) -> None:
        with open_line(event_rate=event_rate) as line:
            line.hold(True)
            line.trunk.leg.send_digits("12")
            line.run(50)
            assert line.received() == []
            line.hold(False)
            line.run(50)
            if event_rate is None:
                assert digits_heard(line.sound(), 8000) == ["1", "2"]
            else:
                assert digits_in(line.received()) == ["1", "2"]

    def test_a_hold_in_the_middle_of_a_digit_does_not_double_it(self, line: Line) -> None:
        line.trunk.leg.send_digits("5")
        line.run(3)
        line.hold(True)
        line.run(25)
        line.hold(False)
        line.run(25)
        assert digits_in(line.received()) == ["5"]

    def test_alone_in_a_bridge_time_passes_as_well(self, line: Line) -> None:
        line.run(10)
        before = line.received()
        line.bridge.leave(line.source)
        line.run(50)
        assert line.received() == []
        line.bridge.join(line.source)
        line.run(10)
        after = line.received()
        passed = after[0].timestamp - before[-1].timestamp & 0xFFFFFFFF
        assert passed == pytest.approx(51 * FRAME, abs=FRAME)
        assert after[0].sequence - before[-1].sequence & 0xFFFF == 1
        assert after[0].marker


class TestNewDescription:
    @pytest.mark.parametrize(
        ("first", "second"), [("PCMU", "PCMA"), ("PCMU", "G722"), ("G722", "L16")]
    )
    def test_the_codec_changes_in_mid_call_without_a_gap(self, first: str, second: str) -> None:
        with open_line(first, tone=TONE) as line:
            line.run(25)
            before = line.received()
            line.describe(second)
            line.run(50)
            after = line.received()
            assert {packet.payload_type for packet in after} == {type_of(second)}
            assert len(after) == 50
            assert after[0].sequence - before[-1].sequence & 0xFFFF == 1
            passed = after[0].timestamp - before[-1].timestamp & 0xFFFFFFFF
            assert passed == CODECS[first].clock_rate // 50
            assert set(timestamp_steps(after)) == {CODECS[second].clock_rate // 50}

    @pytest.mark.parametrize("codec", ["PCMU", "G722"])
    def test_the_same_description_again_changes_nothing(self, codec: str) -> None:
        with (
            open_line(codec, ptime=30, tone=TONE) as line,
            open_line(codec, ptime=30, tone=TONE) as other,
        ):
            for number in range(50):
                line.run(1)
                other.run(1)
                if number in (21, 22, 23):
                    line.describe(codec, ptime=30)
            packets = line.received()
            assert [packet.payload for packet in packets] == [
                packet.payload for packet in other.received()
            ]
            assert set(sequence_steps(packets)) == {1}
            assert not any(packet.marker for packet in packets[1:])

    def test_the_length_of_packets_changes_in_mid_call(self, line: Line) -> None:
        line.run(10)
        line.describe("PCMU", ptime=40)
        line.run(40)
        packets = line.received()
        assert [len(packet.payload) for packet in packets[:10]] == [FRAME] * 10
        assert {len(packet.payload) for packet in packets[10:]} == {2 * FRAME}
        assert set(timestamp_steps(packets)) == {FRAME, 2 * FRAME}


class TestEvents:
    def test_a_digit_takes_the_place_of_audio_and_has_one_timestamp(self, line: Line) -> None:
        line.run(1)
        line.trunk.leg.send_digits("5", 100, 60)
        line.run(15)
        packets = line.received()
        digit = events_of(packets)
        started = packets[0].timestamp + FRAME & 0xFFFFFFFF
        assert {packet.timestamp for packet in digit} == {started}
        assert [packet.marker for packet in digit] == [True, *[False] * (len(digit) - 1)]
        assert [parse_event(packet.payload).end for packet in digit][-3:] == [True] * 3
        place = packets.index(digit[0])
        assert packets[place : place + len(digit)] == digit, "no audio in between"
        after = packets[packets.index(digit[-1]) + 1]
        assert after.marker
        assert set(sequence_steps(packets)) == {1}

    def test_the_clock_goes_on_under_a_digit(self, line: Line) -> None:
        line.run(5)
        line.trunk.leg.send_digits("5", 100, 60)
        line.run(30)
        audio = [each for each in line.received() if each.payload_type == 0]
        frames = 8  # 100 ms and a gap of 60 ms
        assert sorted(set(timestamp_steps(audio))) == [FRAME, (frames + 1) * FRAME]

    def test_a_digit_is_as_long_as_it_was_pressed(self, line: Line) -> None:
        line.trunk.leg.send_digits("5", 400, 60)
        line.run(40)
        last = events_of(line.received())[-1]
        assert parse_event(last.payload).duration == 400 * 8

    def test_audio_goes_on_in_a_pause(self, line: Line) -> None:
        line.run(5)
        line.trunk.leg.send_digits("1W2", 100, 60)
        line.run(60)
        packets = line.received()
        assert digits_in(packets) == ["1", "2"]
        first, last = (packets.index(each) for each in events_of(packets) if each.marker)
        assert [each.payload_type for each in packets[first:last]].count(0) == 25  # 500 ms
        assert set(sequence_steps(packets)) == {1}

    def test_short_digits_are_made_long_enough(self, line: Line) -> None:
        line.trunk.leg.send_digits("5", 40, 30)
        line.run(40)
        last = events_of(line.received())[-1]
        assert parse_event(last.payload).duration == SHORTEST_DIGIT * 8

    @pytest.mark.parametrize(("codec", "rate"), [("PCMU", 8000), ("OPUS", 48000), ("G722", 8000)])
    def test_at_every_clock_rate(self, codec: str, rate: int) -> None:
        with open_line(codec, event_rate=rate) as line:
            line.trunk.leg.send_digits("159#")
            line.run(60)
            assert digits_in(line.received(), rate) == [*"159#"]

    @pytest.mark.parametrize("ptime", [10, 30, 60])
    def test_beside_packets_of_another_length(self, ptime: int) -> None:
        with open_line(ptime=ptime) as line:
            line.run(5)
            line.trunk.leg.send_digits("159#")
            line.run(80)
            packets = line.received()
            assert set(sequence_steps(packets)) == {1}
            assert digits_in(packets) == [*"159#"]

    def test_the_payload_type_changes_in_the_middle_of_a_digit(self, line: Line) -> None:
        line.trunk.leg.send_digits("12")
        line.run(4)
        line.describe("PCMU", event_type=96)
        line.run(30)
        packets = [p for p in line.received() if p.payload_type in (EVENT_TYPE, 96)]
        ended = [parse_event(p.payload).digit for p in packets if parse_event(p.payload).end]
        assert set(ended) == {"1", "2"}
        assert {p.payload_type for p in packets[4:]} == {96}

    def test_without_a_source_they_are_sent_all_the_same(self, line: Line) -> None:
        line.run(5)
        line.bridge.leave(line.source)
        line.trunk.leg.send_digits("159#")
        line.run(60)
        packets = line.received()
        assert digits_in(packets) == [*"159#"]
        assert set(sequence_steps(packets)) == {1}
        begun = [packet.timestamp for packet in events_of(packets) if packet.marker]
        assert {(after - before) % 2**32 for before, after in pairwise(begun)} == {8 * FRAME}

    def test_nobody_presses_hours_ahead(self, line: Line) -> None:
        line.trunk.leg.send_digits("1" * MAX_WAITING)
        with pytest.raises(RequestError, match=str(MAX_WAITING)):
            line.trunk.leg.send_digits("1")

    @pytest.mark.parametrize("digits", ["x", "1 2", "१"])
    def test_what_is_no_digit_is_refused(self, line: Line, digits: str) -> None:
        with pytest.raises(RequestError):
            line.trunk.leg.send_digits(digits)
        line.run(10)
        assert digits_in(line.received()) == []

    def test_digits_before_there_is_a_trunk_are_refused(self) -> None:
        with open_line() as line, pytest.raises(RequestError, match="described"):
            line.source.send_digits("1")


class TestTones:
    """For a trunk that takes no telephone events."""

    @pytest.mark.parametrize("codec", ["PCMU", "G722", "L16", "OPUS"])
    @pytest.mark.parametrize("silenced", [False, True])
    def test_digits_are_said_in_the_sound(self, codec: str, silenced: bool) -> None:
        with open_line(codec, event_rate=None) as line:
            line.silence(silenced)
            line.trunk.leg.send_digits("159#D")
            line.run(60)
            assert digits_heard(line.sound(), line.sound_rate) == [*"159#D"]

    def test_they_take_the_place_of_what_the_source_says(self) -> None:
        with open_line(event_rate=None, tone=2000) as line:
            line.trunk.leg.send_digits("5", 400)
            line.run(18)
            low, high = DTMF["5"]
            assert_tone(line.sound(), 8000, present=[low, high], absent=[2000])

    def test_a_pause_among_them_is_silence(self) -> None:
        with open_line(event_rate=None, tone=2000) as line:
            line.trunk.leg.send_digits("W5", 100)
            line.run(25)
            assert not line.sound().any()
            line.run(10)
            assert digits_heard(line.sound(), 8000) == ["5"]

    def test_the_source_is_heard_again_after_them(self) -> None:
        with open_line(event_rate=None, tone=2000) as line:
            line.trunk.leg.send_digits("5")
            line.run(10)
            line.received()
            line.run(20)
            assert_tone(line.sound(), 8000, present=[2000], absent=DTMF["5"])

    def test_the_clock_goes_on_under_them(self) -> None:
        with open_line(event_rate=None) as line:
            line.trunk.leg.send_digits("5")
            line.run(20)
            packets = line.received()
            assert len(packets) == 20
            assert set(timestamp_steps(packets)) == {FRAME}
            assert not any(packet.marker for packet in packets[1:])

    def test_a_codec_of_another_rate_in_mid_call_says_the_same_digits(self) -> None:
        with open_line("PCMU", event_rate=None) as line:
            line.run(5)
            line.describe("G722", event_rate=None)
            line.received()
            line.trunk.leg.send_digits("159#D")
            line.run(60)
            assert digits_heard(line.sound(), 16000) == [*"159#D"]

    @pytest.mark.parametrize("codec", ["PCMU", "G722"])
    def test_without_a_source_they_are_said_all_the_same(self, codec: str) -> None:
        with open_line(codec, event_rate=None) as line:
            line.run(5)
            line.bridge.leave(line.source)
            line.trunk.leg.send_digits("159#D")
            line.run(60)
            assert digits_heard(line.sound(), line.sound_rate) == [*"159#D"]

    def test_a_trunk_may_begin_to_take_events(self) -> None:
        with open_line(event_rate=None) as line:
            line.describe("PCMU")
            line.trunk.leg.send_digits("7")
            line.run(20)
            assert digits_in(line.received()) == ["7"]


class TestFaults:
    def test_an_encoder_that_cannot_be_made_ends_its_own_call_only(self) -> None:
        rig = Rig()
        faulty, sound = Line("G722", rig=rig), Line("G722", rig=rig, tone=TONE)
        faulty.trunk.leg.sender.set_codec("G722", 9, bitrate=1)  # it has no such setting
        for line in (faulty, sound):
            line.run(3)
        faulty.collect()
        assert faulty.received() == []
        assert faulty.trunk.owner.failures == 1
        assert sound.trunk.owner.failures == 0
        assert len(sound.received()) == 6
        assert rig.engine.trunk_counters["faults"] == 6
        rig.close()
