"""Which tables, goals and plots belong to which benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from gateway.bench.measure import Way
from tests.bench.cpu import Cpu, Row
from tests.bench.latency import Latency, Recovery
from tests.bench.load import Figure
from tests.bench.quality import CONDITIONS, Heard, Result
from tests.bench.report import Goal, Rule, Table
from tests.bench.scores import Score
from tests.bench.setup import Setup
from tests.bench.tradeoff import Tradeoff

WITHIN = 0.15  # of the ideal
ABSOLUTE = {"jit40": 3.8, "loss5jit40": 3.5}  # whatever the ideal of the run is
DOWN_CLEAN = 4.05
DELIVERED = 0.98  # share of the packets, else a cost per call means nothing
MS = " ms"
WAY = ("sent", "received", "lost", "spacing p99", "delay p50", "delay p99")
LISTENERS = ("queue, silence", "queue, repeat", "timeline, silence", "timeline, repeat")


def tradeoff_tables(result: Tradeoff) -> list[Table]:
    """Return what the defaults are chosen from."""
    up = [
        (
            "none" if row.maxplaybackrate is None else str(row.maxplaybackrate),
            f"{row.bitrate / 1000:.0f}",
            f"{row.packet_bytes:.0f}",
            f"{row.decode_us:.1f}",
            _score(row.clean),
            _score(row.lossy),
        )
        for row in result.up
    ]
    down = [
        (
            str(row.complexity),
            f"{row.bitrate / 1000:.0f}",
            f"{row.packet_bytes:.0f}",
            f"{row.encode_us:.1f}",
            _score(row.clean),
            _score(row.guarded),
            _score(row.lossy),
            _score(row.insured),
        )
        for row in result.down
    ]
    return [
        Table(
            "What the browser is asked to send (decoded at 8 kHz; its encoder's complexity is 9)",
            ("maxplaybackrate", "kbit/s", "bytes", "decode µs", "PESQ clean", "5 % loss"),
            up,
        ),
        Table(
            "What our encoder at 8 kHz makes of G.711 (expected loss: what it is told to expect)",
            (
                *("complexity", "kbit/s", "bytes", "encode µs", "PESQ clean"),
                *("clean, expects 5 %", "5 % loss, expects 5 %", "5 % loss, expects 15 %"),
            ),
            down,
        ),
    ]


def cpu_tables(result: Cpu) -> list[Table]:
    """Return what calls cost."""
    rows = [
        (
            row.subject,
            str(row.calls),
            _spread(row.cpu_ms),
            f"{row.calls_per_core:.0f}",
            f"{row.to_trunk.median:.1%}",
            f"{row.to_browser.median:.1%}",
            f"{row.generator_cpu.median:.0%}",
            f"{row.generator_late_p99_ms.median:.1f}",
        )
        for row in sorted(result.rows, key=lambda row: row.subject)
    ]
    floors = [
        (f"libopus alone, {name}", "1", _spread(floor), f"{1000 / floor.median:.0f}", *("-",) * 4)
        for name, floor in result.floor_ms.items()
    ]
    idle = ("gateway, idle (per second)", "0", _spread(result.idle_ms), *("-",) * 5)
    return [
        Table(
            "CPU per call and second: median (lowest..highest)",
            (
                *("", "calls", "ms", "calls per core", "to trunk", "to browser"),
                *("generator's CPU", "its lateness p99 ms"),
            ),
            [*rows, *floors, idle],
        )
    ]


def cpu_goals(result: Cpu) -> list[Goal]:
    """Return the goals for CPU and memory."""
    # What leaves packets out spares their cost
    rows = {(row.subject, row.calls): row for row in result.rows if _delivers(row)}
    ours = rows.get(("gateway", 100))
    counts = sorted(row.calls for row in result.rows if row.subject == "gateway")
    few, many = rows.get(("gateway", counts[0])), rows.get(("gateway", counts[-1]))
    floor = result.floor_ms.get("narrowband")
    at_least, at_most = Rule.AT_LEAST, Rule.AT_MOST

    def against(who: str, mode: str = "") -> float | None:
        return _ratio(rows.get((f"rtpengine, {who}", 100)), rows.get((f"gateway{mode}", 100)))

    return [
        Goal("calls per core over rtpengine's, fullband", at_least, 1.5, against("fullband")),
        Goal(
            "calls per core over rtpengine's, same packets",
            *(at_least, 1.2, against("fullband", ", fullband")),
        ),
        Goal(
            "calls per core over rtpengine's, passthrough",
            *(at_least, 0.5, against("passthrough", ", passthrough")),
        ),
        Goal(
            "cost of a call over libopus's alone",
            *(at_most, 1.5, ours.cpu_ms.median / floor.median if ours and floor else None),
        ),
        Goal(
            f"cost of a call at {counts[-1]} calls over that at {counts[0]}",
            *(at_most, 1.0, _ratio(many, few)),
        ),
        Goal("idle", at_most, 1.0, result.idle_ms.median / 10, " % of a core"),
        Goal("memory per call", at_most, 200, result.memory_kb.get("gateway"), " kB", 0),
    ]


def cpu_curves(result: Cpu) -> dict[str, list[tuple[float, float]]]:
    """Return milliseconds by calls, for each that was measured with several numbers of them."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in filter(_delivers, result.rows):
        curves.setdefault(row.subject, []).append((row.calls, row.cpu_ms.median))
    floor = result.floor_ms.get("narrowband")
    long = {name: points for name, points in curves.items() if len(points) > 1}
    if floor is not None:
        ends = sorted({calls for points in long.values() for calls, _ in points})
        long["libopus alone"] = [(calls, floor.median) for calls in ends]
    return long


