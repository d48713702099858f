from typing import NamedTuple

class SourceCounts(NamedTuple):
    expected: int = 0
    received: int = 0
    duplicates: int = 0
    gaps: int = 0
    @property
    def unique(self) -> int: ...

class ReceptionSnapshot(NamedTuple):
    ssrc: int | None = None
    sources: int = 0
    clock_rate: int = 0
    present: SourceCounts = ...
    left: SourceCounts = ...
    passed: SourceCounts = ...
    jitter: float = 0.0
    highest: int = 0
    arrival: float = ...
    @property
    def jitter_seconds(self) -> float: ...

class Reception:
    def update(
        self, ssrc: int, sequence: int, timestamp: int, arrival: float, clock_rate: int
    ) -> None: ...
    def snapshot(self) -> ReceptionSnapshot: ...
