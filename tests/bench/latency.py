"""How much later speech leaves the gateway than it came, and how soon it recovers from a shock.

Beyond the codec's own delay, to the sample (`gateway.bench.delay`), by the kernel's stamps. Two
shocks: the gateway is stopped for 200 ms, as a busy host does it; and the browsers'
network holds everything back three times within half a second, and then is clean again.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.bench.load import Load, ends_of, make_load
from gateway.bench.measure import Way, delays_of, measure_down, measure_up, missing
from gateway.bench.player import Mark, Recording
from gateway.bench.schedule import CLEAN, Impairment
from gateway.bench.usage import process_tree
from tests.bench.load import Loaded, Progress, gateway_under_load, silent

CALLS = 50
LOOKED_AT = 25  # calls of which every packet is decoded and looked up

SHOCK = 3.0  # seconds after the start
STOP = 0.2  # seconds that it is stopped
AFTER = 4.0  # seconds to recover in
BURST = Impairment(stalls=((SHOCK, 0.12), (SHOCK + 0.2, 0.08), (SHOCK + 0.36, 0.1)))
BURST_END = SHOCK + 0.46

RECOVERED = 0.010  # seconds of delay: the goal's p99
BIN = 0.1  # seconds


@dataclass(frozen=True)
class Recovery:
    """Seconds from the end of the shock until the delay stays below 10 ms (p95 of each 100 ms).

    None where it had not come back at the end, `AFTER` the shock. `worst_ms` is the highest p95
    after the shock has ended, `lost` the packets that never came.
    """

    to_trunk: float | None
    to_browser: float | None
    worst_to_trunk_ms: float
    worst_to_browser_ms: float
    lost_to_trunk: int
    lost_to_browser: int


@dataclass(frozen=True)
class Latency:
    """The clean network, then the shocks. `generator_late_p99_ms` is the generator's own."""

    calls: int
    to_trunk: Way
    to_browser: Way
    generator_late_p99_ms: float
    stopped: Recovery
    jitter: Recovery


def run(*, calls: int = CALLS, seconds: float = 10.0, progress: Progress = silent) -> Latency:
    """Measure all three, with fresh calls through one gateway."""
    with gateway_under_load(calls) as loaded:
        load, recording = _play(loaded, calls, seconds)
        to_trunk, to_browser = measure_up(load, recording), measure_down(load, recording)
        progress(f"clean: to the trunk {to_trunk}, to the browser {to_browser}")
        late = float(np.percentile(recording.lateness, 99)) * 1e3
        stop = [Mark(SHOCK, lambda: _signal(loaded, signal.SIGSTOP))]
        stop += [Mark(SHOCK + STOP, lambda: _signal(loaded, signal.SIGCONT))]
        load, recording = _play(loaded, calls, SHOCK + STOP + AFTER, marks=stop)
        stopped = _recovery(load, recording, SHOCK + STOP)
        progress(f"stopped: {stopped}")
        load, recording = _play(loaded, calls, BURST_END + AFTER, up=BURST)
        jitter = _recovery(load, recording, BURST_END)
        progress(f"jitter: {jitter}")
    return Latency(calls, to_trunk, to_browser, late, stopped, jitter)


def _signal(loaded: Loaded, number: signal.Signals) -> None:
    for pid in list(process_tree(loaded.gateway.pid)):
        os.kill(pid, number)


def _play(
    loaded: Loaded,
    calls: int,
    seconds: float,
    *,
    up: Impairment = CLEAN,
    marks: Sequence[Mark] = (),
) -> tuple[Load, Recording]:
    load = make_load([ends_of(each) for each in loaded.call(calls)], seconds=seconds, up=up)
    kept = set(load.legs_of(LOOKED_AT))
    recording = loaded.bench.play(load.legs, load.streams, keep=kept, marks=marks)
    loaded.bench.hang_up()
    return load, recording


def _recovery(load: Load, recording: Recording, end: float) -> Recovery:
    ways: list[tuple[float | None, float, int]] = []
    for pairs in (
        [(call.up, call.down) for call in load.calls if call.down is not None],
        [(call.down, call.up) for call in load.calls if call.down is not None],
    ):
        found = [
            delays_of(load, recording, said, heard)
            for said, heard in pairs
            if recording.arrivals[heard.leg]
        ]
        lost = sum(missing(recording, said, heard) for said, heard in pairs)
        ways.append((*recovery(np.concatenate(found), end), lost))
    (up, worst_up, lost_up), (down, worst_down, lost_down) = ways
    return Recovery(up, down, worst_up * 1e3, worst_down * 1e3, lost_up, lost_down)


def recovery(found: NDArray[np.float64], end: float) -> tuple[float | None, float]:
    """Return seconds from `end` to the last time that was late, and how late the worst was.

    `found` is float64[n, 2], when packets came and their delays.
    """
    after = found[found[:, 0] >= end]
    if not after.size:
        return None, float("inf")
    bins = ((after[:, 0] - end) // BIN).astype(int)
    levels = {each: np.percentile(after[bins == each, 1], 95) for each in np.unique(bins).tolist()}
    late = [each for each, level in levels.items() if level >= RECOVERED]
    worst = float(max(levels.values()))
    if not late:
        return 0.0, worst
    # The last bin is late as well: it never came back
    return (None if late[-1] == max(levels) else (late[-1] + 1) * BIN), worst
