"""The table of codecs says what the RFCs say, and its functions are of one shape."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from tests.voice.signals import correlate, find_delay, make_speech
from voice.codec import (
    CODECS,
    G722,
    L16,
    OPUS,
    PCMA,
    PCMU,
    Codec,
    PayloadCodec,
    StreamCodec,
)
from voice.speech import LARGEST_PAYLOAD

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
    assert all(codec.name.upper() == name for name, codec in CODECS.items())


def test_every_codec_of_a_trunk_is_of_one_kind_or_the_other() -> None:
    assert len(PAYLOAD) + len(STREAM) == len(CODECS)


def test_those_that_share_a_batch_of_octets_have_one_for_each_sample() -> None:
    assert {(codec.bytes_per_unit, codec.sample_rate) for codec in (PCMU, PCMA)} == {(1, 8000)}


def test_how_wide_a_sound_each_can_carry() -> None:
    highest = {codec.name: codec.highest_rate for codec in CODECS.values()}
    assert highest == {"PCMU": 8000, "PCMA": 8000, "G722": 16000, "L16": 16000, "opus": 48000}


def test_bytes_of_a_unit_of_the_clock() -> None:
    """G.722 has one as well: its clock is off by half (RFC 3551 section 4.5.2)."""
    sizes = {codec.name: codec.bytes_per_unit for codec in CODECS.values()}
    assert sizes == {"PCMU": 1, "PCMA": 1, "G722": 1, "L16": 2, "opus": None}


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_a_decoder_is_made_at_the_rate_that_is_asked_for(codec: PayloadCodec | StreamCodec) -> None:
    for rate in (None, 8000, 16000):
        decoder = codec.decoder(rate)
        assert decoder.sample_rate == (rate or codec.sample_rate)
        assert decoder.clock_rate == codec.clock_rate
        if isinstance(codec, StreamCodec):
            assert codec.encoder(rate).sample_rate == decoder.sample_rate


@pytest.mark.parametrize("codec", PAYLOAD, ids=say_name)
class TestPayloadCodecs:
    def test_speech_survives(self, codec: PayloadCodec) -> None:
        speech = make_speech(codec.sample_rate, 1).reshape(-1, 160)
        codes = codec.encode(speech)
        assert codes.shape == (len(speech), 160 * codec.bytes_per_unit)
        decoded = codec.decode(codes)
        assert decoded.shape == speech.shape
        assert correlate(decoded.ravel(), speech.ravel()) > 0.999

    def test_silence(self, codec: PayloadCodec) -> None:
        silence = np.full((1, 160 * codec.bytes_per_unit), codec.silence, np.uint8)
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

    def test_a_frame_is_encoded_into_the_middle_of_a_packet(self, codec: StreamCodec) -> None:
        speech = make_speech(codec.sample_rate, 0.4).reshape(20, -1)
        one, other = codec.encoder(), codec.encoder()
        for frame in speech:
            room = np.full(1500, 77, np.uint8)
            end = 12 + one.encode_into(frame, room, 12)
            assert room[12:end].tobytes() == other.encode(frame)
            assert (room[:12] == 77).all()
            assert (room[12 + LARGEST_PAYLOAD :] == 77).all()

    @pytest.mark.parametrize(("at", "room"), [(-1, 1500), (0, 0), (1499, 1500), (1501, 1500)])
    def test_where_no_payload_fits_nothing_is_written(
        self, codec: StreamCodec, at: int, room: int
    ) -> None:
        memory = np.full(1600, 77, np.uint8)
        frame = make_speech(codec.sample_rate, 0.02)
        with contextlib.suppress(ValueError):  # one byte may be a packet of Opus
            assert codec.encoder().encode_into(frame, memory[:room], at) == 1 == room - at
        assert (memory[room:] == 77).all()
        assert (memory[: min(max(at, 0), room)] == 77).all()

    def test_only_a_frame_of_20_ms_is_encoded_into_a_packet(self, codec: StreamCodec) -> None:
        room = np.zeros(1500, np.uint8)
        for milliseconds in (10, 40):
            frame = np.zeros(codec.sample_rate * milliseconds // 1000, np.int16)
            with pytest.raises(ValueError, match=f"{len(frame)} samples"):
                codec.encoder().encode_into(frame, room)

    def test_any_loss_may_be_expected(self, codec: StreamCodec) -> None:
        encoder = codec.encoder()
        for percent in (0, 30, 30, 1000, -5):
            encoder.adapt_to_loss(percent)
        assert encoder.encode(make_speech(codec.sample_rate, 0.02))

    def test_what_does_not_fit_is_a_value_error(self, codec: StreamCodec) -> None:
        payload = codec.encoder().encode(np.zeros(codec.sample_rate // 50, np.int16))
        with pytest.raises(ValueError, match="bytes"):
            codec.decoder().decode(payload, np.zeros(8, np.int16))

    def test_it_can_be_a_key(self, codec: StreamCodec) -> None:
        assert {codec: 1}[codec] == 1
