"""What is aimed at, beside what was measured: all limits in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.cpu import Cpu, Row
from tests.bench.latency import Latency, Recovery
from tests.bench.overload import Crowd, Overload
from tests.bench.report import Goal, Rule
from tests.bench.setup import RATE, Setup
from tests.bench.sip import Dialed
from tests.bench.sockets import Sockets
from tests.bench.subjects import BASELINE
from tests.bench.surge import Surge
from tests.bench.threads import Threads, figures
from tests.bench.tokens import Verified
from tests.bench.waits import wait

if TYPE_CHECKING:
    from tests.bench.clicking import Times
    from tests.bench.quality import Result

WITHIN = 0.15  # of the ideal
# Whatever the ideal of the run is
ABSOLUTE = {"jit40": 3.8, "loss5jit40": 3.5, "late100": 3.8, "late200": 3.8, "late350": 3.8}
LATE_DELAY = 40  # ms
DOWN_CLEAN = 4.05
DELIVERED = 0.98  # share of the packets, else a cost per call means nothing
CLICK = 25.0  # ms
RELOAD = {"Chromium": 1.2, "Firefox": 2.0}  # seconds
RESUME = 50.0  # ms
MS = " ms"
OF_A_CORE = " % of a core"


def cpu_goals(result: Cpu) -> list[Goal]:
    """Return the goals for CPU and memory."""
    # What leaves packets out spares their cost
    rows = {row.subject: row for row in result.rows if row.calls == result.calls and delivers(row)}
    ours, floor = rows.get("gateway"), result.floor_ms.get("narrowband")
    baseline = _cost_over(rows.get("gateway"), rows.get(BASELINE))
    at_least, at_most = Rule.AT_LEAST, Rule.AT_MOST

    def against(theirs: str, mode: str = "") -> float | None:
        return _cost_over(rows.get(f"rtpengine, {theirs}"), rows.get(f"gateway{mode}"))

    goals = [
        Goal(
            f"calls per core over rtpengine's, {result.calls} calls",
            *(at_least, 2.3, against("fullband")),
        ),
        Goal(
            "calls per core over rtpengine's, same packets, our complexity",
            *(at_least, 1.7, against("fullband, our complexity", ", fullband")),
        ),
        Goal(
            "calls per core over rtpengine's, passthrough",
            *(at_least, 1.0, against("passthrough", ", passthrough")),
        ),
        Goal(
            "calls per core over rtpengine's, Opus relay",
            *(at_least, 1.0, against("Opus relay", ", Opus relay")),
        ),
        Goal(
            "cost of a call over libopus's alone",
            *(at_most, 1.6, ours.cpu_ms.median / floor.median if ours and floor else None),
        ),
        *(
            []
            if baseline is None
            else [Goal("cost of a call over the baseline's", at_most, 0.6, baseline)]
        ),
        *_growth(result),
    ]
    footprint, before = result.footprints.get("gateway"), result.footprints.get(BASELINE)
    for name, what, limit, unit, digits in (
        ("idle", "idle", 1.0, OF_A_CORE, 2),
        ("one call alone", "alone", 2.0, OF_A_CORE, 2),
        ("memory per call", "memory_kb", 250, " kB", 0),
    ):
        measured, other = (
            None if each is None else getattr(each, what).median for each in (footprint, before)
        )
        goals.append(Goal(name, at_most, limit, measured, unit, digits, other))
    return goals


def _growth(result: Cpu) -> list[Goal]:
    """Return the goal for the cost of a call among the most calls, over that among a quarter."""
    ours = {row.calls: row for row in result.rows if row.subject == "gateway"}
    if len(ours) < 2:
        return []
    most = max(ours)
    quarter = min(ours.keys() - {most}, key=lambda calls: abs(calls - most / 4))
    many, few = ours[most], ours[quarter]
    measured = _cost_over(many, few) if delivers(few) and delivers(many) else None
    name = f"cost of a call at {most} calls over that at {quarter}"
    return [Goal(name, Rule.AT_MOST, 1.0, measured)]


def delivers(row: Row) -> bool:
    """Whether what came in came out; whoever has no core left does not."""
    return min(row.to_trunk.median, row.to_browser.median) >= DELIVERED


def _cost_over(one: Row | None, other: Row | None) -> float | None:
    """Return how many times as much a call costs one of them."""
    return one.cpu_ms.median / other.cpu_ms.median if one and other else None


def threads_goals(results: Sequence[Threads]) -> list[Goal]:
    """Return the goal for two media threads: in calls, and in the work of the busiest one."""
    one, two = (each.median for each in figures(results).values())
    reliefs = [each.relief for each in results if each.relief is not None]
    at_least = Rule.AT_LEAST
    return [
        Goal("calls of two media threads over one", at_least, 1.7, two / one if one else None),
        Goal(
            "work of one media thread over the busier of two, same calls",
            *(at_least, 1.7, median(reliefs) if reliefs else None),
        ),
    ]


def latency_goals(results: Sequence[Latency]) -> list[Goal]:
    """Return the goals for latency: the median of the runs."""
    at_most = Rule.AT_MOST
    goals: list[Goal] = []
    for name, ways, middle, late in (
        ("to trunk", [result.to_trunk for result in results], 4, 8),
        ("to browser", [result.to_browser for result in results], 3, 6),
    ):
        goals += [
            Goal(
                f"latency {name}, {results[0].calls} calls, p50",
                *(at_most, middle, _median([way.delay_p50 for way in ways]), MS),
            ),
            Goal(
                f"latency {name}, {results[0].calls} calls, p99",
                *(at_most, late, _median([way.delay_p99 for way in ways]), MS),
            ),
        ]
    spacing = _median([result.to_trunk.spacing_p99 for result in results])
    goals.append(Goal("spacing at the trunk, p99", at_most, 3, spacing, MS))
    shocks = {
        "a stop of 200 ms": [result.stopped for result in results],
        "a burst of jitter": [result.jitter for result in results],
    }
    for name, recoveries in shocks.items():
        back = _median([_slower(each) for each in recoveries])
        goals.append(Goal(f"latency is back after {name}", at_most, 1, back, " s"))
    return goals


def setup_goals(results: Sequence[Setup], baselines: Sequence[Setup] = ()) -> list[Goal]:
    """Return the goals for set-ups: the median of the runs."""
    at_most = Rule.AT_MOST
    pace = f"{RATE:.0f} per second"
    rows: list[tuple[str, Rule, float, Callable[[Setup], float | None], str, int]] = [
        ("CPU of a set-up", at_most, 8, lambda each: each.cpu_ms, MS, 1),
        *(
            (
                f"200 OK to first audio, {side}",
                *(at_most, 40.0, attrgetter(f"first_audio.to_{side}_worst"), MS, 1),
            )
            for side in ("trunk", "browser")
        ),
        (f"set-ups that succeed at {pace}", Rule.AT_LEAST, 100, _succeeded, " %", 1),
        ("spacing at the trunk beside them, p99", at_most, 4, _spacing_beside, MS, 2),
        ("packets lost in calls beside them", at_most, 0, _lost_beside, "", 0),
    ]
    return [
        Goal(
            name,
            *(rule, limit, _median([read(each) for each in results]), unit, digits),
            _median([read(each) for each in baselines]),
        )
        for name, rule, limit, read, unit, digits in rows
    ]


def sip_goals(results: Sequence[Dialed], baselines: Sequence[Dialed] = ()) -> list[Goal]:
    """Return the goals for the SIP engine: the median of the runs."""

    def middle(runs: Sequence[Dialed], name: str) -> float | None:
        return _median([getattr(each, name) for each in runs])

    ours, theirs = (middle(runs, "thread_ms") for runs in (results, baselines))
    share = None if ours is None or theirs is None else ours / theirs
    reading = [middle(runs, "reading_us") for runs in (results, baselines)]
    return [
        Goal("CPU of a set-up in the SIP thread over the baseline's", Rule.AT_MOST, 0.5, share),
        Goal("reading an answer", Rule.AT_MOST, 100, reading[0], " µs", 0, reading[1]),
    ]


def surge_goals(results: Sequence[Surge]) -> list[Goal]:
    """Return the goals for many calls in one SIP engine: the worst of the runs, and for times and
    memory the median.
    """
    first = results[0]
    what = f"{first.running} calls and {first.rate:g} set-ups a second"
    return [
        Goal(f"{what}: lost", Rule.AT_MOST, 0, max(each.lost for each in results), "", 0),
        Goal(f"{what}: kept", Rule.AT_MOST, 0, max(each.held for each in results), "", 0),
        Goal(
            f"{what}: set-up, p99",
            *(Rule.AT_MOST, 50, median(each.setup_p99_ms for each in results), MS, 1),
        ),
        Goal(
            f"{what}: memory that a call leaves",
            *(Rule.AT_MOST, 1.0, median(each.leaked for each in results) / 1e3, " kB", 1),
        ),
    ]


def sockets_goals(results: Sequence[Sockets], baselines: Sequence[Sockets] = ()) -> list[Goal]:
    """Return the goals for pages that are open and do nothing: the median of the runs."""
    rows: list[tuple[str, float, Callable[[Sockets], float], str, int]] = [
        ("memory", 100, attrgetter("memory_mb"), " MB", 1),
        ("CPU", 1, attrgetter("cpu"), OF_A_CORE, 2),
        # nginx cuts after 60 s (proxy_read_timeout)
        ("longest silence", 55, attrgetter("idled.silence"), " s", 1),
    ]
    return [
        Goal(
            f"{results[0].count} idle WebSockets: {name}",
            *(Rule.AT_MOST, limit, _median([read(each) for each in results]), unit, digits),
            _median([read(each) for each in baselines]),
        )
        for name, limit, read, unit, digits in rows
    ]


def tokens_goals(results: Sequence[Verified]) -> list[Goal]:
    """Return the goals for call tokens: the median of the runs."""
    return [
        Goal(
            f"verifying a token, {name}",
            *(Rule.AT_MOST, 0.2, median(each.ms[name] for each in results), MS, 3),
        )
        for name in results[0].ms
    ]


def clicking_goals(times: Mapping[str, Times]) -> list[Goal]:
    """Return the goals for a click, on the button and by the client's own method."""
    return [
        Goal(
            f"{what} to the INVITE, {which}, p95",
            *(Rule.AT_MOST, CLICK, wait(getattr(times[name], kind)).p95, MS, 1),
        )
        for name, what in (("button", "click on the button"), ("connect", "`connect`"))
        for kind, which in (("first", "a page's first call"), ("next", "the next ones"))
    ]


