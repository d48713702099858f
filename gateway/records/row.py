"""One call as it is kept: a row of the database, and a line of the spool. Pure.

Everything that a client or a trunk may have chosen is cut and cleaned here: a row that no database
takes would hold up all that come after it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.calls.end import By, CallEnd
from gateway.calls.record import CallRecord, LegAccount

MAX_TEXT = 256  # characters; an identity or an origin may be as long as a client likes
MAX_ISSUE = 1000  # of what somebody says of a call; as many as the protocol allows

INTERRUPTED = CallEnd(
    By.GATEWAY, "interrupted", 500, "gateway stopped", "The gateway was killed while the call ran."
)
"""The end of a call that ran when its gateway was killed."""


class Leg(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One leg: means over the call, None where nothing is known; RTP packets, octets of payload."""

    mos: float | None = None
    loss: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    packets_received: int | None = None
    octets_received: int | None = None
    packets_sent: int | None = None
    octets_sent: int | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call, or what was asked for and refused.

    Times are seconds since the epoch, to the millisecond. `started` is when it was asked for.
    `state` is a word of the protocol, "ended" in the database; the words of `ended_by`, `cause`
    and `code` are those that the page was told. `rule` is the word of what refused it. `cost` is in
    the currency of the rates file, None without one. `heard_…` is what the page's browser says of
    the audio that has come to it, `feedback_…` what its person says of the call.
    `holder_…` is who has or had it last, where that is another one than who began it.
    """

    id: str
    node: str
    direction: str
    state: str
    started: float
    ringing: float | None = None
    answered: float | None = None
    ended: float | None = None
    duration_ms: int = 0
    from_number: str | None = None
    to_number: str
    fallback: str | None = None
    identity: str | None = None
    address: str | None = None
    origin: str | None = None
    session: str | None = None
    page_call: str | None = None
    trunk: str | None = None
    fallback_trunk: str | None = None
    redirected_to: str | None = None
    redirected_trunk: str | None = None
    sip_call_id: str | None = None
    codec_browser: str | None = None
    codec_trunk: str | None = None
    codec_fallback: str | None = None
    ended_by: str | None = None
    cause: str | None = None
    code: int | None = None
    reason: str | None = None
    rule: str | None = None
    cost: float | None = None
    browser: Leg = Leg()
    trunk_leg: Leg = Leg()
    fallback_leg: Leg = Leg()
    heard_loss: float | None = None
    heard_concealed: float | None = None
    heard_jitter_ms: float | None = None
    heard_rtt_ms: float | None = None
    feedback_score: int | None = None
    feedback_issue: str | None = None
    holder_identity: str | None = None
    holder_address: str | None = None
    holder_session: str | None = None


def row_of(record: CallRecord, node: str, shown: Callable[[str], str], cost: float | None) -> Row:
    """Copy what a record holds now; numbers as `shown` shows them."""
    request, end, page, holder = record.request, record.end, record.page, record.holder
    score, issue = said_in(record)
    visitor = request.visitor

    def number(value: str | None) -> str | None:
        return None if value is None else _text(shown(value[:MAX_TEXT]))

    return Row(
        id=record.id,
        node=node,
        direction=record.direction,
        state=record.state,
        started=_time(record.started) or 0.0,
        ringing=_time(record.ringing),
        answered=_time(record.answered),
        ended=_time(record.ended),
        duration_ms=record.duration_ms,
        from_number=number(request.caller),
        to_number=number(request.to) or "",
        fallback=number(record.fallback),
        identity=_text(request.identity),
        address=_text(visitor.address),
        origin=_text(visitor.origin),
        session=_text(visitor.session),
        page_call=_text(request.page_call),
        trunk=_text(record.trunk),
        fallback_trunk=_text(record.fallback_trunk),
        redirected_to=number(record.redirected_to),
        redirected_trunk=_text(record.redirected_trunk),
        sip_call_id=_text(record.sip_call_id),
        codec_browser=_text(record.browser_codec),
        codec_trunk=_text(record.trunk_codec),
        codec_fallback=_text(record.fallback_codec),
        ended_by=None if end is None else end.by.value,
        cause=None if end is None else _text(end.cause),
        code=None if end is None else end.sip_code,
        reason=None if end is None else _text(end.reason),
        rule=_text(record.rule),
        cost=cost,
        browser=_leg(record.browser),
        trunk_leg=_leg(record.trunk_leg),
        fallback_leg=_leg(record.fallback_leg),
        heard_loss=_rounded(page.loss),
        heard_concealed=_rounded(page.concealed),
        heard_jitter_ms=_rounded(page.jitter_ms.value),
        heard_rtt_ms=_rounded(page.rtt_ms.value),
        feedback_score=score,
        feedback_issue=issue,
        holder_identity=None if holder is None else _text(holder.identity),
        holder_address=None if holder is None else _text(holder.visitor.address),
        holder_session=None if holder is None else _text(holder.visitor.session),
    )


def said_in(record: CallRecord) -> tuple[int | None, str | None]:
    """Return the score and the words of a call's feedback, as they are kept."""
    feedback = record.feedback
    return (None, None) if feedback is None else (feedback.score, _text(feedback.issue, MAX_ISSUE))


def paid_number(row: Row) -> str:
    """Return the number that a call of ours has come to, as the row shows it."""
    return row.redirected_to or row.fallback or row.to_number


def interrupted(row: Row, at: float) -> Row:
    """Return the row of a call that ran when its gateway was killed, at about this time.

    Its cost stays as it was.
    """
    begin = row.started if row.answered is None else row.answered
    ended = max(at, begin)
    talked = 0 if row.answered is None else round((ended - row.answered) * 1000)
    return msgspec.structs.replace(
        row,
        state="ended",
        ended=ended,
        duration_ms=talked,
        ended_by=INTERRUPTED.by.value,
        cause=INTERRUPTED.cause,
        code=INTERRUPTED.sip_code,
        reason=INTERRUPTED.reason,
    )


def _leg(account: LegAccount) -> Leg:
    traffic = account.traffic
    return Leg(
        mos=_rounded(account.mos.value),
        loss=_rounded(account.loss.value),
        jitter_ms=_rounded(account.jitter_ms.value),
        rtt_ms=_rounded(account.rtt_ms.value),
        packets_received=None if traffic is None else traffic.packets_received,
        octets_received=None if traffic is None else traffic.octets_received,
        packets_sent=None if traffic is None else traffic.packets_sent,
        octets_sent=None if traffic is None else traffic.octets_sent,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _time(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _text(value: str | None, most: int = MAX_TEXT) -> str | None:
    """Return a text that JSON and every database take; None for an empty one."""
    if not value:
        return None
    whole = value[:most].encode("utf-8", "replace").decode()  # JSON may hold half a surrogate
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")
