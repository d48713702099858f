"""What packets say about themselves, against libopus's own reading of the same bytes."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.voice.signals import make_speech
from voice.libopus import load
from voice.opus import SAMPLE_RATES, OpusDecoder, OpusEncoder
from voice.opus_frames import has_fec, packet_samples
from voice.opus_packet import Mode, OpusError, read_toc

REFERENCE = ctypes.CDLL(load().path)

# Bytes that are mostly packets: any TOC, then a count byte that is often legal, then the rest
PACKETS = st.builds(
    lambda toc, count, rest: bytes([toc, count]) + rest,
    st.integers(0, 255),
    st.one_of(
        st.integers(0, 6), st.integers(0x41, 0x46), st.integers(0x81, 0x86), st.integers(0, 255)
    ),
    st.binary(max_size=60),
)


def outcome(question: object, *arguments: object) -> object:
    """Return what a function answers, or None if it refuses."""
    try:
        return question(*arguments)  # type: ignore[operator]
    except OpusError:
        return None


@pytest.mark.parametrize("toc", range(256))
def test_toc(toc: int) -> None:
    payload = bytes([toc])
    found = read_toc(payload)
    assert found.bandwidth == REFERENCE.opus_packet_get_bandwidth(payload)
    assert found.stereo + 1 == REFERENCE.opus_packet_get_nb_channels(payload)
    assert found.frame_samples == REFERENCE.opus_packet_get_samples_per_frame(payload, 48000)
    assert found.code == toc & 3
    assert found.mode is (Mode.SILK if toc < 0x60 else Mode.HYBRID if toc < 0x80 else Mode.CELT)


@given(payload=st.one_of(PACKETS, st.binary(min_size=1, max_size=80)))
@example(payload=b"\x03")
@example(payload=b"\x03\x00")
@example(payload=b"\xff\x3f")
def test_samples(payload: bytes) -> None:
    for rate in SAMPLE_RATES:
        theirs = REFERENCE.opus_packet_get_nb_samples(payload, len(payload), rate)
        assert outcome(packet_samples, payload, rate) == (theirs if theirs > 0 else None)


@pytest.mark.skipif(
    not hasattr(REFERENCE, "opus_packet_has_lbrr"), reason="libopus before 1.5 cannot tell"
)
@given(payload=st.one_of(PACKETS, st.binary(min_size=1, max_size=80)))
@example(payload=b"\x02\xfc")  # a size of two bytes, cut
@example(payload=b"\x03\x41\xff")  # padding, cut
@example(payload=b"\x03\x81")
@example(payload=b"\x0b\x42\x02abcd..")
def test_fec(payload: bytes) -> None:
    theirs = REFERENCE.opus_packet_has_lbrr(payload, len(payload))
    ours = outcome(has_fec, payload)
    # libopus does not look into packets without a SILK layer; we refuse them if they are malformed
    if not (read_toc(payload).mode is Mode.CELT and ours is None):
        assert ours == (bool(theirs) if theirs >= 0 else None)


def test_fec_of_a_real_stream() -> None:
    for milliseconds in (10, 20, 40, 60):
        frame = 16 * milliseconds
        encoder = OpusEncoder(16000, bitrate=24000, expected_loss=20)
        rows = make_speech(16000, 2.4).reshape(-1, frame)
        packets = [encoder.encode(row) for row in rows]
        ours = [has_fec(packet) for packet in packets]
        assert ours == [
            REFERENCE.opus_packet_has_lbrr(packet, len(packet)) == 1 for packet in packets
        ]
        assert any(ours)


@pytest.mark.parametrize("question", [read_toc, has_fec, lambda p: packet_samples(p, 8000)])
def test_an_empty_packet_is_refused(question: object) -> None:
    with pytest.raises(OpusError, match="0 bytes"):
        question(b"")  # type: ignore[operator]


@given(payload=st.one_of(PACKETS, st.binary(max_size=80)))
def test_a_decoder_says_the_same_of_any_bytes(payload: bytes) -> None:
    decoder = OpusDecoder(8000)
    assert decoder.payload_units(payload) == (outcome(packet_samples, payload, 48000) or 0)
    assert decoder.payload_repairs(payload) is bool(outcome(has_fec, payload))
