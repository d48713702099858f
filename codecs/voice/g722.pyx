"""G.722 (ITU-T G.722): wideband speech in the 64 kbit/s of G.711, by PyAV.

Sub-band ADPCM adapts sample by sample: an encoder and a decoder belong to one stream, and nothing
of it can be done for a batch. FFmpeg has both, PyAV carries FFmpeg anyway, so there is no codec of
our own here, only the cheapest way through PyAV: one frame that is filled again and again, and no
more samples at once than the encoder was opened for, since PyAV would hold back what is left over.
PyAV is Python, so compiled callers wait for the interpreter's lock here, and nowhere else.

RTP counts G.722 at 8000 Hz while it samples at 16000: one byte, one unit, two samples. RFC 1890
had it wrong, and RFC 3551 section 4.5.2 keeps the error for the sake of what was in use.
"""

import av
import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int16_t, uint8_t

from voice.pcm cimport ConcealingDecoder, double_row
from voice.speech cimport SpeechEncoder

SAMPLE_RATE = 16000  # Hz
CLOCK_RATE = 8000  # Hz of RTP timestamps
FRAME = 320  # samples: 20 ms

_SAMPLES_PER_BYTE = 2
_LARGEST_FRAME = 32768  # samples, FFmpeg's MAX_FRAME_SIZE
_FRAMES_PER_SECOND = 50
_INT16 = np.dtype(np.int16)


class G722Error(ValueError):
    """A payload that is none, or that does not fit where it is to be decoded."""


def _open(mode, **options):
    context = av.CodecContext.create("g722", mode)
    context.sample_rate = SAMPLE_RATE
    context.layout = "mono"
    if options:
        context.format = "s16"
        context.options = options
    return context


cdef class G722Encoder(SpeechEncoder):
    """Encodes one stream at 64 kbit/s.

    Parameters
    ----------
    frame
        Samples at 16 kHz that FFmpeg takes at once, even. `encode` takes this many or a multiple of
        it; each further one costs the whole way through PyAV again, so 20 ms unless packets are
        shorter. The payload is a run of bytes and may be cut anywhere.
    sample_rate
        Hz of what is encoded: 16000, or 8000, which is interpolated.

    Raises
    ------
    ValueError
        No such frame or rate.
    """

    def __init__(self, int frame=FRAME, *, int sample_rate=SAMPLE_RATE):
        if frame % _SAMPLES_PER_BYTE or not 0 < frame <= _LARGEST_FRAME:
            rule = f"an even number up to {_LARGEST_FRAME}"
            raise ValueError(f"frames of {frame} samples: G.722 takes {rule}")
        if sample_rate not in (SAMPLE_RATE, SAMPLE_RATE // 2):
            raise ValueError(f"G722 at {sample_rate} Hz: it must be 16000 Hz or half of it")
        self.sample_rate = sample_rate
        self._encode = _open("w", frame_size=str(frame)).encode
        self._frame = av.AudioFrame(format="s16", layout="mono", samples=frame)
        self._frame.sample_rate = SAMPLE_RATE
        # FFmpeg may round a plane up; the view ends where the samples do
        self._room = np.frombuffer(memoryview(self._frame.planes[0]), np.int16)[:frame]

    def encode(self, samples):
        """Encode whole frames and return the bytes: 160 for 20 ms.

        Parameters
        ----------
        samples
            int16[n] at the sample rate, n a multiple of the frame.

        Raises
        ------
        TypeError, ValueError
            Not int16, or another number of samples.
        """
        if samples.dtype != _INT16:
            raise TypeError(f"samples are {samples.dtype}; G.722 encodes int16")
        frame = len(self._room) * self.sample_rate // SAMPLE_RATE
        if samples.ndim != 1 or not samples.size or samples.size % frame:
            rule = f"one row of {frame} or a multiple"
            raise ValueError(f"samples of shape {samples.shape}: {rule} is needed")
        return self._encode_all(np.ascontiguousarray(samples))

    cdef int encode_frame(
        self, const int16_t[::1] pcm, uint8_t[::1] out, int at
    ) noexcept nogil:
        cdef Py_ssize_t size
        cdef const uint8_t[::1] payload
        with gil:
            try:
                if pcm.shape[0] != self.sample_rate // _FRAMES_PER_SECOND:
                    return -1
                payload = self._encode_all(pcm)
                size = payload.shape[0]
                if at < 0 or size > out.shape[0] - at:
                    return -1
                out[at : at + size] = payload
                return <int>size
            except Exception:  # the engine has nobody to tell but its counters
                return -1

    cdef bytes _encode_all(self, const int16_t[::1] pcm):
        cdef bint twice = self.sample_rate < SAMPLE_RATE
        cdef Py_ssize_t frame = self._room.shape[0] // 2 if twice else self._room.shape[0]
        cdef Py_ssize_t start
        cdef const int16_t[::1] piece
        packets = []
        for start in range(0, pcm.shape[0] - frame + 1, frame):
            piece = pcm[start : start + frame]
            if twice:
                double_row(piece, self._last, self._room, 0)
                self._last = piece[frame - 1]
            else:
                self._room[:] = piece
            (packet,) = self._encode(self._frame)
            packets.append(bytes(packet))
        return b"".join(packets)


cdef class G722Decoder(ConcealingDecoder):
    """Decodes one stream. A payload is any bytes, at least one: each is two samples at 16 kHz.

    Errors of `decode` are `G722Error`: an empty payload, or more samples than `out` has room for;
    the stream is then as it was.

    Parameters
    ----------
    sample_rate
        Hz of what is decoded to: 16000, or half of it.
    """

    def __init__(self, *, int sample_rate=SAMPLE_RATE):
        ConcealingDecoder.__init__(self, "G722", SAMPLE_RATE, CLOCK_RATE, 1, sample_rate)
        self._decode = _open("r").decode

    cdef int decode_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at
    ) noexcept nogil:
        cdef Py_ssize_t samples = self.own_samples(size)
        # FFmpeg would take no bytes for the end of the stream, for ever
        if at < 0 or self.output_size(samples, out.shape[0] - at) <= 0:
            return -1
        with gil:
            try:
                return self._decode_whole(payload, size, samples, out, at)
            except Exception:  # the engine has nobody to tell but its counters
                return -1

    cdef int _decode_whole(
        self, const uint8_t *payload, int size, Py_ssize_t samples, int16_t[::1] out, int at
    ) except? -1:
        packet = av.Packet(PyBytes_FromStringAndSize(<const char *>payload, size))
        (frame,) = self._decode(packet)
        cdef const int16_t[::1] decoded = np.frombuffer(
            memoryview(frame.planes[0]), np.int16, samples
        )
        return self.finish(decoded, out, at)

    def _decoding_failed(self, code, size, room):
        if not size:
            return G722Error("a payload of 0 bytes: G.722 needs at least one")
        samples = size * _SAMPLES_PER_BYTE * self.sample_rate // SAMPLE_RATE
        return G722Error(f"{size} bytes are {samples} samples: there is room for {room}")
