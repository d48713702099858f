"""The jitter buffer: any packets in any order, asked at any time."""

from __future__ import annotations

from collections import Counter
from struct import Struct

from gateway.media.core.playout import MOST_WAITING, Kind, Playout
from gateway.media.core.speech import FORMATS
from voice.sequence import SequenceTracker

# What to do, two numbers for it, and thousandths of a second since the step before
_STEP = Struct("!BHHB")
_CODECS = ("OPUS", "PCMU")


def one_input(data: bytes) -> None:
    playout = Playout(Counter(), FORMATS[_CODECS[len(data) % 2]])
    run = _Run(playout)
    now = 0.0
    for what, first, second, thousandths in _STEP.iter_unpack(data[: len(data) // 6 * 6]):
        now += thousandths / 1000 * (1 if what < 250 else 1000)
        run.step(what, first, second, now)
        assert playout.waiting <= MOST_WAITING
    assert run.played == sorted(set(run.played))


class _Run:
    def __init__(self, playout: Playout) -> None:
        self.played: list[int] = []
        self._playout = playout
        self._track = SequenceTracker()
        self._numbers: dict[int, int] = {}  # by the identity of a payload
        self._kept: list[bytes] = []

    def step(self, what: int, first: int, second: int, now: float) -> None:
        if what & 3 < 2:
            self._put(what, first, second, now)
        elif what & 3 == 2:
            filled = (first % 4) * 0.005
            kind = self._playout.take(now, quiet=bool(what & 4), filled=filled)
            if kind in (Kind.PLAY, Kind.LEAVE_OUT, Kind.SHORTEN):
                self.played.append(self._numbers.pop(id(self._playout.payload)))
        elif what & 4:
            self._playout.skip(first % 50)
        else:
            payload = self._playout.following()
            if payload is not None:
                self.played.append(self._numbers.pop(id(payload)))

    def _put(self, what: int, first: int, second: int, now: float) -> None:
        # Of a stream that is nearly whole, or of none
        sequence = first if what & 4 else first % 64
        timestamp = second << 16 if what & 8 else sequence * 960 + second % 3
        number = self._track(sequence)
        payload = None if what & 16 else bytes([what, second & 0xFF, first & 0xFF])
        if payload is not None and number is not None:
            self._kept.append(payload)
            self._numbers[id(payload)] = number
        self._playout.put(sequence, timestamp, payload, now, stale=bool(what & 32))
