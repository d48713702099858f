"""How long a stream's packets have to wait: what is remembered of a network, and what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voice.network import jitter
from voice.delay_estimator import BLOCK_MS, BLOCKS, CLOCK_STEP_MS, LONGEST_DELAY_MS, DelayEstimator

RATE = 48000
FRAME = 0.02  # seconds
BLOCK = BLOCK_MS / 1000
CLOCK_STEP = CLOCK_STEP_MS / 1000
LONGEST_DELAY = LONGEST_DELAY_MS / 1000


class Stream:
    """Packets every 20 ms, and the delay of each; `clock` is how far the sender's is ahead."""

    def __init__(self, drift: float = 0.0) -> None:
        self.estimator = DelayEstimator(RATE)
        self.number = 0
        self.clock = 0.0
        self._drift = drift

    @property
    def now(self) -> float:
        return 5.0 + self.number * FRAME / (1 + self._drift)

    def run(self, seconds: float, delay: Callable[[int], float] = lambda number: 0.0) -> None:
        for _ in range(round(seconds / FRAME)):
            timestamp = round((self.number * FRAME + self.clock) * RATE)
            self.estimator.note_arrival(timestamp, self.now + delay(self.number))
            self.number += 1


def test_a_steady_stream_needs_no_delay() -> None:
    stream = Stream()
    stream.run(20)
    assert stream.estimator.target == pytest.approx(0, abs=1e-6)


def test_the_first_packet_is_on_time() -> None:
    estimator = DelayEstimator(RATE)
    estimator.note_arrival(123456789, 42.0)
    assert estimator.target == 0
    assert estimator.delay_error(123456789, 42.0) == pytest.approx(0, abs=1e-9)
    assert estimator.delay_error(123456789 + RATE, 42.0) == pytest.approx(-1, abs=1e-9)


def test_a_late_packet_counts_at_once() -> None:
    stream = Stream()
    stream.run(1)
    stream.run(FRAME, lambda number: 0.05)
    assert stream.estimator.target == pytest.approx(0.05, abs=1e-6)


def test_a_burst_is_forgotten_within_a_second() -> None:
    stream = Stream()
    stream.run(10)
    began = stream.number
    stream.run(0.16, lambda number: 0.15 - (number - began) * FRAME)
    assert stream.estimator.target == pytest.approx(0.15, abs=0.001)
    stream.run(2 * BLOCK)
    assert stream.estimator.target > 0.1  # not at the first good packet, either
    stream.run(1 - 0.16 - 2 * BLOCK)
    assert stream.estimator.target == pytest.approx(0, abs=0.001)


def test_jitter_that_stays_is_kept() -> None:
    stream = Stream()
    stream.run(10, jitter(1, 0.04))
    targets = []
    for _ in range(200):
        stream.run(0.1, jitter(1, 0.04))
        targets.append(stream.estimator.target)
    # The worst that there was, and some more; and never forgotten for a lucky half second
    assert min(targets) > 0.036
    assert max(targets) < 0.05


def test_jitter_that_is_over_is_given_back() -> None:
    stream = Stream()
    stream.run(10, jitter(2, 0.04))
    stream.run(BLOCK * BLOCKS + 1)
    assert stream.estimator.target < 0.001


def test_what_comes_now_and_then_is_left_out() -> None:
    """One late packet in five seconds does not cost everybody its delay."""
    stream = Stream()
    stream.run(10)
    for _ in range(4):
        stream.run(FRAME, lambda number: 0.1)
        stream.run(1)
        assert stream.estimator.target < 0.001
        stream.run(4)


def test_what_comes_every_second_is_kept() -> None:
    stream = Stream()
    for _ in range(12):
        stream.run(FRAME, lambda number: 0.06)
        stream.run(1)
    assert stream.estimator.target > 0.055


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_drift_is_followed(drift: float) -> None:
    stream = Stream(drift)
    worst = 0.0
    for _ in range(600):
        stream.run(1)
        worst = max(worst, stream.estimator.target)
        error = stream.estimator.delay_error(round(stream.number * FRAME * RATE), stream.now)
        assert abs(error) < 0.003
    assert worst < 0.003


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.5, -1.5])
def test_a_clock_that_is_set_starts_anew(step: float) -> None:
    assert abs(step) > CLOCK_STEP
    stream = Stream()
    stream.run(10, jitter(3, 0.04))
    stream.clock += step
    stream.run(2 * FRAME)
    assert stream.estimator.target == pytest.approx(0, abs=1e-6)
    error = stream.estimator.delay_error(
        round((stream.number * FRAME + stream.clock) * RATE), stream.now
    )
    assert error == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize("step", [0.3, -0.3])
