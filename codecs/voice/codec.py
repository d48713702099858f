"""The audio codecs of an RTP payload: all that is known of each stands in one table.

A codec of its own is one file, one row here and one class of tests. G.711 and L16 keep no state, so
one call serves the frames of any number of streams; G.722 and Opus keep state per stream. Compiled
callers have the numbers of the table from `voice.codec_facts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from voice import g711, l16
from voice.g722 import G722Decoder, G722Encoder
from voice.opus import OpusDecoder, OpusEncoder
from voice.pcm import PcmDecoder
from voice.speech import SpeechDecoder, SpeechEncoder

Samples = NDArray[np.int16]
Codes = NDArray[np.uint8]

FRAMES_PER_SECOND = 50  # of 20 ms, the frame that all of the media path counts in


class Encode(Protocol):
    """int16[..., n] → uint8[..., n * bytes_per_unit], into `out` if it is given."""

    def __call__(self, pcm: Samples, out: Codes | None = None, /) -> Codes: ...


class Decode(Protocol):
    """uint8[..., n * bytes_per_unit] → int16[..., n], into `out` if it is given."""

    def __call__(self, codes: Codes, out: Samples | None = None, /) -> Samples: ...


class Impairment(NamedTuple):
    """What a codec does to speech, for the E-model (`voice.emodel`).

    `equipment` is Ie, on the scale of R, without loss; `robustness` is Bpl, the higher the better
    lost packets are made good.
    """

    equipment: float
    robustness: float


# There is one object of each codec: whether two are the same need not be asked of each field
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Codec:
    """What descriptions, RTP and quality estimates have to know of a codec.

    Attributes
    ----------
    index
        Its place in the table, by which compiled callers know it.
    name
        Encoding name as in a=rtpmap; compared without case.
    clock_rate
        Hz of the RTP timestamps.
    sample_rate
        Hz of the samples that it makes of telephone speech. G.722 and Opus show why it is apart:
        neither counts time in its own samples (RFC 3551 section 4.5.2, RFC 7587 section 4.1).
    highest_rate
        Hz of the samples that it is able to carry.
    channels
        As a=rtpmap says it.
    payload_type
        The static one of RFC 3551 section 6, None if there is none.
    bytes_per_unit
        Of a payload, for each unit of the RTP clock; None where packets of one length differ.
    impairment
        What it does to speech.
    """

    index: int
    name: str
    clock_rate: int
    sample_rate: int
    highest_rate: int
    channels: int
    payload_type: int | None
    bytes_per_unit: int | None
    impairment: Impairment

    @property
    def units_per_frame(self) -> int:
        """Units of the RTP clock in a frame of 20 ms."""
        return self.clock_rate // FRAMES_PER_SECOND

    @property
    def samples_per_frame(self) -> int:
        """Samples of telephone speech in a frame of 20 ms."""
        return self.sample_rate // FRAMES_PER_SECOND


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PayloadCodec(Codec):
    """A codec without state: an array of frames is one call.

    The path of packets takes them frame by frame, by `voice.sample_coder`.

    `silence` is each byte of a silent sample.
    """

    encode: Encode
    decode: Decode
    silence: int
    bytes_per_unit: int

    def decoder(self, rate: int | None = None) -> SpeechDecoder:
        """Return a decoder with concealment, at `rate` Hz: its own (the default), twice or half."""
        return PcmDecoder(self, rate or self.sample_rate)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StreamCodec(Codec):
    """A codec with state.

    `make_decoder` and `make_encoder` make that of one stream, at a rate in Hz.
    """

    make_decoder: Callable[[int], SpeechDecoder]
    make_encoder: Callable[[int], SpeechEncoder]

    def decoder(self, rate: int | None = None) -> SpeechDecoder:
        """Return a decoder at `rate` Hz, the codec's `sample_rate` by default."""
        return self.make_decoder(rate or self.sample_rate)

    def encoder(self, rate: int | None = None) -> SpeechEncoder:
        """Return an encoder at `rate` Hz, the codec's `sample_rate` by default."""
        return self.make_encoder(rate or self.sample_rate)


# G.113 appendix I has Bpl 25.1 where lost packets are concealed as G.711 appendix I does it, as is
# done here, and 4.3 where they are not
_LIKE_G711 = Impairment(0.0, 25.1)

PCMU = PayloadCodec(
    index=0,
    name="PCMU",
    clock_rate=8000,
    sample_rate=8000,
    highest_rate=8000,
    channels=1,
    payload_type=0,
    bytes_per_unit=1,
    impairment=_LIKE_G711,
    encode=g711.encode_ulaw,
    decode=g711.decode_ulaw,
    silence=g711.ULAW_SILENCE,
)
PCMA = PayloadCodec(
    index=1,
    name="PCMA",
    clock_rate=8000,
    sample_rate=8000,
    highest_rate=8000,
    channels=1,
    payload_type=8,
    bytes_per_unit=1,
    impairment=_LIKE_G711,
    encode=g711.encode_alaw,
    decode=g711.decode_alaw,
    silence=g711.ALAW_SILENCE,
)
G722 = StreamCodec(
    index=2,
    name="G722",
    clock_rate=8000,
    sample_rate=16000,
    highest_rate=16000,
    channels=1,
    payload_type=9,
    bytes_per_unit=1,
    # Assumed. Wideband has a scale of its own (G.107.1, up to R = 129), on which G.722 is better
    # than any narrowband codec; on this scale it is as good as can be, concealed like G.711
    impairment=_LIKE_G711,
    make_decoder=lambda rate: G722Decoder(sample_rate=rate),
    make_encoder=lambda rate: G722Encoder(sample_rate=rate),
)
L16 = PayloadCodec(
    index=3,
    name="L16",
    clock_rate=16000,
    sample_rate=16000,
    highest_rate=16000,
    channels=1,
    # The static ones, 10 and 11, are for 44100 Hz; telephony asks for a dynamic one
    payload_type=None,
    bytes_per_unit=l16.BYTES_PER_SAMPLE,
    # Assumed: nothing is coded, so nothing is impaired, and it is concealed like G.711
    impairment=_LIKE_G711,
    encode=l16.encode,
    decode=l16.decode,
    silence=l16.SILENCE,
)
OPUS = StreamCodec(
    index=4,
    name="opus",
    clock_rate=48000,
    sample_rate=8000,
    highest_rate=48000,
    channels=2,  # always announced so, whatever is sent (RFC 7587 section 7)
    payload_type=None,
    bytes_per_unit=None,
    # ITU-T has no values for Opus. These are derived as P.834 does it, from PESQ of our own: speech
    # at 32 kbit/s with FEC, lost packets repaired and concealed, then G.711, scored 4.00 without
    # loss, 3.96, 3.91, 3.79 and 3.53 with 1, 3, 5 and 10 % of random loss, where G.711 alone has
    # 4.11. Both values fit these within 1.2 of R. Without FEC in the stream loss hurts more.
    impairment=Impairment(3.0, 80.0),
    make_decoder=OpusDecoder,
    make_encoder=OpusEncoder,
)

CODECS: dict[str, PayloadCodec | StreamCodec] = {
    codec.name.upper(): codec for codec in (PCMU, PCMA, G722, L16, OPUS)
}
"""Every codec, by encoding name in capitals, in the order of `index`."""
