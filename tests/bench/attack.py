"""What attacks do to calls that run: spacing at the trunk, delay, losses; and without an attack.

Two minutes a round. Each attack is a process of its own
(`tests.security.flood`) on the generator's core, with what time the generator leaves: the attacker
of a real gateway is elsewhere.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from gateway.bench.calls import BenchCall
from gateway.bench.load import ends_of, make_load
from gateway.bench.measure import Way, measure_down, measure_up
from gateway.bench.player import Mark
from tests.bench.load import BenchError, Loaded, Progress, gateway_under_load, silent
from tests.bench.report import Goal, Rule, Table
from tests.bench.sockets import more_files
from tests.peers.process import TREE, tree_environment

CALLS = 25
SECONDS = 8.0
PAUSE = 1.0  # seconds of the calls before the attack
RATE = 10_000  # datagrams in a second
COUNT = 5000  # connections
END_LIMIT = 30.0  # seconds for an attack to end
POLITE = 19  # the generator must not wait for the attacker
WORSE = 4.0  # ms: the goal

BROWSERS, TRUNK, HTTP = "browsers' port", "one trunk port", "HTTP port"


@dataclass(frozen=True)
class Attack:
    """What is sent where, and how many: in a second, or connections."""

    kind: str
    what: str
    where: str
    count: int = RATE


ATTACKS = (
    Attack("connect", "5,000 connections that say nothing", HTTP, COUNT),
    Attack("mute", "5,000 WebSockets without hello", HTTP, COUNT),
    Attack("control", "20 WebSockets that ping, 100,000 a second", HTTP, 20),
    Attack("check", "STUN for a call's user name, wrong password", BROWSERS),
    Attack("stray-check", "STUN for nobody", BROWSERS),
    Attack("hello", "DTLS ClientHello", BROWSERS),
    Attack("noise", "random bytes", BROWSERS),
    Attack("sound", "RTP without encryption", BROWSERS),
    Attack("sound", "RTP of strangers", TRUNK),
)


@dataclass(frozen=True)
class Attacked:
    """The running calls beside an attack."""

    what: str
    to_trunk: Way
    to_browser: Way
    generator_late_p99_ms: float


def run(
    *,
    calls: int = CALLS,
    seconds: float = SECONDS,
    attacks: Sequence[Attack] = ATTACKS,
    progress: Progress = silent,
) -> list[Attacked]:
    """Measure the calls alone, and beside each attack, through one gateway."""
    with more_files(), gateway_under_load(calls) as loaded:
        results = []
        for attack in (None, *attacks):
            results.append(_beside(loaded, attack, calls, seconds))
            progress(f"{results[-1]}")
    return results


def _beside(loaded: Loaded, attack: Attack | None, calls: int, seconds: float) -> Attacked:
    up = loaded.call(calls)
    load = make_load([ends_of(each) for each in up], seconds=PAUSE + seconds)
    children: list[subprocess.Popen[bytes]] = []
    marks = []
    if attack is not None:
        command = _command(loaded, attack, up[0], seconds)
        marks.append(Mark(PAUSE, lambda: children.append(_start(command))))
    kept = set(load.legs_of(calls))
    try:
        recording = loaded.bench.play(load.legs, load.streams, keep=kept, marks=marks)
        loaded.bench.hang_up()
        for child in children:
            if child.wait(END_LIMIT) != 0:
                raise BenchError(f"the attack ended with status {child.returncode}")
    finally:
        for child in children:
            child.kill()
            child.wait()
    return Attacked(
        "nobody attacks" if attack is None else f"{attack.what} ({attack.where})",
        measure_up(load, recording),
        measure_down(load, recording),
        float(np.percentile(recording.lateness, 99)) * 1e3,
    )


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=TREE, env=tree_environment())


def _command(loaded: Loaded, attack: Attack, call: BenchCall, seconds: float) -> list[str]:
    if call.trunk is None or call.wanted is None:
        raise ValueError("the call must be answered here")
    config = loaded.gateway.config
    port = {
        HTTP: config.http_port,
        BROWSERS: config.media_ports.start,
        TRUNK: call.trunk.socket.getpeername()[1],
    }[attack.where]
    command = ["nice", "-n", str(POLITE), sys.executable, "-m", "tests.security.flood"]
    command += [attack.kind, str(port), str(attack.count), str(seconds)]
    return [*command, call.wanted.ufrag] if attack.where == BROWSERS else command


# ---- what is shown: medians, as a machine that does something else spoils a round


@dataclass(frozen=True)
class Line:
    """The calls beside one attack: medians in milliseconds, and the most packets that were lost."""

    what: str
    spacing_to_trunk: float
    delay_to_trunk: float
    lost_to_trunk: int
    spacing_to_browser: float
    delay_to_browser: float
    lost_to_browser: int
    generator_late: float


def lines(rounds: Sequence[Sequence[Attacked]]) -> list[Line]:
    """Return a line for nobody's attack, and one for each of the others."""
    return [_line(beside) for beside in zip(*rounds, strict=True)]


def _line(beside: Sequence[Attacked]) -> Line:
    up, down = [each.to_trunk for each in beside], [each.to_browser for each in beside]
    return Line(
        beside[0].what,
        _median([each.spacing_p99 for each in up]),
        _median([each.delay_p99 for each in up]),
        max(each.lost for each in up),
        _median([each.spacing_p99 for each in down]),
        _median([each.delay_p99 for each in down]),
        max(each.lost for each in down),
        median(each.generator_late_p99_ms for each in beside),
    )


def _median(values: Sequence[float | None]) -> float:
    """Return the median; infinite where nothing came at all."""
    return median(float("inf") if each is None else each for each in values)


def attack_table(found: Sequence[Line]) -> Table:
    """Return the calls beside each attack."""
    rows = [
        (
            line.what,
            *(f"{value:.2f}" for value in (line.spacing_to_trunk, line.delay_to_trunk)),
            str(line.lost_to_trunk),
            *(f"{value:.2f}" for value in (line.spacing_to_browser, line.delay_to_browser)),
            str(line.lost_to_browser),
            f"{line.generator_late:.1f}",
        )
        for line in found
    ]
    return Table(
        f"{CALLS} calls beside attacks (ms, p99)",
        (
            *("", "spacing at the trunk", "delay", "lost"),
            *("spacing at the browser", "delay", "lost", "generator late"),
        ),
        rows,
    )


def attack_goals(found: Sequence[Line]) -> list[Goal]:
    """Return what the worst attack adds to the spacing, and what it takes away."""
    alone, *beside = found
    added = max(each.spacing_to_trunk for each in beside) - alone.spacing_to_trunk
    return [
        Goal("spacing at the trunk, p99: added by attacks", Rule.AT_MOST, WORSE, added, " ms"),
        Goal(
            "packets lost to the trunk beside attacks",
            *(Rule.AT_MOST, 0, max(each.lost_to_trunk for each in beside), "", 0),
        ),
        Goal(
            "packets lost to the browser beside attacks",
            *(Rule.AT_MOST, 0, max(each.lost_to_browser for each in beside), "", 0),
        ),
    ]
