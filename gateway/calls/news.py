"""What a call tells its client: a closed set of plain values, in the order in which they happen.

A call knows no WebSocket. It hands each of these to the function that its client gave it; the
signaling room turns them into messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.calls.end import By, CallEnd
from gateway.media.events import LegQuality, Traffic
from gateway.trunk import ReferredTo


@dataclass(frozen=True, slots=True)
class Trying:
    """The INVITE is on its way."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far end rings. With `early_media` its own tones are to be heard already."""

    early_media: bool


@dataclass(frozen=True, slots=True)
class AnswerReady:
    """Our description for the browser; it comes before the phone is picked up.

    `restart_id` is what the page knows the restart by that it answers; None if it gave none.
    """

    sdp: str
    restart_id: str | None = None


@dataclass(frozen=True, slots=True)
class RestartFailed:
    """The new media path has not come up, and all is as it was; `why` is a sentence.

    `restart_id` is what the page knows the restart by.
    """

    why: str
    restart_id: str | None = None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Another page has the call now. Nothing comes here after this."""

    duration_ms: int  # from the answer until now; 0 before it


@dataclass(frozen=True, slots=True)
class Answered:
    """The phone is picked up; audio flows both ways. Codecs by their encoding names.

    Of a call to a fallback there is no browser, and both trunks have a codec.
    """

    browser_codec: str
    trunk_codec: str
    fallback_codec: str = ""


@dataclass(frozen=True, slots=True)
class DigitHeard:
    """The far end pressed a key."""

    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Held:
    """One side has put the other on hold. Both may have, at once."""

    by: By


@dataclass(frozen=True, slots=True)
class Resumed:
    """That side holds the other no longer."""

    by: By


@dataclass(frozen=True, slots=True)
class HoldRefused:
    """There is no hold, or no end of one (`held` false); all is as it was.

    `by` is the side that does not take part; `reason` is for the person at the page.
    """

    held: bool
    code: int
    reason: str
    by: By = By.REMOTE


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """What the phone says that the far end is handed over to; a status below 200."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """The far end talks to somebody else now; the call's end follows."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """It stays with us: a status of that phone, or of the trunk's refusal, or ours for silence."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Referred:
    """The far end wants us to talk to somebody else; the client says whether that may be.

    `to` is an admissible target; `token` names this for the answer. The page hears of it later.
    """

    token: int
    to: str
    referral: ReferredTo


@dataclass(frozen=True, slots=True)
class Redirecting:
    """What the phone says that we are handed over to; a status below 200."""

    to: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Redirected:
    """We talk to somebody else now, by that trunk. Codecs as in Answered.

    `duration_ms` is how long we have talked to the one before.
    """

    to: str
    browser_codec: str
    trunk_codec: str
    trunk: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class RedirectFailed:
    """We do not: a status of that phone, or ours for what may not be."""

    to: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Quality:
    """How both legs did in the last two seconds, as the gateway sees it."""

    browser: LegQuality
    trunk: LegQuality


@dataclass(frozen=True, slots=True)
class SideQuality:
    """How a trunk of a call without a page did: the caller's, or that of the fallback."""

    side: Literal["trunk", "fallback"]
    quality: LegQuality


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over. Nothing comes after this."""

    end: CallEnd
    duration_ms: int  # from the answer to the end; 0 for a call never answered
    trunk: str = ""  # the one that was tried last
    traffic: Traffic = field(default_factory=dict)  # of its legs


PageNews = (
    Trying
    | Ringing
    | AnswerReady
    | RestartFailed
    | HandedOver
    | Answered
    | DigitHeard
    | Held
    | Resumed
    | HoldRefused
    | TransferProgress
    | Transferred
    | TransferFailed
    | Redirecting
    | Redirected
    | RedirectFailed
    | Quality
    | Ended
)
"""What a page may be told."""

News = PageNews | SideQuality | Referred

Tell = Callable[[News], None]
"""Takes news at once, and without waiting."""