def reloading_goals(times: Mapping[str, Sequence[float]]) -> list[Goal]:
    """Return the goals for a page that is loaded again in mid-call."""
    return [
        Goal(
            f"reload to sound both ways, {browser}, p95",
            *(Rule.AT_MOST, limit, wait(times[browser]).p95 / 1e3, " s"),
        )
        for browser, limit in RELOAD.items()
    ]


def resuming_goals(took: Sequence[float]) -> list[Goal]:
    """Return the goal for pages whose sockets were cut at once."""
    name = "open WebSocket to the page's call, all pages at once, p95"
    return [Goal(name, Rule.AT_MOST, RESUME, wait(took).p95, MS, 1)]


def _succeeded(result: Setup) -> float:
    return 100 * result.churn.up / result.churn.asked


def _spacing_beside(result: Setup) -> float | None:
    return result.disturbed.to_trunk.spacing_p99


def _lost_beside(result: Setup) -> float:
    return float(result.disturbed.to_trunk.lost + result.disturbed.to_browser.lost)


def overload_goals(result: Overload) -> list[Goal]:
    """Return the goals for twice the calls that a core carries."""
    at_least, at_most = Rule.AT_LEAST, Rule.AT_MOST
    inside, crowded = result.in_a_row, result.at_once

    def apart(crowd: Crowd) -> float:
        return 100 * abs(crowd.to_trunk - crowd.to_browser)

    least = 100 * min(inside.to_trunk, inside.to_browser)
    goals = [
        Goal("overload: packets of those let in, the worse way", at_least, 99, least, " %", 1),
        Goal("overload: failed otherwise than by `busy`", at_most, 0, inside.failed, digits=0),
        Goal("overload, all at once: ways apart by", at_most, 5, apart(crowded), " %", 1),
        Goal(
            "overload, all at once: refused meanwhile",
            *(at_least, 100, 100 * crowded.busy_meanwhile, " %", 0),
        ),
    ]
    for name, crowd in (("", inside), (", all at once", crowded)):
        after = float("inf") if crowd.accepted_after is None else crowd.accepted_after
        goals.append(Goal(f"overload{name}: half gone, one taken after", at_most, 3, after, " s"))
    return goals


