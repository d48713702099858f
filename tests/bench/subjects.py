"""Who is measured: the gateway in its modes, another build of it, the peer.

All of them take calls and packets in the same way, and each has a fresh process for each time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.bench.load import End, ends_of
from gateway.bench.material import RATE, Coding
from gateway.bench.player import Leg, Mark, Recording, Stream, play
from gateway.bench.usage import read_usage
from gateway.media.parameters import MediaConfig
from tests.bench.load import GENERATOR_CORE, MEASURED_CORE, gateway_under_load, on_cores
from tests.bench.rtpengine import Mode, find_program, run_rtpengine
from tests.peers.process import TREE

# What our encoder does unless told otherwise, and what our answer asks of browsers
DEFAULTS = MediaConfig()

NARROWBAND = Coding("OPUS", bitrate=DEFAULTS.bitrate, rate=RATE)  # sent after our answer
FULLBAND = Coding("OPUS", bitrate=32000)  # what they send unasked
PCMU = Coding("PCMU")

BASELINE = "baseline"

TAIL = 0.2  # seconds that are listened to after the last departure


class Running(Protocol):
    """Something under measurement."""

    def make_ends(self, count: int) -> list[tuple[End, End | None]]:
        """Set calls up and return their ends."""
        ...

    def play(
        self,
        legs: Sequence[Leg],
        streams: Sequence[Stream],
        *,
        keep: Collection[int] = (),
        marks: Sequence[Mark] = (),
    ) -> Recording:
        """Send and receive, see `player.play`."""
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
class _Process:
    calls: Callable[[int], list[tuple[End, End | None]]]
    send: Callable[..., Recording]  # as `player.play`
    pid: int

    def make_ends(self, count: int) -> list[tuple[End, End | None]]:
        return self.calls(count)

    def play(
        self,
        legs: Sequence[Leg],
        streams: Sequence[Stream],
        *,
        keep: Collection[int] = (),
        marks: Sequence[Mark] = (),
    ) -> Recording:
        return self.send(legs, streams, keep=keep, marks=marks, tail=TAIL)

    def cpu_seconds(self) -> float:
        return read_usage(self.pid).cpu

    def resident(self) -> int:
        return read_usage(self.pid).resident


def gateway(
    name: str = "gateway",
    *,
    coding: Coding | None = None,
    media: Mapping[str, object] | None = None,
    codecs: Sequence[str] = ("PCMU",),
    tree: Path = TREE,
) -> Subject:
    """Return the gateway with these settings; browsers send `coding`, or what is asked for."""

    @contextmanager
    def run(calls: int) -> Iterator[Running]:
        with gateway_under_load(calls, media=media, codecs=codecs, tree=tree) as loaded:
            yield _Process(
                lambda count: [ends_of(each, coding=coding) for each in loaded.call(count)],
                loaded.bench.play,
                loaded.gateway.pid,
            )

    return Subject(name, run)


GATEWAY_MODES = (
    gateway(),
    gateway("gateway, fullband", coding=FULLBAND),
    gateway("gateway, passthrough", media={"codec": "passthrough"}),
    gateway("gateway, Opus relay", coding=FULLBAND, codecs=("opus",)),
)


def rtpengine(name: str, coding: Coding, *, mode: Mode, complexity: int | None = None) -> Subject:
    """Return rtpengine with browsers that send `coding`; its encoder's complexity, or its own."""

    @contextmanager
    def run(calls: int) -> Iterator[Running]:
        program = find_program()
        with (
            on_cores(GENERATOR_CORE),
            run_rtpengine(program, calls=calls, core=MEASURED_CORE) as engine,
        ):
            trunk = coding if mode is Mode.OPUS_RELAY else PCMU

            def make(count: int) -> list[tuple[End, End | None]]:
                made = engine.make_calls(count, mode, complexity=complexity)
                return [
                    (
                        End(each.browser, coding, each.payload_type),
                        End(each.trunk, trunk, each.trunk_payload_type),
                    )
                    for each in made
                ]

            yield _Process(make, play, engine.pid)

    return Subject(name, run)


PEER_MODES = (
    rtpengine("rtpengine, fullband", FULLBAND, mode=Mode.OPUS),
    rtpengine(
        "rtpengine, fullband, our complexity",
        FULLBAND,
        mode=Mode.OPUS,
        complexity=DEFAULTS.complexity,
    ),
    rtpengine("rtpengine, narrowband", NARROWBAND, mode=Mode.OPUS),
    rtpengine("rtpengine, passthrough", PCMU, mode=Mode.PCMU),
    rtpengine("rtpengine, Opus relay", FULLBAND, mode=Mode.OPUS_RELAY),
)
