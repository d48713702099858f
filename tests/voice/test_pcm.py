"""Decoders that borrow their concealment, at each rate that they give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from tests.tones import assert_tone, make_tone
from tests.voice.signals import make_speech
from voice.codec import G722, L16, OPUS, PCMA, PCMU, Codec, PayloadCodec, StreamCodec
from voice.g722 import G722Decoder
from voice.half_band import HalfBand
from voice.pcm import PcmDecoder

Samples = NDArray[np.int16]

TONE = 500.0
CANARY = 0x5A5A

# Each codec, and what its samples are multiplied by
RATES = [(codec, factor) for codec in (PCMU, PCMA, L16) for factor in (1, 2)] + [(L16, 0.5)]


def floor_mean(one: Samples, other: Samples) -> ArrayLike:
    return (one.astype(np.int32) + other) // 2


def say(case: object) -> str:
    return case.name if isinstance(case, Codec) else str(case)


@pytest.mark.parametrize(("codec", "factor"), RATES, ids=say)
class TestPcmDecoder:
    def decode(self, codec: PayloadCodec, sound: Samples, rate: int) -> Samples:
        decoder = codec.decoder(rate)
        chunks = []
        for frame in codec.encode(sound).reshape(-1, codec.units_per_frame * codec.bytes_per_unit):
            out = np.zeros(rate // 50, np.int16)
            assert decoder.decode(frame.tobytes(), out) == rate // 50
            chunks.append(out)
        return np.concatenate(chunks)

    def test_a_tone_stays_one_at_any_rate(self, codec: PayloadCodec, factor: float) -> None:
        rate = int(codec.sample_rate * factor)
        sound = self.decode(codec, make_tone(TONE, seconds=1, rate=codec.sample_rate), rate)
        assert_tone(
            sound,
            rate,
            present=[TONE],
            absent=[codec.sample_rate - TONE] if factor > 1 else (),
            ratio=20,
            margin=20,
        )

    def test_frames_join_without_a_seam(self, codec: PayloadCodec, factor: float) -> None:
        rate = int(codec.sample_rate * factor)
        sound = self.decode(codec, make_tone(TONE, seconds=1, rate=codec.sample_rate), rate)
        steps = np.abs(np.diff(sound.astype(int)))
        assert steps.max() < 1.3 * steps[: rate // 50 - 1].max()

    def test_a_loss_is_made_up_and_joined(self, codec: PayloadCodec, factor: float) -> None:
        rate = int(codec.sample_rate * factor)
        decoder = codec.decoder(rate)
        codes = codec.encode(make_tone(TONE, seconds=0.4, rate=codec.sample_rate)).reshape(20, -1)
        out = np.zeros(rate // 50, np.int16)
        for frame in codes[:15]:
            decoder.decode(frame.tobytes(), out)
        before = np.abs(out).max()
        assert decoder.decode_fec(codes[16].tobytes(), out, out.size) == out.size
        assert np.abs(out).max() > before / 2
        decoder.reset()
        decoder.conceal(out, out.size)
        assert np.abs(out).max() < before / 10

    def test_what_does_not_fit_is_refused(self, codec: PayloadCodec, factor: float) -> None:
        rate = int(codec.sample_rate * factor)
        size = 200 * codec.bytes_per_unit * codec.clock_rate // 8000
        out = np.full(rate // 50, CANARY, np.int16)
        with pytest.raises(ValueError, match=f"{size} bytes"):
            codec.decoder(rate).decode(bytes(size), out)
        with pytest.raises(ValueError, match="0 bytes"):
            codec.decoder(rate).decode(b"", out)
        assert (out == CANARY).all()

    @pytest.mark.parametrize("samples", [-1, 0, 1000])
    def test_other_amounts_are_not_made_up(
        self, codec: PayloadCodec, factor: float, samples: int
    ) -> None:
        decoder = codec.decoder(int(codec.sample_rate * factor))
        with pytest.raises(ValueError, match=f"{samples} samples to make up"):
            decoder.conceal(np.zeros(300, np.int16), samples)
        with pytest.raises(ValueError, match="5000 samples to make up"):  # more than 120 ms
            decoder.conceal(np.zeros(5000, np.int16), 5000)

    @given(payloads=st.lists(st.binary(max_size=300), max_size=5), room=st.integers(0, 700))
    def test_any_bytes_decode_or_are_refused(
        self, codec: PayloadCodec, factor: float, payloads: list[bytes], room: int
    ) -> None:
        decoder, canvas = codec.decoder(int(codec.sample_rate * factor)), np.zeros(800, np.int16)
        canvas[room:] = CANARY
        for payload in payloads:
            length = len(payload) / codec.bytes_per_unit
            assert decoder.payload_units(payload) == (length if length.is_integer() else 0)
            assert not decoder.payload_repairs(payload)
            try:
                assert decoder.decode(payload, canvas[:room]) == length * factor
            except ValueError:
                assert not payload or length * factor % 1 or length % 1 or length * factor > room
            assert (canvas[room:] == CANARY).all()


def test_twice_the_rate_is_the_same_sound() -> None:
    """Every second sample is one of the slower stream's; the others lie between."""
    codes = PCMU.encode(make_speech(8000, 1)).reshape(-1, 160)
    slow, fast = np.zeros(160, np.int16), np.zeros(320, np.int16)
    decoders = PcmDecoder(PCMU, 8000), PcmDecoder(PCMU, 16000)
    before = 0
    for frame in codes:
        decoders[0].decode(frame.tobytes(), slow)
        decoders[1].decode(frame.tobytes(), fast)
        assert np.array_equal(fast[1::2], slow)
        assert np.array_equal(fast[2::2], floor_mean(slow[1:], slow[:-1]))
        assert fast[0] == (before + int(slow[0])) // 2
        before = int(slow[-1])


