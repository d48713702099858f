"""Browser → trunk: one stream's way from Opus packets to a row of the batch."""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.playout import Kind, Playout, Step
from gateway.media.counters import rejected
from voice.opus import OpusDecoder, OpusError, packet_samples

RATE = 8000  # Hz: libopus decodes straight to what the trunk's codec wants
FRAME_SAMPLES = 160  # 20 ms
LONGEST_PACKET = 960  # samples: 120 ms, the most that one Opus packet holds (RFC 6716 section 3.1)

# libopus fades its concealment out by itself; after so many frames there is nothing left to hear
LONGEST_CONCEALMENT = 5  # frames


class Filled(Enum):
    AUDIO = auto()
    NOTHING = auto()  # no packet belongs to this frame, or it has been sent already
    LATER = auto()  # the packet is only just late: ask again in the next slot


class UpStream:
    """Turns one browser's Opus packets into 20 ms frames of 8 kHz samples."""

    def __init__(self, counters: Counter[str]) -> None:
        self.playout = Playout(counters)
        self._counters = counters
        self._decoder = OpusDecoder(RATE)
        self._buffer: NDArray[np.int16] = np.zeros(LONGEST_PACKET, np.int16)
        self._rest = self._buffer[:0]  # decoded, not yet played: packets of more than one frame
        self._missing = 0  # frames in a row that had no packet
        self._slipped = False

    def restart(self) -> None:
        """Begin with a new stream; what waits of the old one is dropped."""
        self.playout = Playout(self._counters)
        self._rest = self._buffer[:0]
        self._decoder.reset()

    def fill(self, out: NDArray[np.int16], now: float) -> Filled:
        """Fill `out` (int16, 160 samples) with the frame that is due at `now`."""
        filled = self._take_rest(out, 0)
        while filled < FRAME_SAMPLES:
            step = self.playout.take(now)
            if step.kind is Kind.EMPTY and not (self._slipped or self._missing or filled):
                # Waiting 5 ms now keeps every later frame 5 ms further from its packet's arrival.
                # Once is enough: a stream that has stopped must not slow the trunk's clock down.
                self._slipped = True
                self._counters["browser_frames_delayed"] += 1
                return Filled.LATER
            filled = self._play(step, out, filled)
        self._slipped = False
        return Filled.AUDIO

    def _take_rest(self, out: NDArray[np.int16], filled: int) -> int:
        count = min(self._rest.size, FRAME_SAMPLES - filled)
        if count:
            out[filled : filled + count] = self._rest[:count]
            self._rest = self._rest[count:]
        return filled + count

    def _play(self, step: Step, out: NDArray[np.int16], filled: int) -> int:
        try:
            if step.kind is Kind.PLAY:
                self._missing = 0
                return self._decode(step.payload, out, filled)
            if step.kind is Kind.REPAIR:
                self._decoder.decode_fec(step.payload, out[filled:], FRAME_SAMPLES - filled)
                self._counters["browser_frames_repaired"] += 1
                return FRAME_SAMPLES
        except OpusError:
            self._counters[rejected("browser", "opus")] += 1
        self._missing += 1
        if step.kind is Kind.QUIET or self._missing > LONGEST_CONCEALMENT:
            out[filled:] = 0
        else:
            self._decoder.conceal(out[filled:], FRAME_SAMPLES - filled)
            self._counters["browser_frames_concealed"] += 1
        return FRAME_SAMPLES

    def _decode(self, payload: bytes, out: NDArray[np.int16], filled: int) -> int:
        samples = packet_samples(payload, RATE)
        if not filled and samples == FRAME_SAMPLES:
            return self._decoder.decode(payload, out)
        self._rest = self._buffer[: self._decoder.decode(payload, self._buffer)]
        return self._take_rest(out, filled)
