"""What a set-up costs, how long it is from the 200 to the first sound at either end, and what many
set-ups do to calls that run.

Those come from a process of their own (`python -m tests.bench.setup`): what they cost the caller
must not hold up the packets of the calls that are measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import IO

import numpy as np

from gateway.bench.calls import BenchCall, Target
from gateway.bench.load import Load, ends_of, make_load
from gateway.bench.material import BLOCK, Samples
from gateway.bench.measure import Way, measure_down, measure_up, read_packets
from gateway.bench.player import Mark, Recording
from gateway.bench.session import Bench
from tests.bench.load import (
    BenchError,
    Loaded,
    Progress,
    check,
    gateway_under_load,
    silent,
)
from tests.peers.process import TREE, tree_environment

ANSWER_AT = 1.0  # seconds: browsers and the trunk speak already
LISTEN = 1.0  # seconds after the answer
AUDIBLE = 500.0  # root mean square of a packet that holds sound, and not the silence before

SET_UP = 200  # calls, of which the cost is taken
SET_UP_RATE = 20.0  # in a second
FIRST_CALLS = 10  # what they load and compile is theirs alone

RUNNING = 50  # calls
RATE = 50.0  # set-ups in a second
SECONDS = 6.0
PAUSE = 1.0  # seconds of the running calls before the first set-up
CHURN_TO = "+15550200000"
CHURN_LIMIT = 60.0  # seconds for the process with the set-ups to end


@dataclass(frozen=True)
class FirstAudio:
    """Milliseconds from the 200 to the first packet with sound; None where none came.

    The 200 counts from when our SIP engine is given it, so its own queue (up to 10 ms) is in it.
    """

    to_trunk_p50: float | None
    to_trunk_worst: float | None
    to_browser_p50: float | None
    to_browser_worst: float | None
    calls: int


@dataclass(frozen=True)
class Churn:
    """How the set-ups went; milliseconds from `call` to media that can flow."""

    asked: int
    up: int
    failures: dict[str, int]
    per_second: float
    setup_p50_ms: float | None
    setup_p99_ms: float | None


@dataclass(frozen=True)
class Running:
    """What became of the running calls' packets."""

    to_trunk: Way
    to_browser: Way
    generator_late_p99_ms: float


@dataclass(frozen=True)
class Setup:
    """The CPU of a set-up and its end; first audio; running calls, alone and beside set-ups."""

    cpu_ms: float
    first_audio: FirstAudio
    undisturbed: Running
    disturbed: Running
    churn: Churn


def run(
    *,
    set_up: int = SET_UP,
    calls: int = RUNNING,
    rate: float = RATE,
    seconds: float = SECONDS,
    tree: Path = TREE,
    progress: Progress = silent,
) -> Setup:
    """Measure all of it with one gateway, run from the sources in `tree`."""
    churned = round(rate * seconds)
    with gateway_under_load(calls + churned + set_up, tree=tree) as loaded:
        cost = _cost(loaded, set_up)
        progress(f"a set-up: {cost:.1f} ms of CPU")
        first = _first_audio(loaded, min(calls, 20))
        progress(f"first audio: {first}")
        undisturbed = _run_calls(loaded, calls, seconds)
        progress(f"undisturbed: {undisturbed}")
        with TemporaryFile("w+") as output:
            disturbed, churn = _run_beside(loaded, calls, rate, seconds, output)
        progress(f"disturbed: {disturbed}; {churn}")
    return Setup(cost, first, undisturbed, disturbed, churn)


# The CPU of a set-up


def _cost(loaded: Loaded, count: int) -> float:
    """Return the milliseconds of CPU for one call that is set up and hung up at once."""
    check(loaded.bench.call_and_hang_up(loaded.target, FIRST_CALLS, FIRST_CALLS))
    before = loaded.usage().cpu
    check(loaded.bench.call_and_hang_up(loaded.target, count, SET_UP_RATE))
    return (loaded.usage().cpu - before) * 1e3 / count


# From the 200 to the first sound


