"""What is measured over and over in a browser: its median, 95th percentile, least and most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from tests.bench.report import Table


@dataclass(frozen=True)
class Wait:
    """How long something took, in milliseconds."""

    times: int
    p50: float
    p95: float
    least: float
    most: float


def wait(taken: Sequence[float]) -> Wait:
    """Return what is told of some times, at least one."""
    late = float(np.percentile(taken, 95))
    return Wait(len(taken), median(taken), late, min(taken), max(taken))


def waits_table(title: str, waits: Mapping[str, Sequence[float]]) -> Table:
    """Return a row for each, in milliseconds."""
    rows = []
    for name, taken in waits.items():
        found = wait(taken)
        shown = (found.p50, found.p95, found.least, found.most)
        rows.append((name, str(found.times), *(f"{value:.1f}" for value in shown)))
    return Table(f"{title} (ms)", ("", "times", "p50", "p95", "least", "most"), rows)
