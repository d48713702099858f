"""The tables and curves of each benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.bench.measure import Way
from tests.bench.cpu import FEW, MANY, Cpu, Row
from tests.bench.goals import delivers
from tests.bench.latency import Latency, Recovery
from tests.bench.load import Figure, figure
from tests.bench.overload import TIMES, Overload
from tests.bench.quality import CONDITIONS, Heard, Result
from tests.bench.report import Table
from tests.bench.scores import Score
from tests.bench.setup import Setup
from tests.bench.sip import Dialed
from tests.bench.sockets import Sockets
from tests.bench.surge import Surge
from tests.bench.threads import CARRIED, COMPLEXITY, Threads, figures
from tests.bench.tokens import Verified
from tests.bench.tradeoff import Tradeoff

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
    """Return what calls cost, and what a process takes by itself."""
    rows = [
        (row.subject, str(row.calls), *_costs(row))
        for row in sorted(result.rows, key=lambda row: (row.calls != result.calls, row.subject))
    ]
    floors = [
        (f"libopus alone, {name}", "1", _spread(floor), f"{1000 / floor.median:.0f}", *("-",) * 4)
        for name, floor in result.floor_ms.items()
    ]
    footprints = [
        (name, _spread(each.idle), _spread(each.alone), _spread(each.memory_kb, 0))
        for name, each in result.footprints.items()
    ]
    return [
        Table(
            "CPU per call and second: median (lowest..highest)",
            (
                *("", "calls", "ms", "calls per core", "to trunk", "to browser"),
                *("generator's CPU", "its lateness p99 ms"),
            ),
            [*rows, *floors],
        ),
        Table(
            f"The whole process (memory: from {FEW} to {MANY} calls)",
            ("", "idle, % of a core", "one call, % of a core", "memory per call, kB"),
            footprints,
        ),
    ]


def cpu_curves(result: Cpu) -> dict[str, list[tuple[float, float]]]:
    """Return milliseconds by calls, for each that was measured with several numbers of them."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in filter(delivers, result.rows):
        curves.setdefault(row.subject, []).append((row.calls, row.cpu_ms.median))
    floor = result.floor_ms.get("narrowband")
    long = {name: points for name, points in curves.items() if len(points) > 1}
    if floor is not None:
        ends = sorted({calls for points in long.values() for calls, _ in points})
        long["libopus alone"] = [(calls, floor.median) for calls in ends]
    return long


def threads_tables(results: Sequence[Threads]) -> list[Table]:
    """Return what one media thread carries and what two do, and how that was found out."""
    rows = [
        (
            *(f"{number}", f"{rung.threads}", f"{rung.calls}", f"{rung.once.cpu_ms:.2f}"),
            *(f"{rung.busiest:.0%}", f"{rung.once.to_trunk:.1%}", f"{rung.once.to_browser:.1%}"),
            *(f"{rung.once.generator_cpu:.0%}", f"{rung.once.generator_late_p99_ms:.1f}"),
        )
        for number, result in enumerate(results, 1)
        for rung in result.rungs
    ]
    carried = [
        (f"{threads}", f"{each.median:.0f} ({each.lowest:.0f}..{each.highest:.0f})")
        for threads, each in figures(results).items()
    ]
    how = (
        f"the gateway on all {results[0].cores} cores, complexity {COMPLEXITY}, and the generator "
        "on one of them: two hyperthreads are less than two cores, and not all of both is ours"
    )
    return [
        Table(
            f"Media threads ({how})",
            (
                *("run", "threads", "calls", "CPU ms per call", "busiest thread"),
                *("to trunk", "to browser", "generator's CPU", "its lateness p99 ms"),
            ),
            rows,
        ),
        Table(
            f"Calls of which {CARRIED:.0%} of the packets come out, each way",
            ("threads", "calls"),
            carried,
        ),
    ]


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


def sip_tables(results: Sequence[Dialed], baselines: Sequence[Dialed] = ()) -> list[Table]:
    """Return what a call costs in the SIP engine."""
    named = [
        *((f"{number}", result) for number, result in enumerate(results, 1)),
        *((f"{number}, baseline", result) for number, result in enumerate(baselines, 1)),
    ]
    rows = [
        (
            *(name, f"{each.thread_ms:.3f}", f"{each.process_ms:.3f}", f"{each.reading_us:.0f}"),
            each.engine,
        )
        for name, each in named
    ]
    columns = ("run", "SIP thread ms", "process ms", "reading an answer µs", "SIP engine")
    return [Table("A call from INVITE to 200: CPU", columns, rows)]


def surge_tables(results: Sequence[Surge]) -> list[Table]:
    """Return what became of many calls in one SIP engine."""
    rows = [
        (
            *(f"{number}", f"{each.placed}", f"{each.lost}", f"{each.held}"),
            *(f"{each.setup_p50_ms:.1f}", f"{each.setup_p99_ms:.1f}", f"{each.leaked / 1e3:.1f}"),
        )
        for number, each in enumerate(results, 1)
    ]
    title = f"{results[0].running} calls without media, {results[0].rate:g} set-ups a second"
    columns = ("run", "calls", "lost", "kept", "set-up p50 ms", "p99 ms", "kB left by a call")
    return [Table(title, columns, rows)]


