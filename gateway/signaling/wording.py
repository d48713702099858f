"""Puts what a call tells its client into the words of the protocol."""

from __future__ import annotations

from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.errors import UnavailableError
from gateway.media.events import EchoQuality, LegQuality
from gateway.signaling import messages
from gateway.signaling.progress import side

_HANDED_OVER = CallEnd.made_here(By.LOCAL, "handed-over", 200, "The call goes on at another page.")

TransferMessage = messages.TransferProgress | messages.Transferred | messages.TransferFailed

_TRANSFER: dict[type[news.News], type[TransferMessage]] = {
    news.TransferProgress: messages.TransferProgress,
    news.Transferred: messages.Transferred,
    news.TransferFailed: messages.TransferFailed,
}

# The trunk's own phrase may speak of the operator's account there (RFC 3261 section 21.4)
_OF_ACCOUNT = {
    401: "Unauthorized",
    402: "Payment Required",
    407: "Proxy Authentication Required",
}

Handover = (
    news.TransferProgress
    | news.Transferred
    | news.TransferFailed
    | news.Redirecting
    | news.Redirected
    | news.RedirectFailed
)


def message_for(call: str, event: news.PageNews) -> messages.ServerMessage:
    """Put news of a call into the protocol's words."""
    match event:
        case news.Trying():
            return messages.Trying(call=call)
        case news.Ringing(early_media=early_media):
            return messages.Ringing(call=call, early_media=early_media)
        case news.AnswerReady(sdp=sdp, restart_id=restart_id):
            description = messages.AnswerDescription(sdp=sdp)
            return messages.Answer(call=call, answer=description, id=restart_id)
        case news.Answered(browser_codec=browser, trunk_codec=trunk):
            return messages.Answered(call=call, codec=messages.Codecs(browser=browser, trunk=trunk))
        case news.DigitHeard(digit=digit, duration_ms=duration):
            return messages.Digit(call=call, digit=digit, duration=duration)
        case (
            news.Held()
            | news.Resumed()
            | news.HoldRefused()
            | news.RestartFailed()
            | news.HandedOver()
        ):
            return _about_change(call, event)
        case (
            news.TransferProgress()
            | news.Transferred()
            | news.TransferFailed()
            | news.Redirecting()
            | news.Redirected()
            | news.RedirectFailed()
        ):
            return _about_handover(call, event)
        case news.Quality(browser=browser_leg, trunk=trunk_leg):
            return messages.Quality(call=call, browser=_leg(browser_leg), trunk=_leg(trunk_leg))
        case news.Ended(end=end, duration_ms=duration):
            return _ended(call, end, duration)


def echo_quality(call: str, event: EchoQuality) -> messages.Quality:
    """Say how a pre-flight is doing, each way."""
    return messages.Quality(call=call, browser=_leg(event.browser), echo=_leg(event.echo))


def _heard(code: int, reason: str) -> str:
    """Return the phrase that a page hears."""
    return _OF_ACCOUNT.get(code, reason)


def _ended(call: str, end: CallEnd, duration_ms: int) -> messages.Ended:
    return messages.Ended(
        call=call,
        by=end.by.value,
        cause=end.cause,
        sip_code=end.sip_code,
        reason=_heard(end.sip_code, end.reason),
        message=end.said,
        duration_ms=duration_ms,
    )


def _about_handover(call: str, event: Handover) -> messages.ServerMessage:
    match event:
        case news.TransferProgress() | news.Transferred() | news.TransferFailed():
            told = _TRANSFER[type(event)]
            return told(call=call, sip_code=event.code, reason=_heard(event.code, event.reason))
        case news.Redirecting(to=to, code=code, reason=reason):
            return messages.Redirecting(
                call=call, to=to, sip_code=code, reason=_heard(code, reason)
            )
        case news.Redirected(to=to, browser_codec=browser, trunk_codec=trunk):
            codec = messages.Codecs(browser=browser, trunk=trunk)
            return messages.Redirected(call=call, to=to, codec=codec)
        case news.RedirectFailed(to=to, code=code, reason=reason):
            return messages.RedirectFailed(
                call=call, to=to, sip_code=code, reason=_heard(code, reason)
            )


Change = news.Held | news.Resumed | news.HoldRefused | news.RestartFailed | news.HandedOver


def _about_change(call: str, event: Change) -> messages.ServerMessage:
    """Say what has changed in a call, or has not."""
    match event:
        case news.HandedOver(duration_ms=duration):  # over for this page, and for no other
            return _ended(call, _HANDED_OVER, duration)
        case news.RestartFailed(why=why, restart_id=restart_id):
            return messages.Error(
                code=UnavailableError.sip_code,
                name="restart-failed",
                message=f"The call goes on as it was. {why}",
                call=call,
                id=restart_id,
            )
        case news.Held(by=by):
            return messages.Held(call=call, by=side(by))
        case news.Resumed(by=by):
            return messages.Resumed(call=call, by=side(by))
        case news.HoldRefused(held=held, code=code, reason=reason, by=by):
            refusal = _heard(code, reason) or str(code)
            return messages.Error(
                code=code,
                name="hold-refused" if held else "resume-refused",
                message=f"{'The far end does not agree: ' if by is By.REMOTE else ''}{refusal}.",
                call=call,
            )


def _leg(quality: LegQuality) -> messages.LegQuality:
    """Round to what a person could tell apart: a frame in two seconds need not carry more."""
    mos, rtt = quality.mos, quality.rtt_ms
    return messages.LegQuality(
        mos=None if mos is None else round(mos, 2),
        loss=round(quality.loss, 4),
        jitter_ms=round(quality.jitter_ms, 1),
        rtt_ms=None if rtt is None else round(rtt, 1),
        level=quality.level,
        packets=quality.packets,
    )