def test_half_the_rate_goes_through_the_filter() -> None:
    sound, filtered = make_speech(16000, 1), HalfBand()
    out, decoder = np.zeros(160, np.int16), L16.decoder(8000)
    for frame in sound.reshape(-1, 320):
        decoder.decode(L16.encode(frame).tobytes(), out)
        assert np.array_equal(out, filtered.halve_all(frame))


@pytest.mark.parametrize("codec", [PCMU, PCMA, L16], ids=say)
def test_a_stream_decodes_as_a_batch_does(codec: PayloadCodec) -> None:
    # G.711: every code; L16: every byte in both places
    codes = np.arange(256, dtype=np.uint8)
    codes = np.concatenate([codes, codes[::-1]]) if codec is L16 else codes
    out = np.zeros(256, np.int16)
    assert codec.decoder().decode(codes.tobytes(), out) == 256
    np.testing.assert_array_equal(out, codec.decode(codes))


@pytest.mark.parametrize(("codec", "rate"), [(PCMU, 48000), (PCMA, 0), (L16, 48000), (G722, 9000)])
def test_other_rates_are_refused(codec: PayloadCodec | StreamCodec, rate: int) -> None:
    with pytest.raises(ValueError, match=f"{codec.name} at {rate} Hz"):
        PcmDecoder(codec, rate) if isinstance(codec, PayloadCodec) else codec.decoder(rate)


@pytest.mark.parametrize("codec", [G722, OPUS], ids=say)
def test_codecs_with_state_are_refused(codec: StreamCodec) -> None:
    with pytest.raises(ValueError, match=codec.name):
        PcmDecoder(codec, codec.sample_rate)  # type: ignore[arg-type]


def test_a_lost_packet_of_g722_is_made_up() -> None:
    encoder, decoder, out = G722.encoder(), G722Decoder(), np.zeros(320, np.int16)
    frames = make_tone(TONE, seconds=0.4, rate=16000).reshape(-1, 320)
    payloads = [encoder.encode(frame) for frame in frames]
    for payload in payloads[:15]:
        decoder.decode(payload, out)
    before = np.abs(out).max()
    assert decoder.decode_fec(payloads[16], out, 320) == 320
    assert np.abs(out).max() > before / 2
    decoder.decode(payloads[16], out)
    decoder.reset()
    decoder.conceal(out, 320)
    assert np.abs(out).max() < before / 10
