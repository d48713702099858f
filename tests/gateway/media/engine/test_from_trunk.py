"""What comes from a trunk, as the browser hears it: audio of every codec."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gateway.media.engine.rig import Rig
from tests.gateway.media.engine.trunk_call import (
    NUMBERS,
    SIZE,
    TONE,
    Call,
    encode,
    encode_samples,
    sequences,
    timestamps,
)
from tests.tones import assert_tone, make_tone
from tests.voice.signals import levels_of
from voice.codec import CODECS, PCMA, PCMU, PayloadCodec
from voice.rtp_extension import find

VOICE = 45  # -dBov: what is louder is marked as voice


class TestAudio:
    @pytest.mark.parametrize("codec", NUMBERS)
    def test_every_codec_is_heard(self, call: Call, codec: str) -> None:
        call.speak(codec, 50)
        assert len(call.sent) == 50
        assert set(timestamps(call.sent)) == {960}
        assert set(sequences(call.sent)) == {1}
        assert [packet.marker for packet in call.sent] == [True] + [False] * 49
        ours = (call.browser.leg.sender.ssrc, 111)
        assert {(packet.ssrc, packet.payload_type) for packet in call.sent} == {ours}
        assert_tone(call.heard()[4000:], 16000, present=[TONE])

    @pytest.mark.parametrize("first", ["PCMU", "G722"])
    @pytest.mark.parametrize("second", ["PCMA", "G722", "L16"])
    def test_the_codec_changes_in_mid_call(self, call: Call, first: str, second: str) -> None:
        """Without a word, as a trunk may; the sound is back within 40 ms."""
        call.speak(first, 25)
        call.speak(second, 40)
        assert set(sequences(call.sent)) == {1}
        assert set(timestamps(call.sent)) == {960}
        sound = call.heard()
        assert_tone(sound[27 * 320 :], 16000, present=[TONE])
        assert levels_of(sound.reshape(-1, 320))[27:].max() < 20

    def test_each_browser_hears_its_own_trunk(self, rig: Rig) -> None:
        codecs = ["PCMU", "PCMA", "L16", "PCMU", "G722", "L16"]
        calls = [Call(rig) for _ in codecs]
        tones = [300.0 + 200 * n for n in range(len(codecs))]
        coded = [encode(codec, tone, 50) for codec, tone in zip(codecs, tones, strict=True)]
        for n in range(50):
            for call, codec, payloads in zip(calls, codecs, coded, strict=True):
                call.packet(payloads[n], NUMBERS[codec])
                call.timestamp += CODECS[codec].units_per_frame
            rig.tick(4)
        for call, tone in zip(calls, tones, strict=True):
            call.tick()
            assert len(call.sent) == 50
            others = [each for each in tones if each != tone]
            assert_tone(call.heard(8000)[2000:], 8000, present=[tone], absent=others)

    def test_several_packets_in_a_tick_stay_in_order(self, call: Call) -> None:
        payloads = encode("PCMU", TONE, 24)
        for n, payload in enumerate(payloads):
            call.packet(payload)
            call.timestamp += SIZE
            if n % 6 == 5:
                call.tick(24)
        assert set(sequences(call.sent)) == {1}
        assert len(call.sent) == 24
        assert_tone(call.heard(8000)[800:], 8000, present=[TONE])

    def test_what_was_sent_is_counted_for_reports(self, call: Call) -> None:
        call.speak(frames=3)
        told = call.browser.leg.statistics(call.rig.now)
        assert told.packets_sent == 3
        assert told.octets_sent == sum(len(packet.payload) for packet in call.sent)
        assert told.timestamp == call.sent[-1].timestamp

    def test_a_browser_that_is_not_there_yet_is_sent_nothing(self, rig: Rig) -> None:
        call = Call(rig, connected=False)
        call.speak(frames=5)
        assert call.sent == []
        call.browser.connect()
        call.speak(frames=5)
        assert len(call.sent) == 5

    def test_before_a_description_nothing_is_taken(self, call: Call) -> None:
        call.trunk.leg.receiver.set_formats({})
        call.speak(frames=5)
        assert call.sent == []
        assert call.counted("rejected_payload-type") == 5

    def test_what_nobody_has_announced_is_counted(self, call: Call) -> None:
        call.packet(b"what", 99)
        call.tick()
        assert call.counted("rejected_payload-type") == 1

    def test_a_keepalive_of_any_payload_type_is_a_sign_of_life(self, call: Call) -> None:
        """As a trunk sends that is on mute, and has nothing else to say (RFC 6263 section 4.6)."""
        call.tick(10)
        call.packet(b"", 99)
        call.tick()
        assert call.trunk.leg.statistics(call.rig.now).heard_at == pytest.approx(call.rig.now)

    @pytest.mark.parametrize("payload", [b"", b"\x00", bytes(1400)])
    @pytest.mark.parametrize("codec", NUMBERS)
    def test_payloads_of_any_size_do_no_harm(self, call: Call, codec: str, payload: bytes) -> None:
        call.speak(codec, 10)
        call.packet(payload, NUMBERS[codec])
        call.pass_frame()
        call.sent.clear()
        call.speak(codec, 50)
        assert_tone(call.heard()[8000:], 16000, present=[TONE])
        assert call.failures == 0

    def test_a_browser_on_hold_hears_nothing_and_then_at_once(self, call: Call) -> None:
        """Time goes on meanwhile, on our time line as well."""
        call.speak(frames=10)
        before = call.sent[-1]
        call.browser.leg.hold(True)
        call.sent.clear()
        call.speak(frames=50)
        assert call.sent == []
        call.browser.leg.hold(False)
        call.speak(frames=10)
        assert len(call.sent) == 10
        assert sequences([before, *call.sent])[0] == 1
        assert timestamps([before, *call.sent])[0] == 51 * 960
        assert set(timestamps(call.sent)) == {960}


def transcode(codes: bytes) -> bytes:
    """Return what PCMA becomes for a browser that speaks PCMU."""
    return PCMU.encode(PCMA.decode(np.frombuffer(codes, np.uint8))).tobytes()


class TestCutting:
    """Packets of another length than a frame."""

    @pytest.fixture
    def call(self, rig: Rig) -> Call:
        return Call(rig, "PCMU", 0)

    @pytest.mark.parametrize("size", [40, 80, 240, 320, 480])
    def test_packets_of_another_length_are_cut_to_frames(self, call: Call, size: int) -> None:
        payloads = [bytes([n]) * size for n in range(12)]
        for payload in payloads:
            call.packet(payload, NUMBERS["PCMA"])
            call.timestamp += size
            call.tick(size // 40)
        call.tick(4)
        assert len(call.sent) == 12 * size // SIZE
        assert set(timestamps(call.sent)) == {SIZE}
        assert set(sequences(call.sent)) == {1}
        heard = b"".join(packet.payload for packet in call.sent)
        assert heard == transcode(b"".join(payloads))[: len(heard)]

    @pytest.mark.parametrize(
        ("codec", "ptime"),
        [
            *((codec, ptime) for codec in ("PCMU", "G722") for ptime in (10, 30, 40, 60)),
            *(("L16", ptime) for ptime in (10, 30, 40)),  # 60 ms fit no Ethernet frame
        ],
    )
    def test_odd_packet_times_are_heard(self, rig: Rig, codec: str, ptime: int) -> None:
        call = Call(rig)
        whole = b"".join(encode(codec, TONE, 60))
        size = len(whole) * ptime // 1200
        for at in range(0, len(whole), size):
            call.packet(whole[at : at + size], NUMBERS[codec])
            call.timestamp += CODECS[codec].clock_rate * ptime // 1000
            call.tick(ptime // 5)
        assert len(call.sent) == 60
        assert set(timestamps(call.sent)) == {960}
        assert set(sequences(call.sent)) == {1}
        assert_tone(call.heard()[4000:], 16000, present=[TONE])

    def test_half_a_sample_puts_nothing_out_of_step(self, rig: Rig) -> None:
        call = Call(rig)
        for payload in encode("L16", TONE, 50):
            call.packet(payload + b"\x7f", NUMBERS["L16"])
            call.pass_frame(16000)
        assert_tone(call.heard()[4000:], 16000, present=[TONE])

    def test_what_was_left_of_a_packet_before_a_gap_is_dropped(self, call: Call) -> None:
        first, last = b"\x11" * 240, b"\x22" * 240
        call.packet(first, NUMBERS["PCMA"])
        call.tick(6)
        call.lose()
        call.tick(6)
        call.timestamp += 480
        call.packet(last, NUMBERS["PCMA"])
        call.tick(6)
        assert [packet.payload for packet in call.sent] == [
            transcode(first[:SIZE]),
            transcode(last[:SIZE]),
        ]
        assert timestamps(call.sent) == [480]

    def test_another_codec_of_the_same_clock_has_no_rest(self, call: Call) -> None:
        """Codes of the one are noise to the other."""
        call.packet(b"\x11" * 240, NUMBERS["PCMA"])
        call.tick(6)
        call.timestamp += 240
        call.packet(b"\x22" * SIZE, 0)
        call.tick(4)
        assert call.sent[-1].payload == b"\x22" * SIZE

    def test_a_new_source_has_no_rest(self, call: Call) -> None:
        call.packet(b"\x11" * 240, NUMBERS["PCMA"])
        call.tick(6)
        call.packet(b"\x22" * SIZE, NUMBERS["PCMA"], ssrc=9, timestamp=77)
        call.tick(4)
        assert [packet.payload for packet in call.sent] == [
            transcode(b"\x11" * SIZE),
            transcode(b"\x22" * SIZE),
        ]


class TestLevel:
    @pytest.mark.parametrize("amplitude", [0, 20, 300, 8000])
    def test_the_browser_is_told_how_loud_a_frame_is(self, rig: Rig, amplitude: int) -> None:
        call = Call(rig, level=5)
        samples = (make_tone(440, seconds=0.1).astype(int) * amplitude // 8231).astype(np.int16)
        call.play("PCMU", encode_samples("PCMU", samples.reshape(-1, SIZE)))
        (expected,) = levels_of(PCMU.decode(PCMU.encode(samples[-SIZE:]))[None, :]).tolist()
        (told,) = find(call.sent[-1], 5) or b""  # RFC 6464 section 3: voice in the first bit
        assert told & 0x7F == expected == call.trunk.leg.receiver.level
        assert told >> 7 == (expected <= VOICE)

    def test_without_the_extension_there_is_none(self, call: Call) -> None:
        call.speak(frames=1)
        assert call.sent[0].profile is None


def test_every_codec_is_made_every_other(rig: Rig) -> None:
    """Whatever the sample rates are."""
    for browser in ("PCMU", "PCMA", "L16"):
        for codec in NUMBERS:
            call = Call(rig, browser, NUMBERS[browser])
            call.speak(codec, 50)
            target = CODECS[browser]
            assert isinstance(target, PayloadCodec)
            codes = b"".join(packet.payload for packet in call.sent)
            sound = target.decode(np.frombuffer(codes, np.uint8))
            if codec != "OPUS":  # which comes by way of a jitter buffer
                assert len(sound) == target.sample_rate
            skipped = target.sample_rate // 8
            assert_tone(sound[skipped:], target.sample_rate, present=[TONE], ratio=20)
            rig.engine.remove(call.trunk.leg)
            rig.engine.remove(call.browser.leg)


class TestFaults:
    def test_an_encoder_that_cannot_be_made_ends_its_own_call_only(
        self, rig: Rig, caplog: pytest.LogCaptureFixture
    ) -> None:
        faulty, sound = Call(rig), Call(rig)
        faulty.browser.leg.sender.set_codec("PCMU", 0)
        faulty.browser.leg.sender.set_codec("OPUS", 111, bitrate=-1)
        for _ in range(3):
            for call in (faulty, sound):
                call.packet(bytes(SIZE))
                call.timestamp += SIZE
            rig.tick(4)
        sound.tick()
        faulty.tick()
        assert (faulty.failures, sound.failures) == (1, 0)
        assert (len(faulty.sent), len(sound.sent)) == (0, 3)
        assert "bitrate" in caplog.text
