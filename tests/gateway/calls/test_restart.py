"""A call whose browser gets another media path, or is lost and waited for."""

from __future__ import annotations

import asyncio

import pytest

from gateway import trunk
from gateway.calls import browser_side, news
from gateway.calls.browser_leg import BrowserState
from gateway.calls.end import By
from gateway.errors import OfferError, RequestError, UnavailableError
from gateway.media import events as media
from tests.gateway.calls.arrivals import arrival
from tests.gateway.calls.descriptions import HOLD, fixture
from tests.gateway.calls.fakes import Client
from tests.gateway.calls.stories import BYE, Story, held_back, story
from tests.waiting import until

OFFER = fixture("firefox-153-audio.sdp")
FIRST = fixture("chrome-156-audio.sdp")

CAME = media.BrowserConnected()
RENEWED = media.BrowserConnected(renewed="new1")
CLOSED = media.BrowserLost(media.LossReason.CLOSED)
FAILED = media.RenewalFailed(media.LossReason.ICE_TIMEOUT, "new1")


async def until_browser_is(call: Story, state: BrowserState) -> None:
    await until(lambda: call.call._browser.state is state)


async def restarted(call: Story, tell: Client | None = None) -> str:
    """Restart; return the answer."""
    await call.call.restart(OFFER, tell)
    client = call.client if tell is None else tell
    answer = [each for each in client.told if isinstance(each, news.AnswerReady)][-1]
    return answer.sdp


@pytest.mark.parametrize("answered", [False, True])
async def test_a_restart_is_answered_with_an_end_of_its_own(answered: bool) -> None:
    async with story() as call:
        if answered:
            await call.answer()
        first = call.session.browser
        answer = await restarted(call)
        assert "a=ice-ufrag:new1" in answer
        assert call.session.browser is not None
        assert first is not None
        assert call.session.browser.ice_ufrag != first.ice_ufrag
        call.session.report(RENEWED)
        await until_browser_is(call, BrowserState.UP)
        if not answered:
            await call.answer()
        # The trunk has heard of nothing
        assert (len(call.session.trunk), call.trunk.proposed) == (1, [])
        assert call.trunk.hung_up == 0


async def test_a_restart_on_hold_leaves_the_hold() -> None:
    async with story() as call:
        await call.answer()
        call.trunk.notify(trunk.Offered(1, HOLD))
        await call.client.hear(news.Held)
        flow = call.session.flow
        await restarted(call)
        call.session.report(RENEWED)
        await until_browser_is(call, BrowserState.UP)
        assert call.session.flow is flow
        assert not [each for each in call.client.told if isinstance(each, news.Resumed)]


async def test_the_next_restart_takes_the_place_of_one_that_comes_up() -> None:
    async with story() as call:
        await call.answer()
        await call.call.restart(OFFER, None, "first")
        await call.call.restart(OFFER, None, "second")
        failed, answer = call.client.told[-2:]
        assert isinstance(failed, news.RestartFailed)
        assert isinstance(answer, news.AnswerReady)
        assert "a=ice-ufrag:new2" in answer.sdp
        assert (failed.restart_id, answer.restart_id) == ("first", "second")


@pytest.mark.parametrize("late", [RENEWED, FAILED])
async def test_what_became_of_an_earlier_path_is_not_said_of_the_next(
    late: media.MediaEvent,
) -> None:
    """It comes behind the offer for the next one: another page does not have the call by it."""
    async with story() as call:
        call.session.report(CAME)
        await call.answer()
        await restarted(call)
        page = Client()
        taking = asyncio.create_task(call.call.restart(OFFER, page))
        await asyncio.sleep(0)
        call.session.report(late)
        await taking
        call.trunk.notify(trunk.Digit("7", 100))  # behind all that
        await call.client.hear(news.DigitHeard)
        assert [type(each) for each in page.told] == [news.AnswerReady]
        call.session.report(media.BrowserConnected(renewed="new2"))
        await call.client.hear(news.HandedOver)
        await page.hear(news.Answered)


