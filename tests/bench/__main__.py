"""`python -m tests.bench`: the benchmarks one after the other, tables, JSON, plots, goals."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar

import pytest
from playwright.async_api import Error as ChromiumError

from tests.bench import (
    attack,
    clicking,
    cpu,
    distribution,
    latency,
    overload,
    quality,
    reloading,
    resuming,
    setup,
    sip,
    sockets,
    subjects,
    surge,
    threads,
    tokens,
    tradeoff,
)
from tests.bench.goals import (
    clicking_goals,
    cpu_goals,
    latency_goals,
    overload_goals,
    quality_goals,
    reloading_goals,
    resuming_goals,
    setup_goals,
    sip_goals,
    sockets_goals,
    surge_goals,
    threads_goals,
    tokens_goals,
)
from tests.bench.load import BenchError, Progress
from tests.bench.plot import Labels, draw_distribution, draw_lines
from tests.bench.report import (
    RESULTS,
    Goal,
    Table,
    goals_table,
    render_table,
    write_json,
)
from tests.bench.rtpengine import RtpengineError
from tests.bench.scores import Scorer
from tests.bench.speech import SpeechError, load_speech
from tests.bench.tables import (
    cpu_curves,
    cpu_tables,
    latency_tables,
    overload_tables,
    quality_curves,
    quality_tables,
    setup_tables,
    sip_tables,
    sockets_tables,
    surge_tables,
    threads_tables,
    tokens_tables,
    tradeoff_tables,
)
from tests.peers.browser import BrowserError
from tests.peers.process import TREE, PeerError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# What is not installed would skip a test
FAILURES = (
    *(BenchError, PeerError, RtpengineError, SpeechError),
    *(BrowserError, ChromiumError, TimeoutError, pytest.skip.Exception, pytest.fail.Exception),
)


@dataclass(frozen=True)
class Settings:
    """How thorough to be, and beside whom; `calls` are those of the comparison of CPU."""

    runs: int
    quick: bool
    peers: bool
    calls: int
    baseline: Path | None


@dataclass
class Outcome:
    """What a benchmark gives: its data as it is written, and how it is shown."""

    data: object
    tables: list[Table]
    goals: list[Goal] = field(default_factory=list)
    plots: list[Path] = field(default_factory=list)


def _tradeoff(settings: Settings, progress: Progress) -> Outcome:
    speech = load_speech().spread(4 if settings.quick else 8)
    with Scorer() as scorer:
        result = tradeoff.run(speech, scorer, runs=settings.runs, progress=progress)
    return Outcome(result, tradeoff_tables(result))


def _cpu(settings: Settings, progress: Progress) -> Outcome:
    ours, theirs = subjects.GATEWAY_MODES, subjects.PEER_MODES if settings.peers else ()
    lone = [ours[0]]
    if settings.baseline is not None:
        lone.append(subjects.gateway(subjects.BASELINE, tree=settings.baseline))
    result = cpu.run(
        calls=settings.calls,
        subjects=(*ours, *lone[1:], *theirs),
        grown=(*ours[:1], *theirs[:1]),
        lone=lone,
        shares=cpu.SHARES[::2] if settings.quick else cpu.SHARES,
        runs=settings.runs,
        progress=progress,
    )
    plots = draw_lines(
        "cpu",
        cpu_curves(result),
        Labels("CPU per call", "calls at a time", "ms of a core per call and second"),
        y_range=(0, None),
    )
    return Outcome(result, cpu_tables(result), cpu_goals(result), plots)


def _threads(settings: Settings, progress: Progress) -> Outcome:
    step = 1.4 if settings.quick else threads.STEP
    results = [threads.run(step=step, progress=progress) for _ in range(settings.runs)]
    return Outcome(results, threads_tables(results), threads_goals(results))


def _latency(settings: Settings, progress: Progress) -> Outcome:
    results = [latency.run(progress=progress) for _ in range(settings.runs)]
    delays = distribution.run(peers=settings.peers, progress=progress)
    plots = draw_distribution(
        "latency",
        delays,
        [float(share) for share in distribution.SHARES],
        Labels(
            f"Added latency, {latency.CALLS} calls",
            "ms beyond the codec's own delay",
            "% of packets",
        ),
        x_range=(-2, 60),
    )
    data = {"runs": results, "distribution": delays}
    return Outcome(data, latency_tables(results), latency_goals(results), plots)


class _Run(Protocol[T_co]):
    """Measure with the sources of a tree."""

    def __call__(self, *, tree: Path = TREE, progress: Progress) -> T_co: ...


def _with_baseline(run: _Run[T], settings: Settings, progress: Progress) -> tuple[list[T], list[T]]:
    """Measure this tree and the baseline, if there is one, in turn."""
    results: list[T] = []
    baselines: list[T] = []
    for _ in range(settings.runs):
        results.append(run(progress=progress))
        if settings.baseline is not None:
            progress("the baseline")
            baselines.append(run(tree=settings.baseline, progress=progress))
    return results, baselines


def _setup(settings: Settings, progress: Progress) -> Outcome:
    results, baselines = _with_baseline(setup.run, settings, progress)
    return Outcome(
        {"runs": results, "baseline": baselines},
        setup_tables(results, baselines),
        setup_goals(results, baselines),
    )


def _sip(settings: Settings, progress: Progress) -> Outcome:
    results, baselines = _with_baseline(sip.run, settings, progress)
    return Outcome(
        {"runs": results, "baseline": baselines},
        sip_tables(results, baselines),
        sip_goals(results, baselines),
    )


def _surge(settings: Settings, progress: Progress) -> Outcome:
    seconds = surge.SECONDS / 3 if settings.quick else surge.SECONDS
    results = [surge.run(seconds=seconds, progress=progress) for _ in range(settings.runs)]
    return Outcome(results, surge_tables(results), surge_goals(results))


def _sockets(settings: Settings, progress: Progress) -> Outcome:
    results, baselines = _with_baseline(sockets.run, settings, progress)
    return Outcome(
        {"runs": results, "baseline": baselines},
        sockets_tables(results, baselines),
        sockets_goals(results, baselines),
    )


def _tokens(settings: Settings, progress: Progress) -> Outcome:
    # Without a baseline: versions before knew no tokens
    results = [tokens.run(progress=progress) for _ in range(settings.runs)]
    return Outcome(results, tokens_tables(results), tokens_goals(results))


def _overload(settings: Settings, progress: Progress) -> Outcome:
    # Once: what is asked is how the gateway behaves, and not how much of it
    result = overload.run(progress=progress)
    return Outcome(result, overload_tables(result), overload_goals(result))


def _clicking(settings: Settings, progress: Progress) -> Outcome:
    before = {} if settings.baseline is None else {"baseline": settings.baseline / clicking.SDK}
    pages = settings.runs * clicking.PAGES
    times = asyncio.run(clicking.run(before, pages=pages, progress=progress))
    return Outcome(times, [clicking.clicking_table(times)], clicking_goals(times))


def _reloading(settings: Settings, progress: Progress) -> Outcome:
    # Once: each reload is a run of its own
    count = reloading.COUNT // 2 if settings.quick else reloading.COUNT
    times = asyncio.run(reloading.run(count, progress=progress))
    return Outcome(times, [reloading.reloading_table(times)], reloading_goals(times))


def _resuming(settings: Settings, progress: Progress) -> Outcome:
    results = [asyncio.run(resuming.run()) for _ in range(settings.runs)]
    took = [each for result in results for each in result]
    return Outcome(results, [resuming.resuming_table(took)], resuming_goals(took))


def _attack(settings: Settings, progress: Progress) -> Outcome:
    rounds = [attack.run(progress=progress) for _ in range(settings.runs)]
    found = attack.lines(rounds)
    return Outcome(rounds, [attack.attack_table(found)], attack.attack_goals(found))


def _quality(settings: Settings, progress: Progress) -> Outcome:
    speech = load_speech().spread(8) if settings.quick else load_speech()
    conditions = quality.QUICK if settings.quick else tuple(quality.CONDITIONS)
    with Scorer() as scorer:
        results = quality.run(
            speech, scorer, conditions=conditions, peers=settings.peers, progress=progress
        )
    plots = draw_lines(
        "quality",
        quality_curves(results),
        Labels("What the trunk hears", "random loss on the browser's network, %", "PESQ-NB"),
        y_range=(1, 4.5),
    )
    return Outcome(results, quality_tables(results), quality_goals(results), plots)


BENCHES: dict[str, Callable[[Settings, Progress], Outcome]] = {
    "tradeoff": _tradeoff,
    "cpu": _cpu,
    "threads": _threads,
    "latency": _latency,
    "setup": _setup,
    "sip": _sip,
    "surge": _surge,
    "sockets": _sockets,
    "tokens": _tokens,
    "overload": _overload,
    "attack": _attack,
    "clicking": _clicking,
    "reloading": _reloading,
    "resuming": _resuming,
    "quality": _quality,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 1 if one could not be run. A missed goal is a result, no failure."""
    options = _parse(arguments)
    settings = Settings(
        1 if options.quick else options.runs,
        options.quick,
        options.peers,
        options.calls,
        options.baseline,
    )
    goals: list[Goal] = []
    failed = 0
    for name in options.names or BENCHES:
        began = monotonic()
        _progress(f"{name} …")
        try:
            outcome = BENCHES[name](settings, lambda line: _progress(f"  {line}"))
        except FAILURES as error:
            _progress(f"{name} could not be run: {error}")
            failed += 1
            continue
        goals += outcome.goals
        files = [write_json(name, _with_circumstances(outcome.data, settings)), *outcome.plots]
        print("\n" + "\n".join(map(render_table, outcome.tables)))
        _progress(f"{name}: {monotonic() - began:.0f} s; {', '.join(map(_shorten, files))}")
    if goals:
        print("\n" + render_table(goals_table(goals)))
        write_json("goals", [{**vars(goal), "met": goal.met} for goal in goals])
    return min(failed, 1)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="one run, fewer calls: a first look")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median is taken")
    parser.add_argument(
        "--calls", type=int, default=cpu.CALLS, help="calls at a time of the comparison of CPU"
    )
    parser.add_argument(
        "--baseline",
        type=_tree,
        metavar="DIR",
        help="sources of another version, measured in the same run: "
        "cpu, setup, sip, sockets, clicking",
    )
    parser.add_argument("--peers", action="store_true", help="measure rtpengine in the same run")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f"{', '.join(unknown)}: it must be some of {', '.join(BENCHES)}")
    if options.runs < 1:
        parser.error(f"{options.runs} runs: there is at least one")
    if options.calls < 1:
        parser.error(f"{options.calls} calls: there is at least one")
    return options


def _tree(text: str) -> Path:
    tree = Path(text).resolve()
    if not (tree / "gateway" / "__main__.py").is_file():
        raise argparse.ArgumentTypeError(f"{text!r} holds no sources of the gateway")
    return tree


def _with_circumstances(data: object, settings: Settings) -> dict[str, object]:
    """Add what a figure means nothing without."""
    return {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "settings": settings,
        "result": data,
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _shorten(file: Path) -> str:
    return str(file.relative_to(RESULTS.parents[2]))


if __name__ == "__main__":
    sys.exit(main())
