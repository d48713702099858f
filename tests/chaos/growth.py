"""What a process holds in a long run, and whether that grows: computed of figures alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 1000.0  # bytes that a call may leave
# Bytes that a process comes and goes by anyway: kilobytes for each of a few hundred calls
STIR = 4 * 1024 * 1024
HELD = ("threads", "descriptors", "tasks", "dialogs")


@dataclass
class Look:
    """What the process holds at one moment; `calls` is how many there have been."""

    at: float  # seconds
    calls: int
    resident: int  # bytes
    threads: int
    descriptors: int
    tasks: int
    dialogs: int


@dataclass
class Run:
    """A run: what it held, how many calls were lost, and the longest gaps in seconds."""

    looks: list[Look] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)

    def count(self, why: str, times: int = 1) -> None:
        self.lost[why] = self.lost.get(why, 0) + times

    @property
    def later(self) -> list[Look]:
        """The looks from the end of the first quarter on."""
        return self.looks[len(self.looks) // 4 :]

    @property
    def growth(self) -> float:
        """Bytes that each call has added since the first quarter; NaN for too few looks."""
        later = self.later
        if len(later) < 3 or later[-1].calls == later[0].calls:
            return float("nan")
        calls, sizes = [each.calls for each in later], [each.resident for each in later]
        return float(np.polyfit(calls, sizes, 1)[0])

    def faults(self) -> Iterator[str]:
        """Say what a gateway that neither loses calls nor grows would not have done."""
        for why, times in self.lost.items():
            yield f"{times} lost: {why}"
        if not self.looks:
            yield "nobody has looked"
            return
        later, growth = self.later, self.growth
        calls = later[-1].calls - later[0].calls
        if growth * calls > max(KEPT * calls, STIR):
            yield f"each of {calls} calls has left {growth:.0f} bytes, {KEPT:.0f} are allowed"
        # What has just ended may still be there at one look, but not at each
        last = self.looks[-max(1, len(self.looks) // 4) :]
        for name in HELD:
            before, after = getattr(later[0], name), min(getattr(each, name) for each in last)
            if after > before:
                yield f"{after} {name} at the end, {before} after the first quarter"