def latency_tables(results: Sequence[Latency]) -> list[Table]:
    """Return the delays of each run."""
    clean = [
        (f"{number}", name, *_way(way), f"{result.generator_late_p99_ms:.1f}")
        for number, result in enumerate(results, 1)
        for name, way in (("to trunk", result.to_trunk), ("to browser", result.to_browser))
    ]
    shocks = [
        (f"{number}", name, *_recovery(shock))
        for number, result in enumerate(results, 1)
        for name, shock in (
            ("stopped for 200 ms", result.stopped),
            ("burst of jitter", result.jitter),
        )
    ]
    return [
        Table(
            f"Added latency, clean network, {results[0].calls} calls (ms)",
            ("run", "", *WAY, "generator late p99"),
            clean,
        ),
        Table(
            "Recovery from a shock (s until the delay is below 10 ms again; worst p95 in ms)",
            (
                *("run", "", "to trunk", "to browser", "worst to trunk", "worst to browser"),
                *("lost to trunk", "lost to browser"),
            ),
            shocks,
        ),
    ]


def latency_goals(results: Sequence[Latency]) -> list[Goal]:
    """Return the goals for latency: the median of the runs."""
    at_most = Rule.AT_MOST
    goals: list[Goal] = []
    ways = {
        "to trunk": [result.to_trunk for result in results],
        "to browser": [result.to_browser for result in results],
    }
    for name, taken in ways.items():
        middle = _median([way.delay_p50 for way in taken])
        late = _median([way.delay_p99 for way in taken])
        goals += [
            Goal(f"latency {name}, p50", at_most, 5, middle, MS),
            Goal(f"latency {name}, p99", at_most, 10, late, MS),
        ]
    spacing = _median([way.spacing_p99 for way in ways["to trunk"]])
    goals.append(Goal("spacing at the trunk, p99", at_most, 3, spacing, MS))
    shocks = {
        "a stop of 200 ms": [result.stopped for result in results],
        "a burst of jitter": [result.jitter for result in results],
    }
    for name, recoveries in shocks.items():
        back = _median([_slower(each) for each in recoveries])
        goals.append(Goal(f"latency is back after {name}", at_most, 1, back, " s"))
    return goals


def setup_tables(results: Sequence[Setup]) -> list[Table]:
    """Return set-ups and what they did to running calls."""
    first = [
        (
            f"{number}",
            _number(result.first_audio.to_trunk_p50),
            _number(result.first_audio.to_trunk_worst),
            _number(result.first_audio.to_browser_p50),
            _number(result.first_audio.to_browser_worst),
            f"{result.churn.up}/{result.churn.asked}",
            _number(result.churn.per_second),
            _number(result.churn.setup_p50_ms),
            _number(result.churn.setup_p99_ms),
        )
        for number, result in enumerate(results, 1)
    ]
    running = [
        (f"{number}", name, *_way(way))
        for number, result in enumerate(results, 1)
        for name, way in (
            ("undisturbed, to trunk", result.undisturbed.to_trunk),
            ("beside set-ups, to trunk", result.disturbed.to_trunk),
            ("undisturbed, to browser", result.undisturbed.to_browser),
            ("beside set-ups, to browser", result.disturbed.to_browser),
        )
    ]
    return [
        Table(
            "From the 200 to the first audio, and set-ups beside running calls (ms)",
            (
                *("run", "to trunk p50", "worst", "to browser p50", "worst"),
                *("set up", "per second", "set-up p50", "p99"),
            ),
            first,
        ),
        Table("The running calls (ms)", ("run", "", *WAY), running),
    ]


def setup_goals(results: Sequence[Setup]) -> list[Goal]:
    """Return the goals for set-ups: the median of the runs."""
    first = [result.first_audio for result in results]
    disturbed = [result.disturbed for result in results]
    lost = _median([float(each.to_trunk.lost + each.to_browser.lost) for each in disturbed])
    late = _median([each.to_trunk.delay_p99 for each in disturbed])
    up = _median([100 * result.churn.up / result.churn.asked for result in results])
    at_most = Rule.AT_MOST
    return [
        Goal(
            "200 OK to first audio, trunk",
            *(at_most, 40, _median([each.to_trunk_worst for each in first]), MS, 1),
        ),
        Goal(
            "200 OK to first audio, browser",
            *(at_most, 40, _median([each.to_browser_worst for each in first]), MS, 1),
        ),
        Goal("set-ups that succeed at 50 per second", Rule.AT_LEAST, 100, up, " %", 1),
        Goal("packets lost in calls beside them", at_most, 0, lost, digits=0),
        Goal("latency to trunk beside them, p99", at_most, 10, late, MS),
    ]