def sockets_tables(results: Sequence[Sockets], baselines: Sequence[Sockets] = ()) -> list[Table]:
    """Return what open pages cost that do nothing."""
    named = [
        *((f"{number}", result) for number, result in enumerate(results, 1)),
        *((f"{number}, baseline", result) for number, result in enumerate(baselines, 1)),
    ]
    rows = [
        (
            *(name, f"{each.memory_mb:.1f}", f"{each.memory_each_kb:.1f}"),
            *(f"{each.mute_each_kb:.1f}", f"{each.cpu:.2f}", f"{each.alone:.2f}"),
            *(f"{each.open_ms:.2f}", f"{each.idled.pings}", f"{each.idled.silence:.0f}"),
        )
        for name, each in named
    ]
    columns = (
        *("run", "MB", "kB each", "kB without hello", "CPU, % of a core", "without them"),
        *("CPU of opening, ms", "pings", "longest silence, s"),
    )
    return [Table(f"{results[0].count} idle WebSockets", columns, rows)]


def tokens_tables(results: Sequence[Verified]) -> list[Table]:
    """Return what it takes to verify a call token."""
    rows = [
        (name, _spread(figure([each.ms[name] for each in results]), 3)) for name in results[0].ms
    ]
    return [
        Table("Verifying a call token: ms of CPU, median (lowest..highest)", ("", "ms"), rows),
    ]


def setup_tables(results: Sequence[Setup], baselines: Sequence[Setup] = ()) -> list[Table]:
    """Return set-ups and what they did to running calls."""
    named = [
        *((f"{number}", result) for number, result in enumerate(results, 1)),
        *((f"{number}, baseline", result) for number, result in enumerate(baselines, 1)),
    ]
    first = [
        (
            name,
            _number(result.cpu_ms),
            _number(result.first_audio.to_trunk_p50),
            _number(result.first_audio.to_trunk_worst),
            _number(result.first_audio.to_browser_p50),
            _number(result.first_audio.to_browser_worst),
            f"{result.churn.up}/{result.churn.asked}",
            _number(result.churn.per_second),
            _number(result.churn.setup_p50_ms),
            _number(result.churn.setup_p99_ms),
        )
        for name, result in named
    ]
    running = [
        (name, what, *_way(way), f"{calls.generator_late_p99_ms:.1f}")
        for name, result in named
        for what, calls, way in (
            ("alone, to trunk", result.undisturbed, result.undisturbed.to_trunk),
            ("beside set-ups, to trunk", result.disturbed, result.disturbed.to_trunk),
            ("alone, to browser", result.undisturbed, result.undisturbed.to_browser),
            ("beside set-ups, to browser", result.disturbed, result.disturbed.to_browser),
        )
    ]
    return [
        Table(
            "Set-ups: CPU of each, from the 200 to the first audio, and beside running calls (ms)",
            (
                *("run", "CPU", "to trunk p50", "worst", "to browser p50", "worst"),
                *("set up", "per second", "set-up p50", "p99"),
            ),
            first,
        ),
        Table("The running calls (ms)", ("run", "", *WAY, "generator late p99"), running),
    ]


def overload_tables(result: Overload) -> list[Table]:
    """Return who came in, what they got, and how soon there was time again."""
    rows = [
        (
            *(name, f"{crowd.offered}", f"{crowd.inside}", f"{crowd.busy}", f"{crowd.failed}"),
            *(f"{crowd.to_trunk:.1%}", f"{crowd.lowest_to_trunk:.1%}"),
            *(f"{crowd.to_browser:.1%}", f"{crowd.lowest_to_browser:.1%}"),
            *(f"{crowd.busy_meanwhile:.0%}", f"{crowd.ready}", _number(crowd.accepted_after)),
            f"{crowd.generator_late_p99_ms:.1f}",
        )
        for name, crowd in (("in a row", result.in_a_row), ("at once", result.at_once))
    ]
    return [
        Table(
            f"{TIMES} times the {result.carried} calls that a core carries, packets by direction",
            (
                *("", "placed", "inside", "busy", "failed", "to trunk", "lowest"),
                *("to browser", "lowest", "refused then", "/readyz"),
                *("taken again after s", "generator late p99 ms"),
            ),
            rows,
        )
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
            (
                *("condition", "", *LISTENERS, "concealed", "gaps", "jumps"),
                *("generator late p99 ms", "delay p50, p95 ms"),
            ),
            up,
        ),
        Table("Trunk → browser: PESQ-NB", ("trunk's network", "", "PESQ"), down),
    ]


def quality_curves(results: Sequence[Result]) -> dict[str, list[tuple[float, float]]]:
    """Return PESQ by random loss in per cent, for each that was measured."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for result in results:
        condition = CONDITIONS[result.condition]
        if condition.up.jitter_ms or condition.up.burst > 1 or condition.late:
            continue
        for who, heard in result.up.items():
            # Others at their best, the gateway at its worst
            value = heard.worst if who == "gateway" else heard.best
            curves.setdefault(who, []).append((condition.up.loss * 100, value))
    return curves


def _costs(row: Row) -> tuple[str, ...]:
    return (
        _spread(row.cpu_ms),
        f"{row.calls_per_core:.0f}",
        f"{row.to_trunk.median:.1%}",
        f"{row.to_browser.median:.1%}",
        f"{row.generator_cpu.median:.0%}",
        f"{row.generator_late_p99_ms.median:.1f}",
    )


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


def _spread(figure: Figure, digits: int = 2) -> str:
    middle, low, high = (
        f"{value:.{digits}f}" for value in (figure.median, figure.lowest, figure.highest)
    )
    return f"{middle} ({low}..{high})"


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
        return ("-",) * 5
    return (
        f"{heard.concealed:.1%}",
        str(heard.clock.gaps),
        str(heard.clock.jumps),
        f"{heard.generator_late_ms:.1f}",
        "-" if heard.delay_ms is None else f"{heard.delay_ms.p50:.1f}, {heard.delay_ms.p95:.1f}",
    )


def _score(score: Score | None) -> str:
    return "-" if score is None else f"{score.mean:.2f} ± {score.sd:.2f}"
