"""The network that a load is sent through: it does what it says, and the same each time."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
import pytest

from gateway.bench.schedule import CLEAN, SPARED, Impairment, departures

FRAMES = 20_000


def make(impairment: Impairment, *, seed: int = 1, ptime: int = 20) -> list[float | None]:
    return departures(FRAMES, ptime, impairment, np.random.default_rng(seed))


def there(times: list[float | None]) -> list[float]:
    return [each for each in times if each is not None]


@pytest.mark.parametrize("ptime", [10, 20, 60])
def test_a_clean_network_is_even(ptime: int) -> None:
    times = there(make(CLEAN, ptime=ptime))
    assert times == pytest.approx([number * ptime / 1000 for number in range(FRAMES)])


def test_the_same_chance_gives_the_same_times() -> None:
    rough = Impairment(loss=0.05, jitter_ms=40, burst=2, drift_ppm=100)
    assert make(rough) == make(rough)
    assert make(rough) != make(rough, seed=2)


@pytest.mark.parametrize("burst", [1.0, 3.0])
@pytest.mark.parametrize("loss", [0.01, 0.1])
def test_as_much_is_lost_as_asked_for_in_such_bursts(loss: float, burst: float) -> None:
    times = make(Impairment(loss=loss, burst=burst))
    lost = [each is None for each in times]
    assert sum(lost) / FRAMES == pytest.approx(loss, rel=0.25)
    runs = [len(list(run)) for gone, run in groupby(lost) if gone]
    longest = burst if burst > 1 else 1 / (1 - loss)
    assert np.mean(runs) == pytest.approx(longest, rel=0.15)


def test_the_first_packets_are_never_lost() -> None:
    for seed in range(50):
        assert None not in make(Impairment(loss=0.4), seed=seed)[:SPARED]


def test_jitter_has_its_deviation_and_keeps_the_order() -> None:
    queued = there(make(Impairment(jitter_ms=40)))
    assert all(first <= second for first, second in pairwise(queued))
    free = there(make(Impairment(jitter_ms=40, reorder=True)))
    delay = np.array(free) - np.arange(FRAMES) * 0.02
    assert delay.std() == pytest.approx(0.04, rel=0.05)
    assert delay.min() >= -1e-9
    assert delay.max() <= 6 * 0.04 + 1e-9
    assert any(first > second for first, second in pairwise(free))


def test_a_fast_clock_sends_early() -> None:
    times = there(make(Impairment(drift_ppm=200)))
    assert times[-1] == pytest.approx((FRAMES - 1) * 0.02 / (1 + 200e-6))


def test_what_leaves_in_a_stall_arrives_at_its_end() -> None:
    times = there(make(Impairment(stalls=((1.0, 0.2),))))
    assert not any(1.0 <= each < 1.2 - 1e-9 for each in times)
    assert sum(abs(each - 1.2) < 1e-9 for each in times) in (10, 11)
    assert times[-1] == pytest.approx((FRAMES - 1) * 0.02)


def test_no_packets_have_no_times() -> None:
    assert departures(0, 20, Impairment(jitter_ms=5), np.random.default_rng(1)) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"loss": 1.0}, "loss of 1.0"),
        ({"loss": -0.1}, "loss of -0.1"),
        ({"jitter_ms": -1.0}, "jitter"),
        ({"burst": 0.5}, "bursts of 0.5"),
        ({"loss": 0.9, "burst": 2.0}, "longer bursts"),
        ({"drift_ppm": 1e6}, "drift"),
    ],
)
def test_what_no_network_does_is_refused(values: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Impairment(**values)  # type: ignore[arg-type]