def test_a_network_that_takes_another_way_is_followed(step: float) -> None:
    """Below the step of a clock: within three seconds the old way is forgotten."""
    stream = Stream()
    stream.run(10)
    stream.run(12, lambda number: max(step, 0.0) if number > 500 else max(-step, 0.0))
    error = stream.estimator.delay_error(round(stream.number * FRAME * RATE), stream.now)
    assert error == pytest.approx(-max(step, 0.0), abs=0.05)
    assert stream.estimator.target < 0.05


def test_nobody_waits_longer_than_can_be_talked_over() -> None:
    stream = Stream()
    stream.run(20, jitter(4, 0.9))
    assert stream.estimator.target == pytest.approx(LONGEST_DELAY)


class TestStart:
    """The first seconds, in which few packets have been seen."""

    @pytest.mark.parametrize("fall", [0.1, 0.2, 0.35])
    @pytest.mark.parametrize("seconds", [0.1, 0.5, 1.2])
    def test_what_was_before_a_fall_is_forgotten(self, fall: float, seconds: float) -> None:
        stream = Stream()
        stream.run(seconds, lambda number: fall)
        stream.run(BLOCK + 2 * FRAME)
        assert stream.estimator.target < 0.001
        stream.run(BLOCK + FRAME)
        assert not stream.estimator.falling

    @pytest.mark.parametrize("fall", [0.1, 0.2, 0.35])
    @pytest.mark.parametrize("seconds", [1, 1.9])
    def test_a_transit_that_falls_slowly_is_followed(self, fall: float, seconds: float) -> None:
        stream = Stream()
        packets = seconds / FRAME
        stream.run(seconds, lambda number: fall * (1 - number / packets))
        assert stream.estimator.falling
        assert stream.estimator.target < max(0.03, 3 * BLOCK / seconds * fall)
        stream.run(4 * BLOCK)
        assert stream.estimator.target < 0.02  # the last of it may look like jitter
        assert not stream.estimator.falling

    def test_a_sender_that_is_busy_again_and_again_is_believed_once_it_is_calm(self) -> None:
        stream = Stream()
        for number in range(0, 45, 15):
            stream.run(0.3, lambda sent, number=number: max(0.0, 0.2 - (sent - number) * FRAME))  # type: ignore[misc]
        stream.run(3 * BLOCK)
        assert stream.estimator.target < 0.02

    def test_later_it_is_remembered(self) -> None:
        stream = Stream()
        stream.run(4)
        for number in range(200, 320, 15):
            stream.run(0.3, lambda sent, number=number: max(0.0, 0.2 - (sent - number) * FRAME))  # type: ignore[misc]
        stream.run(3 * BLOCK)
        assert stream.estimator.target > 0.19

    def test_jitter_is_thought_worse_than_it_was_seen(self) -> None:
        targets, seen = [], []
        for seed in range(50):
            stream, delay = Stream(), jitter(seed, 0.08)
            stream.run(10 * FRAME, delay)
            targets.append(stream.estimator.target)
            delays = [delay(number) for number in range(10)]
            seen.append(max(delays) - min(delays))
        assert sum(targets) / 50 > 1.1 * sum(seen) / 50
        assert sorted(targets)[5] > 0.07

    def test_small_jitter_is_not(self) -> None:
        stream, delay = Stream(), jitter(1, 0.01)
        stream.run(1, delay)
        assert stream.estimator.target < 0.0115  # the worst there is, and the margin


@given(
    st.lists(st.tuples(st.integers(-(2**33), 2**33), st.floats(0, 10)), min_size=1, max_size=100),
    st.sampled_from([8000, 16000, 48000]),
)
def test_whatever_comes_the_offset_stays_within_its_bounds(
    packets: list[tuple[int, float]], rate: int
) -> None:
    estimator = DelayEstimator(rate)
    now = 0.0
    for timestamp, passed in packets:
        now += passed
        estimator.note_arrival(timestamp, now)
        assert -1e-6 <= estimator.target <= LONGEST_DELAY + 1e-6
