"""The jitter buffer: any packets in any order, asked at any time."""

from __future__ import annotations

from struct import Struct

from voice.codec import PCMU
from voice.counters import Counters
from voice.jitter_buffer import MOST_WAITING, Action, JitterBuffer
from voice.opus import OpusDecoder
from voice.pcm import PcmDecoder
from voice.sequence import SequenceTracker

# What to do, two numbers for it, and thousandths of a second since the step before
_STEP = Struct("!BHHB")


def one_input(data: bytes) -> None:
    decoder = PcmDecoder(PCMU, 8000) if len(data) % 2 else OpusDecoder(8000)
    buffer = JitterBuffer(Counters(), decoder)
    run = _Run(buffer)
    now = 0.0
    for what, first, second, thousandths in _STEP.iter_unpack(data[: len(data) // 6 * 6]):
        now += thousandths / 1000 * (1 if what < 250 else 1000)
        run.step(what, first, second, now)
        assert buffer.waiting <= MOST_WAITING
    assert run.played == sorted(set(run.played))


class _Run:
    def __init__(self, buffer: JitterBuffer) -> None:
        self.played: list[int] = []
        self._buffer = buffer
        self._track = SequenceTracker()
        self._numbers: dict[bytes, int] = {}  # by payload
        self._pushed = 0  # with audio

    def step(self, what: int, first: int, second: int, now: float) -> None:
        if what & 3 < 2:
            self._push(what, first, second, now)
        elif what & 3 == 2:
            filled = (first % 4) * 0.005
            action = self._buffer.pop(now, quiet=bool(what & 4), filled=filled)
            if action in (Action.PLAY, Action.DROP, Action.ACCELERATE):
                self.played.append(self._numbers.pop(self._buffer.payload))
        elif what & 4:
            self._buffer.skip_frames(first % 50)
        elif self._buffer.next_packet():
            self.played.append(self._numbers.pop(self._buffer.payload))

    def _push(self, what: int, first: int, second: int, now: float) -> None:
        # Of a stream that is nearly whole, or of none
        sequence = first if what & 4 else first % 64
        timestamp = second << 16 if what & 8 else sequence * 960 + second % 3
        number = self._track(sequence)
        payload = None
        if not what & 16 and number is not None:
            self._pushed += 1
            payload = bytes([what, second & 0xFF, first & 0xFF]) + self._pushed.to_bytes(4, "big")
            self._numbers[payload] = number
        self._buffer.push(sequence, timestamp, payload, now, stale=bool(what & 32))
