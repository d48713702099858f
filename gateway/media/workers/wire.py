"""Messages as bytes and back; pure.

A frame is a header (length of what follows, kind of message, number of the request, number of the
session, in network byte order) and the message as MessagePack. Request 0 asks for no reply,
session 0 is the worker itself. msgspec checks every field against the dataclass it stands for, so
what comes out is what could have been sent: nothing is run to read it, as pickle would.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from gateway.media.workers.messages import MESSAGES, Message

HEADER = struct.Struct("!IBII")
_LENGTH = struct.Struct("!I")
_REST = HEADER.size - _LENGTH.size  # of the header, within the length

# A browser's whole offer is 64 KiB at most, and what is read from it is less
MAX_FRAME = 256 * 1024  # bytes after the length

_KINDS = {kind: number for number, kind in enumerate(MESSAGES)}
_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: list[msgspec.msgpack.Decoder[Any]] = [msgspec.msgpack.Decoder(kind) for kind in MESSAGES]


class WireError(ValueError):
    """Bytes that are no frame, or a message that fits into none."""


class Frame(NamedTuple):
    """A message, and what it belongs to."""

    request: int
    session: int
    message: Message


def encode(frame: Frame) -> bytes:
    """Return the frame as bytes.

    Raises
    ------
    WireError
        The message holds a text that is no Unicode, a number of more than 64 bits, or too much.
    """
    try:
        body = _ENCODER.encode(frame.message)
    except (UnicodeEncodeError, OverflowError) as error:
        raise WireError(f"{type(frame.message).__name__} cannot be sent: {error}") from None
    length = _REST + len(body)
    if length > MAX_FRAME:
        name = type(frame.message).__name__
        raise WireError(f"{name} takes {length} bytes, a frame at most {MAX_FRAME}")
    return HEADER.pack(length, _KINDS[type(frame.message)], frame.request, frame.session) + body


class FrameReader:
    """Cuts a stream of bytes into frames, however it was cut before."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take the next bytes, and return the frames that are complete with them.

        Raises
        ------
        WireError
            What came is no frame. There is no way to find the next one: the stream is over.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            length, kind, request, session = HEADER.unpack_from(self._buffer)
            if not _REST <= length <= MAX_FRAME:
                raise WireError(f"a frame of {length} bytes; it has {_REST} to {MAX_FRAME}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[HEADER.size : end])
            del self._buffer[:end]
            yield Frame(request, session, _decode(kind, body))


def _decode(kind: int, body: bytes) -> Message:
    if kind >= len(_DECODERS):
        raise WireError(f"message kind {kind}; there are {len(_DECODERS)}")
    try:
        message: Message = _DECODERS[kind].decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"not a {MESSAGES[kind].__name__}: {error}") from None
    return message
