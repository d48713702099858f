"""What a payload says of itself, and the decoders behind one interface."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.media.core.speech import FORMATS, OPUS_FORMAT, PCM_FORMAT, make_decoder
from tests.tones import assert_tone, make_tone
from tests.voice.signals import make_speech
from voice.g711 import encode_alaw, encode_ulaw
from voice.opus import OpusEncoder

TONE = 500.0
Encode = Callable[[NDArray[np.int16]], NDArray[np.uint8]]


def opus(milliseconds: int, *, fec: bool) -> bytes:
    encoder = OpusEncoder(48000, bitrate=32000, fec=fec, expected_loss=20)
    speech = make_speech(48000, 1)
    size = 48 * milliseconds
    return [encoder.encode(speech[at : at + size]) for at in range(0, 7 * size, size)][-1]


@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
def test_an_opus_packet_says_how_long_it_is(milliseconds: int) -> None:
    assert OPUS_FORMAT.length(opus(milliseconds, fec=False)) == 48 * milliseconds


def test_an_opus_packet_says_whether_it_repairs() -> None:
    assert OPUS_FORMAT.repairs(opus(20, fec=True))
    assert not OPUS_FORMAT.repairs(opus(20, fec=False))


def test_g711_is_as_long_as_it_is_and_repairs_nothing() -> None:
    assert PCM_FORMAT.length(bytes(240)) == 240
    assert not PCM_FORMAT.repairs(bytes(240))


@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=20))
def test_any_payload_has_a_length(codec: str, payload: bytes) -> None:
    form = FORMATS[codec]
    assert 0 <= form.length(payload) <= max(form.clock_rate * 120 // 1000, len(payload))
    assert form.repairs(payload) in (True, False)


@pytest.mark.parametrize(("codec", "encode"), [("PCMU", encode_ulaw), ("PCMA", encode_alaw)])
@pytest.mark.parametrize("rate", [8000, 16000])
class TestPcmDecoder:
    def decode(self, codec: str, codes: NDArray[np.uint8], rate: int) -> NDArray[np.int16]:
        decoder = make_decoder(codec, rate)
        chunks = []
        for frame in codes.reshape(-1, 160):
            out = np.zeros(rate // 50, np.int16)
            assert decoder.decode(frame.tobytes(), out) == rate // 50
            chunks.append(out)
        return np.concatenate(chunks)

    def test_a_tone_stays_one_at_any_rate(self, codec: str, encode: Encode, rate: int) -> None:
        sound = self.decode(codec, encode(make_tone(TONE, seconds=1)), rate)
        assert_tone(
            sound,
            rate,
            present=[TONE],
            absent=[8000 - TONE] if rate > 8000 else (),
            ratio=20,
            margin=20,
        )

    def test_frames_join_without_a_seam(self, codec: str, encode: Encode, rate: int) -> None:
        sound = self.decode(codec, encode(make_tone(TONE, seconds=1)), rate)
        steps = np.abs(np.diff(sound.astype(int)))
        assert steps.max() < 1.3 * steps[: rate // 50 - 1].max()

    def test_a_loss_is_made_up_and_joined(self, codec: str, encode: Encode, rate: int) -> None:
        decoder = make_decoder(codec, rate)
        codes = encode(make_tone(TONE, seconds=0.4)).reshape(-1, 160)
        out = np.zeros(rate // 50, np.int16)
        for frame in codes[:15]:
            decoder.decode(frame.tobytes(), out)
        before = np.abs(out).max()
        assert decoder.decode_fec(codes[16].tobytes(), out, out.size) == out.size
        assert np.abs(out).max() > before / 2
        decoder.reset()
        decoder.conceal(out, out.size)
        assert np.abs(out).max() < before / 10

    def test_what_does_not_fit_is_refused(self, codec: str, encode: Encode, rate: int) -> None:
        with pytest.raises(ValueError, match="200 bytes"):
            make_decoder(codec, rate).decode(bytes(200), np.zeros(rate // 50, np.int16))


def test_twice_the_rate_is_the_same_sound() -> None:
    """Every second sample is one of the slower stream's; the others lie between."""
    codes = encode_ulaw(make_speech(8000, 1)).reshape(-1, 160)
    slow, fast = np.zeros(160, np.int16), np.zeros(320, np.int16)
    decoders = make_decoder("PCMU", 8000), make_decoder("PCMU", 16000)
    for frame in codes:
        decoders[0].decode(frame.tobytes(), slow)
        decoders[1].decode(frame.tobytes(), fast)
        assert np.array_equal(fast[1::2], slow)
        assert np.array_equal(fast[2::2], (slow[1:].astype(int) + slow[:-1]) // 2)
