"""The state of a browser's leg: what is lost may come back, and what never came ends the call."""

from __future__ import annotations

from asyncio import Future
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.browser_description import read_offer
from gateway.calls.browser_leg import BrowserEvent, BrowserLeg, BrowserState, advance_browser
from gateway.calls.events import BrowserLate, RestartWanted
from gateway.media.events import BrowserConnected, BrowserLost, LossReason, RenewalFailed
from tests.gateway.calls.descriptions import fixture
from tests.gateway.calls.fakes import Client

CONNECTING, UP, LOST, UNREACHED, GONE, OVER = BrowserState

CAME, RENEWED = BrowserConnected(), BrowserConnected(renewed="new1")
CLOSED, NO_DTLS, NOWHERE, SILENT, FAULT = (
    BrowserLost(reason)
    for reason in (
        LossReason.CLOSED,
        LossReason.DTLS_FAILED,
        LossReason.ICE_TIMEOUT,
        LossReason.SILENT,
        LossReason.INTERNAL,
    )
)
RESTART = RestartWanted(
    read_offer(fixture("chrome-156-audio.sdp")), Client(), cast(Future[None], None)
)
FAILED = RenewalFailed(LossReason.ICE_TIMEOUT, "new1")
LATE = BrowserLate()

EVENTS = (CAME, RENEWED, CLOSED, NO_DTLS, NOWHERE, SILENT, FAULT, RESTART, FAILED, LATE)


def after(*events: BrowserEvent) -> BrowserLeg:
    leg = BrowserLeg()
    for event in events:
        leg = advance_browser(leg, event)
    return leg


def test_the_examples_cover_the_closed_set() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(BrowserEvent))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], CONNECTING),
        ([CAME], UP),
        ([NOWHERE], OVER),
        ([SILENT], OVER),
        ([CLOSED], GONE),  # its hang-up may be on its way
        ([NO_DTLS], GONE),
        ([CLOSED, LATE], OVER),
        ([CLOSED, NO_DTLS], GONE),
        ([CLOSED, FAULT], OVER),
        ([CLOSED, RESTART], UNREACHED),
        ([CLOSED, RESTART, LATE], UNREACHED),
        ([CLOSED, RESTART, RENEWED], UP),
        ([CLOSED, RESTART, FAILED], OVER),
        ([CAME, CLOSED], LOST),
        ([CAME, CLOSED, LATE], OVER),
        ([CAME, CLOSED, RESTART, RENEWED], UP),
        ([CAME, CLOSED, CAME], UP),  # it was silent, and is heard again
        ([CAME, LATE], UP),  # it has come back in the same moment
        ([CAME, RESTART, CLOSED], LOST),
        ([CAME, RESTART, CLOSED, RENEWED], UP),
        ([CAME, RESTART, FAILED], UP),
        ([CAME, RESTART, FAILED, CLOSED, LATE], OVER),
        ([CAME, CLOSED, RESTART, FAILED], LOST),  # it may try again
        ([CAME, CLOSED, RESTART, LATE], LOST),  # one that is on its way is waited for
        ([CAME, CLOSED, RESTART, LATE, RENEWED], UP),
        ([CAME, CLOSED, RESTART, LATE, FAILED], OVER),
        ([CAME, CLOSED, RESTART, LATE, RENEWED, CLOSED, RESTART, FAILED], LOST),
        ([RESTART, NOWHERE], UNREACHED),
        ([RESTART, CLOSED], UNREACHED),
        ([RESTART, FAILED, CLOSED], GONE),
        ([RESTART, NOWHERE, RENEWED], UP),
        ([RESTART, NOWHERE, FAILED], OVER),
        ([RESTART, NOWHERE, LATE], UNREACHED),
        ([RESTART, FAILED], CONNECTING),
        ([RESTART, FAILED, NOWHERE], OVER),
        ([RESTART, CAME, NOWHERE], LOST),
        ([CAME, RESTART, FAULT], OVER),
    ],
)
def test_stories(events: list[BrowserEvent], expected: BrowserState) -> None:
    assert after(*events).state is expected


def test_the_first_loss_is_the_reason() -> None:
    assert after(CAME, CLOSED, NOWHERE).loss is LossReason.CLOSED
    assert after(CAME, CLOSED, RESTART, RENEWED).loss is None
    assert after(NO_DTLS, LATE).loss is LossReason.DTLS_FAILED


@given(st.lists(st.sampled_from(EVENTS), max_size=12), st.sampled_from(EVENTS))
def test_nothing_leaves_the_end_and_a_fault_is_one(
    events: list[BrowserEvent], last: BrowserEvent
) -> None:
    before = after(*events)
    leg = advance_browser(before, last)
    if before.state is OVER or last is FAULT:
        assert leg.state is OVER
    if last is CAME and before.state is not OVER:
        assert leg.state is UP
        assert leg.renewing is before.renewing
