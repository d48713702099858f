"""The audio codecs of an RTP payload, as one table.

A codec of its own is one file, one row here and one class of tests. G.711 and L16 keep no state, so
one call serves the frames of any number of streams; G.722 and Opus keep state per stream.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from voice import g711, l16
from voice.g722 import G722Decoder, G722Encoder
from voice.opus import OpusDecoder, OpusEncoder

Samples = NDArray[np.int16]
Codes = NDArray[np.uint8]
Payload = bytes | bytearray | memoryview


class Encode(Protocol):
    """int16[..., n] → uint8[..., n * bytes_per_sample], into `out` if it is given."""

    def __call__(self, pcm: Samples, out: Codes | None = None, /) -> Codes: ...


class Decode(Protocol):
    """uint8[..., n * bytes_per_sample] → int16[..., n], into `out` if it is given."""

    def __call__(self, codes: Codes, out: Samples | None = None, /) -> Samples: ...


class StreamEncoder(Protocol):
    """The state of one stream that is sent."""

    def encode(self, samples: Samples) -> bytes:
        """Encode one frame of 20 ms, int16[sample_rate / 50], and return the payload."""
        ...


class StreamDecoder(Protocol):
    """The state of one stream that is received."""

    def decode(self, payload: Payload, out: Samples) -> int:
        """Decode into the beginning of `out` and return the samples written, never more than fit.

        Raises the codec's own error, a ValueError, where the payload is none or does not fit.
        """
        ...


# There is one object of each codec. Compared field by field, as the keys of a batch are, they would
# cost more than what they do
@dataclass(frozen=True, slots=True, eq=False)
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


@dataclass(frozen=True, slots=True, eq=False)
class PayloadCodec(Codec):
    """A codec without state: frames of a whole batch are one call.

    `silence` is each byte of a silent sample.
    """

    encode: Encode
    decode: Decode
    silence: int
    bytes_per_sample: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class StreamCodec(Codec):
    """A codec with state: an encoder and a decoder for each stream, at `sample_rate`."""

    encoder: Callable[[], StreamEncoder]
    decoder: Callable[[], StreamDecoder]


PCMU = PayloadCodec("PCMU", 8000, 8000, 1, 0, g711.encode_ulaw, g711.decode_ulaw, g711.ULAW_SILENCE)
PCMA = PayloadCodec("PCMA", 8000, 8000, 1, 8, g711.encode_alaw, g711.decode_alaw, g711.ALAW_SILENCE)
G722 = StreamCodec("G722", 8000, 16000, 1, 9, G722Encoder, G722Decoder)
# The static payload types of L16, 10 and 11, are for 44100 Hz; telephony asks for a dynamic one
L16 = PayloadCodec(
    "L16", 16000, 16000, 1, None, l16.encode, l16.decode, l16.SILENCE, l16.BYTES_PER_SAMPLE
)
# Always announced as two channels, whatever is sent (RFC 7587 section 7)
OPUS = StreamCodec(
    "opus", 48000, 8000, 2, None, partial(OpusEncoder, 8000), partial(OpusDecoder, 8000)
)

CODECS: dict[str, PayloadCodec | StreamCodec] = {
    codec.name.upper(): codec for codec in (PCMU, PCMA, G722, L16, OPUS)
}
"""Every codec, by encoding name in capitals."""

PAYLOAD_CODECS: dict[str, PayloadCodec] = {codec.name: codec for codec in (PCMU, PCMA)}
"""Those without state at 8 kHz and one byte per sample, by encoding name."""
