"""Stories of one call: what trunk, browser and network do, and what the client hears."""

from __future__ import annotations

import asyncio

import pytest

from gateway import trunk
from gateway.calls import news
from gateway.calls.end import By
from gateway.calls.state import CallState
from gateway.media import events as media
from gateway.media.parameters import Flow
from tests.gateway.calls.descriptions import ANSWER
from tests.gateway.calls.stories import BUSY, BYE, Story, held_back, story


async def test_the_browser_has_its_answer_before_the_phone_rings() -> None:
    async with story() as call:
        assert isinstance(call.client.told[0], news.Trying)
        assert isinstance(call.client.told[1], news.AnswerReady)
        assert call.session.browser is not None
        assert "RTP/AVP" in call.trunk.offer


async def test_answered_then_ended_by_the_far_end() -> None:
    async with story() as call:
        call.trunk.notify(trunk.Trying())
        call.trunk.notify(trunk.Ringing(180, "Ringing"))
        call.trunk.notify(trunk.Ringing(180, "Ringing"))
        await call.answer()
        assert call.session.flow is Flow.AUDIO
        call.trunk.notify(BYE)
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.REMOTE, "hangup", 200)
        kinds = [type(event) for event in call.client.told]
        assert kinds == [
            news.Trying,
            news.AnswerReady,
            news.Ringing,
            news.Answered,
            news.Ended,
        ]


async def test_nothing_is_sent_to_the_trunk_before_the_answer_but_silence() -> None:
    async with story() as call:
        call.trunk.notify(trunk.Progress(183, "Session Progress", ANSWER))
        ringing = await call.client.hear(news.Ringing)
        assert ringing == news.Ringing(early_media=True)
        assert call.session.trunk[-1].host == "198.51.100.7"
        assert call.session.flow is Flow.SILENCE


async def test_180_after_early_media_does_not_take_it_back() -> None:
    async with story() as call:
        call.trunk.notify(trunk.Progress(183, "Session Progress", ANSWER))
        call.trunk.notify(trunk.Ringing(180, "Ringing"))
        await call.answer()
        rings = [event for event in call.client.told if isinstance(event, news.Ringing)]
        assert rings == [news.Ringing(early_media=True)]


async def test_ringing_may_turn_into_early_media() -> None:
    async with story() as call:
        call.trunk.notify(trunk.Ringing(180, "Ringing"))
        call.trunk.notify(trunk.Progress(183, "Session Progress", ANSWER))
        await call.answer()
        rings = [event for event in call.client.told if isinstance(event, news.Ringing)]
        assert rings == [news.Ringing(early_media=False), news.Ringing(early_media=True)]


async def test_early_media_that_cannot_be_read_does_not_end_the_call() -> None:
    async with story() as call:
        call.trunk.notify(trunk.Progress(183, "Session Progress", "nonsense"))
        await call.answer()
        assert not call.task.done()


async def test_progress_after_the_answer_changes_nothing() -> None:
    async with story() as call:
        await call.answer()
        before = list(call.session.trunk)
        call.trunk.notify(trunk.Progress(183, "Session Progress", ANSWER.replace("4000", "4444")))
        call.trunk.notify(trunk.Digit("1", 100))
        await call.client.hear(news.DigitHeard)
        assert call.session.trunk == before


async def test_busy() -> None:
    async with story() as call:
        call.trunk.notify(BUSY)
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.REMOTE, "busy", 486)
        assert end.message == "The line is busy."


@pytest.mark.parametrize("description", ["", "nonsense", ANSWER.replace("4000", "0")])
async def test_an_answer_without_usable_media_is_hung_up(description: str) -> None:
    async with story() as call:
        call.trunk.notify(trunk.Answered(description))
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.GATEWAY, "incompatible-media", 488)
        assert call.trunk.hung_up == 1


@pytest.mark.parametrize(
    ("answered", "cause", "code"), [(False, "canceled", 487), (True, "hangup", 200)]
)
async def test_hang_up_before_and_after_the_answer(answered: bool, cause: str, code: int) -> None:
    async with story() as call:
        if answered:
            await call.answer()
        await call.call.hangup()
        await call.call.hangup()
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.LOCAL, cause, code)
        assert call.trunk.hung_up == 1


