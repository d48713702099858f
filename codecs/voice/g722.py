"""G.722 (ITU-T G.722): wideband speech in the 64 kbit/s of G.711, by PyAV.

Sub-band ADPCM adapts sample by sample: an encoder and a decoder belong to one stream, and nothing
of it can be done for a batch. FFmpeg has both, PyAV carries FFmpeg anyway, so there is no codec of
our own here, only the cheapest way through PyAV: one frame that is filled again and again, and no
more samples at once than the encoder was opened for, since PyAV would hold back what is left over.

RTP counts G.722 at 8000 Hz while it samples at 16000: one byte, one tick, two samples. RFC 1890
had it wrong, and RFC 3551 section 4.5.2 keeps the error for the sake of what was in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import av
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

Samples = NDArray[np.int16]
Payload = bytes | bytearray | memoryview

SAMPLE_RATE = 16000  # Hz
FRAME = 320  # samples: 20 ms

_SAMPLES_PER_BYTE = 2
_LARGEST_FRAME = 32768  # samples, FFmpeg's MAX_FRAME_SIZE
_INT16 = np.dtype(np.int16)


class G722Error(ValueError):
    """A payload that is none, or that does not fit where it is to be decoded."""


def _open(mode: Literal["r", "w"], **options: str) -> AudioCodecContext:
    context = av.CodecContext.create("g722", mode)
    context.sample_rate = SAMPLE_RATE
    context.layout = "mono"
    if options:
        context.format = "s16"
        context.options = options
    return context


class G722Encoder:
    """Encodes one stream at 64 kbit/s.

    Parameters
    ----------
    frame
        Samples that FFmpeg takes at once, even. `encode` takes this many or a multiple of it;
        each further one costs the whole way through PyAV again, so 20 ms unless packets are
        shorter. The payload is a run of bytes and may be cut anywhere.

    Raises
    ------
    ValueError
        No such frame.
    """

    def __init__(self, frame: int = FRAME) -> None:
        if frame % _SAMPLES_PER_BYTE or not 0 < frame <= _LARGEST_FRAME:
            rule = f"an even number up to {_LARGEST_FRAME}"
            raise ValueError(f"frames of {frame} samples: G.722 takes {rule}")
        self._size = frame
        self._encode = _open("w", frame_size=str(frame)).encode
        self._frame = av.AudioFrame(format="s16", layout="mono", samples=frame)
        self._frame.sample_rate = SAMPLE_RATE
        # FFmpeg may round a plane up; the view ends where the samples do
        self._room: Samples = np.frombuffer(memoryview(self._frame.planes[0]), np.int16)[:frame]

    def encode(self, samples: Samples) -> bytes:
        """Encode whole frames and return half as many bytes.

        Parameters
        ----------
        samples
            int16[n] at 16 kHz, n a multiple of the frame.

        Raises
        ------
        TypeError, ValueError
            Not int16, or another number of samples.
        """
        if samples.dtype != _INT16:
            raise TypeError(f"samples are {samples.dtype}; G.722 encodes int16")
        if samples.ndim != 1 or not samples.size or samples.size % self._size:
            rule = f"one row of {self._size} or a multiple"
            raise ValueError(f"samples of shape {samples.shape}: {rule} is needed")
        if samples.size == self._size:
            return self._encode_one(samples)
        return b"".join(self._encode_one(piece) for piece in samples.reshape(-1, self._size))

    def _encode_one(self, samples: Samples) -> bytes:
        self._room[:] = samples
        (packet,) = self._encode(self._frame)
        return bytes(packet)


class G722Decoder:
    """Decodes one stream."""

    def __init__(self) -> None:
        self._decode = _open("r").decode

    def decode(self, payload: Payload, out: Samples) -> int:
        """Decode a payload into the beginning of `out` and return the samples written.

        Parameters
        ----------
        payload
            Any bytes, at least one: each is two samples.
        out
            int16[n] at 16 kHz.

        Raises
        ------
        G722Error
            An empty payload, or more samples than `out` has room for; the stream is as it was.
        TypeError
            `out` is not int16.
        """
        samples = len(payload) * _SAMPLES_PER_BYTE
        if out.dtype != _INT16:
            raise TypeError(f"out is {out.dtype}; G.722 decodes to int16")
        if not samples:  # FFmpeg would take it for the end of the stream, for ever
            raise G722Error("a payload of 0 bytes: G.722 needs at least one")
        if samples > len(out):
            raise G722Error(
                f"{len(payload)} bytes are {samples} samples: there is room for {len(out)}"
            )
        (frame,) = self._decode(av.Packet(cast("bytes", payload)))
        out[:samples] = np.frombuffer(memoryview(frame.planes[0]), np.int16, samples)
        return samples
