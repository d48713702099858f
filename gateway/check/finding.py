"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried, and how it went, in words.

    What is `ok` works; `doubtful` is what works and should not stay so.
    """

    ok: bool
    text: str
    doubtful: bool = False


def doubt(text: str) -> Finding:
    """Make a warning."""
    return Finding(True, text, doubtful=True)
