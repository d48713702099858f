"""What the first byte of an Opus packet says (RFC 6716 section 3.1), and what libopus may refuse.

How long a whole packet is, and whether it repairs its predecessor, `voice.opus` says.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

# libopus's codes for what can be wrong with a packet, a buffer or a request
BAD_ARGUMENT = -1
BUFFER_TOO_SMALL = -2
INVALID_PACKET = -4
UNKNOWN_REQUEST = -5

LONGEST_PACKET_MS = 120  # section 3.2.5, requirement R5
LONGEST_FRAME = 1275  # bytes; R2


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


def read_toc(payload: bytes) -> Toc:
    """Return a packet's table of contents; OpusError if the packet is empty."""
    if not payload:
        raise OpusError(BAD_ARGUMENT, "a packet of 0 bytes: RFC 6716 asks for at least one (R1)")
    return _TOCS[payload[0]]
