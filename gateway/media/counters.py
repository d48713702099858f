"""Counts of packets by what became of them; the names are the metric's labels.

A plain dictionary of integers: the hot path adds to it, `MediaPlane.stats` copies it.
"""

from __future__ import annotations

from collections import Counter

Counters = Counter[str]


def rejected(leg: str, reason: str) -> str:
    """Name of the counter for packets of `leg` ("browser", "trunk") dropped for `reason`."""
    return f"{leg}_rejected_{reason}"
