"""What goes to a trunk: one packet per frame, on one clock, with marks where audio begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.errors import RequestError
from gateway.media.core.trunk_sender import MAX_WAITING, SHORTEST_DIGIT
from gateway.media.core.up import Filled
from gateway.media.parameters import EventFormat, Flow
from tests.gateway.media.core.line import EVENT, Line, open_line, step
from tests.tones import assert_tone, make_tone
from voice.codec import CODECS, PayloadCodec
from voice.telephone_event import EventEnded, EventReceiver
from voice.telephone_event import parse as parse_event
from voice.tones import DTMF, DigitDetector

FRAME = 160  # ticks of the RTP clock
TONE = 440.0


@pytest.fixture
def line() -> Iterator[Line]:
    with open_line() as line:
        yield line


def speak(line: Line, frequency: float = TONE) -> None:
    """Have the browser say a tone, whatever comes from it."""
    rate = line.sender.up.rate
    tone = make_tone(frequency, seconds=1, rate=rate).reshape(-1, rate // 50)
    frame = 0

    def fill(out: NDArray[np.int16], now: float) -> Filled:
        nonlocal frame
        out[:] = tone[frame % 50]
        frame += 1
        return Filled.AUDIO

    line.sender.up.fill = fill  # type: ignore[method-assign]
    line.sender.set_flow(Flow.AUDIO)


def decode(line: Line) -> NDArray[np.int16]:
    """Return the sound of what has come."""
    codec = CODECS[line.remote.codec]
    payloads = [p.payload for p in line.received() if p.payload_type == line.remote.payload_type]
    if isinstance(codec, PayloadCodec):
        return codec.decode(np.frombuffer(b"".join(payloads), np.uint8))
    decoder, chunks = codec.decoder(), []
    for payload in payloads:
        out: NDArray[np.int16] = np.zeros(codec.sample_rate // 10, np.int16)
        chunks.append(out[: decoder.decode(payload, out)])
    return np.concatenate(chunks)


def digits_of(line: Line, clock_rate: int = 8000, *types: int) -> list[str]:
    receiver = EventReceiver(clock_rate)
    return [
        event.digit
        for packet in line.received()
        if packet.payload_type in (types or (101,))
        for event in receiver.receive(packet.timestamp, packet.marker, packet.payload, 0.0)
        if isinstance(event, EventEnded)
    ]


class TestClock:
    def test_the_first_packet_is_marked_and_no_other(self, line: Line) -> None:
        line.run(5)
        assert [packet.marker for packet in line.received()] == [True, *[False] * 4]

    @pytest.mark.parametrize("codec", ["OPUS", "G722", "PCMU"])
    def test_tones_keep_the_clock_of_every_codec(self, codec: str) -> None:
        """A payload of Opus does not say by its size how long it lasts."""
        with open_line(codec, event=None) as line:
            line.run(3)
            line.sender.press("5")
            line.run(12)
            packets = line.received()
            assert len(packets) == 15
            steps = set(step([packet.timestamp for packet in packets], 32))
            assert steps == {CODECS[codec].clock_rate // 50}

    def test_nothing_is_sent_before_there_is_a_description(self) -> None:
        with open_line() as line:
            line.sender._remote = None
            line.run(3)
            assert line.received() == []

    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16", "OPUS"])
    def test_every_codec_keeps_one_clock(self, codec: str) -> None:
        with open_line(codec) as line:
            line.run(100)
            packets = line.received()
        assert len(packets) == 100
        assert {packet.ssrc for packet in packets} == {line.sender.ssrc}
        assert set(step([packet.sequence for packet in packets], 16)) == {1}
        ticks = CODECS[codec].clock_rate // 50
        assert set(step([packet.timestamp for packet in packets], 32)) == {ticks}

    @pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
    @pytest.mark.parametrize("codec", ["PCMU", "G722", "L16"])
    def test_every_length_of_packet(self, codec: str, ptime: int) -> None:
        with open_line(codec, ptime=ptime) as line:
            speak(line)
            line.run(150)
            packets = line.received()
            assert len(packets) == pytest.approx(3000 / ptime, abs=2)
            rate = CODECS[codec].clock_rate
            assert set(step([packet.timestamp for packet in packets], 32)) == {rate * ptime // 1000}
            assert {len(packet.payload) for packet in packets} == {len(packets[0].payload)}
            assert [packet.marker for packet in packets] == [True, *[False] * (len(packets) - 1)]

    @pytest.mark.parametrize("ptime", [20, 30])
    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16"])
    def test_every_codec_says_what_the_browser_said(self, codec: str, ptime: int) -> None:
        with open_line(codec, ptime=ptime) as line:
            speak(line)
            line.run(50)
            sound = decode(line)
            assert_tone(sound[500:], CODECS[codec].sample_rate, present=[TONE], ratio=20)

    def test_frames_that_were_skipped_have_passed(self, line: Line) -> None:
        line.run(1)
        line.sender.skip(10)
        line.run(1)
        first, second = line.received()
        assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 11 * FRAME
        assert (second.sequence - first.sequence) & 0xFFFF == 1
        assert second.marker

    def test_nothing_is_counted_as_sent_that_was_not(self, line: Line) -> None:
        line.port.latch.expect("255.255.255.255", 9)
        line.run(3)
        assert line.counters == {"trunk_send_errors": 3}

    def test_what_was_sent_is_counted_for_reports(self, line: Line) -> None:
        line.run(5)
        assert (line.sender.packets_sent, line.sender.octets_sent) == (5, 5 * FRAME)


class TestFlow:
    def test_before_the_answer_the_trunk_hears_silence(self, line: Line) -> None:
        speak(line)
        line.sender.set_flow(Flow.SILENCE)
        line.run(20)
        assert not decode(line).any()
        line.sender.set_flow(Flow.AUDIO)
        line.run(20)
        assert_tone(decode(line), 8000, present=[TONE])

    def test_a_trunk_that_speaks_opus_gets_opus_silence(self) -> None:
        with open_line("OPUS") as line:
            line.run(10)
            assert not decode(line).any()

    def test_nobody_hears_what_the_buffer_does_before_the_answer(self, line: Line) -> None:
        assert line.sender.up.unheard
        line.sender.set_flow(Flow.AUDIO)
        assert not line.sender.up.unheard


class TestHold:
    @pytest.mark.parametrize("ptime", [20, 30])
    def test_after_a_hold_time_has_gone_on_and_audio_begins_anew(self, ptime: int) -> None:
        with open_line(ptime=ptime) as line:
            line.run(30)
            before = line.received()
            line.sender.connect(replace(line.remote, receives=False))
            line.run(60)
            assert line.received() == []
            line.sender.connect(line.remote)
            line.run(30)
            after = line.received()
        passed = (after[0].timestamp - before[-1].timestamp) & 0xFFFFFFFF
        assert passed == pytest.approx(60 * FRAME + 8 * ptime, abs=FRAME)
        assert (after[0].sequence - before[-1].sequence) & 0xFFFF == 1
        assert [packet.marker for packet in after] == [True, *[False] * (len(after) - 1)]

    def test_digits_wait_for_the_end_of_a_hold(self, line: Line) -> None:
        line.sender.connect(replace(line.remote, receives=False))
        line.sender.press("12")
        line.run(50)
        assert line.received() == []
        line.sender.connect(line.remote)
        line.run(50)
        assert digits_of(line) == ["1", "2"]

    def test_a_hold_in_the_middle_of_a_digit_does_not_double_it(self, line: Line) -> None:
        line.sender.press("5")
        line.run(3)
        line.sender.connect(replace(line.remote, receives=False))
        line.run(25)
        line.sender.connect(line.remote)
        line.run(25)
        assert digits_of(line) == ["5"]


class TestNewDescription:
    @pytest.mark.parametrize(
        ("first", "second"), [("PCMU", "PCMA"), ("PCMU", "G722"), ("G722", "L16")]
    )
    def test_the_codec_changes_in_mid_call_without_a_gap(self, first: str, second: str) -> None:
        with open_line(first) as line:
            speak(line)
            line.run(25)
            before = line.received()
            number = CODECS[second].payload_type or 97
            line.remote = replace(line.remote, codec=second, payload_type=number)
            line.sender.connect(line.remote)
            speak(line)
            line.run(50)
            after = line.received()
            assert {packet.payload_type for packet in after} == {number}
            assert (after[0].sequence - before[-1].sequence) & 0xFFFF == 1
            passed = (after[0].timestamp - before[-1].timestamp) & 0xFFFFFFFF
            assert passed == CODECS[first].clock_rate // 50

    def test_the_same_description_again_changes_nothing(self) -> None:
        with open_line("G722", ptime=30) as line:
            encoder, packetizer = line.sender.encoder, line.sender.packetizer
            line.sender.connect(replace(line.remote, port=line.remote.port))
            assert line.sender.encoder is encoder
            assert line.sender.packetizer is packetizer

    def test_the_length_of_packets_changes_in_mid_call(self, line: Line) -> None:
        line.run(10)
        line.sender.connect(replace(line.remote, ptime=40))
        line.run(40)
        packets = line.received()
        assert [len(packet.payload) for packet in packets[:10]] == [FRAME] * 10
        assert {len(packet.payload) for packet in packets[10:]} == {2 * FRAME}
        assert set(step([packet.timestamp for packet in packets], 32)) == {FRAME, 2 * FRAME}


class TestEvents:
    def test_a_digit_takes_the_place_of_audio_and_has_one_timestamp(self, line: Line) -> None:
        line.run(1)
        line.sender.press("5", 100, 60)
        line.run(15)
        packets = line.received()
        digit = [packet for packet in packets if packet.payload_type == 101]
        started = (packets[0].timestamp + FRAME) & 0xFFFFFFFF
        assert {packet.timestamp for packet in digit} == {started}
        assert [packet.marker for packet in digit] == [True, *[False] * (len(digit) - 1)]
        assert [parse_event(packet.payload).end for packet in digit][-3:] == [True] * 3
        after = packets[packets.index(digit[-1]) + 1]
        assert after.marker
        assert set(step([packet.sequence for packet in packets], 16)) == {1}

    def test_a_digit_is_as_long_as_it_was_pressed(self, line: Line) -> None:
        line.sender.press("5", 400, 60)
        line.run(40)
        last = [packet for packet in line.received() if packet.payload_type == 101][-1]
        assert parse_event(last.payload).duration == 400 * 8

    def test_short_digits_are_made_long_enough(self, line: Line) -> None:
        line.sender.press("5", 40, 30)
        line.run(40)
        last = [packet for packet in line.received() if packet.payload_type == 101][-1]
        assert parse_event(last.payload).duration == SHORTEST_DIGIT * 8

    @pytest.mark.parametrize(("codec", "rate"), [("PCMU", 8000), ("OPUS", 48000), ("G722", 8000)])
    def test_at_every_clock_rate(self, codec: str, rate: int) -> None:
        with open_line(codec, event=EventFormat(101, rate)) as line:
            line.sender.press("159#")
            line.run(60)
            assert digits_of(line, rate) == [*"159#"]

    @pytest.mark.parametrize("ptime", [10, 30, 60])
    def test_beside_packets_of_another_length(self, ptime: int) -> None:
        with open_line(ptime=ptime) as line:
            line.run(5)
            line.sender.press("159#")
            line.run(80)
            packets = line.received()
            assert set(step([packet.sequence for packet in packets], 16)) == {1}
            receiver = EventReceiver(8000)
            ended = [
                event.digit
                for packet in packets
                if packet.payload_type == 101
                for event in receiver.receive(packet.timestamp, packet.marker, packet.payload, 0)
                if isinstance(event, EventEnded)
            ]
            assert ended == [*"159#"]

    def test_the_payload_type_changes_in_the_middle_of_a_digit(self, line: Line) -> None:
        line.sender.press("12")
        line.run(4)
        line.sender.connect(replace(line.remote, event=EventFormat(96, 8000)))
        line.run(30)
        packets = [p for p in line.received() if p.payload_type in (101, 96)]
        ended = [parse_event(p.payload).digit for p in packets if parse_event(p.payload).end]
        assert set(ended) == {"1", "2"}
        assert {p.payload_type for p in packets[4:]} == {96}

    def test_nobody_presses_hours_ahead(self, line: Line) -> None:
        line.sender.press("1" * MAX_WAITING, 100, 60)
        with pytest.raises(RequestError, match=str(MAX_WAITING)):
            line.sender.press("1", 100, 60)

    @pytest.mark.parametrize("digits", ["x", "1 2", "१"])
    def test_what_is_no_digit_is_refused(self, line: Line, digits: str) -> None:
        with pytest.raises(RequestError):
            line.sender.press(digits)
        line.run(10)
        assert digits_of(line) == []

    def test_digits_before_there_is_a_trunk_are_refused(self, line: Line) -> None:
        line.sender._events = None
        with pytest.raises(RequestError, match="described"):
            line.sender.press("1")


class TestTones:
    """For a trunk that takes no telephone events."""

    @pytest.mark.parametrize("codec", ["PCMU", "G722", "L16"])
    @pytest.mark.parametrize("flow", [Flow.AUDIO, Flow.SILENCE])
    def test_digits_are_said_in_the_sound(self, codec: str, flow: Flow) -> None:
        with open_line(codec, event=None) as line:
            line.sender.set_flow(flow)
            line.sender.press("159#D")
            line.run(60)
            size = CODECS[codec].sample_rate // 50
            detector = DigitDetector(1, 50 * size)
            sound = decode(line)
            found = [
                digit
                for frame in sound[: len(sound) // size * size].reshape(-1, size)
                for _, digit in detector.detect(frame[None, :])
            ]
            assert found == [*"159#D"]

    def test_they_take_the_place_of_what_the_browser_says(self) -> None:
        with open_line(event=None) as line:
            speak(line, 2000)
            line.sender.press("5", 400)
            line.run(18)
            low, high = DTMF["5"]
            assert_tone(decode(line), 8000, present=[low, high], absent=[2000])

    def test_the_clock_goes_on_under_them(self) -> None:
        with open_line(event=None) as line:
            line.sender.press("5")
            line.run(20)
            packets = line.received()
            assert len(packets) == 20
            assert set(step([packet.timestamp for packet in packets], 32)) == {FRAME}

    def test_a_trunk_may_begin_to_take_events(self) -> None:
        with open_line(event=None) as line:
            line.sender.connect(replace(line.remote, event=EVENT))
            line.sender.press("7")
            line.run(20)
            assert digits_of(line) == ["7"]
