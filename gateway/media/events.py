"""What a media session reports: a closed set of plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

QUALITY_INTERVAL = 2.0  # seconds between two reports of it


class LossReason(StrEnum):
    """Why the browser's media path is gone."""

    ICE_TIMEOUT = "ice-timeout"
    NO_CANDIDATE = "no-candidate"  # the browser has no address that media could come from
    DTLS_FAILED = "dtls-failed"
    CLOSED = "closed"  # the browser said goodbye (DTLS close_notify)
    SILENT = "silent"  # nothing at all came for too long
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class BrowserReachable:
    """The browser has named an address that it may be reached at: media may come up."""


@dataclass(frozen=True, slots=True)
class BrowserConnected:
    """ICE and DTLS are up: media can flow to and from the browser.

    `renewed` names the new media path that has taken an old one's place, by our user name fragment
    (`LocalMedia.ice_ufrag`); empty for the one that there was.
    """

    renewed: str = ""


@dataclass(frozen=True, slots=True)
class BrowserLost:
    """The media path to the browser never came up, or is gone."""

    reason: LossReason


@dataclass(frozen=True, slots=True)
class RenewalFailed:
    """A new media path to the browser has not come up; the old one is as it was.

    `renewed` names it as in `BrowserConnected`.
    """

    reason: LossReason
    renewed: str


@dataclass(frozen=True, slots=True)
class BrowserDigit:
    """Somebody at the browser pressed a key that its page sends as an event (RFC 4733)."""

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class TrunkDigit:
    """The far end pressed a key (RFC 4733)."""

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class TrunkSilent:
    """Neither RTP nor RTCP has come from the trunk for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LegQuality:
    """What one leg of a call was like in the last interval.

    `mos` by the E-model (ITU-T G.107), 1 to 4.5; `loss` the share of packets that did not come, 0
    to 1; times in milliseconds; `level` in -dBov as RFC 6464 counts it, 0 to 127. None where
    nothing is known: no packet came, or no report.
    """

    mos: float | None
    loss: float
    jitter_ms: float
    rtt_ms: float | None
    level: int | None
    packets: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How both legs are doing; every two seconds, as heard by the gateway on each."""

    browser: LegQuality
    trunk: LegQuality


@dataclass(frozen=True, slots=True)
class EchoQuality:
    """How a browser that hears itself is doing, each way; every two seconds.

    `browser` is what came here, `echo` what the browser reports of what went back.
    """

    browser: LegQuality
    echo: LegQuality


@dataclass(frozen=True, slots=True)
class TrunkQuality:
    """How one of two trunks is doing, where there is no browser; every two seconds."""

    trunk: LegQuality


@dataclass(frozen=True, slots=True)
class LegTraffic:
    """RTP packets of one leg since its beginning, and the octets of what they carried."""

    packets_received: int = 0
    octets_received: int = 0
    packets_sent: int = 0
    octets_sent: int = 0

    def __add__(self, other: LegTraffic) -> LegTraffic:
        return LegTraffic(
            self.packets_received + other.packets_received,
            self.octets_received + other.octets_received,
            self.packets_sent + other.packets_sent,
            self.octets_sent + other.octets_sent,
        )


Traffic = Mapping[str, LegTraffic]
"""What each leg of a session has carried, to within the last second: `browser` and `trunk`,
`trunk` and `fallback`, or `browser` alone."""


@dataclass(frozen=True, slots=True)
class MediaFailed:
    """A session without a browser has had to be given up after a fault of ours."""


MediaEvent = (
    BrowserReachable
    | BrowserConnected
    | BrowserLost
    | RenewalFailed
    | BrowserDigit
    | TrunkDigit
    | TrunkSilent
    | MediaFailed
    | Quality
    | TrunkQuality
)

EchoEvent = BrowserReachable | BrowserConnected | BrowserLost | BrowserDigit | EchoQuality
