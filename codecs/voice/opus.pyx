"""Opus (RFC 6716) by libopus: decoding into rows of a batch, repair, concealment, encoding.

Samples go in and out through rows of preallocated int16 arrays, without a copy. libopus is only
ever given the size of the buffer that was really handed over. A decoder or an encoder is the state
of one stream; it must not be used by two threads at once (libopus runs without Python's lock).
"""

import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int16_t, int32_t, uint8_t, uintptr_t

from enum import IntEnum

from voice.opus_frames cimport packet_has_fec, packet_units

from voice import libopus
from voice.opus_frames import CLOCK_RATE
from voice.opus_packet import (
    BAD_ARGUMENT,
    BUFFER_TOO_SMALL,
    LONGEST_PACKET_MS,
    UNKNOWN_REQUEST,
    Bandwidth,
    OpusError,
)
from voice.speech import LARGEST_PAYLOAD, flatten

SAMPLE_RATES = (8000, 12000, 16000, 24000, 48000)  # what libopus decodes to and encodes from

LOWEST_BITRATE, HIGHEST_BITRATE = 6000, 510000  # bit/s, RFC 7587 section 6.1

_BLOCKS = (1, 2, 4, 8, 16, 24, 32, 40, 48)  # legal durations in blocks of 2.5 ms
_BLOCKS_PER_SECOND = 400
cdef enum:
    _FRAMES_PER_SECOND = 50

cdef int _LARGEST_PAYLOAD = LARGEST_PAYLOAD
cdef int _BAD_ARGUMENT = BAD_ARGUMENT, _BUFFER_TOO_SMALL = BUFFER_TOO_SMALL
cdef int _UNKNOWN_REQUEST = UNKNOWN_REQUEST

# Requests of opus_decoder_ctl and opus_encoder_ctl. Even ones set a number of 32 bits, the odd one
# after it reads it; beyond these there are some that take a pointer to something else
cdef enum:
    _RESET_STATE = 4028
    _SET_EXPECTED_LOSS = 4014
    _FIRST_REQUEST = 4000
    _LAST_REQUEST = 4051

ctypedef void *(*_create_decoder_t)(int32_t rate, int channels, int *error) noexcept nogil
ctypedef void *(*_create_encoder_t)(
    int32_t rate, int channels, int application, int *error
) noexcept nogil


class Application(IntEnum):
    """What libopus tunes an encoder for."""

    VOIP = 2048
    AUDIO = 2049
    LOW_DELAY = 2051


def _check(sample_rate, channels):
    if sample_rate not in SAMPLE_RATES:
        raise ValueError(f"Opus at {sample_rate} Hz: it must be one of {SAMPLE_RATES}")
    if channels not in (1, 2):
        raise ValueError(f"{channels} channels: Opus takes 1 or 2")


