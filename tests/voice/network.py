"""A sender, a network and the media clock for tests of the jitter buffer; no time passes in them.

The packets are Opus to whoever reads their first bytes, and hold nothing but their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from math import ceil
from typing import NamedTuple

import numpy as np

from voice.counters import Counters
from voice.jitter_buffer import Action, JitterBuffer
from voice.opus import OpusDecoder

# As the media clock has them
TICK = 0.005  # seconds
SLOTS = 4  # ticks to a frame
LONGEST_CATCH_UP = 0.06  # seconds; of a longer stall the beginning is left out

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


def make_buffer() -> JitterBuffer:
    """Return a jitter buffer for Opus."""
    return JitterBuffer(Counters(), OpusDecoder(8000))


class Step(NamedTuple):
    """What was played or concealed, when, and how long after it was made."""

    now: float
    action: Action
    number: int | None
    delay: float
    quiet: bool


class Listener:
    """Serves one jitter buffer as the engine does: every fourth tick, in the stream's slot."""

    def __init__(
        self,
        sent: list[Sent],
        *,
        quiet: Callable[[float], bool] = lambda now: False,
        buffer: JitterBuffer | None = None,
    ) -> None:
        self.buffer = make_buffer() if buffer is None else buffer
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
    def counters(self) -> Counters:
        return self.buffer.counters

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
            self.buffer.skip_frames(frames)
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
            self.buffer.push(
                each.number & 0xFFFF, each.timestamp & 0xFFFFFFFF, each.payload, now, stale=stale
            )
            self._next += 1

    def _serve(self) -> None:
        now = self.tick * TICK
        quiet = self._quiet(now)
        # As `Playback` does: in a pause, parts of frames are not worth their delay
        filled = self._rest - self._rest % FRAME if quiet else self._rest
        self.buffer.earlier = False
        while filled < FRAME:
            action = self.buffer.pop(now, quiet=quiet, filled=filled / 1000)
            filled += self._step(now, action, quiet, filled)
            if action is Action.LATER:
                self.tick += 1
                return
        self._rest = filled - FRAME
        self.frames += 1
        self.tick += SLOTS - 1 if self.buffer.earlier else SLOTS

    def _step(self, now: float, action: Action, quiet: bool, filled: int) -> int:
        """Note a step, and return how many milliseconds it fills."""
        if action not in (Action.PLAY, Action.DROP, Action.ACCELERATE):
            self.steps.append(Step(now, action, None, 0.0, quiet))
            if action is Action.LATER:
                return 0
            return FRAME - filled if action is Action.SILENCE else self.buffer.length // 48
        payload = self.buffer.payload
        number = read_number(payload)
        delay = now + filled / 1000 - self._made[number]
        self.steps.append(Step(now, action, number, delay, quiet))
        if action is Action.DROP:
            return 0
        length = {toc: ms for ms, toc in _TOC.items()}[payload[0]]
        # One pitch period of 5 ms, wherever the voice has one
        return length - 5 if action is Action.ACCELERATE else length


def _next_tick(arrival: float) -> float:
    """Return when the clock reads what comes at this time: every tick, served or not."""
    return ceil((arrival - EXACT) / TICK) * TICK


def played(steps: Iterable[Step]) -> list[int]:
    return [each.number for each in steps if each.number is not None]


def delays(steps: Iterable[Step]) -> list[float]:
    """Return the delays of what was played."""
    return [each.delay for each in steps if each.action is Action.PLAY]


def actions(steps: Iterable[Step]) -> Counter[Action]:
    return Counter(each.action for each in steps)
