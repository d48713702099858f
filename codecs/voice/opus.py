"""Opus (RFC 6716) by libopus: decoding into rows of a batch, repair, concealment, encoding.

Samples go in and out through rows of preallocated int16 arrays, without a copy. libopus is only
ever given the size of the buffer that was really handed over. A decoder or an encoder is the state
of one stream; it must not be used by two threads at once (libopus runs without Python's lock).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from voice.libopus import Libopus, ffi, load
from voice.opus_packet import (
    BAD_ARGUMENT,
    LONGEST_PACKET_MS,
    Bandwidth,
    OpusError,
    Toc,
    has_fec,
    is_dtx,
    packet_samples,
    read_toc,
)

__all__ = [
    "SAMPLE_RATES",
    "Application",
    "Bandwidth",
    "OpusDecoder",
    "OpusEncoder",
    "OpusError",
    "Toc",
    "has_fec",
    "is_dtx",
    "packet_samples",
    "read_toc",
]

Samples = NDArray[np.int16]
Payload = bytes | bytearray | memoryview

SAMPLE_RATES = (8000, 12000, 16000, 24000, 48000)  # what libopus decodes to and encodes from

LARGEST_PAYLOAD = 1200  # bytes that the encoder may fill: with all headers still one datagram
LOWEST_BITRATE, HIGHEST_BITRATE = 6000, 510000  # bit/s, RFC 7587 section 6.1

_INT16 = np.dtype(np.int16)
_PCM = ffi.typeof("int16_t[]")
_OCTETS = ffi.typeof("unsigned char[]")
_from_buffer = ffi.from_buffer

_RESET_STATE = 4028
_BLOCKS = (1, 2, 4, 8, 16, 24, 32, 40, 48)  # legal durations in blocks of 2.5 ms
_BLOCKS_PER_SECOND = 400

T = TypeVar("T", int, bool, Bandwidth)


class Application(IntEnum):
    """What libopus tunes an encoder for."""

    VOIP = 2048
    AUDIO = 2049
    LOW_DELAY = 2051


def _view(samples: Samples, *, writable: bool) -> Any:
    """Return the buffer of an int16 array as cffi sees it; refuses what libopus must not touch."""
    try:
        if samples.dtype == _INT16:
            return _from_buffer(_PCM, samples, writable)
        problem = f"samples are {samples.dtype}; Opus takes int16"
    except (AttributeError, TypeError):
        problem = f"samples are a {type(samples).__name__}; Opus takes an array of int16"
    except (BufferError, ValueError) as error:
        raise ValueError(f"samples of shape {samples.shape}: {error}") from error
    raise TypeError(problem)


def _create(library: Libopus, kind: str, sample_rate: int, channels: int, *more: int) -> Any:
    """Return a new state of `kind` that is freed with its last reference."""
    if sample_rate not in SAMPLE_RATES:
        raise ValueError(f"Opus at {sample_rate} Hz: it must be one of {SAMPLE_RATES}")
    if channels not in (1, 2):
        raise ValueError(f"{channels} channels: Opus takes 1 or 2")
    error = ffi.new("int *")
    functions = library.functions
    state = getattr(functions, f"opus_{kind}_create")(sample_rate, channels, *more, error)
    if state == ffi.NULL:
        raise OpusError(error[0], f"no {kind}: {library.describe_error(error[0])}")
    return ffi.gc(state, getattr(functions, f"opus_{kind}_destroy"))


class _State:
    """The memory of one direction of one stream, inside libopus."""

    def __init__(self, library: Libopus, handle: Any, sample_rate: int, channels: int) -> None:
        self.sample_rate = sample_rate
        self.channels = channels
        self._library = library
        self._handle = handle

    def close(self) -> None:
        """Free the memory now; a second time does nothing. Any later call raises ValueError."""
        if self._handle is not None:
            ffi.release(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Any:
        if self._handle is None:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._handle

    def _failed(self, code: int, doing: str) -> OpusError:
        return OpusError(code, f"{doing}: {self._library.describe_error(code)}")


class OpusDecoder(_State):
    """Decodes one stream.

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

    def __init__(
        self, sample_rate: int, channels: int = 1, *, library: Libopus | None = None
    ) -> None:
        library = library or load()
        handle = _create(library, "decoder", sample_rate, channels)
        super().__init__(library, handle, sample_rate, channels)
        self._decode = library.functions.opus_decode
        self._block = sample_rate // _BLOCKS_PER_SECOND
        self._longest = sample_rate * LONGEST_PACKET_MS // 1000

    def decode(self, payload: Payload, out: Samples) -> int:
        """Decode one packet into `out` and return the samples written.

        Parameters
        ----------
        payload
            The packet, at least one byte.
        out
            int16, C-contiguous, writable, with room for the whole packet (`packet_samples`).

        Raises
        ------
        OpusError
            An empty or malformed packet, or one that does not fit `out`. After a malformed packet
            nothing in `out` is defined, but the stream can go on.
        TypeError, ValueError
            `out` is no array of int16, not contiguous or read-only; the decoder is closed.
        """
        size = len(payload)
        if not size:
            raise OpusError(BAD_ARGUMENT, "a packet of 0 bytes: RFC 6716 asks for at least one")
        data = payload if type(payload) is bytes else _from_buffer(_OCTETS, payload)
        pcm = _view(out, writable=True)
        written: int = self._decode(
            self._handle or self._open(), data, len(data), pcm, len(pcm) // self.channels, 0
        )
        if written < 0:
            raise self._failed(written, f"packet of {size} bytes into {len(pcm)} samples")
        return written

    def decode_fec(self, next_payload: Payload, out: Samples, samples: int) -> int:
        """Repair the packet before `next_payload`, which is lost, and return `samples`.

        What `next_payload` carries of its predecessor (see `has_fec`) is decoded; where it carries
        nothing, or less than was lost, the rest is concealed. Decode `next_payload` itself after.

        Parameters
        ----------
        next_payload
            The packet that followed the lost one.
        out, samples
            As in `conceal`.

        Raises
        ------
        OpusError, TypeError, ValueError
            As in `decode` and `conceal`.
        """
        if not next_payload:
            raise OpusError(BAD_ARGUMENT, "a packet of 0 bytes: RFC 6716 asks for at least one")
        data = _from_buffer(_OCTETS, next_payload)
        return self._make_up(data, len(data), out, samples, 1)

    def conceal(self, out: Samples, samples: int) -> int:
        """Make up `samples` samples for lost packets, write them to `out`, return the count.

        Parameters
        ----------
        out
            int16, C-contiguous, writable, with room for `samples`.
        samples
            What is missing: a multiple of 2.5 ms, up to 120 ms.

        Raises
        ------
        TypeError, ValueError
            `out` cannot be written or is too small, or `samples` is no such number.
        """
        return self._make_up(ffi.NULL, 0, out, samples, 0)

    def reset(self) -> None:
        """Forget the stream so far, as for a new decoder."""
        self._library.functions.opus_decoder_ctl(self._open(), _RESET_STATE)

    def _make_up(self, data: Any, size: int, out: Samples, samples: int, fec: int) -> int:
        pcm = _view(out, writable=True)
        if samples % self._block or not 0 < samples <= self._longest:
            rule = f"a multiple of {self._block}, up to {self._longest}"
            raise ValueError(f"{samples} samples to make up at {self.sample_rate} Hz: {rule}")
        if len(pcm) < samples * self.channels:
            raise ValueError(f"{samples} samples do not fit {len(pcm)} of {self.channels} channels")
        written: int = self._decode(self._handle or self._open(), data, size, pcm, samples, fec)
        if written < 0:
            raise self._failed(written, f"repair of {samples} samples from {size} bytes")
        return written


