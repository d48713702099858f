"""What comes from a trunk, as the browser hears it: audio, noise, digits, codec by codec."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.media.core.trunk_stream import EXPECTED, TONE_DURATION
from gateway.media.parameters import EventFormat
from tests.gateway.media.core.line import step
from tests.gateway.media.core.trunk_call import BROWSER, NUMBERS, REMOTE, TONE, Call, encode
from tests.tones import assert_tone, make_tone
from voice.codec import CODECS, PayloadCodec
from voice.comfort_noise import PAYLOAD_TYPE as NOISE
from voice.levels import measure
from voice.opus import OpusEncoder
from voice.telephone_event import EventSender
from voice.tones import DtmfTones


class TestAudio:
    @pytest.mark.parametrize("codec", NUMBERS)
    def test_every_codec_is_heard(self, codec: str) -> None:
        call = Call()
        call.speak(codec, 50)
        assert len(call.sent) == 50
        assert set(step([packet.timestamp for packet in call.sent], 32)) == {960}
        assert {(packet.ssrc, packet.payload_type) for packet in call.sent} == {(77, 111)}
        assert_tone(call.heard()[4000:], 16000, present=[TONE])

    @pytest.mark.parametrize("first", ["PCMU", "G722"])
    @pytest.mark.parametrize("second", ["PCMA", "G722", "L16"])
    def test_the_codec_changes_in_mid_call(self, first: str, second: str) -> None:
        """Without a word, as a trunk may; the sound is back within 40 ms."""
        call = Call()
        call.speak(first, 25)
        call.speak(second, 40)
        assert set(step([packet.sequence for packet in call.sent], 16)) == {1}
        assert set(step([packet.timestamp for packet in call.sent], 32)) == {960}
        sound = call.heard()
        assert_tone(sound[27 * 320 :], 16000, present=[TONE])
        assert measure(sound.reshape(-1, 320))[27:].max() < 20

    def test_a_browser_that_is_not_there_yet_is_sent_nothing(self) -> None:
        call = Call()
        call.stream.open = False
        call.speak(frames=5)
        assert call.sent == []
        call.stream.open = True
        call.speak(frames=5)
        assert len(call.sent) == 5

    def test_before_a_description_nothing_is_taken(self) -> None:
        call = Call()
        call.stream._remote = None
        call.speak(frames=5)
        assert call.sent == []

    def test_what_nobody_has_announced_is_counted(self) -> None:
        call = Call()
        call.packet(b"what", 99)
        assert call.counters["trunk_rejected_payload-type"] == 1

    def test_a_keepalive_of_any_payload_type_is_a_sign_of_life(self) -> None:
        """As a trunk sends that is on mute, and has nothing else to say (RFC 6263 section 4.6)."""
        call = Call()
        assert call.reports.silent_for(call.now) == 10
        call.packet(b"", 99)
        assert call.reports.silent_for(call.now) == 0

    @pytest.mark.parametrize("payload", [b"", b"\x00", bytes(1400)])
    @pytest.mark.parametrize("codec", NUMBERS)
    def test_payloads_of_any_size_do_no_harm(self, codec: str, payload: bytes) -> None:
        call = Call()
        call.speak(codec, 10)
        call.packet(payload, NUMBERS[codec])
        call.pass_frame()
        call.sent.clear()
        call.speak(codec, 50)
        assert_tone(call.heard()[8000:], 16000, present=[TONE])
        assert call.failures == 0

    def test_the_encoder_expects_what_the_browser_reports(self) -> None:
        call = Call()
        call.speak(frames=2)
        encoder = call.stream._encoder
        assert encoder is not None
        for share, expected in [(0.0, 5), (0.06, 10), (0.11, 20), (0.9, EXPECTED[-1])]:
            call.stream.expect_loss(share)
            assert encoder.expected_loss == expected
        call.speak("G722", 2)
        other = call.stream._encoder
        assert other is not None
        assert other is not encoder
        assert other.expected_loss == EXPECTED[-1]


class TestLoss:
    @pytest.mark.parametrize("codec", ["PCMU", "G722", "L16"])
    def test_the_encoder_hears_what_was_lost_in_every_codec(self, codec: str) -> None:
        call = Call()
        given: list[NDArray[np.int16]] = []
        rate = CODECS[codec].sample_rate
        call.stream._encode_at(rate)
        call.stream.leg.encode = lambda pcm: given.append(pcm.copy()) or b""  # type: ignore[func-returns-value]
        call.speak(codec, 50, tone=430, lost=range(30, 32))
        assert (len(call.sent), len(given)) == (48, 50)
        assert call.counters["trunk_frames_concealed"] == 2
        sound = np.concatenate(given).astype(int)
        steps = np.abs(np.diff(sound))
        frame = rate // 50
        assert steps[29 * frame : 34 * frame].max() < 1.6 * steps[5 * frame : 29 * frame].max()
        assert measure(np.stack(given))[30:32].max() < 20


class TestRelay:
    def test_opus_passes_as_it_is(self) -> None:
        call = Call()
        payloads = encode("OPUS", TONE, 10)
        for payload in payloads:
            call.packet(payload, NUMBERS["OPUS"])
            call.pass_frame(48000)
        assert [packet.payload for packet in call.sent] == payloads

    @pytest.mark.parametrize("ptime", [20, 40, 60])
    def test_opus_of_any_length_keeps_its_time(self, ptime: int) -> None:
        call = Call()
        encoder = OpusEncoder(8000)
        tone = make_tone(TONE, seconds=1.2)
        for at in range(0, len(tone), 8 * ptime):
            call.packet(encoder.encode(tone[at : at + 8 * ptime]), NUMBERS["OPUS"])
            call.timestamp += 48 * ptime
            call.now += ptime / 1000
        assert set(step([packet.timestamp for packet in call.sent], 32)) == {48 * ptime}

    def test_g711_passes_as_it_is_where_the_browser_speaks_it(self) -> None:
        call = Call(replace(BROWSER, codec="PCMU", payload_type=0))
        payloads = encode("PCMU", TONE, 10)
        for payload in payloads:
            call.packet(payload, 0)
            call.pass_frame()
        assert [packet.payload for packet in call.sent] == payloads
        assert set(step([packet.timestamp for packet in call.sent], 32)) == {160}

    @pytest.mark.parametrize("codec", ["PCMA", "G722", "L16"])
    def test_another_codec_is_made_g711_for_a_browser_that_speaks_it(self, codec: str) -> None:
        call = Call(replace(BROWSER, codec="PCMU", payload_type=0))
        call.speak(codec, 50)
        codes = b"".join(packet.payload for packet in call.sent)
        decode = CODECS["PCMU"]
        assert isinstance(decode, PayloadCodec)
        sound = decode.decode(np.frombuffer(codes, np.uint8))
        assert len(sound) == 8000
        assert_tone(sound[1000:], 8000, present=[TONE], ratio=20)
        assert set(step([packet.timestamp for packet in call.sent], 32)) == {160}

    def test_opus_that_the_browser_does_not_speak_is_refused(self) -> None:
        call = Call(replace(BROWSER, codec="PCMU", payload_type=0))
        call.speak("OPUS", 3)
        assert call.sent == []
        assert call.counters["trunk_rejected_payload-type"] >= 3


TICK = 0.005  # seconds of the media clock, in each of which so many datagrams are read:
READ = 16


class TestFlood:
    @pytest.mark.parametrize("browser", ["OPUS", "PCMA", "PCMU"])
    @pytest.mark.parametrize("size", [0, 1, 160, 1440])
    def test_no_more_than_twice_of_what_a_call_needs_is_served(
        self, browser: str, size: int
    ) -> None:
        call = Call(replace(BROWSER, codec=browser))
        encoded = 0

        def encode(samples: NDArray[np.int16]) -> bytes:
            nonlocal encoded
            encoded += 1
            return b""

        call.stream._encode_at(8000)
        call.stream.leg.encode = encode
        for _ in range(400):  # two seconds
            for _ in range(READ):
                call.packet(bytes(size), 0)
                call.sequence += 1  # each second one is missing, and would be made up
                call.timestamp += 2 * size
            call.batch.serve()
            call.now += TICK
        frames = 50 * (2 * 2 + 0.5)
        assert encoded <= frames + 10
        assert len(call.sent) <= 2 * frames + 2
        assert call.counters["trunk_rejected_flood"] > 3000

    def test_what_waited_during_a_stall_passes(self) -> None:
        call = Call()
        call.speak(frames=50)
        call.now += 0.4
        for _ in range(20):
            call.packet(bytes(160), 0)
            call.timestamp += 160
        call.speak(frames=50)
        assert len(call.sent) == 120
        assert call.counters["trunk_rejected_flood"] == 0

    @pytest.mark.parametrize("size", [80, 160, 480])
    def test_losses_do_not_make_a_flood_of_a_stream(self, size: int) -> None:
        call = Call()
        for number in range(40000 // size):
            call.timestamp += size
            call.now += size / 8000
            if number % 3:
                call.sequence += 1
            else:
                call.packet(bytes(size), 0)
            call.batch.serve()
        assert call.counters["trunk_rejected_flood"] == 0


class TestNoise:
    def noisy(self, level: int = 50) -> Call:
        call = Call()
        call.speak(frames=25)
        call.heard()
        call.packet(bytes([level]), NOISE)
        return call

    def test_noise_goes_on_every_20_ms(self) -> None:
        call = self.noisy()
        assert call.silences == 1
        for _ in range(100):
            call.pass_frame()
        assert len(call.sent) == 100
        assert set(step([packet.timestamp for packet in call.sent], 32)) == {960}
        assert set(step([packet.sequence for packet in call.sent], 16)) == {1}
        levels = measure(call.heard().reshape(-1, 320)).astype(int)
        assert abs(int(np.median(levels)) - 50) <= 4

    def test_noise_keeps_its_pace_whenever_the_clock_asks(self) -> None:
        call = self.noisy()
        start = call.now
        for tick in range(200):
            assert call.stream.make_noise(start + tick * 0.005)
            call.batch.serve()
        assert len(call.sent) == 50

    def test_a_stall_is_not_made_up_for_in_a_burst(self) -> None:
        call = self.noisy()
        call.stream.make_noise(call.now)
        call.stream.make_noise(call.now + 5)
        call.batch.serve()
        assert len(call.sent) <= 4

    def test_it_stops_with_audio_and_the_clock_goes_on(self) -> None:
        call = self.noisy()
        for _ in range(50):
            call.pass_frame()
        call.speak(frames=25)
        assert not call.stream.noisy
        assert len(call.sent) == 75
        assert set(step([packet.sequence for packet in call.sent], 16)) == {1}
        assert set(step([packet.timestamp for packet in call.sent], 32)) == {960}
        assert not call.stream.make_noise(call.now)
        assert_tone(call.heard()[55 * 320 :], 16000, present=[TONE])

    def test_more_noise_packets_change_its_sound_and_not_its_pace(self) -> None:
        call = self.noisy(60)
        for frame in range(100):
            if frame == 50:
                call.packet(bytes([40]), NOISE)
            call.pass_frame()
        assert call.silences == 1
        assert len(call.sent) == 100
        levels = measure(call.heard().reshape(-1, 320)).astype(int)
        assert abs(int(np.median(levels[:50])) - 60) <= 5
        assert abs(int(np.median(levels[55:])) - 40) <= 4

    def test_a_late_packet_of_audio_does_not_end_it(self) -> None:
        call = self.noisy()
        call.sequence -= 2
        call.packet(bytes(160), 0)
        assert call.stream.noisy

    def test_noise_that_says_nothing_is_counted(self) -> None:
        call = Call()
        call.packet(b"", NOISE)
        assert call.counters["trunk_rejected_comfort-noise"] == 1
        assert not call.stream.noisy

    def test_noise_before_any_audio(self) -> None:
        call = Call()
        call.packet(bytes([50]), NOISE)
        for _ in range(10):
            call.pass_frame()
        assert len(call.sent) == 10

    def test_nothing_is_sent_while_there_is_no_browser(self) -> None:
        call = self.noisy()
        call.stream.open = False
        for _ in range(10):
            call.pass_frame()
        assert call.sent == []
        assert call.stream.noisy


def press(
    call: Call, digits: str, *, number: int = 101, rate: int = 8000, until: int = 10**6
) -> None:
    """Let the trunk press keys, in place of its audio."""
    sender = EventSender(rate)
    sender.send(digits)
    ticks = 0
    while sender.busy and ticks < until:
        packet = sender.tick(call.timestamp).packet
        if packet is not None:
            call.packet(packet.payload, number, marker=packet.marker, timestamp=packet.timestamp)
        call.pass_frame()
        ticks += 1


class TestDigits:
    def test_digits_are_told_once(self) -> None:
        call = Call()
        call.speak(frames=5)
        press(call, "159#")
        call.speak(frames=5)
        assert call.digits == [(digit, 100) for digit in "159#"]
        assert call.counters["trunk_packets_lost"] == 0
        assert set(step([packet.sequence for packet in call.sent], 16)) == {1}

    def test_a_digit_whose_end_was_lost_ends_by_itself(self) -> None:
        call = Call()
        press(call, "5", until=4)
        assert call.digits == []
        call.stream.expire(call.now + 1)
        assert call.digits == [("5", 80)]

    def test_a_payload_type_that_changes_in_the_middle_of_a_digit(self) -> None:
        call = Call()
        sender = EventSender(8000)
        sender.send("5")
        number = 101
        for tick in range(10):
            packet = sender.tick(call.timestamp).packet
            if tick == 3:
                number = 96
                changed = replace(REMOTE, event=EventFormat(96, 8000), event_payload_types=(96,))
                call.stream.expect(changed)
            if packet is not None:
                call.packet(
                    packet.payload, number, marker=packet.marker, timestamp=packet.timestamp
                )
            call.pass_frame()
        assert call.digits == [("5", 100)]

    def test_a_clock_rate_that_changes_between_digits(self) -> None:
        call = Call()
        press(call, "1")
        changed = replace(REMOTE, event=EventFormat(102, 48000), event_payload_types=(102,))
        call.stream.expect(changed)
        press(call, "2", number=102, rate=48000)
        assert call.digits == [("1", 100), ("2", 100)]

    def test_a_burst_of_events_does_not_flood_who_is_told(self) -> None:
        call = Call()
        for _ in range(1000):
            for _ in range(3):
                call.packet(bytes([5, 0x8A, 3, 0x20]), 101, marker=True)
                call.timestamp += 800
            call.now += 0.001
        assert 20 < len(call.digits) <= 20 + 20 + 1
        assert call.counters["trunk_digits"] == len(call.digits)
        assert call.counters["trunk_rejected_digit-flood"] >= 2900

    def test_what_is_no_event_is_counted(self) -> None:
        call = Call()
        call.packet(b"123", 101)
        assert call.counters["trunk_rejected_event"] == 1

    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16", "G722"])
    def test_digits_in_the_sound_are_told_once_where_there_are_no_events(self, codec: str) -> None:
        call = Call(remote=replace(REMOTE, event=None, event_payload_types=()))
        rate = CODECS[codec].sample_rate
        tones = DtmfTones(rate)
        tones.send("159#")
        kind = CODECS[codec]
        encoder = None if isinstance(kind, PayloadCodec) else kind.encoder()
        for _ in range(50):
            frame: NDArray[np.int16] = np.zeros(rate // 50, np.int16)
            if tones.busy:
                tones.fill(frame)
            payload = encoder.encode(frame) if encoder else kind.encode(frame).tobytes()  # type: ignore[union-attr]
            call.packet(payload, NUMBERS[codec])
            call.pass_frame()
        assert call.digits == [(digit, TONE_DURATION) for digit in "159#"]

    def test_nobody_listens_for_tones_where_there_are_events(self) -> None:
        call = Call()
        tones = DtmfTones(8000)
        tones.send("5")
        kind = CODECS["PCMU"]
        assert isinstance(kind, PayloadCodec)
        for _ in range(20):
            frame: NDArray[np.int16] = np.zeros(160, np.int16)
            if tones.busy:
                tones.fill(frame)
            call.packet(kind.encode(frame).tobytes(), 0)
            call.pass_frame()
        assert call.digits == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*NUMBERS.values(), NOISE, 101, 102, 99]),
            st.integers(0, 65535) | st.integers(0, 30),
            st.integers(0, 2**32 - 1) | st.integers(0, 30).map(lambda n: n * 160),
            st.sampled_from([5, 5, 5, 6]),
            st.binary(max_size=20) | st.sampled_from([bytes(160), bytes(640), bytes(241)]),
            st.booleans(),
        ),
        max_size=30,
    ),
    st.sampled_from(["OPUS", "PCMU", "PCMA"]),
    st.booleans(),
)
def test_whatever_a_trunk_sends_nothing_fails(
    packets: list[tuple[int, int, int, int, bytes, bool]], browser: str, events: bool
) -> None:
    remote = REMOTE if events else replace(REMOTE, event=None)
    call = Call(replace(BROWSER, codec=browser), remote)
    for number, sequence, timestamp, ssrc, payload, served in packets:
        call.sequence = sequence
        call.packet(payload, number, timestamp=timestamp, ssrc=ssrc)
        if served:
            call.pass_frame()
    call.stream.expire(call.now + 10)
    call.batch.serve()
    assert call.failures == 0
