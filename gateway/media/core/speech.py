"""What a browser may speak: how long a packet is, what it repairs, and its decoder.

Opus nearly always; G.711 where the policy is passthrough and the trunk then chose another of its
two laws, so that the packets cannot pass as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice.codec import PCMA, PCMU, PayloadCodec
from voice.concealment import PcmConcealer
from voice.opus import OpusDecoder, OpusError, has_fec, packet_samples

OPUS_CLOCK = 48000  # Hz

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class SpeechFormat:
    """What has to be known of a payload before it is decoded.

    `length` is in ticks of the clock, 0 for a malformed payload; `repairs` says whether a payload
    carries its predecessor as well.
    """

    clock_rate: int
    length: Callable[[bytes], int]
    repairs: Callable[[bytes], bool]


class SpeechDecoder(Protocol):
    """The state of one stream. Malformed payloads raise a ValueError."""

    def decode(self, payload: bytes, out: Samples, /) -> int: ...
    def decode_fec(self, next_payload: bytes, out: Samples, samples: int, /) -> int: ...
    def conceal(self, out: Samples, samples: int, /) -> int: ...
    def reset(self) -> None: ...


def _opus_length(payload: bytes) -> int:
    try:
        return packet_samples(payload, OPUS_CLOCK)
    except OpusError:
        return 0


def _opus_repairs(payload: bytes) -> bool:
    try:
        return has_fec(payload)
    except OpusError:
        return False


OPUS_FORMAT = SpeechFormat(OPUS_CLOCK, _opus_length, _opus_repairs)
PCM_FORMAT = SpeechFormat(PCMU.clock_rate, len, lambda payload: False)

FORMATS = {"OPUS": OPUS_FORMAT, "PCMU": PCM_FORMAT, "PCMA": PCM_FORMAT}


class PcmDecoder:
    """G.711 with concealment; a rate that is twice its own is reached by interpolation."""

    def __init__(self, codec: PayloadCodec, rate: int) -> None:
        self._codec = codec
        self._twice = rate == 2 * codec.sample_rate
        self._rate = rate
        self.reset()

    def reset(self) -> None:
        """Forget the stream so far."""
        self._concealer = PcmConcealer(self._rate)
        self._last = 0

    def decode(self, payload: bytes, out: Samples, /) -> int:
        """Decode a payload into `out` and return the samples written."""
        pcm = self._codec.decode(np.frombuffer(payload, np.uint8))
        if self._twice:
            pcm = self._double(pcm)
        if pcm.size > out.size:
            raise ValueError(f"{len(payload)} bytes do not fit {out.size} samples")
        out[: pcm.size] = pcm
        self._concealer.heard(out[: pcm.size])
        return pcm.size

    def _double(self, pcm: Samples) -> Samples:
        before = np.concatenate(([self._last], pcm[:-1])).astype(np.int32)
        self._last = int(pcm[-1]) if pcm.size else 0
        doubled: Samples = np.empty(2 * pcm.size, np.int16)
        doubled[0::2] = (before + pcm) // 2
        doubled[1::2] = pcm
        return doubled

    def decode_fec(self, next_payload: bytes, out: Samples, samples: int, /) -> int:
        """G.711 repairs nothing: the same as `conceal`."""
        return self.conceal(out, samples)

    def conceal(self, out: Samples, samples: int, /) -> int:
        """Make up samples, and return how many."""
        self._concealer.conceal(out[:samples])
        return samples


def make_decoder(codec: str, rate: int) -> SpeechDecoder:
    """Return a decoder of a browser's codec that makes samples of this rate."""
    return _DECODERS[codec](rate)


_DECODERS: dict[str, Callable[[int], SpeechDecoder]] = {
    "OPUS": OpusDecoder,
    "PCMU": partial(PcmDecoder, PCMU),
    "PCMA": partial(PcmDecoder, PCMA),
}
