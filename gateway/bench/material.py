"""What is said in the calls: speech, encoded beforehand for each codec that a gateway may ask for.

The speech is that of the embedded peer's clips. Encoded once, the same packets go round in every
call, each call beginning somewhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gateway.bench.description import Wanted
from gateway.peer.sounds import clip
from voice.codec import CODECS, PCMA, PCMU
from voice.opus import Bandwidth, OpusDecoder, OpusEncoder

RATE = 8000  # Hz, of all that is compared
FULLBAND_RATE = 48000
BLOCK = RATE * 120 // 1000  # samples: every ptime up to 60 ms goes into it

Samples = NDArray[np.int16]

_CLIPS = ("welcome", "press-digits", "at-the-tone", "10", "hours", "and", "15", "minutes")
_PAUSE = 0.25  # seconds between two clips
_ROOM = 20.0  # amplitude of the noise of a microphone's room, which makes a stream fullband

_G711 = {codec.name: codec for codec in (PCMU, PCMA)}


@dataclass(frozen=True, slots=True)
class Coding:
    """How a stream is encoded.

    `codec` is OPUS, PCMU or PCMA; `ptime` in milliseconds; `bitrate` in bit/s and `rate` in Hz are
    Opus's: 8000 for what browsers send when narrowband is asked for, 48000 otherwise.
    """

    codec: str
    ptime: int = 20
    bitrate: int = 32000
    rate: int = FULLBAND_RATE

    @property
    def clock_rate(self) -> int:
        """The RTP clock, in Hz."""
        return CODECS[self.codec].clock_rate

    @property
    def step(self) -> int:
        """What the RTP timestamp grows by with each packet."""
        return self.clock_rate * self.ptime // 1000


# What Chromium sends when nobody asks for anything else
BROWSER_DEFAULT = Coding("OPUS")


def asked(wanted: Wanted, ptime: int = 20) -> Coding:
    """Return how a browser would send after this answer (Chromium and Firefox obey it)."""
    if wanted.codec != "OPUS":
        return Coding(wanted.codec, ptime)
    rate = RATE if wanted.playback_rate == RATE else FULLBAND_RATE
    return Coding("OPUS", ptime, wanted.bitrate or BROWSER_DEFAULT.bitrate, rate)


@cache
def speech() -> Samples:
    """Return some ten seconds of speech, int16 at 8 kHz; it can be repeated."""
    pause = np.zeros(round(_PAUSE * RATE), np.int16)
    parts = [part for name in _CLIPS for part in (*clip(name), pause)]
    joined = np.concatenate(parts)
    return np.concatenate([joined, np.zeros(-joined.size % BLOCK, np.int16)])


@cache
def encode_speech(coding: Coding) -> tuple[bytes, ...]:
    """Return the payloads of `speech`, one per packet."""
    return tuple(encode(speech(), coding))


def encode(pcm: Samples, coding: Coding) -> list[bytes]:
    """Encode samples (int16 at 8 kHz, a whole number of packets)."""
    if coding.codec != "OPUS":
        codes = _G711[coding.codec].encode(pcm).reshape(-1, RATE * coding.ptime // 1000)
        return [row.tobytes() for row in codes]
    narrow = coding.rate == RATE
    samples = pcm if narrow else _as_microphone(pcm)
    # Browsers: complexity 9 on a desktop, FEC on, loss as the receiver reports it
    encoder = OpusEncoder(
        coding.rate,
        bitrate=coding.bitrate,
        complexity=9,
        max_bandwidth=Bandwidth.NARROWBAND if narrow else Bandwidth.FULLBAND,
    )
    with encoder:
        frames = samples.reshape(-1, coding.rate * coding.ptime // 1000)
        return [encoder.encode(frame) for frame in frames]


def _as_microphone(pcm: Samples) -> Samples:
    """Resample to 48 kHz, by zeros in the spectrum, and put the noise of a room under it."""
    factor = FULLBAND_RATE // RATE
    spectrum = np.fft.rfft(pcm.astype(np.float64))
    wide = np.fft.irfft(spectrum, pcm.size * factor) * factor
    noise = np.random.default_rng(0).normal(0, _ROOM, wide.size)
    return (wide + noise).clip(-32768, 32767).astype(np.int16)


def decode(payloads: list[bytes] | tuple[bytes, ...], codec: str, ptime: int = 20) -> Samples:
    """Decode what was not lost on the way to 8 kHz, as an ideal receiver would."""
    if codec != "OPUS":
        return _G711[codec].decode(np.frombuffer(b"".join(payloads), np.uint8))
    frame = RATE * ptime // 1000
    samples = np.zeros(len(payloads) * frame, np.int16)
    with OpusDecoder(RATE) as decoder:
        for number, payload in enumerate(payloads):
            decoder.decode(payload, samples[number * frame : (number + 1) * frame])
    return samples
