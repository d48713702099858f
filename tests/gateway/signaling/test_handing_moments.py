"""A hand-over without sockets: who comes, leaves or is loaded anew right when something happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway import trunk
from gateway.admission.grant import Visitor
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.request import CallRequest
from gateway.calls.ring import Acceptance, Caller, Ring
from gateway.errors import UnavailableError
from gateway.media import events as media
from gateway.signaling import handing
from gateway.signaling.seam import PlacedCall
from tests.gateway.calls.descriptions import fixture
from tests.gateway.calls.stories import story
from tests.gateway.signaling.conftest import soon
from tests.gateway.signaling.fakes import FakeCall
from tests.waiting import until

CALLER = Caller("c0ffee", "", "sales", "600")
ACCEPTANCE = Acceptance("v=0", Visitor("192.0.2.7", None, "s1"))


class Bell:
    """A page that rings."""

    def __init__(self) -> None:
        self.rings: list[Ring] = []
        self.told: list[news.News] = []

    def ring(self, ring: Ring) -> news.Tell:
        self.rings.append(ring)
        return self.told.append


class Owner:
    """That page's own end of the call."""

    def __init__(self) -> None:
        self.calls: list[PlacedCall] = []

    def take_over(self, call: PlacedCall, estate: handing.Estate) -> None:
        self.calls.append(call)


def begin(call: PlacedCall, page: Bell, failures: list[int]) -> handing.Handing:
    """Hand a call over to a page."""
    return handing.Handing(
        CALLER,
        call,
        [page],
        lambda joined: lambda: None,
        own=Bell(),
        rings=lambda: None,
        failed=lambda code, reason: failures.append(code),
    )


@pytest.mark.parametrize("over", [True, False])
async def test_who_accepts_in_the_last_moment_is_not_left_waiting(over: bool) -> None:
    """The call ends right before, or the gateway fails; the page's own task goes on."""
    page, failures = Bell(), list[int]()
    call = FakeCall("gw-1", CallRequest("600", ""), lambda event: None)
    call.failure = None if over else ZeroDivisionError("oops")
    handed = begin(call, page, failures)
    await until(lambda: bool(page.rings))
    accepting = asyncio.create_task(page.rings[0].accept(ACCEPTANCE))
    if over:
        handed.end(CallEnd.made_here(By.REMOTE, "hangup", 200, "The call ended."))
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        assert await accepting is None
        await handed.task
    assert failures == ([] if over else [480])
    assert isinstance(page.told[-1], news.Ended)


@pytest.mark.parametrize("word", ["hangup", "reject", "abandon"])
async def test_who_leaves_in_the_moment_in_which_it_gets_the_call(word: str) -> None:
    """The call has ended for it, so it ends: nobody else has it."""
    page = Bell()

    def tell(event: news.News) -> None:
        if isinstance(event, news.HandedOver):
            assert handed.give(handing.Estate((), event.duration_ms, held=False))

    call = FakeCall("gw-1", CallRequest("600", ""), tell)
    handed = begin(call, page, [])
    await until(lambda: bool(page.rings))
    (ring,) = page.rings
    assert isinstance(ring, handing.HandedRing)
    ring.owner = owner = Owner()
    assert await ring.accept(ACCEPTANCE) is ring
    assert await soon(call.commands) == ("restart", "v=0")
    match word:
        case "hangup":
            await ring.hangup()
        case "reject":
            await ring.reject(603)
        case "abandon":
            await ring.abandon("gone")
    call.hand_over()
    assert await soon(call.commands) == ("hangup",)
    assert owner.calls == [call]
    assert isinstance(page.told[-1], news.Ended)
    async with asyncio.timeout(1):
        await handed.task


@pytest.mark.parametrize("works", [True, False])
async def test_a_call_brings_the_next_path_up_for_the_page_that_accepts(works: bool) -> None:
    """As the calls do below: they say of the first path that it is given up, or has failed."""
    page, failures = Bell(), list[int]()
    offer = fixture("chrome-156-audio.sdp")
    async with story() as live:
        await live.answer()
        handed = begin(live.call, page, failures)
        await until(lambda: bool(page.rings))
        (ring,) = page.rings
        assert isinstance(ring, handing.HandedRing)
        ring.owner = Owner()
        await ring.accept(replace(ACCEPTANCE, offer=offer))
        if not works:
            live.session.unable = UnavailableError("no port is free")
            with pytest.raises(UnavailableError):
                await ring.restart(offer, None, "r1")
            await until(lambda: failures == [480])
            assert isinstance(page.told[-1], news.Ended)
            return
        await ring.restart(offer, None, "r1")
        ready, failed, anew = page.told
        assert isinstance(ready, news.AnswerReady)
        assert isinstance(failed, news.RestartFailed)
        assert isinstance(anew, news.AnswerReady)
        assert (failed.restart_id, anew.restart_id) == (None, "r1")
        live.session.report(media.BrowserConnected(renewed="new2"))
        await live.client.hear(news.HandedOver)
        assert handed.give(handing.Estate((), 0, held=False))
        live.trunk.notify(trunk.Digit("7", 100))
        await until(lambda: news.DigitHeard("7", 100) in page.told)
        await handed.task
        assert not failures
