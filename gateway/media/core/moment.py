"""The time of the media clock's tick, shared by all that works in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Moment:
    """Now, as the media plane sees it.

    Attributes
    ----------
    now
        The time that the tick was for, in seconds.
    stale
        What is read in this tick may have waited for us for longer than a tick.
    """

    now: float
    stale: bool = False