def quality_goals(results: Sequence[Result]) -> list[Goal]:
    """Return the goals for speech; where receivers differ, the one it sounds worst through."""
    from tests.bench.quality import CONDITIONS  # needs scipy and PESQ, which the tests go without

    goals: list[Goal] = []
    for result in results:
        name, ours, ideal = result.condition, result.up["gateway"], result.up["ideal"]
        late = CONDITIONS[name].late
        if not late:
            goals.append(
                Goal(
                    f"up, {name}: ideal - {WITHIN}",
                    *(Rule.AT_LEAST, ideal.best - WITHIN, ours.worst),
                )
            )
        if name in ABSOLUTE:
            goals.append(Goal(f"up, {name}", Rule.AT_LEAST, ABSOLUTE[name], ours.worst))
        if late:
            delay = None if ours.delay_ms is None else ours.delay_ms.p95
            goals.append(
                Goal(f"up, {name}: delay after 1.5 s, p95", Rule.AT_MOST, LATE_DELAY, delay, MS, 1)
            )
        if name == "clean":
            down = result.down["gateway"].worst
            goals.append(Goal("down, clean", Rule.AT_LEAST, DOWN_CLEAN, down))
    clocks = [result.up["gateway"].clock for result in results]
    breaks = sum(clock.gaps + clock.jumps for clock in clocks if clock is not None)
    goals.append(Goal("breaks of the RTP clock to the trunk", Rule.AT_MOST, 0, breaks, digits=0))
    return goals


def _slower(shock: Recovery) -> float | None:
    """Return when both directions were back, None if one never was."""
    if shock.to_trunk is None or shock.to_browser is None:
        return None
    return max(shock.to_trunk, shock.to_browser)


def _median(values: Sequence[float | None]) -> float | None:
    """Return the median; what was never reached counts as the worst there is."""
    there = [float("inf") if value is None else value for value in values]
    return median(there) if there else None
