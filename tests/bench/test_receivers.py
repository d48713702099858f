"""The receivers that speech is scored through."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.receivers import (
    DELAY,
    FRAME,
    FRAME_SECONDS,
    RATE,
    RECEIVERS,
    Arrival,
    Conceal,
    Samples,
    ideal,
    queue,
    through_ulaw,
    timeline,
)
from tests.tones import make_tone
from voice.g711 import encode_ulaw
from voice.opus import OpusEncoder


@pytest.fixture
def speech() -> Samples:
    return make_tone(440, seconds=1.0, rate=RATE)


def packets_of(samples: Samples) -> list[Arrival]:
    rows = encode_ulaw(samples).reshape(-1, FRAME)
    return [
        Arrival(number * FRAME_SECONDS, number, number * FRAME, row.tobytes())
        for number, row in enumerate(rows)
    ]


@pytest.mark.parametrize("name", RECEIVERS)
@pytest.mark.parametrize("conceal", Conceal)
def test_a_whole_stream_is_played_as_it_is(name: str, conceal: Conceal, speech: Samples) -> None:
    played = RECEIVERS[name](packets_of(speech), conceal)
    np.testing.assert_array_equal(played.samples, through_ulaw(speech))
    assert played.concealed == 0


@pytest.mark.parametrize("name", RECEIVERS)
def test_a_lost_packet_is_silence_in_its_place(name: str, speech: Samples) -> None:
    packets = packets_of(speech)
    del packets[10]
    expected = through_ulaw(speech).copy()
    expected[10 * FRAME : 11 * FRAME] = 0
    played = RECEIVERS[name](packets, Conceal.SILENCE)
    np.testing.assert_array_equal(played.samples, expected)
    assert played.concealed == pytest.approx(1 / 50)


@pytest.mark.parametrize("name", RECEIVERS)
def test_a_repeated_frame_is_the_one_before_and_60_ms_at_most(name: str, speech: Samples) -> None:
    packets = packets_of(speech)
    del packets[10:15]
    frame = through_ulaw(speech)[9 * FRAME : 10 * FRAME]
    played = RECEIVERS[name](packets, Conceal.REPEAT).samples
    np.testing.assert_array_equal(played[10 * FRAME : 13 * FRAME], np.tile(frame, 3))
    assert not played[13 * FRAME : 15 * FRAME].any()


@pytest.mark.parametrize("name", RECEIVERS)
def test_a_packet_after_its_time_is_not_played(name: str, speech: Samples) -> None:
    packets = packets_of(speech)
    packets[10] = packets[10]._replace(time=packets[10].time + DELAY + FRAME_SECONDS)
    packets[11] = packets[11]._replace(time=packets[11].time + DELAY / 2)
    played = RECEIVERS[name](sorted(packets), Conceal.SILENCE).samples
    assert not played[10 * FRAME : 11 * FRAME].any()
    assert played[11 * FRAME : 12 * FRAME].any()


def test_a_clock_that_jumps_ahead_is_a_gap_for_the_timeline_alone(speech: Samples) -> None:
    packets = packets_of(speech)
    packets[25:] = [each._replace(timestamp=each.timestamp + FRAME) for each in packets[25:]]
    assert queue(packets).concealed == 0
    assert timeline(packets).concealed == pytest.approx(1 / 51)


def test_a_clock_that_falls_behind_is_too_late_for_the_timeline(speech: Samples) -> None:
    packets = packets_of(speech)
    behind = round(2 * DELAY * RATE)
    packets[25:] = [each._replace(timestamp=each.timestamp - behind) for each in packets[25:]]
    played = timeline(packets)
    assert played.concealed > 0
    assert queue(packets).concealed == 0


@pytest.mark.parametrize("name", RECEIVERS)
def test_nothing_is_silence(name: str) -> None:
    played = RECEIVERS[name]([], Conceal.SILENCE)
    assert not played.samples.any()
    assert played.concealed == 1


def test_the_ideal_repairs_from_the_next_packet(speech: Samples) -> None:
    """A sound that begins in the lost packet is there, which no concealment could guess."""
    onset = speech.copy()
    onset[: 30 * FRAME] = 0
    with OpusEncoder(RATE, bitrate=32000, complexity=9, expected_loss=20) as encoder:
        packets = [encoder.encode(row) for row in onset.reshape(-1, FRAME)]
    repaired = ideal(packets, [number != 30 for number in range(50)], ulaw=False)
    concealed = ideal(packets, [number not in (30, 31) for number in range(50)], ulaw=False)
    assert repaired.shape == onset.shape
    lost = slice(30 * FRAME, 31 * FRAME)
    assert _level(repaired[lost]) > _level(onset[lost]) / 4
    assert _level(concealed[lost]) < _level(onset[lost]) / 20


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(float)))))