class _Setting(Generic[T]):
    """An encoder setting that libopus keeps; reading and writing ask libopus."""

    def __init__(self, request: int, kind: type[T], lowest: int, highest: int) -> None:
        self._set, self._get = request, request + 1
        self._kind: Callable[[int], T] = kind
        self._range = lowest, highest

    def __set_name__(self, owner: type[OpusEncoder], name: str) -> None:
        self._name = name

    def __get__(self, encoder: OpusEncoder, owner: type[OpusEncoder]) -> T:
        value = ffi.new("int32_t *")
        encoder.control(self._get, value)
        return self._kind(value[0])

    def __set__(self, encoder: OpusEncoder, value: T) -> None:
        lowest, highest = self._range
        if not lowest <= value <= highest:
            raise ValueError(f"{self._name} is {value}: it must be {lowest} to {highest}")
        encoder.control(self._set, ffi.cast("int32_t", int(value)))


class OpusEncoder(_State):
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
        Stop sending in silence: `encode` then returns packets that `is_dtx` tells.
    max_bandwidth
        The most that the receiver wants (its maxplaybackrate, RFC 7587 section 6.1).
    channels
        1 or 2, interleaved.
    """

    bitrate = _Setting(4002, int, LOWEST_BITRATE, HIGHEST_BITRATE)
    max_bandwidth = _Setting(4004, Bandwidth, Bandwidth.NARROWBAND, Bandwidth.FULLBAND)
    complexity = _Setting(4010, int, 0, 10)
    fec = _Setting(4012, bool, False, True)
    expected_loss = _Setting(4014, int, 0, 100)
    dtx = _Setting(4016, bool, False, True)

    def __init__(
        self,
        sample_rate: int,
        *,
        bitrate: int = 24000,
        complexity: int = 5,
        fec: bool = True,
        expected_loss: int = 10,
        dtx: bool = False,
        max_bandwidth: Bandwidth = Bandwidth.FULLBAND,
        application: Application = Application.VOIP,
        channels: int = 1,
        library: Libopus | None = None,
    ) -> None:
        library = library or load()
        handle = _create(library, "encoder", sample_rate, channels, application)
        super().__init__(library, handle, sample_rate, channels)
        self._encode = library.functions.opus_encode
        block = sample_rate // _BLOCKS_PER_SECOND
        self._sizes = {n * block * channels: n * block for n in _BLOCKS}
        self._payload = ffi.new("unsigned char[]", LARGEST_PAYLOAD)
        self._octets = ffi.buffer(self._payload)
        self.bitrate = bitrate
        self.complexity = complexity
        self.fec = fec
        self.expected_loss = expected_loss
        self.dtx = dtx
        self.max_bandwidth = max_bandwidth

    def encode(self, samples: Samples) -> bytes:
        """Encode one frame and return the packet.

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
        pcm = _view(samples, writable=False)
        frame = self._sizes.get(len(pcm))
        if frame is None:
            rule = f"{', '.join(map(str, self._sizes))}"
            raise ValueError(f"{len(pcm)} samples at {self.sample_rate} Hz: a packet holds {rule}")
        handle = self._handle or self._open()
        size: int = self._encode(handle, pcm, frame, self._payload, LARGEST_PAYLOAD)
        if size < 0:
            raise self._failed(size, f"frame of {frame} samples")
        return self._octets[:size]  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Forget the stream so far; settings stay."""
        self.control(_RESET_STATE)

    def control(self, request: int, *argument: Any) -> None:
        """Send libopus a control request, for what has no property here (opus_encoder_ctl).

        Raises
        ------
        OpusError
            libopus does not know the request or refuses the value.
        """
        code = self._library.functions.opus_encoder_ctl(self._open(), request, *argument)
        if code < 0:
            raise self._failed(code, f"control request {request}")