def quality_tables(results: Sequence[Result]) -> list[Table]:
    """Return how both directions sounded, by condition and receiver."""
    up = [row for result in results for row in _up_rows(result)]
    down = [
        (result.condition, who, _score(score))
        for result in results
        for who, heard in result.down.items()
        for score in list(heard.scores.values())[-1:]
    ]
    return [
        Table(
            "Browser → trunk: PESQ-NB (mean ± standard deviation of the calls), by receiver",
            ("condition", "", *LISTENERS, "concealed", "gaps", "jumps", "generator late p99 ms"),
            up,
        ),
        Table("Trunk → browser: PESQ-NB", ("trunk's network", "", "PESQ"), down),
    ]


def quality_goals(results: Sequence[Result]) -> list[Goal]:
    """Return the goals for speech; where receivers differ, the one it sounds worst through."""
    goals: list[Goal] = []
    for result in results:
        name, ours, ideal = result.condition, result.up["gateway"], result.up["ideal"]
        goals.append(
            Goal(f"up, {name}: ideal - {WITHIN}", Rule.AT_LEAST, ideal.best - WITHIN, ours.worst)
        )
        if name in ABSOLUTE:
            goals.append(Goal(f"up, {name}", Rule.AT_LEAST, ABSOLUTE[name], ours.worst))
        if name == "clean":
            down = result.down["gateway"].worst
            goals.append(Goal("down, clean", Rule.AT_LEAST, DOWN_CLEAN, down))
    clocks = [result.up["gateway"].clock for result in results]
    breaks = sum(clock.gaps + clock.jumps for clock in clocks if clock is not None)
    goals.append(Goal("breaks of the RTP clock to the trunk", Rule.AT_MOST, 0, breaks, digits=0))
    return goals


def quality_curves(results: Sequence[Result]) -> dict[str, list[tuple[float, float]]]:
    """Return PESQ by random loss in per cent, for each that was measured."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for result in results:
        network = CONDITIONS[result.condition].up
        if network.jitter_ms or network.burst > 1:
            continue
        for who, heard in result.up.items():
            # Others at their best, the gateway at its worst
            value = heard.worst if who == "gateway" else heard.best
            curves.setdefault(who, []).append((network.loss * 100, value))
    return curves


def _way(way: Way) -> tuple[str, ...]:
    return (
        *(str(count) for count in (way.sent, way.received, way.lost)),
        *(_number(value) for value in (way.spacing_p99, way.delay_p50, way.delay_p99)),
    )


def _recovery(shock: Recovery) -> tuple[str, ...]:
    return (
        _number(shock.to_trunk),
        _number(shock.to_browser),
        _number(shock.worst_to_trunk_ms),
        _number(shock.worst_to_browser_ms),
        str(shock.lost_to_trunk),
        str(shock.lost_to_browser),
    )


def _slower(shock: Recovery) -> float | None:
    """Return when both directions were back, None if one never was."""
    if shock.to_trunk is None or shock.to_browser is None:
        return None
    return max(shock.to_trunk, shock.to_browser)


def _median(values: Sequence[float | None]) -> float | None:
    """Return the median; what was never reached counts as the worst there is."""
    there = [float("inf") if value is None else value for value in values]
    return median(there) if there else None


def _delivers(row: Row) -> bool:
    """Whether what came in came out; whoever has no core left does not."""
    return min(row.to_trunk.median, row.to_browser.median) >= DELIVERED


def _ratio(theirs: Row | None, ours: Row | None) -> float | None:
    """Return how many times as many calls of ours fit a core."""
    return ours.calls_per_core / theirs.calls_per_core if ours and theirs else None


def _spread(figure: Figure) -> str:
    return f"{figure.median:.2f} ({figure.lowest:.2f}..{figure.highest:.2f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _up_rows(result: Result) -> list[tuple[str, ...]]:
    return [
        (result.condition, who, *_receivers(heard), *_stream(heard))
        for who, heard in result.up.items()
    ]


def _receivers(heard: Heard) -> tuple[str, ...]:
    if "" in heard.scores:
        return (_score(heard.scores[""]), "-", "-", "-")
    return tuple(_score(heard.scores.get(each)) for each in LISTENERS)


def _stream(heard: Heard) -> tuple[str, ...]:
    if heard.clock is None:
        return ("-",) * 4
    return (
        f"{heard.concealed:.1%}",
        str(heard.clock.gaps),
        str(heard.clock.jumps),
        f"{heard.generator_late_ms:.1f}",
    )


def _score(score: Score | None) -> str:
    return "-" if score is None else f"{score.mean:.2f} ± {score.sd:.2f}"
