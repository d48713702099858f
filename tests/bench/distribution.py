"""The added latency of every packet, for a plot: the gateway's, and the peer's in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.bench.load import End, Load, ends_of, make_load
from gateway.bench.measure import delays_of
from gateway.bench.player import Recording, play
from tests.bench.load import (
    GENERATOR_CORE,
    MEASURED_CORE,
    Progress,
    gateway_under_load,
    on_cores,
    silent,
)
from tests.bench.rtpengine import find_program, run_rtpengine
from tests.bench.subjects import FULLBAND, PCMU

LOOKED_AT = 25  # calls of which every packet is decoded and looked up

SHARES = np.linspace(0, 100, 201)  # per cent of the packets

# By who and which way, ms beyond the codec's own delay that so many of the packets are below: as
# many as there are shares, or none where nothing came
Delays = dict[str, list[float]]


def run(
    *, calls: int = 50, seconds: float = 8.0, peers: bool = False, progress: Progress = silent
) -> Delays:
    """Return how the delays of all packets looked at are distributed."""
    progress(f"distribution: {calls} calls through the gateway")
    found = _through_gateway(calls, seconds)
    if peers:
        progress(f"distribution: {calls} calls through rtpengine")
        found |= _through_rtpengine(calls, seconds)
    return found


def _through_gateway(calls: int, seconds: float) -> Delays:
    with gateway_under_load(calls) as loaded:
        load = make_load([ends_of(call) for call in loaded.call(calls)], seconds=seconds)
        recording = loaded.bench.play(load.legs, load.streams, keep=set(load.legs_of(LOOKED_AT)))
        return _delays("gateway", load, recording)


def _through_rtpengine(calls: int, seconds: float) -> Delays:
    program = find_program()
    with (
        on_cores(GENERATOR_CORE),
        run_rtpengine(program, calls=calls, core=MEASURED_CORE) as engine,
    ):
        made = engine.make_calls(calls)
        ends = [
            (End(call.browser, FULLBAND, call.payload_type), End(call.trunk, PCMU, 0))
            for call in made
        ]
        load = make_load(ends, seconds=seconds)
        recording = play(load.legs, load.streams, keep=set(load.legs_of(LOOKED_AT)))
        return _delays("rtpengine", load, recording)


def _delays(who: str, load: Load, recording: Recording) -> Delays:
    pairs = [(call.up, call.down) for call in load.calls if call.down is not None]
    kept = [pair for pair in pairs if recording.arrivals[pair[0].leg]]

    def shares(parts: Sequence[NDArray[np.float64]]) -> list[float]:
        all_of_them = np.concatenate(parts)[:, 1] * 1e3
        if not all_of_them.size:
            return []
        return [float(each) for each in np.percentile(all_of_them, SHARES)]

    return {
        f"{who}, to the trunk": shares([delays_of(load, recording, *pair) for pair in kept]),
        f"{who}, to the browser": shares(
            [delays_of(load, recording, down, up) for up, down in kept]
        ),
    }
