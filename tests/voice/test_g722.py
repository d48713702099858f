"""G.722 through PyAV: what ITU-T G.722 promises, FFmpeg in one piece, and refusals."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.voice.signals import (
    find_delay,
    make_sine,
    make_speech,
    measure_snr,
    peak_frequency,
)
from voice.g722 import FRAME, SAMPLE_RATE, G722Decoder, G722Encoder, G722Error
from voice.half_band import HalfBand

Samples = NDArray[np.int16]

QMF_DELAY = 22  # samples, ITU-T G.722 section 4.1: two filters of 24 taps


def encode_all(signal: Samples, frame: int = FRAME) -> bytes:
    encoder = G722Encoder(frame)
    rows = signal[: len(signal) // frame * frame].reshape(-1, frame)
    return b"".join(encoder.encode(row) for row in rows)


def decode_all(payload: bytes, size: int = FRAME // 2) -> Samples:
    decoder, out = G722Decoder(), np.zeros(2 * len(payload), np.int16)
    for start in range(0, len(payload), size):
        piece = payload[start : start + size]
        assert decoder.decode(piece, out[2 * start :]) == 2 * len(piece)
    return out


def encode_with_ffmpeg_alone(signal: Samples) -> bytes:
    context = av.CodecContext.create("g722", "w")
    context.sample_rate, context.layout, context.format = 16000, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(signal[None], format="s16", layout="mono")
    frame.sample_rate = 16000
    packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(map(bytes, packets))


class TestG722:
    def test_64_kbit_per_second(self) -> None:
        assert len(G722Encoder().encode(np.zeros(FRAME, np.int16))) == 160
        assert len(encode_all(make_speech(SAMPLE_RATE, 1))) == 8000

    def test_speech_survives_with_the_filters_delay_and_no_more(self) -> None:
        speech = make_speech(SAMPLE_RATE, 2)
        heard = decode_all(encode_all(speech))
        delay = find_delay(heard, speech, 400)
        assert abs(delay - QMF_DELAY) <= 1
        assert measure_snr(heard[delay:], speech[:-delay]) > 18

    @pytest.mark.parametrize("frequency", [300, 1000, 3000, 5000, 6800])
    def test_it_is_wideband(self, frequency: int) -> None:
        tone = make_sine(frequency, SAMPLE_RATE, SAMPLE_RATE)
        heard = decode_all(encode_all(tone))[SAMPLE_RATE // 2 :]
        assert peak_frequency(heard, SAMPLE_RATE) == pytest.approx(frequency, abs=2)
        assert heard.std() == pytest.approx(tone.std(), rel=0.15)

    def test_the_two_high_bits_are_the_high_band(self) -> None:
        """ITU-T G.722 section 1.4.4: they are sent first, and 48 kbit/s are left without."""
        noise = np.random.default_rng(3).normal(0, 3000, SAMPLE_RATE).astype(np.int16)
        codes = np.frombuffer(encode_all(noise), np.uint8)
        whole, low = decode_all(codes.tobytes()), decode_all((codes | 0xC0).tobytes())
        band = np.abs(np.fft.rfft([whole, low]))[:, : SAMPLE_RATE // 2 + 1]
        assert np.square(band[1, 5000:7000]).sum() < 0.01 * np.square(band[0, 5000:7000]).sum()
        np.testing.assert_allclose(
            np.square(band[1, 200:3500]).sum(), np.square(band[0, 200:3500]).sum(), rtol=0.02
        )

    @pytest.mark.parametrize("frame", [80, 160, 320, 480, 960])
    def test_frames_equal_ffmpeg_in_one_piece(self, frame: int) -> None:
        speech = make_speech(SAMPLE_RATE, 0.96)
        assert encode_all(speech, frame) == encode_with_ffmpeg_alone(speech)

    def test_several_frames_at_once(self) -> None:
        speech = make_speech(SAMPLE_RATE, 0.3)
        assert G722Encoder().encode(speech) == encode_all(speech)

    @pytest.mark.parametrize("size", [1, 7, 80, 240, 4000])
    def test_a_payload_may_be_cut_anywhere(self, size: int) -> None:
        payload = encode_all(make_speech(SAMPLE_RATE, 0.5))
        np.testing.assert_array_equal(decode_all(payload, size), decode_all(payload))

    def test_streams_are_apart(self) -> None:
        one, other = make_speech(SAMPLE_RATE, 0.2, 1), make_speech(SAMPLE_RATE, 0.2, 2)
        encoders = G722Encoder(), G722Encoder()
        parts: list[list[bytes]] = [[], []]
        for rows in zip(one.reshape(-1, FRAME), other.reshape(-1, FRAME), strict=True):
            for encoder, row, part in zip(encoders, rows, parts, strict=True):
                part.append(encoder.encode(row))
        assert [b"".join(part) for part in parts] == [encode_all(one), encode_all(other)]

    def test_silence(self) -> None:
        heard = decode_all(encode_all(np.zeros(3200, np.int16)))
        assert np.abs(heard).max() <= 8

    def test_a_row_of_a_batch_is_filled_and_nothing_else(self) -> None:
        batch = np.full((3, FRAME), 77, np.int16)
        payload = encode_all(make_speech(SAMPLE_RATE, 0.1))[400:500]
        assert G722Decoder().decode(payload, batch[1]) == 200
        assert (batch[[0, 2]] == 77).all()
        assert (batch[1, 200:] == 77).all()
        assert (batch[1, :200] != 77).any()

    def test_samples_need_not_be_contiguous(self) -> None:
        speech = make_speech(SAMPLE_RATE, 0.04)
        assert G722Encoder().encode(speech[::2]) == G722Encoder().encode(speech[::2].copy())

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_every_kind_of_payload(self, kind: type) -> None:
        assert G722Decoder().decode(kind(b"\xfa" * 160), np.zeros(FRAME, np.int16)) == FRAME


class TestHalfTheRate:
    def test_a_decoder_filters_what_it_halves(self) -> None:
        payload = encode_all(make_speech(SAMPLE_RATE, 0.5))
        whole = decode_all(payload)
        decoder, out = G722Decoder(sample_rate=8000), np.zeros(len(payload), np.int16)
        for start in range(0, len(payload), 160):
            assert decoder.decode(payload[start : start + 160], out[start:]) == 160
        np.testing.assert_array_equal(out, HalfBand().halve_all(whole))

    def test_an_encoder_interpolates(self) -> None:
        speech = make_speech(8000, 0.4)
        doubled = np.repeat(speech, 2)
        before = np.concatenate([[0], speech[:-1]])
        doubled[0::2] = (before + speech) // 2
        encoder = G722Encoder(sample_rate=8000)
        payload = b"".join(encoder.encode(row) for row in speech.reshape(-1, 160))
        assert payload == encode_all(doubled)

    def test_a_tone_comes_through_both(self) -> None:
        tone = make_sine(1000, 8000, 8000)
        payload = G722Encoder(sample_rate=8000).encode(tone)
        out = np.zeros(8000, np.int16)
        assert G722Decoder(sample_rate=8000).decode(payload, out) == 8000
        assert peak_frequency(out[4000:], 8000) == pytest.approx(1000, abs=2)


class TestRefusals:
    @pytest.mark.parametrize("rate", [0, 4000, 48000])
    def test_rates(self, rate: int) -> None:
        with pytest.raises(ValueError, match=f"G722 at {rate} Hz"):
            G722Encoder(sample_rate=rate)
        with pytest.raises(ValueError, match=f"G722 at {rate} Hz"):
            G722Decoder(sample_rate=rate)

    @pytest.mark.parametrize("frame", [0, -2, 161, 32770])
    def test_frames(self, frame: int) -> None:
        with pytest.raises(ValueError, match=f"frames of {frame} samples"):
            G722Encoder(frame)

    @pytest.mark.parametrize("shape", [(0,), (160,), (321,), (1, 320)])
    def test_other_numbers_of_samples(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="one row of 320"):
            G722Encoder().encode(np.zeros(shape, np.int16))

    def test_other_types(self) -> None:
        with pytest.raises(TypeError, match="samples are float64"):
            G722Encoder().encode(np.zeros(FRAME))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="out is float64"):
            G722Decoder().decode(b"\0", np.zeros(FRAME))  # type: ignore[arg-type]

    @pytest.mark.parametrize("payload", [b"", bytes(161), bytes(1500)])
    def test_payloads_that_do_not_fit_leave_the_stream_as_it_was(self, payload: bytes) -> None:
        good = encode_all(make_speech(SAMPLE_RATE, 0.04))
        decoder, out = G722Decoder(), np.full(FRAME, 77, np.int16)
        decoder.decode(good[:160], out)
        before = out.copy()
        with pytest.raises(G722Error, match=f"{len(payload)} bytes"):
            decoder.decode(payload, out)
        np.testing.assert_array_equal(out, before)
        decoder.decode(good[160:], out)
        np.testing.assert_array_equal(out, decode_all(good)[FRAME:])


@given(payloads=st.lists(st.binary(max_size=200), max_size=5), room=st.integers(0, 400))
def test_any_bytes_decode_or_raise_the_codecs_own_error(payloads: list[bytes], room: int) -> None:
    decoder, canvas = G722Decoder(), np.full(room + 8, 77, np.int16)
    for payload in payloads:
        try:
            assert decoder.decode(payload, canvas[:room]) == 2 * len(payload)
        except G722Error:
            assert not payload or 2 * len(payload) > room
        assert (canvas[room:] == 77).all()
