"""How many calls two media threads carry, beside one.

The gateway may use all cores, and the generator shares them: it stays on one. Our encoder's
complexity is 10, so that a call costs the gateway much more than the generator. A load is carried
if nearly all packets come out; from a load that one thread carries by far, calls are added by
steps, for each number of threads, until that is so no more.

On two hyperthreads of one core this says little of two cores: each is slower while the other one
works, and the generator takes its part. So the share of its time that the busiest thread works is
noted as well, among as many calls: by it the gateway decides whether one more call fits in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from gateway.bench.load import End, ends_of
from gateway.bench.player import Leg, Mark, Recording, Stream
from tests.bench.cpu import Once, measure_running
from tests.bench.load import (
    CORES,
    BenchError,
    Figure,
    Loaded,
    Progress,
    figure,
    gateway_under_load,
    silent,
)
from tests.bench.subjects import TAIL

COMPLEXITY = 10
PROBED = 20  # calls of which is taken how many a thread carries
BEGIN = 0.7  # of that: where the steps begin
STEP = 1.15
LIMIT = 3.0  # of that: where they end in any case
CARRIED = 0.99  # share of the packets each way
WINDOW = 4.0  # seconds


@dataclass(frozen=True)
class Rung:
    """One load; `busiest` is the share of its time that the busiest media thread works."""

    threads: int
    calls: int
    once: Once
    busiest: float

    @property
    def carried(self) -> bool:
        return min(self.once.to_trunk, self.once.to_browser) >= CARRIED


@dataclass(frozen=True)
class Threads:
    """`carried` is the highest number of calls by the number of threads; 0 where none was."""

    cores: int
    rungs: list[Rung]
    carried: dict[int, int]

    @property
    def relief(self) -> float | None:
        """How many times less the busiest of two threads works, among the most calls of both."""
        one, two = (
            {rung.calls: rung.busiest for rung in self.rungs if rung.threads == n and rung.carried}
            for n in (1, 2)
        )
        most = max(one.keys() & two.keys(), default=0)
        return one[most] / two[most] if most and two[most] else None


def run(
    *,
    begin: int | None = None,
    step: float = STEP,
    limit: int | None = None,
    window: float = WINDOW,
    progress: Progress = silent,
) -> Threads:
    """Climb with one thread and with two; `begin` and `limit` are calls, and found out if None."""
    if begin is None or limit is None:
        probe = _measure(1, PROBED, window)
        one = 1000 / probe.once.cpu_ms
        begin, limit = begin or round(BEGIN * one), limit or round(LIMIT * one)
    rungs: list[Rung] = []
    carried: dict[int, int] = {}
    for threads in (1, 2):

        def try_load(calls: int, threads: int = threads) -> bool:
            try:
                rung = _measure(threads, calls, window)
            except BenchError as error:  # no call is taken any more
                progress(f"{threads} threads, {calls} calls: {error}")
                return False
            rungs.append(rung)
            progress(f"{threads} threads, {calls} calls: {rung.once}, busiest {rung.busiest:.2f}")
            return rung.carried

        # What one thread carries two do, too: their climb begins there
        carried[threads] = climb(try_load, carried.get(1) or begin, step, limit)
    return Threads(len(CORES), rungs, carried)


def climb(carries: Callable[[int], bool], begin: int, step: float, limit: int) -> int:
    """Return the highest number that is carried, from `begin` on by steps; 0 if none is."""
    highest, number = 0, begin
    while number <= limit and carries(number):
        highest, number = number, max(number + 1, round(number * step))
    return highest


def figures(results: Sequence[Threads]) -> dict[int, Figure]:
    """Return how many calls were carried, by the number of threads."""
    return {n: figure([float(each.carried[n]) for each in results]) for n in (1, 2)}


def _measure(threads: int, calls: int, window: float) -> Rung:
    media = {"threads": threads, "complexity": COMPLEXITY}
    with gateway_under_load(calls, media=media, cores=CORES) as loaded:
        running = _Running(loaded)
        once = measure_running(running, calls, window=window)
        return Rung(threads, calls, once, running.busiest)


class _Running:
    """The gateway as what is measured; its threads' load is read when the last packet has left."""

    def __init__(self, loaded: Loaded) -> None:
        self.busiest = 0.0
        self._loaded = loaded

    def make_ends(self, count: int) -> list[tuple[End, End | None]]:
        return [ends_of(each) for each in self._loaded.call(count)]

    def play(
        self,
        legs: Sequence[Leg],
        streams: Sequence[Stream],
        *,
        keep: Collection[int] = (),
        marks: Sequence[Mark] = (),
    ) -> Recording:
        end = Mark(max(mark.at for mark in marks), self._read_load)
        return self._loaded.bench.play(legs, streams, keep=keep, marks=[*marks, end], tail=TAIL)

    def cpu_seconds(self) -> float:
        return self._loaded.usage().cpu

    def resident(self) -> int:
        return self._loaded.usage().resident

    def _read_load(self) -> None:
        metrics = self._loaded.bench.run(self._loaded.gateway.metrics())
        self.busiest = metrics["gateway_media_load"]
