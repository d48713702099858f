"""The order in which a browser's packets are played, and what to do where one is missing.

Pure: packets go in as they come, one step comes out per frame. The buffer starts with the first
packet and grows by waiting when packets come late; it gives the delay back once it proves to be
more than the stream needs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto

from gateway.media.counters import rejected
from voice.sequence import SequenceTracker

# More than this in the buffer is a stream that has run away (a stalled process, a burst): the
# oldest are let go, because their time has passed.
MOST_WAITING = 12  # packets

# A gap wider than this is not repaired frame by frame but jumped over
LONGEST_REPAIR = 5  # packets

# The delay is judged by the packet that waited least in so many frames (2 s)
JUDGED = 100
TOO_LONG = 0.030  # seconds: a frame and the spread that a good network has


class Kind(Enum):
    PLAY = auto()  # decode `payload`
    REPAIR = auto()  # lost, but `payload` is the packet after it: decode its FEC
    CONCEAL = auto()  # lost: make something up
    EMPTY = auto()  # nothing has come: the packet may only be late
    QUIET = auto()  # nothing has come, and nothing was to be expected


@dataclass(frozen=True, slots=True)
class Step:
    """What to do for one frame."""

    kind: Kind
    payload: bytes = b""


CONCEAL = Step(Kind.CONCEAL)
EMPTY = Step(Kind.EMPTY)
QUIET = Step(Kind.QUIET)


@dataclass(slots=True)
class _Waiting:
    payload: bytes | None  # None: not audio (a telephone event), but it has a number in the stream
    since: float


class Playout:
    """One stream's packets between arrival and playing.

    Times are seconds of the caller's clock. What is lost, late or let go is counted by name.
    """

    def __init__(self, counters: Counter[str]) -> None:
        self.counters = counters
        self._waiting: dict[int, _Waiting] = {}
        self._track = SequenceTracker()
        self._restarts = 0
        self._next: int | None = None
        self._talking = False
        self._shortest = float("inf")
        self._played = 0

    @property
    def waiting(self) -> int:
        """How many packets have come and not been played."""
        return len(self._waiting)

    def put(self, sequence: int, payload: bytes | None, now: float) -> None:
        """Take a packet: its 16-bit sequence number and its payload, None if it is no audio."""
        number = self._track(sequence)
        if number is None:
            self.counters[rejected("browser", "sequence")] += 1
            return
        if self._next is None or self._track.restarts != self._restarts:
            self._restarts = self._track.restarts
            self.counters["browser_packets_let_go"] += len(self._waiting)
            self._waiting.clear()
            self._next = number
        if number < self._next:
            self.counters[rejected("browser", "late")] += 1
        elif number in self._waiting:
            self.counters[rejected("browser", "duplicate")] += 1
        else:
            self._waiting[number] = _Waiting(payload, now)
            if len(self._waiting) > MOST_WAITING:
                self._let_go()

    def _let_go(self) -> None:
        oldest = min(self._waiting)
        del self._waiting[oldest]
        self.counters["browser_packets_let_go"] += 1
        self._next = oldest + 1

    def take(self, now: float) -> Step:
        """Return what to do for the frame that is due at `now`."""
        self._pass_over_events()
        if not self._waiting or self._next is None:
            return EMPTY if self._talking else QUIET
        found = self._waiting.pop(self._next, None)
        if found is not None and found.payload is not None:
            self._next += 1
            self._talking = True
            self._judge(now - found.since)
            return Step(Kind.PLAY, found.payload)
        return self._missing()

    def _pass_over_events(self) -> None:
        while self._next is not None and self._next in self._waiting:
            if self._waiting[self._next].payload is not None:
                return
            del self._waiting[self._next]
            self._next += 1
            self._talking = False  # audio stops while a digit is sent

    def _missing(self) -> Step:
        first = min(self._waiting)
        if self._next is None or first - self._next > LONGEST_REPAIR:
            self.counters["browser_packets_lost"] += 0 if self._next is None else first - self._next
            self._next = first
            return CONCEAL
        self.counters["browser_packets_lost"] += 1
        self._next += 1
        after = self._waiting.get(self._next)
        if after is not None and after.payload is not None:
            return Step(Kind.REPAIR, after.payload)
        return CONCEAL

    def _judge(self, waited: float) -> None:
        self._shortest = min(self._shortest, waited)
        self._played += 1
        if self._played < JUDGED:
            return
        if self._shortest > TOO_LONG and self._waiting:
            self._let_go()
        self._shortest = float("inf")
        self._played = 0
