"""Every state against every event: the table has a row for each, and rows keep their promises."""

from __future__ import annotations

from asyncio import Future
from typing import cast, get_args

import pytest

from gateway import trunk
from gateway.calls.browser_description import read_offer
from gateway.calls.end import By, CallEnd
from gateway.calls.events import (
    BrowserLate,
    CallEvent,
    ChangeDue,
    EndWanted,
    HoldWanted,
    InviteDue,
    Located,
    NotPlaced,
    OfRedirect,
    RedirectRefused,
    RedirectWanted,
    RestartGivenUp,
    RestartWanted,
    TransferLate,
    TransferWanted,
    Unfollowed,
)
from gateway.calls.request import CallRequest
from gateway.calls.state import CallState, advance
from gateway.media import events as media
from tests.gateway.calls.descriptions import fixture
from tests.gateway.calls.fakes import Client

C, R, E, A, X = CallState

LEG = media.LegQuality(mos=4.2, loss=0.0, jitter_ms=1.5, rtt_ms=None, level=30, packets=100)
EVENTS: dict[type[CallEvent], CallEvent] = {
    type(event): event
    for event in (
        trunk.Trying(),
        trunk.Ringing(180, "Ringing"),
        trunk.Progress(183, "Session Progress", "v=0"),
        trunk.Answered("v=0"),
        trunk.Offered(1, "v=0"),
        trunk.Settled(""),
        trunk.Withdrawn(),
        trunk.Refused(488, "Not Acceptable Here"),
        HoldWanted(True),
        ChangeDue(),
        Unfollowed("line 1"),
        trunk.TransferProgress(180, "Ringing"),
        trunk.TransferOver(486, "Busy Here"),
        TransferWanted("+15550100"),
        TransferLate(),
        RestartWanted(
            read_offer(fixture("chrome-156-audio.sdp")), Client(), cast(Future[None], None)
        ),
        RestartGivenUp(lambda news: None),
        BrowserLate(),
        trunk.Referred(1, trunk.ReferredTo("+15550100")),
        RedirectWanted(1, CallRequest("+15550100", "")),
        RedirectRefused(1, 403, "not allowed"),
        OfRedirect(trunk.Ringing(180, "Ringing"), object()),
        InviteDue(),
        Located("media.example", "192.0.2.1", trunk.Settled("")),
        trunk.Digit("5", 100),
        trunk.Ended(trunk.Origin.REMOTE, 486, "Busy Here", "busy", None, "Busy."),
        media.BrowserReachable(),
        media.BrowserConnected(),
        media.BrowserLost(media.LossReason.SILENT),
        media.RenewalFailed(media.LossReason.ICE_TIMEOUT, "new1"),
        media.BrowserDigit("1", 100),
        media.TrunkDigit("5", 100),
        media.TrunkSilent(15.0),
        media.MediaFailed(),
        media.Quality(LEG, LEG),
        media.TrunkQuality(LEG),
        EndWanted(CallEnd(By.LOCAL, "hangup", 200, "", "")),
        NotPlaced(CallEnd(By.GATEWAY, "service-unavailable", 503, "", "")),
    )
}
ENDING = (trunk.Ended, media.MediaFailed, EndWanted, NotPlaced)


def test_the_examples_cover_the_closed_set() -> None:
    assert set(EVENTS) == set(get_args(CallEvent))


@pytest.mark.parametrize("state", CallState)
@pytest.mark.parametrize("event", EVENTS.values(), ids=lambda event: type(event).__name__)
def test_no_event_raises_and_nothing_leaves_the_end(state: CallState, event: CallEvent) -> None:
    after = advance(state, event)
    # Before the answer silence is an end; then it is a question to the far end
    silenced = isinstance(event, media.TrunkSilent) and state is not A
    if state is X or silenced or isinstance(event, ENDING):
        assert after is X
    else:
        assert after is not X
        assert list(CallState).index(after) >= list(CallState).index(state), (
            "a call never goes back"
        )


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([trunk.Trying], C),
        ([trunk.Ringing], R),
        ([trunk.Progress], E),
        ([trunk.Ringing, trunk.Progress], E),
        ([trunk.Progress, trunk.Ringing], E),
        ([trunk.Progress, trunk.Answered], A),
        ([trunk.Answered, trunk.Progress, trunk.Ringing], A),
        ([trunk.Answered, trunk.Ended, trunk.Answered], X),
        ([EndWanted, trunk.Answered], X),
        ([trunk.Progress, media.Quality, media.TrunkSilent, media.Quality], X),
        ([trunk.Answered, media.Quality, media.TrunkSilent, media.Quality], A),
        ([trunk.Answered, media.TrunkSilent, EndWanted], X),
    ],
)
def test_stories(events: list[type[CallEvent]], expected: CallState) -> None:
    state = C
    for kind in events:
        state = advance(state, EVENTS[kind])
    assert state is expected