async def test_a_200_that_crosses_our_cancel_does_not_answer() -> None:
    async with story() as call:
        await call.call.hangup()
        call.trunk.notify(trunk.Answered(ANSWER))
        end = await call.ended()
        assert end.cause == "canceled"
        assert not any(isinstance(event, news.Answered) for event in call.client.told)


async def test_both_hang_up_at_once() -> None:
    async with story() as call:
        await call.answer()
        call.trunk.notify(BYE)
        await call.call.hangup()
        assert (await call.ended()).by is By.REMOTE


async def test_a_hang_up_does_not_wait_for_a_name_that_does_not_resolve() -> None:
    made = Story()
    made.trunk.wait.clear()
    await made.trunk.dialed.wait()
    await made.call.hangup()
    assert (await made.ended()).cause == "canceled"
    assert made.trunk.canceled, "the INVITE that was going out has been taken back"


async def test_a_trunk_that_hangs_does_not_keep_the_media_open(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.calls.call.CLOSE_TIMEOUT", 0.05)
    async with story() as call:
        await call.answer()
        call.trunk.hanging.set()
        await call.call.hangup()
        await call.ended()
        assert "was not down" in caplog.text


async def test_a_trunk_that_cannot_be_dialed_says_why() -> None:
    made = Story()
    made.trunk.error = trunk.TrunkError("the name of the trunk does not resolve")
    end = await made.ended()
    assert (end.by, end.sip_code) == (By.GATEWAY, 503)
    assert "does not resolve" in end.message


async def test_a_fault_of_ours_ends_the_call_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = Story()
    made.trunk.error = ZeroDivisionError("oops")
    end = await made.ended()
    assert (end.by, end.cause) == (By.GATEWAY, "internal")
    assert "oops" in caplog.text
    assert "oops" not in end.message, "the page need not see our insides"


@pytest.mark.parametrize("event", [media.BrowserReachable(), media.BrowserConnected()])
async def test_no_phone_rings_before_the_browser_has_said_where_it_is(
    event: media.MediaEvent,
) -> None:
    async with held_back() as call:
        call.session.report(event)
        async with asyncio.timeout(0.3):
            await call.trunk.dialed.wait()
        call.session.report(media.BrowserReachable())
        await call.answer()


async def test_a_browser_that_says_nothing_is_not_waited_for_long() -> None:
    async with held_back() as call, asyncio.timeout(2):
        await call.trunk.dialed.wait()


async def test_no_phone_rings_for_a_browser_that_cannot_be_heard() -> None:
    async with held_back() as call:
        call.session.report(media.BrowserLost(media.LossReason.NO_CANDIDATE))
        end = await call.ended()
        assert (end.by, end.cause) == (By.GATEWAY, "no-media-path")
        assert "can neither send nor receive audio" in end.message
        assert not call.trunk.dialed.is_set()


@pytest.mark.parametrize("reason", media.LossReason)
async def test_a_browser_that_never_comes_up_ends_the_call_on_the_trunk(
    reason: media.LossReason,
) -> None:
    async with story() as call:
        await call.answer()
        call.session.report(media.BrowserLost(reason))
        end = await call.ended()
        nowhere = reason in (media.LossReason.ICE_TIMEOUT, media.LossReason.NO_CANDIDATE)
        assert (end.by, end.cause) == (By.GATEWAY, "no-media-path" if nowhere else "media-failed")
        assert ("can neither send nor receive" in end.message) is nowhere
        assert call.trunk.hung_up == 1


@pytest.mark.parametrize("answered", [False, True])
async def test_a_trunk_that_sends_nothing_and_does_not_answer_ends_the_call(
    answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the answer there is no dialog that could be asked, with some trunks."""
    monkeypatch.setattr("gateway.calls.side.PROBE_TIMEOUT", 0.05)
    async with story() as call:
        if answered:
            await call.answer()
        call.session.report(media.TrunkSilent(15.0))
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.GATEWAY, "media-timeout", 408)
        assert end.message == "Nothing came from the far end for 15 seconds."
        assert (call.trunk.hung_up, call.trunk.probes) == (1, answered)


async def test_a_far_end_that_suppresses_silence_keeps_its_call() -> None:
    async with story() as call:
        await call.answer()
        call.trunk.stands.set()
        for count in (1, 2, 3):
            call.session.report(media.TrunkSilent(15.0))
            async with asyncio.timeout(2):
                await call.trunk.probed.acquire()
            assert call.trunk.probes == count
        assert not call.task.done()
        assert call.call.state is CallState.ANSWERED
        await call.call.hangup()
        assert (await call.ended()).cause == "hangup"


async def test_one_question_at_a_time() -> None:
    async with story() as call:
        await call.answer()
        for count in (1, 2, 3):
            call.session.report(media.TrunkSilent(2.0))
            call.session.report(media.TrunkDigit("0", 100))
            await call.client.hear(news.DigitHeard, count)
        assert call.trunk.probes == 1
        call.trunk.notify(BYE)
        assert (await call.ended()).cause == "hangup", "an end does not wait for the answer"


async def test_a_question_that_cannot_be_asked_ends_the_call(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(timeout: float) -> bool:
        raise ZeroDivisionError("oops")

    async with story() as call:
        await call.answer()
        monkeypatch.setattr(call.trunk, "probe", broken)
        call.session.report(media.TrunkSilent(15.0))
        assert (await call.ended()).cause == "internal"
        assert "oops" in caplog.text


@pytest.mark.parametrize("early", [False, True])
async def test_the_peer_of_the_sip_is_known_to_the_media(early: bool) -> None:
    described = ANSWER.replace("198.51.100.7", "192.168.0.7")
    async with story() as call:
        if early:
            progress = trunk.Progress(183, "Session Progress", described, "203.0.113.9")
            call.trunk.notify(progress)
            await call.client.hear(news.Ringing)
        else:
            call.trunk.notify(trunk.Answered(described, "203.0.113.9"))
            await call.client.hear(news.Answered)
        assert call.session.trunk[-1].also_from == "203.0.113.9"


GOOD = media.LegQuality(mos=4.3, loss=0.0, jitter_ms=1.0, rtt_ms=20.0, level=28, packets=100)
BAD = media.LegQuality(mos=None, loss=1.0, jitter_ms=0.0, rtt_ms=None, level=None, packets=0)


@pytest.mark.parametrize("early", [False, True])
async def test_quality_is_told_once_there_is_something_to_hear(early: bool) -> None:
    async with story() as call:
        call.session.report(media.Quality(BAD, BAD))
        call.trunk.notify(trunk.Ringing(180, "Ringing"))
        call.session.report(media.Quality(BAD, BAD))
        if early:
            call.trunk.notify(trunk.Progress(183, "Session Progress", ANSWER))
        else:
            call.trunk.notify(trunk.Answered(ANSWER))
        call.session.report(media.Quality(GOOD, BAD))
        await call.client.hear(news.Quality)
        told = [event for event in call.client.told if isinstance(event, news.Quality)]
        assert told == [news.Quality(GOOD, BAD)]


async def test_a_client_that_is_gone_ends_the_call() -> None:
    async with story() as call:
        await call.answer()
        await call.call.abandon("The page's connection closed.")
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.GATEWAY, "page-lost", 408)


async def test_the_longest_duration_is_kept() -> None:
    async with story(max_duration=0.02) as call:
        await call.answer()
        end = await call.ended()
        assert (end.by, end.cause) == (By.GATEWAY, "max-duration")


async def test_a_phone_that_rings_for_ever_is_given_up() -> None:
    async with story(max_ringing=0.02) as call:
        call.trunk.notify(trunk.Ringing(180, "Ringing"))
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.GATEWAY, "no-answer", 408)
        assert call.trunk.hung_up == 1


async def test_the_limit_of_ringing_is_none_for_the_call() -> None:
    async with story(max_ringing=0.3) as call:
        await call.answer()
        await asyncio.sleep(0.5)
        assert not call.task.done()


async def test_candidates_go_to_the_session_until_the_end() -> None:
    async with story() as call:
        await call.call.add_candidate("candidate:1")
        await call.call.add_candidate(None)
        await call.call.hangup()
        await call.ended()
        await call.call.add_candidate("candidate:2")
        assert call.session.candidates == ["candidate:1", None]


async def test_a_task_that_is_cancelled_takes_everything_down() -> None:
    async with story() as call:
        await call.answer()
        call.task.cancel()
        await asyncio.wait([call.task])
        assert call.session.closed == 1
        assert call.trunk.hung_up == 1
        assert isinstance(call.client.told[-1], news.Ended)