cdef class OpusDecoder(SpeechDecoder):
    """Decodes one stream.

    `out` of `decode`, `decode_fec` and `conceal` has room for the whole packet (`packet_samples`).
    What is made up is a multiple of 2.5 ms. Errors are `OpusError` where libopus has a number for
    them. A closed decoder raises ValueError.

    Parameters
    ----------
    sample_rate
        Hz, one of `SAMPLE_RATES`, whatever rate the sender encodes from.
    channels
        1 or 2; a stereo stream is mixed down for 1. With 2 channels samples are interleaved, and
        every count of samples is per channel.
    library
        The libopus to use; by default the first that `voice.libopus.load` finds.
    """

    def __cinit__(self, sample_rate, channels=1, *, library=None):
        _check(sample_rate, channels)
        library = library or libopus.load()
        cdef dict addresses = dict(library.addresses)
        cdef _create_decoder_t create = (
            <_create_decoder_t><uintptr_t>addresses["opus_decoder_create"]
        )
        self._decode = <decode_t><uintptr_t>addresses["opus_decode"]
        self._control = <control_t><uintptr_t>addresses["opus_decoder_ctl"]
        self._destroy = <destroy_t><uintptr_t>addresses["opus_decoder_destroy"]
        self._library = library
        self.sample_rate = sample_rate
        self.clock_rate = CLOCK_RATE
        self.channels = channels
        self._block = self.sample_rate // _BLOCKS_PER_SECOND
        self._longest = self.sample_rate * LONGEST_PACKET_MS // 1000
        cdef int error = 0
        self._state = create(sample_rate, channels, &error)
        if self._state == NULL:
            raise OpusError(error, f"no decoder: {library.describe_error(error)}")

    def __dealloc__(self):
        self._free()

    cdef void _free(self) noexcept:
        if self._state != NULL:
            self._destroy(self._state)
            self._state = NULL

    def close(self):
        """Free the memory now; a second time does nothing. Any later call raises ValueError."""
        self._free()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    cdef int units(self, const uint8_t *payload, int size) noexcept nogil:
        return packet_units(payload, size)

    cdef bint repairs(self, const uint8_t *payload, int size) noexcept nogil:
        return packet_has_fec(payload, size)

    cdef int decode_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at
    ) noexcept nogil:
        if size <= 0:  # libopus would conceal
            return _BAD_ARGUMENT
        # No packet is longer, and then the room is a number that libopus takes
        cdef Py_ssize_t room = (out.shape[0] - at) // self.channels
        return self._run(payload, size, out, at, <int>min(room, self._longest), False)

    cdef int repair_packet(
        self, const uint8_t *payload, int size, int16_t[::1] out, int at, int samples
    ) noexcept nogil:
        if size <= 0 or samples % self._block or samples > self._longest:
            return _BAD_ARGUMENT
        return self._run(payload, size, out, at, samples, True)

    cdef int conceal_samples(self, int16_t[::1] out, int at, int samples) noexcept nogil:
        if samples % self._block or samples > self._longest:
            return _BAD_ARGUMENT
        return self._run(NULL, 0, out, at, samples, False)

    cdef int _run(
        self,
        const uint8_t *payload,
        int size,
        int16_t[::1] out,
        Py_ssize_t at,
        int samples,
        bint fec,
    ) noexcept nogil:
        """Have libopus write up to `samples` samples from out[at] on, if there is room."""
        if self._state == NULL or samples <= 0 or at < 0:
            return _BAD_ARGUMENT
        if out.shape[0] - at < <Py_ssize_t>samples * self.channels:
            return _BUFFER_TOO_SMALL
        return self._decode(self._state, payload, size, &out[at], samples, fec)

    cdef void restart(self) noexcept nogil:
        if self._state != NULL:
            self._control(self._state, _RESET_STATE)

    def reset(self):
        """Forget the stream so far, as for a new decoder."""
        self._open()
        self.restart()

    def _open(self):
        if self._state == NULL:
            raise ValueError(f"this {type(self).__name__} is closed")

    def _decoding_failed(self, code, size, room):
        self._open()
        if not size:
            return OpusError(code, "a packet of 0 bytes: RFC 6716 asks for at least one (R1)")
        words = self._library.describe_error(code)
        return OpusError(code, f"packet of {size} bytes into {room} samples: {words}")

    def _repair_failed(self, code, size, samples, room):
        if size == 0:
            return self._decoding_failed(code, size, room)
        if samples % self._block or not 0 < samples <= self._longest:
            rule = f"a multiple of {self._block}, up to {self._longest}"
            return ValueError(f"{samples} samples to make up at {self.sample_rate} Hz: {rule}")
        if room < samples * self.channels:
            return ValueError(f"{samples} samples do not fit {room} of {self.channels} channels")
        self._open()
        words = self._library.describe_error(code)
        return OpusError(code, f"repair of {samples} samples from {size or 0} bytes: {words}")


class _Setting:
    """An encoder setting that libopus keeps; reading and writing ask libopus."""

    def __init__(self, name, request, kind, lowest, highest):
        self._name, self._request, self._kind = name, request, kind
        self._lowest, self._highest = lowest, highest

    def __get__(self, encoder, owner):
        return self if encoder is None else self._kind(encoder.query(self._request + 1))

    def __set__(self, encoder, value):
        if not self._lowest <= value <= self._highest:
            rule = f"it must be {self._lowest} to {self._highest}"
            raise ValueError(f"{self._name} is {value}: {rule}")
        encoder.control(self._request, int(value))


