"""What came of a case, and what is wrong with it: computed of figures alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.cases import BACK, CALLS, LATE, WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.chaos.cases import Case

HIT = 0.8  # share of an outage for which each call must have been without sound
GROWTH = 16 * 1024 * 1024  # bytes that a case may add to the process: a leak is in `left` before


@dataclass
class Facts:
    """What came of one case; gaps and times in seconds.

    Attributes
    ----------
    gaps_up, gaps_down
        The longest time without the other end's tone, at the trunk and at the browser, of each
        survivor.
    late
        How late our own packets were, and how long the gateway's media thread had to wait for a
        core: the machine's doing.
    back
        From the pages' restart until the last survivor's ends heard each other again.
    shown
        What was seen of the fault itself, by its name in `cases.py`.
    ended
        How calls have ended, by the rows of the database.
    attempts, rows
        Numbers and causes of calls that came and went while the database was away, and those of
        the last rows in it, both in order.
    left
        By what the gateway and the trunk differ afterwards from what the survivors alone need.
    faults
        Lines of the gateway's log that tell of an exception.
    """

    survivors: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    gaps_up: list[float] = field(default_factory=list)
    gaps_down: list[float] = field(default_factory=list)
    late: float = 0.0
    back: float | None = None
    shown: dict[str, float] = field(default_factory=dict)
    meanwhile: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    memory: int = 0  # bytes that the process has grown by
    faults: int = 0
    took: float = 0.0
    failed: str = ""

    def __str__(self) -> str:
        """Return it for people: of fifty gaps the longest ones."""
        told = {name: value for name, value in vars(self).items() if value}
        told |= {name: longest(told[name]) for name in ("gaps_up", "gaps_down") if name in told}
        return ", ".join(f"{name} {value}" for name, value in told.items())


def longest(gaps: list[float]) -> str:
    return " ".join(f"{gap:.2f}" for gap in sorted(gaps, reverse=True)[:3])


def complaints(case: Case, facts: Facts) -> list[str]:
    """Return what is wrong with a case, a sentence each."""
    if facts.failed:
        return [facts.failed]
    return [*_losses(case, facts), *delays(case, facts), *_faults(case, facts)]


def _losses(case: Case, facts: Facts) -> Iterator[str]:
    if facts.survivors != case.survivors:
        yield f"{facts.survivors} survive, not {case.survivors}"
    if case.cause and facts.ended.get(case.cause) != CALLS:
        yield f"the rows say {facts.ended}, not {case.cause}"
    if case.meanwhile is not None and set(facts.meanwhile) != {case.meanwhile}:
        yield f"calls meanwhile: {facts.meanwhile}, not {case.meanwhile}"
    if facts.rows != facts.attempts:
        yield f"the rows are {facts.rows}, not {facts.attempts}"
    if facts.left:
        yield f"left afterwards: {facts.left}"
    if facts.faults:
        yield f"the log has {facts.faults} exceptions"
    if facts.memory >= GROWTH:
        yield f"the process has grown by {facts.memory} bytes"


def delays(case: Case, facts: Facts) -> Iterator[str]:
    """No survivor may have been without sound for longer than its outage and a tenth of a second.

    What the machine stood still for is allowed on top, as far as it can be told from a fault.
    """
    if facts.late > LATE:
        yield f"the machine was too slow: {facts.late:.2f} s late, {LATE:g} s at most can be judged"
        return
    if case.sounds_on:
        allowed = case.outage + WITHIN + facts.late
        for way, gaps in (("the trunk", facts.gaps_up), ("the browser", facts.gaps_down)):
            outliers = sum(gap > allowed for gap in gaps)
            if outliers:
                many = f"{outliers} of {len(gaps)}"
                yield f"gaps at {way}: {longest(gaps)} s ({many}), {allowed:.2f} s are allowed"
    elif case.survivors and (facts.back is None or facts.back > BACK + facts.late):
        yield f"sound is back {facts.back} s after the restart, {BACK:g} s are allowed"


def _faults(case: Case, facts: Facts) -> Iterator[str]:
    """A fault that was not there is survived by all."""
    least = min([*facts.gaps_up, *facts.gaps_down], default=0.0)
    if case.outage and case.survivors and least < HIT * case.outage:
        yield f"no fault: a call was without sound for {least:.2f} s only, of {case.outage:g} s"
    if case.queues and not facts.attempts:
        yield "no fault: no row had to wait"
    for name, wanted in case.shows.items():
        found = facts.shown.get(name, 0.0)
        if found < wanted:
            yield f"no fault: {name}: {found:g}, and {wanted:g} at least"
