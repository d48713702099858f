"""What the page says of a call: its person's opinion, and what its browser has heard."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Mean:
    """The mean of what has been added, None before anything has."""

    total: float = 0.0
    count: int = 0

    def add(self, value: float | None) -> None:
        """Count a value, unless it is not known."""
        if value is not None:
            self.total += value
            self.count += 1

    @property
    def value(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a person says of the call: 1 (bad) to 5, and in words what was wrong."""

    score: int
    issue: str | None = None


@dataclass(frozen=True, slots=True)
class PageSample:
    """What the browser has measured so far of the audio that has come to it; None: not known.

    `loss` and `concealed` are shares of the whole call, 0 to 1: packets that are missing, and
    samples that the browser has made up in their place or to fill a gap.
    """

    loss: float | None = None
    concealed: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None


@dataclass(slots=True)
class PageAccount:
    """The samples of a call: shares as they were last, means of the others."""

    loss: float | None = None
    concealed: float | None = None
    jitter_ms: Mean = field(default_factory=Mean)
    rtt_ms: Mean = field(default_factory=Mean)

    def add(self, sample: PageSample) -> None:
        """Take the next sample. Another connection of the call's begins to count anew."""
        self.loss = self.loss if sample.loss is None else sample.loss
        self.concealed = self.concealed if sample.concealed is None else sample.concealed
        self.jitter_ms.add(sample.jitter_ms)
        self.rtt_ms.add(sample.rtt_ms)