async def test_another_page_that_gives_up_does_not_have_the_call() -> None:
    async with story() as call:
        call.session.report(CAME)
        await call.answer()
        page = Client()
        await restarted(call, page)
        await call.call.give_up_restart(Client())  # of nobody
        await call.call.give_up_restart(page)
        call.session.report(FAILED)
        call.trunk.notify(trunk.Digit("7", 100))  # behind all that
        await call.client.hear(news.DigitHeard)
        assert call.session.renewals_given_up == 1
        assert [type(each) for each in page.told] == [news.AnswerReady]
        assert call.call._browser.state is BrowserState.UP


async def test_a_restart_that_fails_is_told_and_leaves_the_call() -> None:
    async with story() as call:
        call.session.report(CAME)
        await call.answer()
        await restarted(call)
        call.session.report(FAILED)
        told = await call.client.hear(news.RestartFailed)
        assert isinstance(told, news.RestartFailed)
        assert "network path" in told.why
        assert call.call._browser.state is BrowserState.UP
        await restarted(call)


@pytest.mark.parametrize("offer", ["", "v=0", FIRST.replace("opus", "speex")])
async def test_an_offer_of_no_use_is_refused_and_the_call_goes_on(offer: str) -> None:
    async with story() as call:
        await call.answer()
        with pytest.raises(OfferError):
            await call.call.restart(offer)
        assert call.session.renewed == 0
        await restarted(call)


@pytest.mark.parametrize("error", [UnavailableError("no"), ZeroDivisionError("oops")])
async def test_what_cannot_be_renewed_is_refused_and_the_call_goes_on(error: Exception) -> None:
    async with story() as call:
        call.session.report(CAME)
        await call.answer()
        call.session.unable = error
        with pytest.raises(UnavailableError) as refused:
            await restarted(call)
        assert "oops" not in str(refused.value)
        call.session.unable = None
        await restarted(call)


async def test_the_codec_is_told_of_who_is_there_at_the_answer() -> None:
    async with story() as call:
        await restarted(call)
        call.session.report(RENEWED)
        await call.answer()
        answered = await call.client.hear(news.Answered)
        assert answered == news.Answered("opus", "PCMA")


async def test_what_is_over_is_not_restarted() -> None:
    async with story() as call:
        await call.answer()
        call.trunk.notify(BYE)
        late = asyncio.create_task(restarted(call))  # its event comes after the end's
        with pytest.raises(RequestError, match="over"):
            await late
        await call.ended()
        with pytest.raises(RequestError, match="over"):
            await restarted(call)


async def test_a_call_from_a_trunk_is_answered_by_the_restart_that_comes_up() -> None:
    async with arrival(1) as rung:
        call = await (await rung.accept(0))
        assert call is not None
        client = rung.pages[0].client
        await client.hear(news.AnswerReady)
        await call.restart(OFFER)
        rung.session.report(media.BrowserLost(media.LossReason.ICE_TIMEOUT))
        rung.session.report(RENEWED)
        async with asyncio.timeout(2):
            await rung.leg.answered.wait()


# Another page


async def test_another_page_has_the_call_once_it_is_up() -> None:
    async with story() as call:
        await call.answer()
        other = Client()
        before = len(call.client.told)
        await restarted(call, other)
        call.session.report(media.TrunkDigit("1", 100))
        await call.client.hear(news.DigitHeard)
        call.session.report(RENEWED)
        handed = await call.client.hear(news.HandedOver)
        call.session.report(media.TrunkDigit("2", 100))
        assert await other.hear(news.DigitHeard) == news.DigitHeard("2", 100)
        assert call.client.told[before:] == [news.DigitHeard("1", 100), handed]
        call.trunk.notify(BYE)
        await other.hear(news.Ended)
        await call.task


async def test_a_restart_of_the_page_that_had_the_call_is_not_the_next_ones() -> None:
    """It lies behind the hand-over in the inbox."""
    async with story() as call:
        await call.answer()
        other = Client()
        await restarted(call, other)
        call.session.report(RENEWED)
        with pytest.raises(RequestError, match="another page has the call"):
            await call.call.restart(OFFER, None, "late")
        assert [type(each) for each in other.told] == [news.AnswerReady, news.Answered]
        await call.call.restart(OFFER, None, "own")
        answer = await other.hear(news.AnswerReady, 2)
        assert isinstance(answer, news.AnswerReady)
        assert answer.restart_id == "own"
        call.session.report(media.BrowserConnected(renewed="new2"))
        call.trunk.notify(BYE)
        await other.hear(news.Ended)
        assert [type(each) for each in call.client.told].count(news.HandedOver) == 1


