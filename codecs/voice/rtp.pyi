from enum import StrEnum
from typing import NamedTuple

VERSION: int
HEADER_SIZE: int

class RtpReason(StrEnum):
    SHORT = "short"
    VERSION = "version"
    CSRC = "csrc"
    EXTENSION = "extension"
    PADDING = "padding"

class RtpError(ValueError):
    reason: RtpReason
    def __init__(self, reason: RtpReason, problem: str) -> None: ...

class RtpPacket(NamedTuple):
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    csrcs: tuple[int, ...] = ()
    profile: int | None = None
    extension: bytes = b""

def is_rtcp(datagram: bytes) -> bool: ...
def parse(datagram: bytes) -> RtpPacket: ...
def pack_header(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    *,
    marker: bool = False,
    extension: bytes = b"",
) -> bytes: ...
