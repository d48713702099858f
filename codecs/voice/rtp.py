"""RTP headers (RFC 3550 section 5.1): one packet, and the packets of many streams at once.

Both ways of reading agree on every packet, malformed ones included. Each refusal has a reason out
of a closed set, fit to be a metric's label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

VERSION = 2
HEADER_SIZE = 12  # bytes, without contributing sources and extension

_HEADER = Struct("!BBHII")
_EXTENSION = Struct("!HH")

_PLAIN = VERSION << 6  # first byte of a packet without padding, extension, contributing sources
_PADDING, _EXTENDED, _CSRCS = 0x20, 0x10, 0x0F
_MARKER = 0x80

_HEADER_DTYPE = np.dtype(
    [
        ("flags", "u1"),
        ("type", "u1"),
        ("sequence", ">u2"),
        ("timestamp", ">u4"),
        ("ssrc", ">u4"),
    ]
)


class RtpReason(StrEnum):
    """Why a datagram is no RTP packet."""

    SHORT = "short"  # less than the fixed header
    VERSION = "version"
    CSRC = "csrc"  # contributing sources beyond the end
    EXTENSION = "extension"  # header extension beyond the end
    PADDING = "padding"  # padding of no length, or longer than the payload


class RtpError(ValueError):
    """A datagram that is no RTP packet; `reason` says which rule it breaks."""

    def __init__(self, reason: RtpReason, problem: str) -> None:
        super().__init__(f"{problem} (RFC 3550 section 5)")
        self.reason = reason


class RtpPacket(NamedTuple):
    """A packet as read: `payload` without padding, `extension` without its four bytes of header."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    csrcs: tuple[int, ...] = ()
    profile: int | None = None  # of the extension; None where there is no extension
    extension: bytes = b""


def is_rtcp(datagram: bytes) -> bool:
    """Whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4)."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


def parse(datagram: bytes) -> RtpPacket:
    """Read one packet.

    Raises
    ------
    RtpError
        The datagram is no RTP packet. RTCP is not told apart here: ask `is_rtcp` first.
    """
    size = len(datagram)
    if size < HEADER_SIZE:
        raise RtpError(RtpReason.SHORT, f"{size} bytes: the header has {HEADER_SIZE}")
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if flags == _PLAIN:
        return RtpPacket(
            kind & 0x7F, kind >= _MARKER, sequence, timestamp, ssrc, datagram[HEADER_SIZE:]
        )
    csrcs, profile, extension, start, end = _parse_variable(datagram, flags)
    return RtpPacket(
        kind & 0x7F,
        kind >= _MARKER,
        sequence,
        timestamp,
        ssrc,
        datagram[start:end],
        csrcs,
        profile,
        extension,
    )


def _parse_variable(
    datagram: bytes, flags: int
) -> tuple[tuple[int, ...], int | None, bytes, int, int]:
    """Return (csrcs, profile, extension, start of payload, its end)."""
    if flags >> 6 != VERSION:
        raise RtpError(RtpReason.VERSION, f"version {flags >> 6}: RTP has version {VERSION}")
    size = len(datagram)
    count = flags & _CSRCS
    start = HEADER_SIZE + 4 * count
    if start > size:
        raise RtpError(RtpReason.CSRC, f"{count} contributing sources in {size} bytes")
    csrcs = Struct(f"!{count}I").unpack_from(datagram, HEADER_SIZE) if count else ()
    profile, extension = None, b""
    if flags & _EXTENDED:
        if start + 4 > size:
            raise RtpError(
                RtpReason.EXTENSION, f"no header extension after {start} of {size} bytes"
            )
        profile, words = _EXTENSION.unpack_from(datagram, start)
        start, first = start + 4 + 4 * words, start + 4
        if start > size:
            raise RtpError(RtpReason.EXTENSION, f"an extension of {words} words in {size} bytes")
        extension = datagram[first:start]
    end = size
    if flags & _PADDING:
        padding = datagram[-1]
        end -= padding
        if not padding or end < start:
            raise RtpError(RtpReason.PADDING, f"{padding} bytes of padding after {start} of {size}")
    return csrcs, profile, extension, start, end


def pack_header(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    *,
    marker: bool = False,
    extension: bytes = b"",
) -> bytes:
    """Return the header to put before a payload.

    `sequence` and `timestamp` may be endless counters: they are sent modulo 2^16 and 2^32.
    `extension` is a whole header extension, as `rtp_extension.pack_one_byte` makes it.
    """
    header = _HEADER.pack(
        _PLAIN | _EXTENDED if extension else _PLAIN,
        payload_type | _MARKER if marker else payload_type,
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    return header + extension if extension else header


@dataclass(frozen=True, slots=True)
class HeaderBatch:
    """The headers of n datagrams, one element each.

    Attributes
    ----------
    payload_type, marker, sequence, timestamp, ssrc
        uint8, bool, uint16, uint32, uint32. Meaningless where `reasons` has one.
    start, length
        int64: where the payload lies in its datagram. 0 where `reasons` has one.
    reasons
        None for each packet that was read, else why not.
    """

    payload_type: NDArray[np.uint8]
    marker: NDArray[np.bool_]
    sequence: NDArray[np.uint16]
    timestamp: NDArray[np.uint32]
    ssrc: NDArray[np.uint32]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    reasons: list[RtpReason | None]


def parse_batch(datagrams: NDArray[np.uint8], lengths: ArrayLike) -> HeaderBatch:
    """Read the headers of n datagrams at once.

    Parameters
    ----------
    datagrams
        uint8[n, width], each row holding one datagram from its start.
    lengths
        int[n], the bytes of each datagram, 0 to width.

    Raises
    ------
    TypeError, ValueError
        Arrays of another kind or shape, or a length that its row does not have.
    """
    sizes = np.asarray(lengths, np.int64)
    count, width = _check_rows(datagrams)
    if sizes.shape != (count,):
        raise ValueError(f"{sizes.shape} lengths for {count} datagrams")
    if count and not 0 <= sizes.min() <= sizes.max() <= width:
        raise ValueError(f"lengths {sizes.min()} to {sizes.max()} in rows of {width} bytes")
    if width < HEADER_SIZE:  # no row can hold a header; widen so that the views below exist
        datagrams = np.pad(datagrams, ((0, 0), (0, HEADER_SIZE - width)))
    header = np.ascontiguousarray(datagrams[:, :HEADER_SIZE]).view(_HEADER_DTYPE)[:, 0]
    flags, kind = header["flags"], header["type"]
    start = np.full(count, HEADER_SIZE, np.int64)
    length = sizes - HEADER_SIZE
    reasons: list[RtpReason | None] = [None] * count
    # All but the plainest packets are few, and have a way of their own
    for row in np.flatnonzero((flags != _PLAIN) | (length < 0)).tolist():
        size = int(sizes[row])
        reasons[row], start[row], length[row] = _locate(datagrams[row, :size].tobytes())
    return HeaderBatch(
        kind & np.uint8(0x7F),
        kind >= _MARKER,
        header["sequence"].astype(np.uint16),
        header["timestamp"].astype(np.uint32),
        header["ssrc"].astype(np.uint32),
        start,
        length,
        reasons,
    )


def _locate(datagram: bytes) -> tuple[RtpReason | None, int, int]:
    """Return (reason, start, length) of one datagram's payload."""
    try:
        if len(datagram) < HEADER_SIZE:
            return RtpReason.SHORT, 0, 0
        *_, start, end = _parse_variable(datagram, datagram[0])
    except RtpError as error:
        return error.reason, 0, 0
    return None, start, end - start


