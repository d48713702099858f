"""One browser's Opus packets become frames of 20 ms, whatever they hold and whatever is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.core.up import FRAME_SAMPLES, LONGEST_CONCEALMENT, Filled, UpStream
from tests.tones import assert_tone, make_tone
from voice.opus import OpusEncoder

TONE = 440.0
Frame = NDArray[np.int16]


def packets(milliseconds: int = 20, seconds: float = 2.4, *, fec: bool = True) -> list[bytes]:
    encoder = OpusEncoder(48000, bitrate=32000, fec=fec, expected_loss=20)
    size = 48 * milliseconds
    samples = make_tone(TONE, 3 * TONE, seconds=seconds, rate=48000)
    samples[::4800] //= 2  # not quite periodic, so that it cannot be guessed
    return [encoder.encode(samples[at : at + size]) for at in range(0, len(samples), size)]


def frames(stream: UpStream, count: int, start: float = 0.0) -> Iterator[tuple[Filled, Frame]]:
    for number in range(count):
        out: Frame = np.full(FRAME_SAMPLES, 77, np.int16)
        yield stream.fill(out, start + number * 0.02), out


def sound(stream: UpStream, count: int) -> Frame:
    """Fill frames, asking again at once where the stream wants to be asked later."""
    chunks: list[Frame] = []
    out: Frame = np.zeros(FRAME_SAMPLES, np.int16)
    while len(chunks) < count:
        if stream.fill(out, 0.0) is Filled.AUDIO:
            chunks.append(out.copy())
    return np.concatenate(chunks)


@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
def test_packets_of_any_length_come_out_as_whole_frames(milliseconds: int) -> None:
    stream = UpStream(Counter())
    chunks = []
    for number, packet in enumerate(packets(milliseconds)):
        stream.playout.put(number, packet, 0.0)
        if number % 2:  # two at a time: a frame may need both
            chunks.append(sound(stream, 2 * milliseconds // 20))
    whole = np.concatenate(chunks)
    assert_tone(whole[4000:], 8000, present=[TONE, 3 * TONE])
    assert stream._counters["browser_frames_concealed"] == 0


def heard(sent: list[bytes], lost: set[int], counters: Counter[str]) -> Frame:
    """Play with one packet in hand."""
    stream = UpStream(counters)
    chunks = []
    for number, packet in enumerate(sent):
        if number not in lost:
            stream.playout.put(number, packet, 0.0)
        if number:
            chunks.append(sound(stream, 1))
    return np.concatenate(chunks)


def test_a_lost_packet_is_repaired_from_the_next() -> None:
    counters: Counter[str] = Counter()
    lost = set(range(25, 115, 10))
    errors = {}
    for fec in (True, False):
        sent = packets(fec=fec)
        counters.clear()
        difference = heard(sent, lost, counters).astype(float) - heard(sent, set(), Counter())
        errors[fec] = float(np.mean(difference**2))
        assert counters["browser_frames_repaired"] == counters["browser_packets_lost"] == len(lost)
    assert errors[True] < errors[False]


def test_what_is_missing_is_concealed_then_silent() -> None:
    counters: Counter[str] = Counter()
    stream = UpStream(counters)
    for number, packet in enumerate(packets(seconds=0.2)):
        stream.playout.put(number, packet, 0.0)
    sound(stream, 10)
    made_up = sound(stream, LONGEST_CONCEALMENT)
    assert np.abs(made_up[:FRAME_SAMPLES]).max() > 100
    assert not sound(stream, 3).any()
    assert counters["browser_frames_concealed"] == LONGEST_CONCEALMENT


def test_a_stream_that_stops_delays_one_frame_only() -> None:
    """Each later frame keeps its time: the trunk's clock must not run slow."""
    stream = UpStream(Counter())
    for number, packet in enumerate(packets(seconds=0.1)):
        stream.playout.put(number, packet, 0.0)
    told = [filled for filled, _ in frames(stream, 200)]
    assert told.count(Filled.LATER) == 1


def test_before_the_first_packet_there_is_silence() -> None:
    for filled, frame in frames(UpStream(Counter()), 5):
        assert filled is Filled.AUDIO
        assert not frame.any()


@pytest.mark.parametrize("garbage", [b"", b"\xff", b"\x0b\xff\xff", bytes(range(200))])
def test_garbage_is_concealed_and_the_stream_goes_on(garbage: bytes) -> None:
    counters: Counter[str] = Counter()
    stream = UpStream(counters)
    for number, packet in enumerate(packets(seconds=1.0)):
        stream.playout.put(number, garbage if number == 10 else packet, 0.0)
        last = sound(stream, 1)
    assert np.abs(last).max() > 100


def test_a_new_stream_begins_afresh() -> None:
    stream = UpStream(Counter())
    first, second = packets(40)[:2]
    stream.playout.put(40000, first, 0.0)
    sound(stream, 1)
    stream.restart()
    stream.playout.put(7, second, 0.0)
    assert np.abs(sound(stream, 2)).max() > 100
