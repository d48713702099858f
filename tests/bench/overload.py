"""Twice the calls that a core carries: who is refused, and what those inside still get.

Twice, with a gateway of its own each time. *In a row*: each call speaks from its answer on while
the next ones are placed, so that the media clock's load decides who comes in. *At once*: all are
placed in silence, which costs little, and then everybody speaks, so that far too many are inside.
Then half of the calls hang up, and one more is placed until it is taken.

Our encoder's complexity is 10: the gateway is full with fewer calls, and the generator is not.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from gateway.bench.calls import BenchCall, close_calls
from gateway.bench.load import End, ends_of
from gateway.bench.material import encode_speech
from gateway.bench.player import Leg, Mark, Recording, Stream, rtp_packets
from tests.bench.cpu import measure, share_within
from tests.bench.load import (
    SETUP_RATE,
    BenchError,
    Loaded,
    Progress,
    gateway_under_load,
    silent,
)
from tests.bench.subjects import gateway

HEAVY = {"complexity": 10}
PROBED = 20  # calls of which is taken how many a core carries
TIMES = 2

ROUND = 0.6  # seconds that those inside speak while a few more are placed
STEP = 0.05  # of what a core carries: as many are placed in a round
SETTLE = 2.0  # seconds of the load before it is measured
LISTEN = 5.0  # seconds
ATTEMPTS = 10  # calls placed meanwhile
AGAIN = 0.2  # seconds between two attempts once half of the calls have hung up
PATIENCE = 5.0  # seconds from the hang-up for one of them to be up


@dataclass(frozen=True)
class Crowd:
    """How one way of coming went.

    Attributes
    ----------
    offered, inside
        Calls that were placed, and those of them that are up.
    busy, failed
        Calls refused with `busy`, and what failed otherwise.
    to_trunk, to_browser
        Shares of what was sent that came out, once all were inside.
    lowest_to_trunk, lowest_to_browser
        Those of the call that got the least.
    ready
        Status of /readyz meanwhile.
    busy_meanwhile
        Of calls placed meanwhile, the share that was refused with `busy`.
    accepted_after
        Seconds from the hang-up of half the calls until another one is up; None for never.
    """

    offered: int
    inside: int
    busy: int
    failed: int
    to_trunk: float
    to_browser: float
    lowest_to_trunk: float
    lowest_to_browser: float
    ready: int
    busy_meanwhile: float
    accepted_after: float | None
    generator_cpu: float
    generator_late_p99_ms: float


@dataclass(frozen=True)
class Overload:
    """`carried` is how many calls the CPU of one is a core's share of."""

    carried: int
    in_a_row: Crowd
    at_once: Crowd


def run(*, carried: int | None = None, progress: Progress = silent) -> Overload:
    """Measure both; `carried` is found out, if None."""
    if carried is None:
        probe = measure(gateway(media=HEAVY), PROBED)
        carried = round(1000 / probe.cpu_ms)
    progress(f"a core carries {carried} calls")
    offered = TIMES * carried
    crowds = []
    for place in (partial(_place_in_a_row, step=max(1, round(STEP * carried))), _place_in_silence):
        with gateway_under_load(offered + ATTEMPTS, media=HEAVY) as loaded:
            callers = _Callers(loaded)
            place(callers, offered)
            crowds.append(_observe(callers, offered))
            progress(str(crowds[-1]))
    return Overload(carried, *crowds)


class _Speaker:
    """What one end says, over several runs of the player: its numbers and its clock go on."""

    def __init__(self, end: End) -> None:
        self.leg: Leg = end.leg
        self._ptime = end.coding.ptime / 1000
        self._count = 0
        payloads = encode_speech(end.coding)
        self._packet = rtp_packets(
            payloads,
            payload_type=end.payload_type,
            step=end.coding.step,
            ssrc=end.ssrc,
            first=secrets.randbelow(len(payloads)),
            sequence=secrets.randbits(16),
            timestamp=secrets.randbits(32),
            extension=end.extension,
        )

    def speak(self, seconds: float, offset: float) -> Stream:
        """Return the stream for the next run."""
        first, count = self._count, round(seconds / self._ptime)
        self._count += count
        departures = [number * self._ptime for number in range(count)]
        return Stream(self.leg, lambda number: self._packet(first + number), departures, offset)


