"""How long a stream's packets have to wait: what is remembered of a network, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.core.lateness import BLOCK, BLOCKS, CLOCK_STEP, LONGEST, Lateness
from tests.gateway.media.core.network import jitter

RATE = 48000
FRAME = 0.02  # seconds


class Stream:
    """Packets every 20 ms, and the delay of each; `clock` is how far the sender's is ahead."""

    def __init__(self, drift: float = 0.0) -> None:
        self.lateness = Lateness(RATE)
        self.number = 0
        self.clock = 0.0
        self._drift = drift

    @property
    def now(self) -> float:
        return 5.0 + self.number * FRAME / (1 + self._drift)

    def run(self, seconds: float, delay: Callable[[int], float] = lambda number: 0.0) -> None:
        for _ in range(round(seconds / FRAME)):
            timestamp = round((self.number * FRAME + self.clock) * RATE)
            self.lateness.note(timestamp, self.now + delay(self.number))
            self.number += 1


def test_a_steady_stream_needs_no_delay() -> None:
    stream = Stream()
    stream.run(20)
    assert stream.lateness.target == pytest.approx(0, abs=1e-6)


def test_the_first_packet_is_on_time() -> None:
    lateness = Lateness(RATE)
    lateness.note(123456789, 42.0)
    assert lateness.target == 0
    assert lateness.of(123456789, 42.0) == pytest.approx(0, abs=1e-9)
    assert lateness.of(123456789 + RATE, 42.0) == pytest.approx(-1, abs=1e-9)


def test_a_late_packet_counts_at_once() -> None:
    stream = Stream()
    stream.run(1)
    stream.run(FRAME, lambda number: 0.05)
    assert stream.lateness.target == pytest.approx(0.05, abs=1e-6)


def test_a_burst_is_forgotten_within_a_second() -> None:
    stream = Stream()
    stream.run(10)
    began = stream.number
    stream.run(0.16, lambda number: 0.15 - (number - began) * FRAME)
    assert stream.lateness.target == pytest.approx(0.15, abs=0.001)
    stream.run(2 * BLOCK)
    assert stream.lateness.target > 0.1  # not at the first good packet, either
    stream.run(1 - 0.16 - 2 * BLOCK)
    assert stream.lateness.target == pytest.approx(0, abs=0.001)


def test_jitter_that_stays_is_kept() -> None:
    stream = Stream()
    stream.run(10, jitter(1, 0.04))
    targets = []
    for _ in range(200):
        stream.run(0.1, jitter(1, 0.04))
        targets.append(stream.lateness.target)
    # The worst that there was, and some more; and never forgotten for a lucky half second
    assert min(targets) > 0.036
    assert max(targets) < 0.05


def test_jitter_that_is_over_is_given_back() -> None:
    stream = Stream()
    stream.run(10, jitter(2, 0.04))
    stream.run(BLOCK * BLOCKS + 1)
    assert stream.lateness.target < 0.001


def test_what_comes_now_and_then_is_left_out() -> None:
    """One late packet in five seconds does not cost everybody its delay."""
    stream = Stream()
    stream.run(10)
    for _ in range(4):
        stream.run(FRAME, lambda number: 0.1)
        stream.run(1)
        assert stream.lateness.target < 0.001
        stream.run(4)


def test_what_comes_every_second_is_kept() -> None:
    stream = Stream()
    for _ in range(12):
        stream.run(FRAME, lambda number: 0.06)
        stream.run(1)
    assert stream.lateness.target > 0.055


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_drift_is_followed(drift: float) -> None:
    stream = Stream(drift)
    worst = 0.0
    for _ in range(600):
        stream.run(1)
        worst = max(worst, stream.lateness.target)
        late = stream.lateness.of(round(stream.number * FRAME * RATE), stream.now)
        assert abs(late) < 0.003
    assert worst < 0.003


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.5, -1.5])
def test_a_clock_that_is_set_starts_anew(step: float) -> None:
    assert abs(step) > CLOCK_STEP
    stream = Stream()
    stream.run(10, jitter(3, 0.04))
    stream.clock += step
    stream.run(2 * FRAME)
    assert stream.lateness.target == pytest.approx(0, abs=1e-6)
    late = stream.lateness.of(round((stream.number * FRAME + stream.clock) * RATE), stream.now)
    assert late == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("step", [0.3, -0.3])
def test_a_network_that_takes_another_way_is_followed(step: float) -> None:
    """Below the step of a clock: within three seconds the old way is forgotten."""
    stream = Stream()
    stream.run(10)
    stream.run(12, lambda number: max(step, 0.0) if number > 500 else max(-step, 0.0))
    late = stream.lateness.of(round(stream.number * FRAME * RATE), stream.now)
    assert late == pytest.approx(-max(step, 0.0), abs=0.05)
    assert stream.lateness.target < 0.05


def test_nobody_waits_longer_than_can_be_talked_over() -> None:
    stream = Stream()
    stream.run(20, jitter(4, 0.9))
    assert stream.lateness.target == pytest.approx(LONGEST)


@given(
    st.lists(st.tuples(st.integers(-(2**33), 2**33), st.floats(0, 10)), min_size=1, max_size=100),
    st.sampled_from([8000, 16000, 48000]),
)
def test_whatever_comes_the_offset_stays_within_its_bounds(
    packets: list[tuple[int, float]], rate: int
) -> None:
    lateness = Lateness(rate)
    now = 0.0
    for timestamp, passed in packets:
        now += passed
        lateness.note(timestamp, now)
        assert -1e-6 <= lateness.target <= LONGEST + 1e-6
