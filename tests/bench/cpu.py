"""What a call costs: CPU time per call and second, for the gateway and its peers.

In turn, in one run, on the same speech: the gateway in its modes, peers, and libopus alone, which
is the floor that nobody who transcodes can be below. Each measurement has a fresh process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import product
from time import process_time, sleep
from typing import Protocol

import numpy as np

from gateway.bench.load import CallLoad, End, Load, ends_of, make_load
from gateway.bench.material import RATE, Coding, Samples, encode, speech
from gateway.bench.player import Leg, Mark, Recording, Stream, play
from gateway.bench.usage import read_usage
from gateway.media.parameters import MediaConfig
from tests.bench.load import (
    GENERATOR_CORE,
    MEASURED_CORE,
    Figure,
    Progress,
    figure,
    gateway_under_load,
    on_core,
    silent,
)
from tests.bench.rtpengine import Mode, find_program, run_rtpengine
from voice.opus import OpusDecoder, OpusEncoder

WARM_UP = 2.0  # seconds of the load before the window
WINDOW = 5.0  # seconds
FRAMES_PER_SECOND = 50

# What our encoder does unless told otherwise, and what our answer asks of browsers
DEFAULTS = MediaConfig()

NARROWBAND = Coding("OPUS", bitrate=DEFAULTS.bitrate, rate=RATE)  # sent after our answer
FULLBAND = Coding("OPUS", bitrate=32000)  # what they send unasked
PCMU = Coding("PCMU")


class Running(Protocol):
    """Something under measurement."""

    def make_ends(self, count: int) -> list[tuple[End, End | None]]:
        """Set calls up and return their ends."""
        ...

    def play(
        self, legs: Sequence[Leg], streams: Sequence[Stream], marks: Sequence[Mark]
    ) -> Recording:
        """Send and receive, keeping nothing."""
        ...

    def cpu_seconds(self) -> float:
        """Return what it has spent so far."""
        ...

    def resident(self) -> int:
        """Return its memory in bytes."""
        ...


@dataclass(frozen=True)
class Subject:
    """Who is measured, and in which mode; `run` starts it with room for so many calls."""

    name: str
    run: Callable[[int], AbstractContextManager[Running]]


@dataclass(frozen=True)
class Row:
    """Milliseconds of CPU per call and second, shares of what should have come at either end."""

    subject: str
    calls: int
    cpu_ms: Figure
    to_trunk: Figure
    to_browser: Figure
    resident_mb: Figure
    generator_cpu: Figure
    generator_late_p99_ms: Figure

    @property
    def calls_per_core(self) -> float:
        return 1000 / self.cpu_ms.median


@dataclass(frozen=True)
class Cpu:
    """All that was measured.

    `floor_ms` is libopus alone, by what the browser sends; `idle_ms` the CPU of a gateway without
    calls per second; `memory_kb` what a call adds to the gateway's memory.
    """

    rows: list[Row]
    floor_ms: dict[str, Figure]
    idle_ms: Figure
    memory_kb: dict[str, float] = field(default_factory=dict)


# The gateway


@dataclass(frozen=True)
class _Process:
    calls: Callable[[int], list[tuple[End, End | None]]]
    send: Callable[[Sequence[Leg], Sequence[Stream], Sequence[Mark]], Recording]
    pid: int

    def make_ends(self, count: int) -> list[tuple[End, End | None]]:
        return self.calls(count)

    def play(
        self, legs: Sequence[Leg], streams: Sequence[Stream], marks: Sequence[Mark]
    ) -> Recording:
        return self.send(legs, streams, marks)

    def cpu_seconds(self) -> float:
        return read_usage(self.pid).cpu

    def resident(self) -> int:
        return read_usage(self.pid).resident


def gateway(
    name: str = "gateway",
    *,
    coding: Coding | None = None,
    media: Mapping[str, object] | None = None,
) -> Subject:
    """Return the gateway with these settings; browsers send `coding`, or what is asked for."""

    @contextmanager
    def run(calls: int) -> Iterator[Running]:
        with gateway_under_load(calls, media=media) as loaded:
            yield _Process(
                lambda count: [ends_of(each, coding=coding) for each in loaded.call(count)],
                lambda legs, streams, marks: loaded.bench.play(
                    legs, streams, keep=(), marks=marks, tail=0.2
                ),
                loaded.gateway.pid,
            )

    return Subject(name, run)


GATEWAY_MODES = (
    gateway(),
    gateway("gateway, fullband", coding=FULLBAND),
    gateway("gateway, passthrough", media={"codec": "passthrough"}),
)


# The peer


def rtpengine(name: str, coding: Coding) -> Subject:
    """Return rtpengine with browsers that send `coding`."""

    @contextmanager
    def run(calls: int) -> Iterator[Running]:
        program = find_program()
        with (
            on_core(GENERATOR_CORE),
            run_rtpengine(program, calls=calls, core=MEASURED_CORE) as engine,
        ):
            mode = Mode.OPUS if coding.codec == "OPUS" else Mode.PCMU

            def make(count: int) -> list[tuple[End, End | None]]:
                made = engine.make_calls(count, mode)
                return [
                    (End(each.browser, coding, each.payload_type), End(each.trunk, PCMU, 0))
                    for each in made
                ]

            yield _Process(
                make,
                lambda legs, streams, marks: play(legs, streams, keep=(), marks=marks, tail=0.2),
                engine.pid,
            )

    return Subject(name, run)


PEER_MODES = (
    rtpengine("rtpengine, fullband", FULLBAND),
    rtpengine("rtpengine, narrowband", NARROWBAND),
    rtpengine("rtpengine, passthrough", PCMU),
)


# The measurement


@dataclass(frozen=True)
class _Once:
    cpu_ms: float
    to_trunk: float
    to_browser: float
    resident_mb: float
    generator_cpu: float
    generator_late_p99_ms: float


def run(
    *,
    calls: Sequence[int] = (20, 100),
    subjects: Sequence[Subject] = GATEWAY_MODES[:1],
    runs: int = 3,
    window: float = WINDOW,
    sound: Samples | None = None,
    progress: Progress = silent,
) -> Cpu:
    """Measure all subjects with each number of calls, in turn, `runs` times.

    `sound` is what is said, int16 at 8 kHz; the generator's own speech, if None.
    """
    taken: dict[tuple[str, int], list[_Once]] = {}
    floors: dict[str, list[float]] = {}
    idle: list[float] = []
    said = speech() if sound is None else sound
    for _ in range(runs):
        for subject, count in product(subjects, calls):
            once = _measure(subject, count, window, sound)
            taken.setdefault((subject.name, count), []).append(once)
            progress(f"{subject.name}, {count} calls: {once.cpu_ms:.2f} ms per call and second")
        for name, coding in (("narrowband", NARROWBAND), ("fullband", FULLBAND)):
            floors.setdefault(name, []).append(_floor(coding, said))
        idle.append(_idle(window))
    rows = [_row(name, count, each) for (name, count), each in taken.items()]
    return Cpu(
        rows,
        {name: figure(values) for name, values in floors.items()},
        figure(idle),
        _memory(rows),
    )


def _measure(subject: Subject, count: int, window: float, sound: Samples | None) -> _Once:
    with subject.run(count) as running:
        ends = running.make_ends(count)
        load = make_load(ends, seconds=WARM_UP + window, sound=sound)
        spent: list[float] = []

        def note() -> None:
            spent.append(running.cpu_seconds())

        marks = [Mark(WARM_UP, note), Mark(WARM_UP + window, note)]
        recording = running.play(load.legs, load.streams, marks)
        return _Once(
            cpu_ms=(spent[1] - spent[0]) * 1e3 / window / count,
            to_trunk=_share(load, recording, up=True),
            to_browser=_share(load, recording, up=False),
            resident_mb=running.resident() / 1e6,
            generator_cpu=recording.cpu / recording.elapsed,
            generator_late_p99_ms=float(np.percentile(recording.lateness, 99)) * 1e3,
        )


def _share(load: Load, recording: Recording, *, up: bool) -> float:
    """Return which share of what was sent one way came out."""

    def legs(call: CallLoad) -> tuple[int, int]:
        down = call.down or call.up
        return (call.up.stream, down.leg) if up else (down.stream, call.up.leg)

    pairs = [legs(call) for call in load.calls]
    sent = sum(int(np.count_nonzero(recording.sent[stream])) for stream, _ in pairs)
    return sum(recording.received[leg].packets for _, leg in pairs) / max(sent, 1)


def _floor(coding: Coding, sound: Samples) -> float:
    """Return libopus's own milliseconds per call and second, both directions, on the same core."""
    payloads = encode(sound, coding)
    frames = sound.reshape(-1, RATE // FRAMES_PER_SECOND)
    out = np.zeros(RATE // FRAMES_PER_SECOND, np.int16)
    with (
        on_core(MEASURED_CORE),
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


def _idle(window: float) -> float:
    """Return the milliseconds that a gateway without calls spends in a second."""
    with gateway_under_load(10) as loaded:
        sleep(1.0)  # what the start leaves to be done
        before = loaded.usage().cpu
        sleep(window)
        return (loaded.usage().cpu - before) * 1e3 / window


def _row(name: str, count: int, taken: Sequence[_Once]) -> Row:
    def over(what: str) -> Figure:
        return figure([getattr(each, what) for each in taken])

    return Row(
        name,
        count,
        over("cpu_ms"),
        over("to_trunk"),
        over("to_browser"),
        over("resident_mb"),
        over("generator_cpu"),
        over("generator_late_p99_ms"),
    )


def _memory(rows: Sequence[Row]) -> dict[str, float]:
    """Return what one call more adds, in kB: between the fewest and the most calls measured."""
    grown = {}
    for name in {row.subject for row in rows}:
        mine = sorted((row for row in rows if row.subject == name), key=lambda row: row.calls)
        few, many = mine[0], mine[-1]
        if few.calls < many.calls:
            more = many.resident_mb.median - few.resident_mb.median
            grown[name] = more * 1e3 / (many.calls - few.calls)
    return grown
