"""A browser, a network and the media clock for tests of the playout; no time passes in them.

The packets are Opus to whoever reads their first bytes, and hold nothing but their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import ceil
from typing import NamedTuple

import numpy as np

from gateway.media.clock import LONGEST_CATCH_UP, SLOTS, TICK
from gateway.media.core.playout import Kind, Playout

FRAME = 20  # ms
START = 100.0  # seconds: when the first packet is made
EXACT = 1e-6  # seconds: what comes at the time of a tick is read by it

# SILK, narrowband, one frame: table of contents by milliseconds, and the flag that says "repairs"
# behind the flags of voice activity, one for each 20 ms (RFC 6716 sections 3.1 and 4.2.4)
_TOC = {10: 0x00, 20: 0x08, 40: 0x10, 60: 0x18}
_REPAIRS = {10: 0x40, 20: 0x40, 40: 0x20, 60: 0x10}


def make_packet(number: int, milliseconds: int = FRAME, *, fec: bool = False) -> bytes:
    flags = _REPAIRS[milliseconds] if fec else 0
    return bytes([_TOC[milliseconds], flags]) + number.to_bytes(4, "big")


def read_number(payload: bytes) -> int:
    return int.from_bytes(payload[2:6], "big")


class Sent(NamedTuple):
    """A packet on its way; times in seconds of the receiver's clock."""

    number: int
    made: float
    arrival: float
    payload: bytes
    timestamp: int


def speak(
    count: int,
    *,
    delay: Callable[[int], float] = lambda number: 0.0,
    lost: Iterable[int] = (),
    drift: float = 0.0,
    milliseconds: int = FRAME,
    fec: bool = False,
    first: int = 0,
    start: float = START,
) -> list[Sent]:
    """Return packets in order of arrival.

    `delay` is what the network does to each packet, in seconds; the sender's clock is fast by the
    share `drift`.
    """
    gone = set(lost)
    sent = []
    for number in range(first, first + count):
        if number in gone:
            continue
        made = start + (number - first) * milliseconds / 1000 / (1 + drift)
        timestamp = number * milliseconds * 48
        payload = make_packet(number, milliseconds, fec=fec)
        sent.append(Sent(number, made, made + delay(number), payload, timestamp))
    return sorted(sent, key=lambda each: each.arrival)


def jitter(seed: int, spread: float) -> Callable[[int], float]:
    """Return delays that are spread evenly between 0 and `spread` seconds."""
    values = np.random.default_rng(seed).uniform(0, spread, 1 << 16).tolist()
    return lambda number: float(values[number & 0xFFFF])


class Step(NamedTuple):
    """What was played or made up, when, and how long after it was made."""

    now: float
    kind: Kind
    number: int | None
    delay: float
    quiet: bool


class Listener:
    """Serves one playout as the media plane does: every fourth tick, in the stream's slot."""

    def __init__(
        self,
        sent: list[Sent],
        *,
        quiet: Callable[[float], bool] = lambda now: False,
        playout: Playout | None = None,
    ) -> None:
        self.playout = Playout(Counter()) if playout is None else playout
        self.steps: list[Step] = []
        self.frames = 0
        self._made = {each.number: each.made for each in sent}
        self._sent = sent
        self._next = 0  # of what was sent
        self._quiet = quiet
        self._rest = 0  # ms that were decoded and not played
        first = sent[0].arrival if sent else START
        self.tick = ceil((first - EXACT) / TICK)

    @property
    def counters(self) -> Counter[str]:
        return self.playout.counters

    def listen(self, seconds: float) -> list[Step]:
        """Let time pass, and return what was done in it."""
        begin, end = len(self.steps), self.tick + round(seconds / TICK)
        while self.tick < end:
            self._receive(self.tick * TICK, _next_tick)
            self._serve()
        return self.steps[begin:]

    def stall(self, seconds: float) -> None:
        """Let the whole process stand still, as `gateway.media.clock` deals with it."""
        until = self.tick * TICK + seconds
        missed, limit = round(seconds / TICK), round(LONGEST_CATCH_UP / TICK)
        frames = max(0, -(-(missed - limit) // SLOTS))
        if frames:
            self.playout.skip(frames)
            self.tick += frames * SLOTS
        # The first tick that is made up for reads all that has come until now
        now = self.tick * TICK
        self._receive(until, lambda arrival: now, stale=True)

    def _receive(
        self, until: float, read: Callable[[float], float], *, stale: bool = False
    ) -> None:
        while self._next < len(self._sent) and self._sent[self._next].arrival <= until + EXACT:
            each = self._sent[self._next]
            now = read(each.arrival)
            self.playout.put(
                each.number & 0xFFFF, each.timestamp & 0xFFFFFFFF, each.payload, now, stale=stale
            )
            self._next += 1

    def _serve(self) -> None:
        now = self.tick * TICK
        quiet = self._quiet(now)
        # As `UpStream` does: in a pause, parts of frames are not worth their delay
        filled = self._rest - self._rest % FRAME if quiet else self._rest
        self.playout.earlier = False
        while filled < FRAME:
            kind = self.playout.take(now, quiet=quiet, filled=filled / 1000)
            filled += self._step(now, kind, quiet, filled)
            if kind is Kind.LATER:
                self.tick += 1
                return
        self._rest = filled - FRAME
        self.frames += 1
        self.tick += SLOTS - 1 if self.playout.earlier else SLOTS

    def _step(self, now: float, kind: Kind, quiet: bool, filled: int) -> int:
        """Note a step, and return how many milliseconds it fills."""
        if kind not in (Kind.PLAY, Kind.LEAVE_OUT, Kind.SHORTEN):
            self.steps.append(Step(now, kind, None, 0.0, quiet))
            if kind is Kind.LATER:
                return 0
            return FRAME - filled if kind is Kind.QUIET else self.playout.length // 48
        payload = self.playout.payload
        number = read_number(payload)
        delay = now + filled / 1000 - self._made[number]
        self.steps.append(Step(now, kind, number, delay, quiet))
        if kind is Kind.LEAVE_OUT:
            return 0
        length = {toc: ms for ms, toc in _TOC.items()}[payload[0]]
        # One pitch period of 5 ms, wherever the voice has one
        return length - 5 if kind is Kind.SHORTEN else length


def _next_tick(arrival: float) -> float:
    """Return when the clock reads what comes at this time: every tick, served or not."""
    return ceil((arrival - EXACT) / TICK) * TICK


def played(steps: Iterable[Step]) -> list[int]:
    return [each.number for each in steps if each.number is not None]


def delays(steps: Iterable[Step]) -> list[float]:
    """Return the delays of what was played."""
    return [each.delay for each in steps if each.kind is Kind.PLAY]


def kinds(steps: Iterable[Step]) -> Counter[Kind]:
    return Counter(each.kind for each in steps)
