"""Call records as the operator's API gives them: JSON, camelCase on the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from gateway.records.row import Leg, Row
from gateway.records.search import MOST, Page, Search
from gateway.signaling.api_messages import CallView, Codecs, HolderView, Mos, Wire, written
from gateway.signaling.call_search import CallSearch, Text


class RecordSearch(CallSearch):
    """Which records, also by what has ended the call; the newest first."""

    cause: Text | None = None
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50

    def search(self) -> Search:
        """Return it in the words of the records; RequestError for a cursor that is none."""
        return replace(super().search(), cause=self.cause)


class LegView(Wire):
    """One leg: means over the call (`loss` is a share), RTP packets, octets of their payload.

    Null is what nobody knows: the sums stand there once the call has ended.
    """

    mos: float | None
    loss: float | None
    jitter_ms: float | None
    rtt_ms: float | None
    packets_received: int | None
    octets_received: int | None
    packets_sent: int | None
    octets_sent: int | None

    @classmethod
    def of(cls, leg: Leg) -> LegView:
        """Write what is known of a leg."""
        return cls(**{name: getattr(leg, name) for name in Leg.__struct_fields__})


class LegViews(Wire):
    """`fallback` is the other trunk's, of a call that has gone to a fallback; it has no browser."""

    browser: LegView
    trunk: LegView
    fallback: LegView


class HeardView(Wire):
    """What the page's browser says of the audio that came to it, by the `stats` of the page.

    `loss` and `concealed` are shares of the whole call, the others means; null: nobody knows.
    """

    loss: float | None
    concealed: float | None
    jitter_ms: float | None
    rtt_ms: float | None


class FeedbackView(Wire):
    """What a person at the page says of the call: 1 (bad) to 5, and in words."""

    score: int
    issue: str | None


class EndView(Wire):
    """How a call ended. `reason` is the SIP phrase, the trunk's own where the end came from there.

    For 401, 402 and 407 a page hears the standard's phrase instead: the trunk's may speak of the
    operator's account.
    """

    by: str
    cause: str
    code: int
    reason: str


class RecordView(Wire):
    """One call, or what was asked for and refused. Times are ISO 8601, UTC.

    `end` is null while the call runs. `rule` is the word of what refused it. `cost` is in the
    currency of the rates file, null without one. A call that no page has taken has gone to the
    number `fallback`, and one whose far end has handed the page over to `redirectedTo`. `feedback`
    is null until somebody has given it.
    """

    id: str
    node: str
    direction: Literal["outgoing", "incoming"]
    state: Literal["trying", "ringing", "answered", "ended"]
    started_at: str
    ringing_at: str | None
    answered_at: str | None
    ended_at: str | None
    duration_ms: int
    to: str
    from_: Annotated[str | None, Field(alias="from")]
    fallback: str | None
    trunk: str | None
    fallback_trunk: str | None
    redirected_to: str | None
    redirected_trunk: str | None
    identity: str | None
    address: str | None
    origin: str | None
    session: str | None
    call: str | None
    sip_call_id: str | None
    codec: Codecs
    end: EndView | None
    rule: str | None
    cost: float | None
    legs: LegViews
    heard: HeardView
    feedback: FeedbackView | None
    holder: HolderView | None

    @classmethod
    def of(cls, row: Row) -> RecordView:
        """Write a row."""
        same = (
            *("id", "node", "direction", "state", "duration_ms", "fallback", "trunk", "identity"),
            *("fallback_trunk", "redirected_to", "redirected_trunk"),
            *("address", "origin", "session", "sip_call_id", "rule", "cost"),
        )
        times = ("started", "ringing", "answered", "ended")
        return cls.model_validate(
            {name: getattr(row, name) for name in same}
            | {f"{name}_at": _time(getattr(row, name)) for name in times}
            | {
                "to": row.to_number,
                "from": row.from_number,
                "call": row.page_call,
                "codec": _codecs(row),
                "end": _end(row),
                "legs": LegViews(
                    browser=LegView.of(row.browser),
                    trunk=LegView.of(row.trunk_leg),
                    fallback=LegView.of(row.fallback_leg),
                ),
                "heard": HeardView(
                    loss=row.heard_loss,
                    concealed=row.heard_concealed,
                    jitter_ms=row.heard_jitter_ms,
                    rtt_ms=row.heard_rtt_ms,
                ),
                "feedback": _feedback(row),
                "holder": _holder(row),
            }
        )


class RecordPage(Wire):
    """Records, the newest first. `next` is the `cursor` of the next page, null on the last one."""

    records: list[RecordView]
    next: str | None

    @classmethod
    def of(cls, page: Page) -> RecordPage:
        """Write a page."""
        return cls(records=[RecordView.of(row) for row in page.rows], next=page.next)


def call_view(row: Row) -> CallView:
    """Write a row as a call that runs is written: where that has no null, nothing is empty."""
    same = ("id", "direction", "state", "identity", "origin", "fallback", "fallback_trunk")
    texts = ("trunk", "address", "session", "sip_call_id")
    return CallView.model_validate(
        {name: getattr(row, name) for name in (*same, "redirected_to", "redirected_trunk")}
        | {name: getattr(row, name) or "" for name in texts}
        | {
            "to": row.to_number,
            "from": row.from_number,
            "call": row.page_call or "",
            "started_at": written(row.started),
            "answered_at": _time(row.answered),
            "codec": _codecs(row),
            "mos": Mos(
                browser=row.browser.mos, trunk=row.trunk_leg.mos, fallback=row.fallback_leg.mos
            ),
            "holder": _holder(row),
        }
    )


def _codecs(row: Row) -> Codecs:
    return Codecs(browser=row.codec_browser, trunk=row.codec_trunk, fallback=row.codec_fallback)


def _holder(row: Row) -> HolderView | None:
    names = (row.holder_identity, row.holder_address, row.holder_session)
    if not any(names):
        return None
    return HolderView(**dict(zip(("identity", "address", "session"), names, strict=True)))


def _feedback(row: Row) -> FeedbackView | None:
    if row.feedback_score is None:
        return None
    return FeedbackView(score=row.feedback_score, issue=row.feedback_issue)


def _end(row: Row) -> EndView | None:
    if row.state != "ended":
        return None
    return EndView(
        by=row.ended_by or "gateway",
        cause=row.cause or "internal",
        code=row.code or 500,
        reason=row.reason or "",
    )


def _time(value: float | None) -> str | None:
    return None if value is None else written(value)