class _Callers:
    """The calls that are inside, and how many are not."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.inside: dict[BenchCall, tuple[_Speaker, _Speaker]] = {}
        self.busy = 0
        self.failed = 0

    def admit(self, placed: Sequence[BenchCall]) -> int:
        """Take those that are up among the speakers, let the others go; return who was busy."""
        refused = [call for call in placed if not call.up]
        for call in placed:
            if call.up:
                browser, trunk = ends_of(call)
                if trunk is None:
                    raise ValueError("the calls must be answered here")
                self.inside[call] = _Speaker(browser), _Speaker(trunk)
        busy = sum((call.failure or "").endswith(" busy") for call in refused)
        self.loaded.bench.hang_up(refused)
        return busy

    def speak(
        self, seconds: float, *, keep: Collection[int] | None = (), marks: Sequence[Mark] = ()
    ) -> Recording:
        """Let everybody inside speak, both ways; browsers' legs and trunks' alternate.

        A call that has ended meanwhile, which none should, has failed.
        """
        for call in [call for call in self.inside if not call.up]:
            del self.inside[call]
            self.failed += 1
        pairs = list(self.inside.values())
        streams = [
            speaker.speak(seconds, number * 0.02 / len(pairs))
            for number, pair in enumerate(pairs)
            for speaker in pair
        ]
        legs = [stream.leg for stream in streams]
        return self.loaded.bench.play(
            legs, streams, keep=keep, tail=0.1 if streams else seconds, marks=marks
        )

    def hang_up_half(self) -> None:
        """End half of the calls while the others speak."""
        bench = self.loaded.bench
        ending = list(self.inside)[: len(self.inside) // 2]
        for call in ending:
            del self.inside[call]
            bench.calls.remove(call)
        wait = bench.begin(close_calls(ending))
        self.speak(ROUND)
        wait()


def _place_in_a_row(callers: _Callers, offered: int, *, step: int) -> None:
    bench, target = callers.loaded.bench, callers.loaded.target
    for first in range(0, offered, step):
        count = min(step, offered - first)
        wait = bench.begin_calls(target, count, count / ROUND)
        callers.speak(ROUND)
        _count(callers, wait())


def _place_in_silence(callers: _Callers, offered: int) -> None:
    _count(callers, callers.loaded.bench.call(callers.loaded.target, offered, SETUP_RATE))


def _count(callers: _Callers, placed: Sequence[BenchCall]) -> None:
    down = sum(not call.up for call in placed)
    busy = callers.admit(placed)
    callers.busy += busy
    callers.failed += down - busy


def _observe(callers: _Callers, offered: int) -> Crowd:
    bench, loaded = callers.loaded.bench, callers.loaded
    inside = len(callers.inside)
    if not inside:
        raise BenchError(f"of {offered} calls none is up")
    attempts: list[Callable[[], list[BenchCall]]] = []
    readiness: list[Callable[[], tuple[int, str]]] = []

    def attempt() -> None:
        attempts.append(bench.begin_calls(loaded.target, ATTEMPTS, ATTEMPTS / LISTEN))

    def ask() -> None:
        readiness.append(bench.begin(loaded.gateway.get("/readyz")))

    marks = [Mark(SETTLE, attempt), Mark(SETTLE + LISTEN / 2, ask)]
    recording = callers.speak(SETTLE + LISTEN, keep=None, marks=marks)
    up, down = _shares(recording, said=0), _shares(recording, said=1)
    refused = callers.admit(attempts[0]()) / ATTEMPTS
    status, _ = readiness[0]()
    began = perf_counter()
    callers.hang_up_half()
    return Crowd(
        offered=offered,
        inside=inside,
        busy=callers.busy,
        failed=callers.failed,
        to_trunk=float(up.mean()),
        to_browser=float(down.mean()),
        lowest_to_trunk=float(up.min()),
        lowest_to_browser=float(down.min()),
        ready=status,
        busy_meanwhile=refused,
        accepted_after=_until_accepted(callers, began),
        generator_cpu=recording.cpu / recording.elapsed,
        generator_late_p99_ms=float(np.percentile(recording.lateness, 99)) * 1e3,
    )


def _shares(recording: Recording, *, said: int) -> NDArray[np.float64]:
    """Return which share of what one end of each call sent came to the other.

    `said` is 0 for what browsers send, and 1 for what trunks do.
    """
    ends = range(0, len(recording.sent), 2)
    return np.array(
        [
            share_within(recording, end + said, end + 1 - said, SETTLE, SETTLE + LISTEN)
            for end in ends
        ]
    )


def _until_accepted(callers: _Callers, began: float) -> float | None:
    """Place one call after another while those inside speak; return when one is up."""
    bench, target = callers.loaded.bench, callers.loaded.target
    while perf_counter() - began < PATIENCE:
        wait = bench.begin_calls(target, 1, SETUP_RATE)
        callers.speak(AGAIN)
        (call,) = wait()
        if call.up:
            return call.times["answered"] - began
        callers.admit([call])
    return None
