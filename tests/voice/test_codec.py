"""The table of codecs says what the RFCs say, and its functions are of one shape."""

from __future__ import annotations

import numpy as np
import pytest

from tests.voice.signals import correlate, find_delay, make_speech
from voice.codec import (
    CODECS,
    G722,
    L16,
    OPUS,
    PAYLOAD_CODECS,
    PCMA,
    PCMU,
    Codec,
    PayloadCodec,
    StreamCodec,
)

PAYLOAD = [codec for codec in CODECS.values() if isinstance(codec, PayloadCodec)]
STREAM = [codec for codec in CODECS.values() if isinstance(codec, StreamCodec)]


def say_name(codec: Codec) -> str:
    return codec.name


def test_static_payload_types() -> None:
    """RFC 3551 section 6."""
    static = {codec.name: codec.payload_type for codec in CODECS.values()}
    assert static == {"PCMU": 0, "PCMA": 8, "G722": 9, "L16": None, "opus": None}


def test_clock_rates() -> None:
    assert (PCMU.clock_rate, PCMA.clock_rate, OPUS.clock_rate) == (8000, 8000, 48000)
    assert (G722.clock_rate, G722.sample_rate) == (8000, 16000)  # RFC 3551 section 4.5.2
    assert (L16.clock_rate, L16.sample_rate) == (16000, 16000)
    assert OPUS.channels == 2


def test_names_are_in_capitals() -> None:
    assert set(CODECS) == {"PCMU", "PCMA", "G722", "L16", "OPUS"}
    assert all(CODECS[name] is codec for name, codec in PAYLOAD_CODECS.items())


def test_every_codec_of_a_trunk_is_of_one_kind_or_the_other() -> None:
    assert len(PAYLOAD) + len(STREAM) == len(CODECS)


def test_those_that_share_a_batch_of_octets_have_one_for_each_sample() -> None:
    assert {(codec.bytes_per_sample, codec.sample_rate) for codec in PAYLOAD_CODECS.values()} == {
        (1, 8000)
    }


@pytest.mark.parametrize("codec", PAYLOAD, ids=say_name)
class TestPayloadCodecs:
    def test_speech_survives(self, codec: PayloadCodec) -> None:
        speech = make_speech(codec.sample_rate, 1).reshape(-1, 160)
        codes = codec.encode(speech)
        assert codes.shape == (len(speech), 160 * codec.bytes_per_sample)
        decoded = codec.decode(codes)
        assert decoded.shape == speech.shape
        assert correlate(decoded.ravel(), speech.ravel()) > 0.999

    def test_silence(self, codec: PayloadCodec) -> None:
        silence = np.full((1, 160 * codec.bytes_per_sample), codec.silence, np.uint8)
        assert np.abs(codec.decode(silence)).max() <= 8

    def test_it_can_be_a_key(self, codec: PayloadCodec) -> None:
        assert {codec: 1}[codec] == 1


@pytest.mark.parametrize("codec", STREAM, ids=say_name)
class TestStreamCodecs:
    def test_speech_survives(self, codec: StreamCodec) -> None:
        frame = codec.sample_rate // 50
        speech = make_speech(codec.sample_rate, 2)
        encoder, decoder, heard = codec.encoder(), codec.decoder(), np.zeros_like(speech)
        for start in range(0, len(speech), frame):
            payload = encoder.encode(speech[start : start + frame])
            assert decoder.decode(payload, heard[start : start + frame]) == frame
        delay = find_delay(heard, speech, frame)
        assert correlate(heard[delay:], speech[: len(speech) - delay]) > 0.9

    def test_what_does_not_fit_is_a_value_error(self, codec: StreamCodec) -> None:
        payload = codec.encoder().encode(np.zeros(codec.sample_rate // 50, np.int16))
        with pytest.raises(ValueError, match="bytes"):
            codec.decoder().decode(payload, np.zeros(8, np.int16))

    def test_it_can_be_a_key(self, codec: StreamCodec) -> None:
        assert {codec: 1}[codec] == 1
