"""What a trunk's packets lack, as the browser hears it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gateway.media.engine.rig import EVENT_TYPE, Rig
from tests.gateway.media.engine.trunk_call import (
    ENCODER,
    NUMBERS,
    SIZE,
    TONE,
    Call,
    Samples,
    decode,
    encode,
    encode_samples,
    sequences,
    timestamps,
)
from tests.tones import assert_tone, make_tone
from tests.voice.signals import find_delay, levels_of, make_speech
from voice.codec import CODECS, PCMU
from voice.concealment import PcmConcealer
from voice.opus import OpusEncoder
from voice.opus_frames import has_fec
from voice.rtp import RtpPacket
from voice.time_line import WIDEST_GAP


def make_encoder(rate: int, expected_loss: int = 5) -> OpusEncoder:
    """Return an encoder like that of the calls' browsers."""
    return OpusEncoder(
        rate,
        complexity=ENCODER["complexity"],
        bitrate=ENCODER["bitrate"],
        expected_loss=expected_loss,
    )


class TestLoss:
    @pytest.mark.parametrize("codec", ["PCMU", "G722", "L16", "OPUS"])
    def test_a_lost_packet_stays_a_gap_in_both(self, call: Call, codec: str) -> None:
        call.speak(codec, 10, lost=(5, 6))
        assert sequences(call.sent) == [1, 1, 1, 1, 3, 1, 1]
        assert timestamps(call.sent) == [960 * step for step in sequences(call.sent)]
        assert call.counted("packets_lost") == 2

    def test_late_and_doubled_packets_are_dropped_and_counted(self, call: Call) -> None:
        call.speak(frames=10)
        for sequence in (call.sequence - 1, call.sequence - 2, call.sequence - 5):
            call.packet(bytes(SIZE), sequence=sequence, timestamp=0)
        call.tick(4)
        assert len(call.sent) == 10
        assert call.counted("rejected_late") == 3

    def test_a_wide_gap_is_a_new_start(self, call: Call) -> None:
        """More than a browser should conceal: the time passes, and no numbers are missing."""
        call.speak(frames=5)
        call.sequence += WIDEST_GAP + 1
        call.timestamp += (WIDEST_GAP + 1) * SIZE
        call.tick(4 * (WIDEST_GAP + 1))
        call.speak(frames=5)
        assert set(sequences(call.sent)) == {1}
        assert timestamps(call.sent)[4] == (WIDEST_GAP + 2) * 960

    def test_events_between_packets_are_no_loss(self, call: Call) -> None:
        call.speak(frames=5)
        for _ in range(3):
            call.packet(bytes([5, 0x0A, 0, 160]), EVENT_TYPE)
            call.pass_frame()
        call.speak(frames=5)
        assert set(sequences(call.sent)) == {1}
        assert call.counted("packets_lost") == 0

    def test_what_was_made_up_is_not_sent(self, call: Call) -> None:
        call.speak(frames=50, lost=(20, 30, 31, 40, 41, 42))
        assert len(call.sent) == 44
        assert call.counted("frames_concealed") == 1 + 2 + 2
        assert set(sequences(call.sent)) == {1, 2, 3, 4}

    @pytest.mark.parametrize("browser", ["PCMA", "PCMU"])
    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16"])
    def test_for_a_codec_without_state_nothing_is_made_up(
        self, rig: Rig, codec: str, browser: str
    ) -> None:
        call = Call(rig, browser, NUMBERS[browser])
        call.speak(codec, 20, lost=(5, 6, 12))
        assert len(call.sent) == 17
        assert call.counted("packets_lost") == 3
        assert call.counted("frames_concealed") == 0

    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16"])
    def test_the_encoder_hears_what_was_lost_in_every_codec(self, call: Call, codec: str) -> None:
        """And what follows joins it: the packets are those of an encoder that heard just that."""
        lost = {0, 30, 31, 45}
        payloads = encode(codec, 430, 50)
        call.play(codec, payloads, lost=lost)
        rate = CODECS[codec].sample_rate
        decoder, encoder = CODECS[codec].decoder(rate), make_encoder(rate)
        concealer = PcmConcealer(rate, memory=0.1)
        sound: Samples = np.zeros((49, rate // 50), np.int16)
        expected = []
        for n, frame in enumerate(sound, 1):
            if n in lost:
                concealer.conceal(frame)
                encoder.encode(frame)
                continue
            decoder.decode(payloads[n], frame)
            concealer.heard(frame)
            expected.append(encoder.encode(frame))
        assert [packet.payload for packet in call.sent] == expected
        assert call.counted("frames_concealed") == 3
        changes = np.abs(np.diff(sound.reshape(-1).astype(int)))
        assert changes.max() < 1.6 * changes[: 29 * rate // 50].max()
        assert levels_of(sound)[[29, 30, 44]].max() < 20

    def test_the_loss_of_one_call_leaves_the_others_whole(self, rig: Rig) -> None:
        lossy, sound = Call(rig), Call(rig)
        for n in range(20):
            lossy.timestamp += SIZE
            sound.timestamp += SIZE
            if n % 4 == 2:
                lossy.lose()
            else:
                lossy.packet(bytes(SIZE))
            sound.packet(bytes(SIZE))
            rig.tick(4)
        for call in (lossy, sound):
            call.tick()
        assert (len(sound.sent), len(lossy.sent)) == (20, 15)
        assert set(sequences(sound.sent)) == {1}

    def test_losses_among_packets_of_one_tick_are_heard_in_order(self, call: Call) -> None:
        payloads = encode("PCMU", 430, 20)
        call.play("PCMU", payloads[:8])
        for n, payload in enumerate(payloads[8:16]):
            if n in (2, 5):
                call.lose()
            else:
                call.packet(payload)
            call.timestamp += SIZE
        call.tick(32)
        call.play("PCMU", payloads[16:])
        assert len(call.sent) == 18
        wave = call.heard(8000).astype(float)
        tone = make_tone(430, seconds=0.4).astype(float)
        delay = find_delay(wave.astype(np.int16), tone.astype(np.int16), 80)
        error = np.square(wave[delay:] - tone[: len(wave) - delay])
        # A frame in another's place would be nothing like the tone
        frames = error[: 18 * SIZE].reshape(-1, SIZE).mean(axis=1)
        assert frames[2:].max() < 0.15 * np.square(tone).mean()

    def test_losses_and_a_codec_of_another_rate_do_no_harm(self, call: Call) -> None:
        call.speak("PCMU", 20, lost=range(18, 20))
        call.speak("L16", 40, lost=(0, 10))
        assert call.failures == 0
        assert_tone(call.heard()[25 * 320 :], 16000, present=[TONE])


class TestRepair:
    """A browser that has lost nothing of ours still lacks what the trunk's packets lacked."""

    LOST = frozenset(range(40, 395, 7))

    def errors(self, sent: dict[int, bytes], sound: Samples, speech: Samples) -> list[float]:
        """Return the error of each repaired frame, as a share of its power."""
        delay = find_delay(sound, speech, 200)
        errors = []
        for n in sorted(self.LOST):
            if not has_fec(sent[n + 1]):
                continue
            was = speech[n * SIZE - delay : (n + 1) * SIZE - delay].astype(float)
            now = sound[n * SIZE : (n + 1) * SIZE]
            errors.append(float(np.square(now - was).sum() / max(np.square(was).sum(), 1.0)))
        return errors

    def test_what_the_encoder_heard_for_a_gap_is_what_the_browser_repairs_it_with(
        self, rig: Rig
    ) -> None:
        """Else the packet after the gap repairs it with what was before the gap, once more."""
        call = Call(rig, expected_loss=20)
        speech = make_speech(8000, 8)
        payloads = encode_samples("PCMU", speech.reshape(-1, SIZE))
        call.play("PCMU", payloads, lost=set(self.LOST))
        first = call.sent[0].sequence
        sent = {packet.sequence - first & 0xFFFF: packet.payload for packet in call.sent}
        assert self.LOST.isdisjoint(sent)
        hearing = self.errors(sent, call.heard(8000), speech)

        # An encoder that hears nothing for a gap
        encoder = make_encoder(8000, 20)
        packets = [
            RtpPacket(111, False, n, 0, 0, encoder.encode(PCMU.decode(np.frombuffer(codes, "u1"))))
            for n, codes in enumerate(payloads)
            if n not in self.LOST
        ]
        deaf = self.errors(
            {packet.sequence: packet.payload for packet in packets}, decode(packets, 8000), speech
        )
        assert len(hearing) > 10
        # Measured: 0.37 and 0.98
        assert np.median(hearing) < 0.6 * np.median(deaf)
