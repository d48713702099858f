"""What a media session reports: a closed set of plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LossReason(StrEnum):
    """Why the browser's media path is gone."""

    ICE_TIMEOUT = "ice-timeout"
    DTLS_FAILED = "dtls-failed"
    CLOSED = "closed"  # the browser said goodbye (DTLS close_notify)
    SILENT = "silent"  # nothing at all came for too long
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class BrowserConnected:
    """ICE and DTLS are up: media can flow to and from the browser."""


@dataclass(frozen=True, slots=True)
class BrowserLost:
    """The media path to the browser never came up, or is gone for good."""

    reason: LossReason


@dataclass(frozen=True, slots=True)
class TrunkDigit:
    """The far end pressed a key (RFC 4733)."""

    digit: str
    duration_ms: int


MediaEvent = BrowserConnected | BrowserLost | TrunkDigit
