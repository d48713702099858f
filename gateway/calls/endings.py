"""How a call ends by what happened to it: the causes that the gateway finds itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway import trunk
from gateway.calls.end import By, CallEnd
from gateway.calls.events import CallEvent, EndWanted, NotPlaced
from gateway.media import events as media

# What a lost browser means
_LOST: Final = {
    media.LossReason.ICE_TIMEOUT: "No network path between browser and gateway was found.",
    media.LossReason.NO_CANDIDATE: "It has no network address that media could come from: UDP is "
    "blocked, or only relays may be used and there is none.",
    media.LossReason.DTLS_FAILED: "The encrypted connection to the browser could not be set up.",
    media.LossReason.CLOSED: "The browser closed the media connection.",
    media.LossReason.SILENT: "Nothing came from the browser any more.",
    media.LossReason.INTERNAL: "The media connection to the browser failed.",
}

# Whatever happens then, no phone should ring, and no call be paid for, that nobody can hear
_NO_PATH: Final = (media.LossReason.ICE_TIMEOUT, media.LossReason.NO_CANDIDATE)

# Statuses of a description that nobody wants (RFC 3261 sections 21.4.13, 21.4.26 and 21.6.4)
_NOT_ACCEPTABLE: Final = (415, 488, 606)

FAULT: Final = CallEnd.made_here(
    By.GATEWAY, "internal", 500, "The gateway failed; its log says why."
)

TRANSFERRED: Final = CallEnd.made_here(
    By.LOCAL, "transferred", 200, "You have transferred the call."
)


def end_of(event: CallEvent) -> CallEnd | None:
    """Return how the call ends by this event; None for one that ends nothing."""
    match event:
        case trunk.Ended():
            by = By.REMOTE if event.by is trunk.Origin.REMOTE else By.GATEWAY
            return CallEnd(by, event.cause, event.code, event.reason, event.sentence, event.said)
        case media.MediaFailed():
            sentence = "The media of the call failed."
            return CallEnd.made_here(By.GATEWAY, "media-failed", 500, sentence)
        case media.TrunkSilent():
            return silent_end(event)
        case EndWanted() | NotPlaced():
            return event.end
    return None


def browser_unreached(reason: media.LossReason) -> CallEnd:
    """End a call whose browser's media path has never come up."""
    if reason in _NO_PATH:
        sentence = f"The browser can neither send nor receive audio. {_LOST[reason]}"
        return CallEnd.made_here(By.GATEWAY, "no-media-path", 500, sentence)
    return CallEnd.made_here(By.GATEWAY, "media-failed", 500, _LOST[reason])


def browser_lost(reason: media.LossReason) -> CallEnd:
    """End a call whose browser was there, and has not come back."""
    if reason is media.LossReason.INTERNAL:  # it is not the browser that is lost
        return browser_unreached(reason)
    return CallEnd.made_here(By.GATEWAY, "media-lost", 500, _LOST[reason])


def restart_failed(reason: media.LossReason) -> str:
    """Say why a new media path has not come up."""
    return _LOST[reason]


def refused_encryption(event: trunk.Ended) -> CallEnd | None:
    """Return the end of a call to a trunk that was offered encrypted audio only."""
    end = end_of(event)
    if end is None or end.sip_code not in _NOT_ACCEPTABLE:
        return end
    why = "This trunk is called with encrypted audio only{}, which it may not take."
    message, said = f"{end.message} {why.format(' (srtp)')}", f"{end.said} {why.format('')}"
    return replace(end, message=message, said=said)


# What a caller may hear of the fallback; all else is between us and the trunk of that
_PASSED_ON: Final = (404, 410, 480, 484, 486, 600, 603, 604)


def not_reached(end: CallEnd) -> CallEnd:
    """Return how a call ends for its caller, whose fallback has not answered."""
    if end.by is By.REMOTE and end.sip_code in _PASSED_ON:
        return end
    return replace(end, sip_code=480, reason="Temporarily Unavailable")


def silent_end(silence: media.TrunkSilent) -> CallEnd:
    """End a call whose trunk sends nothing, and does not answer either."""
    sentence = f"Nothing came from the far end for {silence.seconds:g} seconds."
    return CallEnd.made_here(By.GATEWAY, "media-timeout", 408, sentence)


def unusable(what: str, why: object) -> CallEnd:
    """End a call whose answer no media can follow. Why, may name a host: the page hears what."""
    message, said = f"{what}: {why}.", f"{what}."
    return CallEnd.made_here(By.GATEWAY, "incompatible-media", 488, message, said)


def rang_out(seconds: float) -> CallEnd:
    """End a call that nobody answers."""
    how_long = f"{seconds / 60:g} minutes" if seconds >= 120 else f"{seconds:g} seconds"
    return CallEnd.made_here(By.GATEWAY, "no-answer", 408, f"Nobody answered in {how_long}.")


def stopped(sentence: str) -> CallEnd:
    """End a call that the operator, or a limit, wants ended."""
    return CallEnd.made_here(By.GATEWAY, "stopped", 503, sentence)


def too_long(seconds: float) -> CallEnd:
    """End a call that has lasted as long as it may."""
    sentence = f"The call reached the longest duration allowed ({seconds / 60:g} minutes)."
    return CallEnd.made_here(By.GATEWAY, "max-duration", 200, sentence)


# The answer to a trunk's INVITE where it is another one than the end of our own call would have:
# 480 says that nobody could take this call, where 5xx would speak of the gateway as a whole
_REFUSALS: Final = {
    "canceled": 603,
    "media-failed": 480,
    "media-lost": 480,
    "no-answer": 480,
    "no-media-path": 480,
    "page-lost": 480,
    "stopped": 480,
}


def unanswered(end: CallEnd) -> CallEnd:
    """Return the end of a call from a trunk whose INVITE has no answer."""
    if end.by is By.REMOTE or end.cause not in _REFUSALS:
        return end
    ours = CallEnd.made_here(end.by, end.cause, _REFUSALS[end.cause], end.message, end.said)
    return replace(ours, cause="rejected") if end.by is By.LOCAL else ours