@pytest.mark.parametrize("why", ["fails", "ends"])
async def test_a_page_that_does_not_come_up_leaves_the_call_where_it_is(why: str) -> None:
    async with story() as call:
        call.session.report(CAME)
        await call.answer()
        other = Client()
        await restarted(call, other)
        if why == "fails":
            call.session.report(FAILED)
        else:
            call.trunk.notify(BYE)
        await other.hear(news.RestartFailed)
        assert [type(each) for each in other.told] == [news.AnswerReady, news.RestartFailed]
        call.trunk.notify(BYE)
        await call.ended()


async def test_all_news_are_counted_once_whoever_has_the_call() -> None:
    counted = Client()
    async with story() as call:
        call.call._browser._observe = counted
        await call.answer()
        await restarted(call, Client())
        call.session.report(RENEWED)
        await call.client.hear(news.HandedOver)
        call.trunk.notify(BYE)
        await call.task
        kinds = [type(each) for each in counted.told]
        assert kinds == [news.Answered, news.AnswerReady, news.Ended]


# A browser that is lost


@pytest.mark.parametrize("window", [0.0, 60.0])
async def test_a_hang_up_that_its_close_has_overtaken_is_a_hang_up(window: float) -> None:
    async with story(resume_window=window) as call:
        call.session.report(CAME)
        await call.answer()
        call.session.report(CLOSED)
        await until_browser_is(call, BrowserState.LOST)
        await call.call.hangup()
        end = await call.ended()
        assert (end.by, end.cause) == (By.LOCAL, "hangup")


@pytest.mark.parametrize("reason", [media.LossReason.CLOSED, media.LossReason.DTLS_FAILED])
async def test_so_it_is_while_the_media_comes_up(reason: media.LossReason) -> None:
    async with story() as call:
        await call.answer()
        call.session.report(media.BrowserLost(reason))
        await until_browser_is(call, BrowserState.GONE)
        await call.call.hangup()
        end = await call.ended()
        assert (end.by, end.cause) == (By.LOCAL, "hangup")


async def test_no_phone_rings_while_a_hang_up_may_be_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser_side, "HANGUP_WAIT", 0.05)
    async with held_back() as call:
        call.session.report(CLOSED)
        call.session.report(media.BrowserReachable())
        end = await call.ended()
        assert (end.by, end.cause) == (By.GATEWAY, "media-failed")
        assert end.message == "The browser closed the media connection."
        assert not call.trunk.dialed.is_set()


async def test_a_restart_in_place_of_a_hang_up_has_the_phone_ring() -> None:
    async with held_back() as call:
        call.session.report(CLOSED)
        await restarted(call)
        call.session.report(RENEWED)
        async with asyncio.timeout(2):
            await call.trunk.dialed.wait()
        await call.answer()


async def test_without_a_window_a_lost_browser_ends_the_call_after_the_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser_side, "HANGUP_WAIT", 0.05)
    async with story(resume_window=0.0) as call:
        call.session.report(CAME)
        await call.answer()
        call.session.report(CLOSED)
        end = await call.ended()
        assert (end.by, end.cause) == (By.GATEWAY, "media-lost")
        assert call.trunk.cause == "media-lost"


async def test_a_lost_browser_that_comes_back_in_time_keeps_its_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser_side, "HANGUP_WAIT", 0.3)
    async with story(resume_window=0.0) as call:
        call.session.report(CAME)
        await call.answer()
        call.session.report(CLOSED)
        await until_browser_is(call, BrowserState.LOST)
        await restarted(call)
        await asyncio.sleep(0.5)  # the wait is over, and what is on its way is waited for
        call.session.report(RENEWED)
        await until_browser_is(call, BrowserState.UP)
        call.session.report(CLOSED)  # and it is waited for anew
        assert (await call.ended()).cause == "media-lost"


async def test_a_fault_of_the_media_is_waited_for_by_nobody() -> None:
    async with story() as call:
        call.session.report(CAME)
        await call.answer()
        call.session.report(media.BrowserLost(media.LossReason.INTERNAL))
        assert (await call.ended()).cause == "media-failed"
