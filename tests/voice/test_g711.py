"""µ-law and A-law against ITU-T G.711, bit by bit, and against FFmpeg."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from voice import g711

ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)
ALL_CODES = np.arange(256).astype(np.uint8)


class Law(NamedTuple):
    encode: Callable[..., NDArray[np.uint8]]
    decode: Callable[..., NDArray[np.int16]]
    compress: Callable[[int], int]
    expand: Callable[[int], int]
    ffmpeg: str
    silence: int


def compress_ulaw(sample: int) -> int:
    """Search the segment as the recommendation describes it, in 14 bits."""
    sign, magnitude = (0x80, sample) if sample >= 0 else (0x00, ~sample)
    magnitude = min((magnitude >> 2) + 33, 8191)
    segment = 0
    while magnitude >= 64 << segment:
        segment += 1
    step = (magnitude >> (segment + 1)) & 15
    return sign | (segment << 4 | step) ^ 0x7F


def expand_ulaw(code: int) -> int:
    inverted = ~code & 0xFF
    segment, step = inverted >> 4 & 7, inverted & 15
    magnitude = (((step << 1) + 33 << segment) - 33) << 2
    return -magnitude if inverted & 0x80 else magnitude


def compress_alaw(sample: int) -> int:
    """Search the segment as the recommendation describes it, in 12 bits and sign."""
    sign, magnitude = (0x80, sample) if sample >= 0 else (0x00, ~sample)
    magnitude >>= 4
    segment = 0
    while magnitude >= 32:
        magnitude >>= 1
        segment += 1
    segment += magnitude >= 16
    return (sign | segment << 4 | magnitude & 15) ^ 0x55


def expand_alaw(code: int) -> int:
    plain = code ^ 0x55
    segment, step = plain >> 4 & 7, plain & 15
    magnitude = (step << 4) + 8
    if segment:
        magnitude = magnitude + 256 << segment - 1
    return magnitude if plain & 0x80 else -magnitude


ULAW = Law(
    g711.encode_ulaw, g711.decode_ulaw, compress_ulaw, expand_ulaw, "pcm_mulaw", g711.ULAW_SILENCE
)
ALAW = Law(
    g711.encode_alaw, g711.decode_alaw, compress_alaw, expand_alaw, "pcm_alaw", g711.ALAW_SILENCE
)


def run_ffmpeg_encoder(name: str, pcm: NDArray[np.int16]) -> NDArray[np.uint8]:
    codec = av.CodecContext.create(name, "w")
    codec.sample_rate, codec.layout, codec.format = 8000, "mono", "s16"  # type: ignore[attr-defined]
    frame = av.AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
    frame.sample_rate = 8000
    packets = [*codec.encode(frame), *codec.encode(None)]  # type: ignore[attr-defined]
    return np.frombuffer(b"".join(bytes(packet) for packet in packets), np.uint8)


def run_ffmpeg_decoder(name: str, codes: NDArray[np.uint8]) -> NDArray[np.int16]:
    codec = av.CodecContext.create(name, "r")
    codec.sample_rate, codec.layout = 8000, "mono"  # type: ignore[attr-defined]
    frames = codec.decode(av.Packet(codes.tobytes()))  # type: ignore[attr-defined]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize("law", [ULAW, ALAW], ids=["ulaw", "alaw"])
class TestG711:
    def test_every_sample_follows_the_formula(self, law: Law) -> None:
        expected = [law.compress(sample) for sample in ALL_SAMPLES.tolist()]
        assert law.encode(ALL_SAMPLES).tolist() == expected

    def test_every_code_follows_the_formula(self, law: Law) -> None:
        assert law.decode(ALL_CODES).tolist() == [law.expand(code) for code in range(256)]

    def test_every_code_survives_a_round_trip(self, law: Law) -> None:
        again = law.encode(law.decode(ALL_CODES))
        expected = ALL_CODES.copy()
        if law is ULAW:
            expected[0x7F] = 0xFF  # negative zero decodes to zero, which is positive
        np.testing.assert_array_equal(again, expected)

    def test_no_other_code_is_nearer(self, law: Law) -> None:
        decoded = law.decode(ALL_CODES).astype(int)
        error = np.abs(law.decode(law.encode(ALL_SAMPLES)).astype(int) - ALL_SAMPLES)
        levels = np.unique(decoded)
        above = np.clip(np.searchsorted(levels, ALL_SAMPLES), 0, len(levels) - 1)
        below = np.maximum(above - 1, 0)
        sample = ALL_SAMPLES.astype(int)
        nearest = np.minimum(np.abs(levels[above] - sample), np.abs(levels[below] - sample))
        # A segment's first step is half of its own size and half of the previous segment's: the
        # decision value is not in the middle there. Everywhere else the code is the nearest one.
        assert (error != nearest).mean() < 0.04

    def test_ffmpeg_decodes_the_same(self, law: Law) -> None:
        np.testing.assert_array_equal(
            run_ffmpeg_decoder(law.ffmpeg, ALL_CODES), law.decode(ALL_CODES)
        )

    def test_ffmpeg_encodes_the_same_but_beside_decision_values(self, law: Law) -> None:
        """FFmpeg rounds to 14 bits first, and between two segments it decides in the middle of the
        two decoded values, where the recommendation has the decision value of the finer segment.
        """
        theirs, ours = run_ffmpeg_encoder(law.ffmpeg, ALL_SAMPLES), law.encode(ALL_SAMPLES)
        differ = theirs != ours
        assert differ.mean() < 0.015
        sample = ALL_SAMPLES[differ].astype(int)
        their_value = law.decode(theirs[differ]).astype(int)
        our_value = law.decode(ours[differ]).astype(int)
        levels = np.unique(law.decode(ALL_CODES))
        steps = np.searchsorted(levels, their_value) - np.searchsorted(levels, our_value)
        assert set(np.abs(steps)) == {1}
        inverted = law.encode(np.zeros(1, np.int16))  # what a code is combined with
        same_segment = ((theirs[differ] ^ inverted) >> 4) == ((ours[differ] ^ inverted) >> 4)
        gain = np.abs(np.abs(sample - their_value) - np.abs(sample - our_value))
        assert gain[same_segment].max() <= 6
        assert (sample[same_segment] < 0).all()

    def test_silence_is_the_code_of_zero(self, law: Law) -> None:
        assert law.encode(np.zeros(1, np.int16))[0] == law.silence
        assert abs(int(law.decode(np.array([law.silence], np.uint8))[0])) <= 8

    @pytest.mark.parametrize("shape", [(), (0,), (160,), (7, 160), (3, 2, 80)])
    def test_any_shape_is_kept(self, law: Law, shape: tuple[int, ...]) -> None:
        pcm = np.random.default_rng(5).integers(-32768, 32768, shape).astype(np.int16)
        codes = law.encode(pcm)
        assert codes.shape == shape
        assert codes.dtype == np.uint8
        again = law.decode(codes)
        assert again.shape == shape
        assert again.dtype == np.int16

    def test_a_batch_equals_its_frames(self, law: Law) -> None:
        pcm = np.random.default_rng(5).integers(-32768, 32768, (9, 160)).astype(np.int16)
        np.testing.assert_array_equal(law.encode(pcm), [law.encode(row) for row in pcm])

    def test_views_are_taken(self, law: Law) -> None:
        pcm = np.random.default_rng(5).integers(-32768, 32768, (8, 320)).astype(np.int16)
        view = pcm[::2, ::2]
        np.testing.assert_array_equal(law.encode(view), law.encode(view.copy()))

    def test_out_is_filled_and_returned(self, law: Law) -> None:
        pcm = np.random.default_rng(5).integers(-32768, 32768, (8, 160)).astype(np.int16)
        packets = np.full((10, 160), 77, np.uint8)
        out = packets[1:9]
        assert law.encode(pcm, out) is out
        np.testing.assert_array_equal(out, law.encode(pcm))
        assert (packets[[0, 9]] == 77).all()
        decoded = np.zeros((8, 160), np.int16)
        assert law.decode(out, decoded) is decoded
        np.testing.assert_array_equal(decoded, law.decode(out))

    def test_out_may_lie_behind_headers(self, law: Law) -> None:
        pcm = np.random.default_rng(5).integers(-32768, 32768, (8, 160)).astype(np.int16)
        packets = np.full((8, 172), 77, np.uint8)
        law.encode(pcm, packets[:, 12:])
        np.testing.assert_array_equal(packets[:, 12:], law.encode(pcm))
        assert (packets[:, :12] == 77).all()

    def test_other_types_are_refused(self, law: Law) -> None:
        with pytest.raises(TypeError, match="int32"):
            law.encode(np.zeros(4, np.int32))
        with pytest.raises(TypeError, match="int16"):
            law.decode(np.zeros(4, np.int16))

    def test_out_of_another_shape_is_refused(self, law: Law) -> None:
        with pytest.raises(ValueError, match="shape"):
            law.encode(np.zeros(4, np.int16), np.zeros(5, np.uint8))


@pytest.mark.parametrize(
    ("lowest", "value"),
    # Rows of the recommendation's table 2a: decision value and value at the decoder output
    [(0, 0), (1, 2), (31, 33), (95, 99), (223, 231), (479, 495), (991, 1023), (4063, 4191)],
)
def test_ulaw_has_the_printed_values(lowest: int, value: int) -> None:
    codes = g711.encode_ulaw(np.array([4 * lowest, 4 * lowest - 1], np.int16))
    assert g711.decode_ulaw(codes)[0] == 4 * value
    assert not lowest or codes[0] != codes[1]


@pytest.mark.parametrize(
    ("lowest", "value"),
    # Rows of the recommendation's table 1a
    [(0, 1), (2, 3), (64, 66), (128, 132), (256, 264), (512, 528), (1024, 1056), (2048, 2112)],
)
def test_alaw_has_the_printed_values(lowest: int, value: int) -> None:
    codes = g711.encode_alaw(np.array([8 * lowest, 8 * lowest - 1], np.int16))
    assert g711.decode_alaw(codes)[0] == 8 * value
    assert codes[0] != codes[1]
