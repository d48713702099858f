"""One run from the first INVITE to the last BYE, and the report of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gateway.bench.calls import BenchCall, Target, failures
from gateway.bench.load import ends_of, make_load
from gateway.bench.material import BROWSER_DEFAULT, Coding
from gateway.bench.measure import Way, measure_down, measure_up, percentile
from gateway.bench.player import Mark
from gateway.bench.schedule import CLEAN, Impairment
from gateway.bench.session import Bench
from gateway.bench.usage import Usage, read_usage
from gateway.trunk import SipAddress

# Calls of which every packet is kept and looked at; of the others packets are counted
LOOKED_AT = 20

WARM_UP = 1.0  # seconds that do not count for the CPU


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    `sip` is where we answer as the trunk, None where somebody else does. `fullband` sends what a
    browser would send unasked. `pid` is the gateway's process, for its CPU and memory.
    """

    target: Target
    sip: SipAddress | None
    calls: int = 10
    rate: float = 10.0
    duration: float = 10.0
    ptime: int = 20
    fullband: bool = False
    impairment: Impairment = CLEAN
    pid: int | None = None
    seed: int = 1

    @property
    def coding(self) -> Coding | None:
        """What browsers send; None for what the gateway asks for."""
        if not self.fullband:
            return None
        return Coding("OPUS", self.ptime, BROWSER_DEFAULT.bitrate, BROWSER_DEFAULT.rate)


@dataclass(slots=True)
class Report:
    """How it went. Times in milliseconds.

    `cpu_ms` is the gateway's CPU time per call and second, `memory_kb` what a call has added to its
    memory. `generator_cpu` is the share of a core that we took ourselves, `generator_late_p99` how
    late our packets left.
    """

    calls: int
    up: int
    failures: dict[str, int]
    setup_p50: float | None = None
    setup_p99: float | None = None
    codec: str = ""
    to_trunk: Way | None = None
    to_browser: Way | None = None
    cpu_ms: float | None = None
    memory_kb: float | None = None
    generator_cpu: float = 0.0
    generator_late_p99: float | None = None
    unsent: int = 0
    marks: list[Usage] = field(default_factory=list, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        plain = asdict(self)
        plain.pop("marks")
        return plain


def run_plan(plan: Plan, say: Callable[[str], None]) -> Report:
    """Do it; `say` gets a line for each step.

    Raises
    ------
    GatewayError, TrunkError
        There is no such process, or our SIP port cannot be opened. What becomes of the calls is in
        the report.
    """
    before = read_usage(plan.pid) if plan.pid is not None else None
    with Bench(plan.sip, plan.target.address) as bench:
        if plan.sip is not None:
            say(f"answering calls at {plan.sip}")
        calls = bench.call(plan.target, plan.calls, plan.rate)
        up = [call for call in calls if call.up]
        say(f"{len(up)} of {len(calls)} calls are up")
        report = Report(len(calls), len(up), dict(failures(calls)))
        if up:
            _note_setup(report, up)
            _play(plan, bench, up, report)
        if before is not None and report.marks and up:
            grown = report.marks[-1].resident - before.resident
            report.memory_kb = grown / 1000 / len(up)
        # Those that did not last
        report.failures = dict(failures(calls))
        report.up = sum(call.up for call in calls)
    return report


def _note_setup(report: Report, calls: list[BenchCall]) -> None:
    taken = [
        max(each.times["answered"], each.times["media"]) - each.times["call"] for each in calls
    ]
    report.setup_p50, report.setup_p99 = (
        percentile(np.array(taken) * 1e3, which) for which in (50, 99)
    )
    wanted = calls[0].wanted
    report.codec = wanted.codec if wanted is not None else ""


def _play(plan: Plan, bench: Bench, calls: list[BenchCall], report: Report) -> None:
    coding = plan.coding if report.codec == "OPUS" else None
    ends = [ends_of(call, coding=coding, ptime=plan.ptime) for call in calls]
    load = make_load(ends, seconds=plan.duration, up=plan.impairment, seed=plan.seed)

    def note_usage() -> None:
        if plan.pid is not None:
            report.marks.append(read_usage(plan.pid))

    warm = min(WARM_UP, plan.duration / 4)
    marks = [Mark(warm, note_usage), Mark(plan.duration, note_usage)]
    recording = bench.play(load.legs, load.streams, keep=set(load.legs_of(LOOKED_AT)), marks=marks)
    report.to_trunk = measure_up(load, recording)
    report.to_browser = measure_down(load, recording)
    report.generator_cpu = recording.cpu / recording.elapsed
    report.generator_late_p99 = percentile(recording.lateness * 1e3, 99)
    report.unsent = recording.unsent
    if len(report.marks) == 2:
        spent = report.marks[1].cpu - report.marks[0].cpu
        report.cpu_ms = spent * 1e3 / (plan.duration - warm) / len(calls)
