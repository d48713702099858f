"""Which tables, goals and plots belong to which benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.quality import CONDITIONS, Heard, Result
from tests.bench.report import Goal, Rule, Table
from tests.bench.scores import Score
from tests.bench.tradeoff import Tradeoff

WITHIN = 0.15  # of the ideal
ABSOLUTE = {"jit40": 3.8, "loss5jit40": 3.5}  # whatever the ideal of the run is
DOWN_CLEAN = 4.05
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
