"""The table of codecs says what the RFCs say, and its functions are of one shape."""

from __future__ import annotations

import numpy as np
import pytest

from tests.voice.signals import correlate, make_speech
from voice.codec import CODECS, OPUS, PAYLOAD_CODECS, PCMA, PCMU, PayloadCodec


def test_static_payload_types() -> None:
    assert (PCMU.payload_type, PCMA.payload_type, OPUS.payload_type) == (0, 8, None)


def test_clock_rates() -> None:
    assert (PCMU.clock_rate, PCMA.clock_rate, OPUS.clock_rate) == (8000, 8000, 48000)
    assert OPUS.channels == 2


def test_names_are_in_capitals() -> None:
    assert set(CODECS) == {"PCMU", "PCMA", "OPUS"}
    assert all(CODECS[name] is codec for name, codec in PAYLOAD_CODECS.items())


@pytest.mark.parametrize("codec", PAYLOAD_CODECS.values(), ids=PAYLOAD_CODECS)
class TestPayloadCodecs:
    def test_speech_survives(self, codec: PayloadCodec) -> None:
        speech = make_speech(codec.sample_rate, 1).reshape(-1, 160)
        decoded = codec.decode(codec.encode(speech))
        assert decoded.shape == speech.shape
        assert correlate(decoded.ravel(), speech.ravel()) > 0.999

    def test_silence(self, codec: PayloadCodec) -> None:
        silence = np.full((1, 160), codec.silence, np.uint8)
        assert np.abs(codec.decode(silence)).max() <= 8

    def test_it_can_be_a_key(self, codec: PayloadCodec) -> None:
        assert {codec: 1}[codec] == 1


def test_opus_makes_state_for_a_rate() -> None:
    encoder, decoder = OPUS.encoder(OPUS.sample_rate), OPUS.decoder(OPUS.sample_rate)
    row = np.zeros(160, np.int16)
    assert decoder.decode(encoder.encode(row), row) == 160