def join_datagrams(datagrams: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return datagrams as `parse_batch` takes them: (uint8[n, longest], lengths)."""
    lengths = np.fromiter(map(len, datagrams), np.int64, len(datagrams))
    width = int(lengths.max(initial=0))
    joined = b"".join([datagram.ljust(width, b"\0") for datagram in datagrams])
    return np.frombuffer(joined, np.uint8).reshape(len(datagrams), width), lengths


def pack_headers(
    out: NDArray[np.uint8],
    *,
    payload_type: ArrayLike,
    sequence: ArrayLike,
    timestamp: ArrayLike,
    ssrc: ArrayLike,
    marker: ArrayLike = False,
) -> None:
    """Write the headers of n packets at once.

    Parameters
    ----------
    out
        uint8[n, width] with a width of 12 or more, contiguous in each row; the first 12 bytes of
        each row are written.
    payload_type, sequence, timestamp, ssrc, marker
        One integer (bool) for all, or n of them. Sequence and timestamp may be endless counters:
        they are sent modulo 2^16 and 2^32.

    Raises
    ------
    TypeError, ValueError
        `out` is of another kind or shape, or there are not n values.
    """
    _, width = _check_rows(out)
    if width < HEADER_SIZE or out.strides[1] != 1:
        raise ValueError(
            f"rows of {width} bytes, {out.strides[1]} apart: a header is {HEADER_SIZE}"
        )
    header: NDArray[Any] = out[:, :HEADER_SIZE].view(_HEADER_DTYPE)[:, 0]
    header["flags"] = _PLAIN
    kind = np.asarray(payload_type, np.uint8) | np.where(marker, np.uint8(_MARKER), np.uint8(0))
    header["type"] = kind
    header["sequence"] = np.bitwise_and(sequence, 0xFFFF)
    header["timestamp"] = np.bitwise_and(timestamp, 0xFFFFFFFF)
    header["ssrc"] = ssrc


def _check_rows(rows: NDArray[np.uint8]) -> tuple[int, int]:
    if rows.dtype != np.uint8 or rows.ndim != 2:
        raise TypeError(f"{rows.dtype} of shape {rows.shape}: packets are rows of uint8")
    count, width = rows.shape
    return count, width
