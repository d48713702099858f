"""The audio codecs of an RTP payload, as one table.

A codec of its own is one file, one row here and one class of tests. G.711 keeps no state, so one
call serves the frames of any number of streams; Opus keeps state per stream.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice import g711
from voice.opus import OpusDecoder, OpusEncoder

Samples = NDArray[np.int16]
Codes = NDArray[np.uint8]


class Encode(Protocol):
    """int16[...] → uint8[...], into `out` if it is given."""

    def __call__(self, pcm: Samples, out: Codes | None = None, /) -> Codes: ...


class Decode(Protocol):
    """uint8[...] → int16[...], into `out` if it is given."""

    def __call__(self, codes: Codes, out: Samples | None = None, /) -> Samples: ...


@dataclass(frozen=True, slots=True)
class Codec:
    """What descriptions and RTP have to know of a codec.

    Attributes
    ----------
    name
        Encoding name as in a=rtpmap; compared without case.
    clock_rate
        Hz of the RTP timestamps.
    sample_rate
        Hz of the samples that it makes of telephone speech. G.722 and Opus show why it is apart:
        neither counts time in its own samples (RFC 3551 section 4.5.2, RFC 7587 section 4.1).
    channels
        As a=rtpmap says it.
    payload_type
        The static one of RFC 3551 section 6, None if there is none.
    """

    name: str
    clock_rate: int
    sample_rate: int
    channels: int
    payload_type: int | None


@dataclass(frozen=True, slots=True)
class PayloadCodec(Codec):
    """A codec without state: frames of a whole batch are one call. One code per sample.

    `silence` is the code of a silent sample.
    """

    encode: Encode
    decode: Decode
    silence: int


@dataclass(frozen=True, slots=True)
class StreamCodec(Codec):
    """A codec with state: an encoder and a decoder for each stream, made for a sample rate."""

    encoder: Callable[[int], OpusEncoder]
    decoder: Callable[[int], OpusDecoder]


PCMU = PayloadCodec("PCMU", 8000, 8000, 1, 0, g711.encode_ulaw, g711.decode_ulaw, g711.ULAW_SILENCE)
PCMA = PayloadCodec("PCMA", 8000, 8000, 1, 8, g711.encode_alaw, g711.decode_alaw, g711.ALAW_SILENCE)
# Always announced as two channels, whatever is sent (RFC 7587 section 7)
OPUS = StreamCodec("opus", 48000, 8000, 2, None, OpusEncoder, OpusDecoder)

CODECS: dict[str, Codec] = {codec.name.upper(): codec for codec in (PCMU, PCMA, OPUS)}
"""By encoding name in capitals."""

PAYLOAD_CODECS: dict[str, PayloadCodec] = {codec.name: codec for codec in (PCMU, PCMA)}
"""Those without state, by encoding name."""
