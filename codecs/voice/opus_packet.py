"""What an Opus packet says about itself (RFC 6716 section 3), without decoding it."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

# libopus's codes for what can be wrong with a packet or a buffer
BAD_ARGUMENT = -1
BUFFER_TOO_SMALL = -2
INVALID_PACKET = -4

LONGEST_PACKET_MS = 120  # section 3.2.5, requirement R5
LONGEST_FRAME = 1275  # bytes; R2

_RATE = 48000  # the unit of durations in here
_LONGEST = _RATE * LONGEST_PACKET_MS // 1000

# A packet of DTX says "nothing changed" and holds no audio: the TOC byte alone, in older libopus
# one byte more (opus_encode: "2 bytes or less")
LONGEST_DTX_PACKET = 2


class OpusError(ValueError):
    """A packet that cannot be decoded, or a call that libopus refuses.

    Attributes
    ----------
    code
        libopus's error number, such as `INVALID_PACKET`.
    """

    def __init__(self, code: int, problem: str) -> None:
        super().__init__(f"{problem} (libopus error {code})")
        self.code = code


class Mode(StrEnum):
    SILK = "silk"
    HYBRID = "hybrid"
    CELT = "celt"


class Bandwidth(IntEnum):
    """Audio bandwidths, with libopus's numbers."""

    NARROWBAND = 1101  # 4 kHz
    MEDIUMBAND = 1102  # 6 kHz
    WIDEBAND = 1103  # 8 kHz
    SUPERWIDEBAND = 1104  # 12 kHz
    FULLBAND = 1105  # 20 kHz


class Toc(NamedTuple):
    """The table of contents: first byte of every packet (section 3.1).

    `frame_samples` counts at 48 kHz. `code` says how many frames there are: 0 one, 1 two of equal
    size, 2 two, 3 as many as the next byte says.
    """

    mode: Mode
    bandwidth: Bandwidth
    frame_samples: int
    stereo: bool
    code: int


def _configurations() -> list[tuple[Mode, Bandwidth, int]]:
    """Return the 32 configurations of table 2."""
    silk = (Bandwidth.NARROWBAND, Bandwidth.MEDIUMBAND, Bandwidth.WIDEBAND)
    hybrid = (Bandwidth.SUPERWIDEBAND, Bandwidth.FULLBAND)
    celt = (Bandwidth.NARROWBAND, Bandwidth.WIDEBAND, *hybrid)
    rows = (
        (Mode.SILK, silk, (480, 960, 1920, 2880)),
        (Mode.HYBRID, hybrid, (480, 960)),
        (Mode.CELT, celt, (120, 240, 480, 960)),
    )
    return [(mode, band, size) for mode, bands, sizes in rows for band in bands for size in sizes]


_TOCS = [
    Toc(*configuration, stereo=bool(stereo), code=code)
    for configuration in _configurations()
    for stereo in (0, 1)
    for code in range(4)
]
# Samples of the whole packet at 48 kHz; 0 where the second byte has to be asked
_SAMPLES = [toc.frame_samples * (1, 2, 2, 0)[toc.code] for toc in _TOCS]


def read_toc(payload: bytes) -> Toc:
    """Return a packet's table of contents; OpusError if the packet is empty."""
    if not payload:
        raise OpusError(BAD_ARGUMENT, "a packet of 0 bytes: RFC 6716 asks for at least one (R1)")
    return _TOCS[payload[0]]


def packet_samples(payload: bytes, sample_rate: int) -> int:
    """Return how many samples per channel a packet decodes to at `sample_rate` Hz.

    Only its first two bytes are looked at: a damaged packet may still fail to decode.

    Raises
    ------
    OpusError
        The packet is empty, has no frame, or lasts longer than 120 ms (R1, R5).
    """
    if not payload:
        raise OpusError(BAD_ARGUMENT, "a packet of 0 bytes: RFC 6716 asks for at least one (R1)")
    samples = _SAMPLES[payload[0]] or _TOCS[payload[0]].frame_samples * _frame_count(payload)
    return samples * sample_rate // _RATE


def has_fec(payload: bytes) -> bool:
    """Whether a packet also carries its predecessor at a lower rate (section 4.2.4).

    If so, `OpusDecoder.decode_fec` repairs a lost predecessor from it.

    Raises
    ------
    OpusError
        The packet is malformed.
    """
    toc = read_toc(payload)
    start, size = _first_frame(payload, toc)
    if toc.mode is Mode.CELT or not size:
        return False
    # The SILK layer begins with one bit of voice activity per 20 ms and then the flag, per channel
    blocks = max(1, toc.frame_samples // 960)
    flags = 1 << (7 - blocks)
    if toc.stereo:
        flags |= 1 << (6 - 2 * blocks)
    return bool(payload[start] & flags)


def is_dtx(payload: bytes) -> bool:
    """Whether an encoded packet holds no audio and need not be sent (`OpusEncoder.dtx`)."""
    return len(payload) <= LONGEST_DTX_PACKET


def _frame_count(payload: bytes) -> int:
    """Return the frames of a packet of code 3, checked against R5 and R6."""
    if len(payload) < 2:
        raise OpusError(INVALID_PACKET, "a packet of code 3 without its second byte (R6)")
    count = payload[1] & 0x3F
    if not 0 < count * _TOCS[payload[0]].frame_samples <= _LONGEST:
        raise OpusError(INVALID_PACKET, f"{count} frames: a packet lasts up to 120 ms (R5)")
    return count


def _first_frame(payload: bytes, toc: Toc) -> tuple[int, int]:
    """Return (offset, size) of the first frame, with all frames checked to fit (section 3.2)."""
    start, end, count, equal = 1, len(payload), (1, 2, 2, 0)[toc.code], toc.code != 2
    if toc.code == 3:
        count = _frame_count(payload)
        equal = not payload[1] & 0x80
        start, padding = _padding(payload) if payload[1] & 0x40 else (2, 0)
        end -= padding
    if equal:
        size, rest = divmod(end - start, count)
        if rest or not 0 <= size <= LONGEST_FRAME:
            raise OpusError(INVALID_PACKET, f"{end - start} bytes for {count} equal frames (R3)")
        return start, size
    sizes = []
    for _ in range(count - 1):
        size, start = _frame_size(payload, start, end)
        sizes.append(size)
    last = end - start - sum(sizes)
    if not 0 <= last <= LONGEST_FRAME:
        raise OpusError(INVALID_PACKET, f"{last} bytes are left for the last frame (R4)")
    return start, sizes[0] if sizes else last


def _frame_size(payload: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a frame's size and the offset after it (section 3.2.1)."""
    if at < end and payload[at] < 252:
        return payload[at], at + 1
    if at + 1 < end:
        return payload[at + 1] * 4 + payload[at], at + 2
    raise OpusError(INVALID_PACKET, "a frame size beyond the end of the packet (R4)")


def _padding(payload: bytes) -> tuple[int, int]:
    """Return the offset after the padding's length, and that length (section 3.2.5)."""
    padding = 0
    for at in range(2, len(payload)):
        length = payload[at]
        padding += min(length, 254)
        if length < 255:
            return at + 1, padding
    raise OpusError(INVALID_PACKET, "padding beyond the end of the packet (R6)")