def _first_audio(loaded: Loaded, count: int) -> FirstAudio:
    answerer = loaded.bench.answerer
    if answerer is None:
        raise ValueError("the calls must be answered here")
    answerer.gate.clear()
    calls = loaded.call(count, ring=True)
    load = make_load([ends_of(each) for each in calls], seconds=ANSWER_AT + LISTEN, sound=_noise())
    recording = loaded.bench.play(
        load.legs, load.streams, marks=[Mark(ANSWER_AT, answerer.gate.set)]
    )
    taken = [_until_heard(call, load, recording, number) for number, call in enumerate(calls)]
    loaded.bench.hang_up()
    trunk, browser = ([each[way] for each in taken] for way in (0, 1))
    return FirstAudio(*_middle_and_worst(trunk), *_middle_and_worst(browser), count)


def _noise() -> Samples:
    """Return sound that is as loud in each packet as in the next."""
    return np.random.default_rng(1).normal(0, 3000, BLOCK * 5).astype(np.int16)


def _until_heard(
    call: BenchCall, load: Load, recording: Recording, number: int
) -> tuple[float | None, float | None]:
    """Return milliseconds until the trunk and the browser hear something."""
    voices = load.calls[number]
    if call.trunk is None or voices.down is None or not call.trunk.answered_at:
        return None, None
    answered = (call.trunk.answered_at - recording.start) / 1e9
    taken: list[float | None] = []
    for leg, opus in ((voices.down.leg, False), (voices.up.leg, voices.up.coding.codec == "OPUS")):
        packets = read_packets(recording.arrivals[leg], load.legs[leg], recording.start, opus=opus)
        heard = [each.at for each in packets if _level(each.samples) >= AUDIBLE]
        taken.append((min(heard) - answered) * 1e3 if heard else None)
    return taken[0], taken[1]


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def _middle_and_worst(taken: Sequence[float | None]) -> tuple[float | None, float | None]:
    there = [each for each in taken if each is not None]
    if len(there) < len(taken) or not there:
        return None, None
    return float(np.median(there)), max(there)


# Set-ups beside running calls


def _run_calls(loaded: Loaded, calls: int, seconds: float, marks: Sequence[Mark] = ()) -> Running:
    load = make_load(
        [ends_of(each) for each in loaded.call(calls)], seconds=PAUSE + seconds + PAUSE
    )
    kept = set(load.legs_of(20))
    recording = loaded.bench.play(load.legs, load.streams, keep=kept, marks=marks)
    measured = Running(
        measure_up(load, recording),
        measure_down(load, recording),
        float(np.percentile(recording.lateness, 99)) * 1e3,
    )
    loaded.bench.hang_up()
    return measured


def _run_beside(
    loaded: Loaded, calls: int, rate: float, seconds: float, output: IO[str]
) -> tuple[Running, Churn]:
    command = [sys.executable, "-m", "tests.bench.setup", loaded.target.url]
    command += [str(rate), str(round(rate * seconds))]
    children: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        children.append(subprocess.Popen(command, stdout=output, cwd=TREE, env=tree_environment()))

    try:
        running = _run_calls(loaded, calls, seconds, [Mark(PAUSE, begin)])
        for child in children:
            # Its last calls are answered here
            _wait_for(loaded, child)
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()
    output.seek(0)
    said = output.read()
    if not said:
        raise BenchError(f"the process with the set-ups has not ended within {CHURN_LIMIT:g} s")
    return running, Churn(**json.loads(said))


def _wait_for(loaded: Loaded, child: subprocess.Popen[bytes]) -> None:
    until = monotonic() + CHURN_LIMIT
    while child.poll() is None and monotonic() < until:
        loaded.bench.play([], [], tail=0.1)


def _churn(url: str, rate: float, count: int) -> Churn:
    """Set calls up and hang each up at once."""
    target = Target(url, to=CHURN_TO, same_number=True)
    with Bench(None) as bench:
        began = monotonic()
        calls = bench.call_and_hang_up(target, count, rate)
        elapsed = monotonic() - began
    taken = [
        (max(each.times["answered"], each.times["media"]) - each.times["call"]) * 1e3
        for each in calls
        if each.up
    ]
    causes = {each.failure or "not up" for each in calls if not each.up}
    return Churn(
        asked=count,
        up=len(taken),
        failures={
            cause: sum(each.failure == cause for each in calls if not each.up) for cause in causes
        },
        per_second=len(taken) / elapsed,
        setup_p50_ms=float(np.percentile(taken, 50)) if taken else None,
        setup_p99_ms=float(np.percentile(taken, 99)) if taken else None,
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_churn(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))))
