"""What is read from a recording of calls, and the check of the trunk's clock."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from gateway.bench.player import Leg, PlainLeg, Reception, Recording, Stream
from gateway.bench.schedule import CLEAN, Impairment
from tests.bench.conversation import (
    LATE_UNTIL,
    Clock,
    Ends,
    Said,
    check_clock,
    converse,
    delay_start,
    plan,
)
from tests.bench.receivers import FRAME, RATE, Arrival
from tests.tones import make_tone
from voice.g711 import encode_ulaw
from voice.opus import OpusEncoder
from voice.rtp import pack_header

FRAMES = 25


@pytest.fixture
def ends() -> Iterator[Ends]:
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        yield Ends(PlainLeg(one), PlainLeg(two), 111)


@pytest.fixture
def said() -> Said:
    samples = make_tone(440, seconds=FRAMES * 0.02, rate=RATE).reshape(-1, FRAME)
    with OpusEncoder(RATE) as encoder:
        return Said(
            [encoder.encode(row) for row in samples],
            [row.tobytes() for row in encode_ulaw(samples)],
        )


def test_the_same_network_is_drawn_each_time() -> None:
    network = plan(3, 100, Impairment(loss=0.2), CLEAN)
    assert network == plan(3, 100, Impairment(loss=0.2), CLEAN)
    assert any(departure is None for departure in network.up[2])
    assert None not in network.down[2]
    assert network.up[0] != network.up[1]


def test_a_late_start_is_caught_up_without_overtaking() -> None:
    due: list[float | None] = [number * 0.02 for number in range(100)]
    times = [time for time in delay_start(due, 0.35) if time is not None]
    assert times[0] == 0.35
    assert all(before < after for before, after in pairwise(times))
    caught_up = round(LATE_UNTIL / 0.02)
    assert times[caught_up:] == due[caught_up:]
    assert delay_start([0.0, None, 0.04], 0.1) == [0.1, None, pytest.approx(0.04 + 0.096)]


def test_what_came_before_anybody_spoke_is_left_out(ends: Ends, said: Said) -> None:
    start = 10**18
    silence = b"\xff" * FRAME

    def play(legs: Sequence[Leg], streams: Sequence[Stream]) -> Recording:
        """Pass all on at once, 65535 the first sequence number, silence before it."""
        early = [(start - 5 + number, 65530 + number, silence) for number in range(5)]
        speech = [(start + n, 65535 + n, payload) for n, payload in enumerate(said.down)]
        at_trunk = [
            (stamp, pack_header(0, sequence, sequence * FRAME, 7) + payload)
            for stamp, sequence, payload in early + speech
        ]
        at_browser = [
            (start + n, pack_header(111, n, n * 960, 8) + payload)
            for n, payload in enumerate(said.up)
        ]
        return Recording(
            start,
            [np.full(FRAMES, start), np.full(FRAMES, start)],
            [at_browser, at_trunk],
            [Reception(), Reception()],
            lateness=np.zeros(FRAMES),
        )

    take = converse([ends], [said], plan(1, FRAMES, CLEAN, CLEAN), play)
    assert [packet.payload for packet in take.trunk[0]] == list(said.down)
    assert check_clock(take.trunk[0]) == Clock(FRAMES, 0, 0)
    assert len(take.browser[0]) == FRAMES * FRAME
    assert take.sent[0].tolist() == [start / 1e9] * FRAMES
    assert np.abs(take.browser[0]).max() > 1000


def test_a_gap_and_a_jump_of_the_clock_are_found() -> None:
    payload = b"\xff" * FRAME
    stream = [Arrival(n * 0.02, n, n * FRAME, payload) for n in range(10)]
    assert check_clock(stream) == Clock(10, 0, 0)
    assert check_clock(stream[:4] + stream[5:]) == Clock(9, 1, 1)
    jumped = stream[:5] + [each._replace(timestamp=each.timestamp + 8) for each in stream[5:]]
    assert check_clock(jumped) == Clock(10, 0, 1)
