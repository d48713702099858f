"""What a row holds of a call, and that no text in it can stop a database."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.mask import mask
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.opinion import Feedback, PageSample
from gateway.errors import ForbiddenError
from gateway.media.events import LegQuality, LegTraffic
from gateway.records.row import MAX_ISSUE, MAX_TEXT, Leg, interrupted, row_of
from tests.gateway.records.rows import STARTED, record, row

END = CallEnd.made_here(By.REMOTE, "hangup", 200, "The far end hung up.")


def quality(mos: float | None, loss: float, packets: int = 100) -> LegQuality:
    return LegQuality(
        mos=mos, loss=loss, jitter_ms=10 * loss, rtt_ms=20.0, level=30, packets=packets
    )


def test_an_answered_call_has_its_times_its_end_and_its_legs() -> None:
    call = record(sip_call_id="abc@host")
    call.learn(news.Ringing(early_media=False), STARTED + 1)
    call.learn(news.Ringing(early_media=True), STARTED + 2)
    call.learn(news.Answered("opus", "PCMU"), STARTED + 3)
    call.learn(news.Quality(quality(4.0, 0.0), quality(3.0, 0.1)), STARTED + 5)
    call.learn(news.Quality(quality(4.4, 0.2), quality(None, 1.0, packets=0)), STARTED + 7)
    traffic = {"browser": LegTraffic(1, 2, 3, 4), "trunk": LegTraffic(5, 6, 7, 8)}
    call.learn(news.Ended(END, 4500, "lab", traffic), STARTED + 8)
    kept = row_of(call, "one", str, 0.5)
    assert (kept.ringing, kept.answered, kept.ended) == (
        round(STARTED + 1, 3),
        round(STARTED + 3, 3),
        round(STARTED + 8, 3),
    )
    assert (kept.ended_by, kept.cause, kept.code, kept.reason) == ("remote", "hangup", 200, "OK")
    assert (kept.duration_ms, kept.cost, kept.sip_call_id) == (4500, 0.5, "abc@host")
    assert (kept.codec_browser, kept.codec_trunk) == ("opus", "PCMU")
    assert kept.browser == Leg(
        mos=4.2,
        loss=0.1,
        jitter_ms=1.0,
        rtt_ms=20.0,
        packets_received=1,
        octets_received=2,
        packets_sent=3,
        octets_sent=4,
    )
    # An interval in which nothing came says nothing
    assert (kept.trunk_leg.mos, kept.trunk_leg.loss) == (3.0, 0.1)


def test_what_the_page_says_of_the_call() -> None:
    call = record()
    call.page.add(PageSample(0.012345, 0.5, 3.0, 40.0))
    call.page.add(PageSample(jitter_ms=4.0))
    call.feedback = Feedback(2, "é" * MAX_ISSUE + "more")
    kept = row_of(call, "one", str, None)
    heard = (kept.heard_loss, kept.heard_concealed, kept.heard_jitter_ms, kept.heard_rtt_ms)
    assert heard == (0.0123, 0.5, 3.5, 40.0)
    assert (kept.feedback_score, kept.feedback_issue) == (2, "é" * MAX_ISSUE)
    nothing = row_of(record(), "one", str, None)
    assert (nothing.heard_loss, nothing.feedback_score, nothing.feedback_issue) == (None,) * 3


def test_a_refused_call_has_its_rule_and_nothing_of_a_trunk() -> None:
    call = record(trunk="")
    call.refuse(ForbiddenError("+15551234567 may not be called", rule="deny"), STARTED)
    kept = row_of(call, "one", str, None)
    assert (kept.rule, kept.cause, kept.code, kept.ended_by) == (
        "deny",
        "not-allowed",
        403,
        "gateway",
    )
    assert (kept.state, kept.trunk, kept.answered, kept.ended) == ("ended", None, None, STARTED)
    assert "may not be called" not in repr(kept), "the sentence has the number in full"


def test_masked_numbers_are_masked_in_each_place() -> None:
    call = record(fallback="+15559876543")
    kept = row_of(call, "one", mask, None)
    assert (kept.to_number, kept.from_number, kept.fallback) == (
        mask("+15551234567"),
        mask("+15550001"),
        mask("+15559876543"),
    )


@given(text=st.text(st.characters(codec=None), max_size=400))
def test_whatever_a_client_writes_is_text_for_json_and_databases(text: str) -> None:
    call = record()
    call.request = replace(call.request, to=text, identity=text, page_call=text)
    kept = row_of(call, "one", str, None)
    for value in (kept.to_number, kept.identity or "", kept.page_call or ""):
        assert len(value) <= MAX_TEXT
        assert "\0" not in value
        value.encode()
    assert msgspec.json.decode(msgspec.json.encode(kept), type=type(kept)) == kept


@pytest.mark.parametrize(
    ("answered", "at", "ended", "duration"),
    [
        (STARTED + 2, STARTED + 10, STARTED + 10, 8000),
        (STARTED + 2, 0.0, STARTED + 2, 0),  # nothing was written after the answer
        (None, STARTED + 10, STARTED + 10, 0),
    ],
)
def test_a_call_that_a_kill_has_interrupted_ends_when_the_gateway_was_seen_last(
    answered: float | None, at: float, ended: float, duration: int
) -> None:
    open_row = row(0, state="answered", answered=answered, ended=None, cause=None, ended_by=None)
    kept = interrupted(open_row, at)
    assert (kept.state, kept.cause, kept.reason) == ("ended", "interrupted", "gateway stopped")
    assert (kept.ended, kept.duration_ms) == (ended, duration)