cdef class OpusEncoder(SpeechEncoder):
    """Encodes one stream.

    All settings but the rate, the channels and the application can be changed at any time.

    Parameters
    ----------
    sample_rate
        Hz, one of `SAMPLE_RATES`; also limits the bandwidth (8000: narrowband).
    bitrate
        bit/s, 6000 to 510000.
    complexity
        0 (cheap) to 10.
    fec
        Let packets repair their predecessors, at the cost of some of the bitrate. libopus only
        does so while `expected_loss` is not 0.
    expected_loss
        Per cent of packets that the network is expected to lose.
    dtx
        Stop sending in silence: `encode` then returns packets of one or two bytes, which hold no
        audio and need not be sent.
    max_bandwidth
        The most that the receiver wants (its maxplaybackrate, RFC 7587 section 6.1).
    channels
        1 or 2, interleaved.
    """

    bitrate = _Setting("bitrate", 4002, int, LOWEST_BITRATE, HIGHEST_BITRATE)
    max_bandwidth = _Setting(
        "max_bandwidth", 4004, Bandwidth, int(min(Bandwidth)), int(max(Bandwidth))
    )
    complexity = _Setting("complexity", 4010, int, 0, 10)
    fec = _Setting("fec", 4012, bool, 0, 1)
    expected_loss = _Setting("expected_loss", 4014, int, 0, 100)
    dtx = _Setting("dtx", 4016, bool, 0, 1)

    def __cinit__(
        self,
        sample_rate,
        *,
        bitrate=24000,
        complexity=5,
        fec=True,
        expected_loss=10,
        dtx=False,
        max_bandwidth=Bandwidth.FULLBAND,
        application=Application.VOIP,
        channels=1,
        library=None,
    ):
        _check(sample_rate, channels)
        library = library or libopus.load()
        cdef dict addresses = dict(library.addresses)
        cdef _create_encoder_t create = (
            <_create_encoder_t><uintptr_t>addresses["opus_encoder_create"]
        )
        self._encode = <encode_t><uintptr_t>addresses["opus_encode"]
        self._control = <control_t><uintptr_t>addresses["opus_encoder_ctl"]
        self._destroy = <destroy_t><uintptr_t>addresses["opus_encoder_destroy"]
        self._library = library
        self.sample_rate = sample_rate
        self.channels = channels
        self._payload = np.empty(LARGEST_PAYLOAD, np.uint8)
        cdef int error = 0
        self._state = create(sample_rate, channels, application, &error)
        if self._state == NULL:
            raise OpusError(error, f"no encoder: {library.describe_error(error)}")
        self.bitrate = bitrate
        self.complexity = complexity
        self.fec = fec
        self.expected_loss = expected_loss
        self.dtx = dtx
        self.max_bandwidth = max_bandwidth

    def __dealloc__(self):
        self._free()

    cdef void _free(self) noexcept:
        if self._state != NULL:
            self._destroy(self._state)
            self._state = NULL

    def close(self):
        """Free the memory now; a second time does nothing. Any later call raises ValueError."""
        self._free()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    cdef int encode_frame(
        self, const int16_t[::1] pcm, uint8_t[::1] out, int at
    ) noexcept nogil:
        cdef int frame = self.sample_rate // _FRAMES_PER_SECOND
        if pcm.shape[0] != <Py_ssize_t>frame * self.channels:
            return _BAD_ARGUMENT
        return self._run(pcm, frame, out, at)

    cdef int _run(
        self, const int16_t[::1] pcm, int frame, uint8_t[::1] out, Py_ssize_t at
    ) noexcept nogil:
        """Have libopus encode `pcm`, whose size has been checked, into what is free of `out`."""
        if self._state == NULL or at < 0:
            return _BAD_ARGUMENT
        cdef Py_ssize_t room = min(out.shape[0] - at, _LARGEST_PAYLOAD)
        if room <= 0:
            return _BUFFER_TOO_SMALL
        return self._encode(self._state, &pcm[0], frame, &out[at], <int32_t>room)

    cdef void expect_loss(self, int percent) noexcept nogil:
        cdef int32_t before = -1
        cdef int32_t wanted = min(max(percent, 0), 100)
        if self._state == NULL:
            return
        self._control(self._state, _SET_EXPECTED_LOSS + 1, &before)
        if wanted != before:
            self._control(self._state, _SET_EXPECTED_LOSS, wanted)

    def encode(self, samples):
        """Encode one frame of any duration that Opus has, and return the packet.

        Parameters
        ----------
        samples
            int16, C-contiguous: 2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms.

        Raises
        ------
        TypeError, ValueError
            No contiguous int16, no such duration, or the encoder is closed.
        OpusError
            libopus failed.
        """
        cdef const int16_t[::1] pcm = flatten(samples, False)
        cdef int block = self.sample_rate // _BLOCKS_PER_SECOND
        cdef Py_ssize_t frame = pcm.shape[0] // self.channels
        cdef int size
        if pcm.shape[0] % self.channels or frame not in [n * block for n in _BLOCKS]:
            rule = ", ".join(str(n * block * self.channels) for n in _BLOCKS)
            raise ValueError(f"{len(pcm)} samples at {self.sample_rate} Hz: a packet holds {rule}")
        with nogil:
            size = self._run(pcm, <int>frame, self._payload, 0)
        if size < 0:
            raise self._failed(size, f"frame of {frame} samples")
        return PyBytes_FromStringAndSize(<const char *>&self._payload[0], size)

    def reset(self):
        """Forget the stream so far; settings stay."""
        self._open()
        self._control(self._state, _RESET_STATE)

    def control(self, int request, int32_t value=0):
        """Send libopus a setting that has no property here (opus_encoder_ctl).

        Raises
        ------
        OpusError
            libopus does not know the request or refuses the value.
        """
        self._open()
        cdef int code = _UNKNOWN_REQUEST
        if _takes_an_int(request) and not request & 1:
            code = self._control(self._state, request, value)
        if code < 0:
            raise self._failed(code, f"control request {request}")

    def query(self, int request):
        """Return a setting; its request is the one of `control`, and 1 more. Raises as that."""
        self._open()
        cdef int32_t value = 0
        cdef int code = _UNKNOWN_REQUEST
        if _takes_an_int(request) and request & 1:
            code = self._control(self._state, request, &value)
        if code < 0:
            raise self._failed(code, f"control request {request}")
        return value

    def _open(self):
        if self._state == NULL:
            raise ValueError(f"this {type(self).__name__} is closed")

    def _failed(self, code, doing):
        self._open()
        return OpusError(code, f"{doing}: {self._library.describe_error(code)}")


cdef bint _takes_an_int(int request) noexcept:
    return _FIRST_REQUEST <= request <= _LAST_REQUEST
