"""What a call costs: CPU time per call and second, for the gateway, a baseline and the peer.

In turn, in one run, on the same speech: the gateway in its modes, others, and libopus alone, which
is the floor that nobody who transcodes can be below. Each measurement has a fresh process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import process_time, sleep

import numpy as np

from gateway.bench.load import CallLoad, Load, make_load
from gateway.bench.material import RATE, Coding, Samples, encode, speech
from gateway.bench.player import Mark, Recording
from tests.bench.load import MEASURED_CORE, Figure, Progress, figure, on_cores, silent
from tests.bench.subjects import DEFAULTS, FULLBAND, GATEWAY_MODES, NARROWBAND, Running, Subject
from voice.opus import OpusDecoder, OpusEncoder

CALLS = 40  # what rtpengine carries without loss on a core of a slow machine
WARM_UP = 2.0  # seconds of the load before the window
WINDOW = 5.0  # seconds
FRAMES_PER_SECOND = 50
COUNTED = 20  # calls of which the packets are counted that come out

# How much a call costs among how many: so many, or what a core carries with some room to spare
MOST = 200
SHARES = (0.25, 0.5, 1.0)
ROOM = 0.8

FEW, MANY = 20, 120  # calls between which memory grows
TALK = 2.0  # seconds that they speak before memory is read


@dataclass(frozen=True)
class Row:
    """Milliseconds of CPU per call and second, shares of what should have come at either end."""

    subject: str
    calls: int
    cpu_ms: Figure
    to_trunk: Figure
    to_browser: Figure
    generator_cpu: Figure
    generator_late_p99_ms: Figure

    @property
    def calls_per_core(self) -> float:
        return 1000 / self.cpu_ms.median


@dataclass(frozen=True)
class Footprint:
    """What a process takes by itself: shares of a core in per cent, memory in kB.

    `alone` is with a single call; `memory_kb` is what one call adds.
    """

    idle: Figure
    alone: Figure
    memory_kb: Figure


@dataclass(frozen=True)
class Cpu:
    """All that was measured.

    Attributes
    ----------
    calls
        How many there were in the comparison.
    rows
        The comparison of all subjects, and for some what a call costs among more and fewer.
    floor_ms
        libopus alone, by what the browser sends.
    footprints
        By the subject's name.
    """

    calls: int
    rows: list[Row]
    floor_ms: dict[str, Figure]
    footprints: dict[str, Footprint] = field(default_factory=dict)


@dataclass(frozen=True)
class Once:
    """One measurement: what `Row` has the figures of."""

    cpu_ms: float
    to_trunk: float
    to_browser: float
    generator_cpu: float
    generator_late_p99_ms: float


def run(
    *,
    calls: int = CALLS,
    subjects: Sequence[Subject] = GATEWAY_MODES[:1],
    grown: Sequence[Subject] = (),
    lone: Sequence[Subject] = (),
    shares: Sequence[float] = SHARES,
    runs: int = 3,
    window: float = WINDOW,
    sound: Samples | None = None,
    progress: Progress = silent,
) -> Cpu:
    """Measure everything in turn, `runs` times.

    Parameters
    ----------
    calls
        How many at a time are compared.
    subjects
        Who is compared.
    grown
        Of whom the cost of a call is measured among several numbers of them.
    lone
        Of whom the footprint is measured.
    shares
        The numbers of calls for `grown`, as shares of the most.
    sound
        What is said, int16 at 8 kHz; the generator's own speech, if None.
    """
    taken = _Taken(window, sound, progress)
    said = speech() if sound is None else sound
    for _ in range(runs):
        first = {subject.name: taken.measure(subject, calls) for subject in subjects}
        for subject in grown:
            for count in taken.counts(subject, first.get(subject.name), shares):
                taken.measure(subject, count)
        for name, coding in (("narrowband", NARROWBAND), ("fullband", FULLBAND)):
            taken.floors.setdefault(name, []).append(_floor(coding, said))
        for subject in lone:
            taken.measure_footprint(subject)
    return Cpu(
        calls,
        [_row(name, count, each) for (name, count), each in taken.onces.items()],
        {name: figure(values) for name, values in taken.floors.items()},
        {
            name: Footprint(*(figure(column) for column in zip(*values, strict=True)))
            for name, values in taken.footprints.items()
        },
    )


@dataclass
class _Taken:
    """What all runs have measured so far, by the subject's name."""

    window: float
    sound: Samples | None
    progress: Progress
    onces: dict[tuple[str, int], list[Once]] = field(default_factory=dict)
    floors: dict[str, list[float]] = field(default_factory=dict)
    footprints: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)
    _grown: dict[str, list[int]] = field(default_factory=dict)

    def measure(self, subject: Subject, count: int) -> Once:
        once = measure(subject, count, window=self.window, sound=self.sound)
        self.onces.setdefault((subject.name, count), []).append(once)
        self.progress(f"{subject.name}, {count} calls: {once.cpu_ms:.2f} ms per call and second")
        return once

    def measure_footprint(self, subject: Subject) -> None:
        footprint = _footprint(subject, self.window, self.sound)
        self.footprints.setdefault(subject.name, []).append(footprint)
        self.progress(
            "{}: idle {:.1f} %, one call {:.1f} %, {:.0f} kB".format(subject.name, *footprint)
        )

    def counts(self, subject: Subject, once: Once | None, shares: Sequence[float]) -> list[int]:
        """Return how many calls at a time to grow through, the same in each run."""
        return self._grown.setdefault(subject.name, _counts(once, shares))


