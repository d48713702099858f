"""Browser → trunk: one stream's way from Opus packets to rows of the batch."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from enum import Enum, auto
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.loudness import Loudness
from gateway.media.core.playout import Kind, Playout
from gateway.media.core.speech import FORMATS, make_decoder
from gateway.media.counters import rejected
from voice.comfort_noise import NoiseGenerator
from voice.stretch import SHORTEST_INPUT, shorten

FRAMES_PER_SECOND = 50
STEPS_PER_SECOND = 400
LONGEST_PACKET = 6  # frames: 120 ms, the most that one Opus packet holds (RFC 6716 section 3.1)

# libopus is asked to make up so many frames in a row: within 60 to 100 ms its guess has become a
# buzz, and what the ear takes for "still there" is the noise of the room
LONGEST_CONCEALMENT = 4
FADE = 2  # of these frames, at the end


class Filled(Enum):
    AUDIO = auto()
    NOTHING = auto()  # no packet belongs to this frame, or it has been sent already
    LATER = auto()  # the packet is only just late: ask again in the next slot


class UpStream:
    """Turns one browser's Opus packets into frames of 20 ms at the rate of the trunk's codec.

    Attributes
    ----------
    loudness
        To be told each frame's level once it is known (the batch measures all at once).
    unheard
        Nobody hears the stream yet, so that its delay may change without care.
    """

    def __init__(self, counters: Counter[str], rate: int = 8000) -> None:
        self.loudness = Loudness()
        self.unheard = False
        self._counters = counters
        self._codec = "OPUS"
        self._noise = NoiseGenerator(secrets.randbits(16))
        self.playout = Playout(counters)
        self.set_rate(rate)

    def set_codec(self, codec: str) -> None:
        """Take packets of this codec from now on: Opus or G.711, by its name in capitals."""
        if codec != self._codec:
            self._codec = codec
            self.playout = Playout(self._counters, FORMATS[codec])
            self.set_rate(self.rate)

    def set_rate(self, rate: int) -> None:
        """Make frames of this rate in Hz from now on."""
        self.rate = rate
        self.frame = rate // FRAMES_PER_SECOND
        self._decoder = make_decoder(self._codec, rate)
        # One packet to be shortened may follow another
        self._buffer: NDArray[np.int16] = np.zeros(2 * LONGEST_PACKET * self.frame, np.int16)
        self._rest = self._buffer[:0]  # decoded, not yet played
        self._missing = 0  # samples in a row that had no packet

    def restart(self) -> None:
        """Begin with a new stream; what waits of the old one is dropped."""
        self.playout = Playout(self._counters, FORMATS[self._codec])
        self._rest = self._buffer[:0]
        self._decoder.reset()

    def fill(self, out: NDArray[np.int16], now: float) -> Filled:
        """Fill `out` (int16, one frame) with what is due at `now`."""
        self.playout.earlier = False
        quiet = self.unheard or self.loudness.quiet
        filled = 0
        if self._rest.size:
            if quiet:  # a part of a frame that is ahead of the packets is delay for nothing
                self._rest = self._rest[self._rest.size % self.frame :]
            filled = self._take_rest(out, 0)
        while filled < self.frame:
            kind = self.playout.take(now, quiet=quiet, filled=filled / self.rate)
            if kind is Kind.LATER:
                return Filled.LATER
            try:
                filled = self._play(kind, out, filled)
            except ValueError:  # a payload that the codec does not take
                self._counters[rejected("browser", "payload")] += 1
                filled = self._make_up(out, filled)
        return Filled.AUDIO

    def _take_rest(self, out: NDArray[np.int16], filled: int) -> int:
        count = min(self._rest.size, self.frame - filled)
        out[filled : filled + count] = self._rest[:count]
        self._rest = self._rest[count:]
        return filled + count

    def _play(self, kind: Kind, out: NDArray[np.int16], filled: int) -> int:
        payload = self.playout.payload
        match kind:
            case Kind.PLAY:
                self._missing = 0
                if not filled and self.playout.one_frame:
                    return self._decoder.decode(payload, out)
                self._rest = self._buffer[: self._decoder.decode(payload, self._buffer)]
                return self._take_rest(out, filled)
            case Kind.SHORTEN:
                self._missing = 0
                self._rest = self._shortened(payload)
                return self._take_rest(out, filled)
            case Kind.LEAVE_OUT:
                self._decoder.decode(payload, self._buffer)
                return filled
            case Kind.REPAIR:
                self._counters["browser_frames_repaired"] += 1
                self._missing = 0
                return self._make(out, filled, partial(self._decoder.decode_fec, payload))
            case Kind.QUIET:
                self._noise.fill(out[filled:], self.loudness.floor)
                return self.frame
        return self._make_up(out, filled)

    def _shortened(self, payload: bytes) -> NDArray[np.int16]:
        """Decode a packet, and the next if it is here, and take one pitch period out of them."""
        count = self._decoder.decode(payload, self._buffer)
        following = self.playout.following()
        if following is not None:
            count += self._decoder.decode(following, self._buffer[count:])
        whole = self._buffer[:count]
        if count < self.rate * SHORTEST_INPUT // 1000:
            return whole
        shorter = shorten(whole, self.rate)
        if shorter is not whole:
            self._counters["browser_frames_shortened"] += 1
        return shorter

    def _make_up(self, out: NDArray[np.int16], filled: int) -> int:
        """Play what could have been said: a guess, then the noise of the room."""
        if self._missing >= LONGEST_CONCEALMENT * self.frame:
            return self._make(out, filled, self._hiss)
        self._counters["browser_frames_concealed"] += 1
        return self._make(out, filled, self._guess)

    def _guess(self, out: NDArray[np.int16], samples: int) -> int:
        self._decoder.conceal(out, samples)
        begin = self._missing - (LONGEST_CONCEALMENT - FADE) * self.frame
        self._missing += samples
        if begin + samples > 0:
            fade = np.arange(begin, begin + samples, dtype=np.float32) / (FADE * self.frame)
            noise = self._noise.fill(np.empty(samples, np.int16), self.loudness.floor)
            out[:] = out + np.clip(fade, 0, 1) * (noise - out.astype(np.float32))
        return samples

    def _hiss(self, out: NDArray[np.int16], samples: int) -> int:
        self._noise.fill(out, self.loudness.floor)
        return samples

    def _make(
        self, out: NDArray[np.int16], filled: int, make: Callable[[NDArray[np.int16], int], int]
    ) -> int:
        """Make as much as the playout asks for, and play what there is room for."""
        playout = self.playout
        if not filled and playout.length * FRAMES_PER_SECOND == playout.clock_rate:
            return make(out, self.frame)
        # Opus is made up in steps of 2.5 ms, and of up to 120 ms
        step = self.rate // STEPS_PER_SECOND
        steps = playout.length * STEPS_PER_SECOND // playout.clock_rate
        samples = min(max(steps, 1) * step, LONGEST_PACKET * self.frame)
        self._rest = self._buffer[: make(self._buffer[:samples], samples)]
        return self._take_rest(out, filled)