def _counts(once: Once | None, shares: Sequence[float]) -> list[int]:
    """Return how many calls at a time to grow through, as many as a core carries at most."""
    most = MOST if once is None else min(MOST, round(ROOM * 1000 / once.cpu_ms))
    return [max(1, round(most * share)) for share in shares]


def measure(
    subject: Subject, count: int, *, window: float = WINDOW, sound: Samples | None = None
) -> Once:
    """Measure a subject once, with so many calls."""
    with subject.run(count) as running:
        return measure_running(running, count, window=window, sound=sound)


def measure_running(
    running: Running, count: int, *, window: float = WINDOW, sound: Samples | None = None
) -> Once:
    """Set up so many calls at what runs already, and measure them."""
    load = make_load(running.make_ends(count), seconds=WARM_UP + window, sound=sound)
    spent: list[float] = []

    def note() -> None:
        spent.append(running.cpu_seconds())

    marks = [Mark(WARM_UP, note), Mark(WARM_UP + window, note)]
    kept = set(load.legs_of(COUNTED))
    recording = running.play(load.legs, load.streams, keep=kept, marks=marks)
    return Once(
        cpu_ms=(spent[1] - spent[0]) * 1e3 / window / count,
        to_trunk=_share(load, recording, window, up=True),
        to_browser=_share(load, recording, window, up=False),
        generator_cpu=recording.cpu / recording.elapsed,
        generator_late_p99_ms=float(np.percentile(recording.lateness, 99)) * 1e3,
    )


def _share(load: Load, recording: Recording, window: float, *, up: bool) -> float:
    """Return which share of what was sent one way in the window came out in it."""

    def pair(call: CallLoad) -> tuple[int, int]:
        down = call.down or call.up
        return (call.up.stream, down.leg) if up else (down.stream, call.up.leg)

    pairs = [pair(call) for call in load.calls if recording.arrivals[call.up.leg]]
    shares = [share_within(recording, *each, WARM_UP, WARM_UP + window) for each in pairs]
    return float(np.mean(shares)) if shares else 0.0


def share_within(recording: Recording, stream: int, leg: int, begin: float, end: float) -> float:
    """Return how many packets came to a leg, as a share of those that a stream has sent.

    Both from `begin` to `end` alone, in seconds: before and after it, a steady clock sends silence.
    """
    first, last = (recording.start + round(at * 1e9) for at in (begin, end))
    sent = recording.sent[stream]
    came = sum(first <= at < last for at, _ in recording.arrivals[leg])
    return came / max(int(np.count_nonzero((sent >= first) & (sent < last))), 1)


def _floor(coding: Coding, sound: Samples) -> float:
    """Return libopus's own milliseconds per call and second, both directions, on the same core."""
    payloads = encode(sound, coding)
    frames = sound.reshape(-1, RATE // FRAMES_PER_SECOND)
    out = np.zeros(RATE // FRAMES_PER_SECOND, np.int16)
    with (
        on_cores(MEASURED_CORE),
        OpusDecoder(RATE) as decoder,
        OpusEncoder(RATE, bitrate=DEFAULTS.bitrate, complexity=DEFAULTS.complexity) as encoder,
    ):
        for timed in (False, True):  # the first time round fills the caches
            began = process_time()
            for payload, frame in zip(payloads, frames, strict=True):
                decoder.decode(payload, out)
                encoder.encode(frame)
            spent = process_time() - began
            if timed:
                break
    return spent * 1e3 * FRAMES_PER_SECOND / len(payloads)


def _footprint(
    subject: Subject, window: float, sound: Samples | None
) -> tuple[float, float, float]:
    """Return what `Footprint` has the figures of."""
    with subject.run(FEW + MANY) as running:
        sleep(1.0)  # what the start leaves to be done
        before = running.cpu_seconds()
        sleep(window)
        idle = (running.cpu_seconds() - before) / window
        alone = measure_running(running, 1, window=window, sound=sound).cpu_ms / 1e3
        resident = [_resident_after(running, count, sound) for count in (FEW - 1, MANY - FEW)]
        return idle * 100, alone * 100, (resident[1] - resident[0]) / 1e3 / (MANY - FEW)


def _resident_after(running: Running, count: int, sound: Samples | None) -> int:
    """Return the memory of a process, in bytes, once so many calls more have spoken."""
    load = make_load(running.make_ends(count), seconds=TALK, sound=sound)
    running.play(load.legs, load.streams)
    return running.resident()


def _row(name: str, count: int, taken: Sequence[Once]) -> Row:
    def over(what: str) -> Figure:
        return figure([getattr(each, what) for each in taken])

    return Row(
        name,
        count,
        over("cpu_ms"),
        over("to_trunk"),
        over("to_browser"),
        over("generator_cpu"),
        over("generator_late_p99_ms"),
    )
