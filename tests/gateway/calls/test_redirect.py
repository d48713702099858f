"""A REFER of the far end: whom the page talks to then, and when all stays as it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway import trunk
from gateway.calls import news, parting, redirect, side
from gateway.calls.end import By
from gateway.calls.request import CallRequest
from gateway.errors import ForbiddenError, RequestError, UnavailableError
from gateway.media import events as media
from gateway.media.parameters import Flow
from tests.gateway.calls.descriptions import ANSWER, HOLD
from tests.gateway.calls.fakes import FakeSecond, FakeTrunk
from tests.gateway.calls.stories import BUSY, BYE, Story, story
from tests.gateway.calls.test_hold import answer
from tests.waiting import until

TO = "+15557777"
DOWN = trunk.Ended(trunk.Origin.NETWORK, 408, "Request Timeout", "unreachable", None, "Silence.")
ONWARD = ANSWER.replace("RTP/AVP 8 101", "RTP/AVP 0 101").replace("8 PCMA", "0 PCMU")


def refer(token: int = 1, to: str = TO) -> trunk.Referred:
    return trunk.Referred(token, trunk.ReferredTo(to, "first", number=token))


async def asked(call: Story, token: int = 1) -> news.Referred:
    """Have the far end refer the page, and the client hear of it."""
    call.trunk.notify(refer(token))
    told = await call.client.hear(news.Referred, token)
    assert isinstance(told, news.Referred)
    return told


async def begun(call: Story, name: str = "onward", token: int = 1) -> FakeTrunk:
    """Let the number in; return the trunk that calls it."""
    await asked(call, token)
    await call.call.redirect(token, CallRequest(TO, "", max_ringing=60))
    target = call.targets[name]
    async with asyncio.timeout(2):
        await target.dialed.wait()
    return target


@asynccontextmanager
async def talking() -> AsyncIterator[Story]:
    async with story() as call:
        await call.answer()
        yield call


async def test_the_page_talks_to_the_other_one() -> None:
    async with talking() as call:
        target = await begun(call)
        assert call.trunk.referrals == {1: 202}
        target.notify(trunk.Ringing(180, "Ringing"))
        second = call.session.second
        assert second is not None
        assert not second.turned
        target.notify(trunk.Answered(ONWARD, takes_info=True))
        told = await call.client.hear(news.Redirected)
        assert isinstance(told, news.Redirected)
        assert (told.to, told.browser_codec, told.trunk_codec) == (TO, "opus", "PCMU")
        assert told.trunk == "onward"
        assert (second.turned, len(second.trunk), call.session.flow) == (1, 1, Flow.AUDIO)
        assert call.trunk.reports == [(180, "Ringing", False), (200, "OK", True)]
        stages = [e for e in call.client.told if isinstance(e, news.Redirecting)]
        assert [each.code for each in stages] == [100, 180]
        # What happens there is the call's now, and what the first one says is nobody's
        call.trunk.notify(trunk.Offered(5, HOLD))
        await until(lambda: 5 in call.trunk.refusals)
        call.trunk.over = True
        call.trunk.notify(BYE)
        target.notify(trunk.Digit("7", 100))
        assert await call.client.hear(news.DigitHeard) == news.DigitHeard("7", 100)
        await until(lambda: call.trunk.hung_up)
        assert not call.task.done()
        target.notify(BYE)
        end = await call.ended()
        assert (end.by, end.cause) == (By.REMOTE, "hangup")
        assert call.trunk.cause == "transferred"
        ended = call.client.told[-1]
        assert isinstance(ended, news.Ended)
        assert ended.trunk == "onward"
        call.call.release()
        assert [state.active for state in (*call.states, *call.onward)] == [0, 0, 0]


async def test_what_the_other_one_does_right_after_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the call's, though the change to it takes a moment; what the first one does is not."""
    async with talking() as call:
        target = await begun(call)
        turn_to = call.session.turn_to

        async def turn_slowly(second: FakeSecond) -> None:
            await turn_to(second)
            call.trunk.notify(trunk.Digit("1", 100))
            target.notify(trunk.Offered(5, ONWARD))
            target.notify(trunk.Digit("7", 100))
            target.notify(BYE)

        monkeypatch.setattr(call.session, "turn_to", turn_slowly)
        target.notify(trunk.Answered(ONWARD))
        end = await call.ended()
        assert (end.by, end.cause) == (By.REMOTE, "hangup")
        assert list(target.answers) == [5]
        digits = [each for each in call.client.told if isinstance(each, news.DigitHeard)]
        assert digits == [news.DigitHeard("7", 100)]


async def test_we_hang_up_where_the_far_end_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "PATIENCE", 0.02)
    async with talking() as call:
        target = await begun(call)
        target.notify(trunk.Answered(ONWARD))
        await until(lambda: call.trunk.hung_up)
        assert call.trunk.cause == "transferred"
        assert not call.task.done()


async def test_the_page_hangs_up_right_after() -> None:
    """The far end that handed the page over is hung up at once, and not after a while."""
    async with talking() as call:
        target = await begun(call)
        target.notify(trunk.Answered(ONWARD))
        await call.client.hear(news.Redirected)
        await call.call.hangup()
        async with asyncio.timeout(1):
            await call.ended()
        assert (call.trunk.hung_up, target.hung_up) == (1, 1)


async def test_nobody_answers() -> None:
    async with talking() as call:
        for count in (1, 2):
            target = await begun(call, token=count)
            target.dialed.clear()
            target.notify(BUSY)
            failed = await call.client.hear(news.RedirectFailed, count)
            assert failed == news.RedirectFailed(TO, 486, "The line is busy.")
            assert call.trunk.reports[-1] == (486, "Busy Here", True)
            assert call.session.given_up == count
        assert call.onward[0].ended["busy"] == 2
        assert not call.task.done()
        call.trunk.notify(trunk.Digit("7", 100))
        await call.client.hear(news.DigitHeard)
        assert [state.active for state in (*call.states, *call.onward)] == [1, 0, 0]


async def test_another_trunk_is_tried() -> None:
    async with talking() as call:
        first = await begun(call)
        first.notify(DOWN)
        second = call.targets["further"]
        async with asyncio.timeout(2):
            await second.dialed.wait()
        second.notify(trunk.Answered(ONWARD))
        told = await call.client.hear(news.Redirected)
        assert isinstance(told, news.Redirected)
        assert told.trunk == "further"


async def test_it_rings_out() -> None:
    async with talking() as call:
        await asked(call)
        await call.call.redirect(1, CallRequest(TO, "", max_ringing=0.02))
        failed = await call.client.hear(news.RedirectFailed)
        assert isinstance(failed, news.RedirectFailed)
        assert failed.code == 408
        assert call.targets["onward"].cause == "no-answer"


async def test_an_answer_that_cannot_be_used() -> None:
    async with talking() as call:
        target = await begun(call)
        target.notify(trunk.Answered("v=0"))
        failed = await call.client.hear(news.RedirectFailed)
        assert isinstance(failed, news.RedirectFailed)
        assert failed.code == 488
        assert target.cause == "incompatible-media"


async def test_whoever_refers_us_hangs_up_before_the_answer() -> None:
    async with talking() as call:
        target = await begun(call)
        target.notify(trunk.Ringing(180, "Ringing"))
        call.trunk.over = True
        call.trunk.notify(BYE)
        second = call.session.second
        assert second is not None
        await until(lambda: second.turned)
        assert [call.session.flow] == [Flow.SILENCE]
        with pytest.raises(RequestError):
            await call.call.hold()
        with pytest.raises(RequestError):
            await call.call.transfer("+15558888")
        target.notify(trunk.Answered(ONWARD))
        await call.client.hear(news.Redirected)
        assert [call.session.flow] == [Flow.AUDIO]
        await call.call.hold()
        await target.proposal()


async def test_both_leave() -> None:
    """Then nobody is left to talk to."""
    async with talking() as call:
        target = await begun(call)
        call.trunk.notify(BYE)
        target.notify(BUSY)
        end = await call.ended()
        assert (end.by, end.cause, end.sip_code) == (By.REMOTE, "busy", 486)
        failed = call.client.told[-2]
        assert isinstance(failed, news.RedirectFailed)


@pytest.mark.parametrize("answered", [False, True])
async def test_the_page_hangs_up_meanwhile(answered: bool) -> None:
    async with talking() as call:
        target = await begun(call)
        await call.call.hangup()
        if answered:  # too late
            target.notify(trunk.Answered(ONWARD))
        await call.ended()
        assert (call.trunk.hung_up, target.hung_up) == (1, 1)
        assert call.trunk.reports[-1] == (487, "Request Terminated", True)
        call.call.release()
        assert [state.active for state in (*call.states, *call.onward)] == [0, 0, 0]


async def test_what_the_client_refuses() -> None:
    async with talking() as call:
        await asked(call)
        await call.call.refuse_redirect(1, ForbiddenError("not allowed", rule="allow"))
        failed = await call.client.hear(news.RedirectFailed)
        assert failed == news.RedirectFailed(TO, 403, "not allowed")
        assert call.trunk.referrals == {1: 603}
        assert not call.trunk.reports
        # An answer of the client's that is late changes nothing
        await call.call.refuse_redirect(1, ForbiddenError("not allowed", rule="allow"))
        await call.call.redirect(1, CallRequest(TO, ""))
        await begun(call, token=2)


async def test_a_client_that_never_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redirect, "DECISION", 0.02)
    async with talking() as call:
        await asked(call)
        failed = await call.client.hear(news.RedirectFailed)
        assert isinstance(failed, news.RedirectFailed)
        assert failed.code == 408
        assert call.trunk.referrals == {1: 603}
        monkeypatch.setattr(redirect, "DECISION", 60)
        await begun(call, token=2)


async def test_no_way_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.calls.redirect")
    async with talking() as call:
        call.no_way = UnavailableError("no port is free")
        await asked(call)
        await call.call.redirect(1, CallRequest(TO, ""))
        failed = await call.client.hear(news.RedirectFailed)
        assert failed == news.RedirectFailed(TO, 503, UnavailableError("").said)
        assert call.trunk.referrals == {1: 603}
    assert caplog.text.count("the far end may not hand it over: no port is free") == 1
    assert "this now" not in caplog.text


async def test_taken_back() -> None:
    async with talking() as call:
        call.trunk.over = True  # its BYE is not heard of yet
        await asked(call)
        await call.call.redirect(1, CallRequest(TO, ""))
        failed = await call.client.hear(news.RedirectFailed)
        assert isinstance(failed, news.RedirectFailed)
        assert failed.code == 487
        assert call.session.given_up == 1
        assert call.onward[0].active == 0


async def test_an_engine_that_fails_to_answer_the_far_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call goes on, and no line is held for whom it would have called."""
    async with talking() as call:

        async def fail(token: int) -> bool:
            raise trunk.TrunkError("no such dialog")

        monkeypatch.setattr(call.trunk, "accept_referral", fail)
        await asked(call)
        await call.call.redirect(1, CallRequest(TO, ""))
        failed = await call.client.hear(news.RedirectFailed)
        assert isinstance(failed, news.RedirectFailed)
        assert call.session.given_up == 1
        assert call.onward[0].active == 0
        assert not call.task.done()


@pytest.mark.parametrize("ends", [False, True])
async def test_an_engine_that_fails_to_hang_up_the_other_one(
    ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is left behind for that: neither a line, nor the call's own leg and media."""
    async with talking() as call:
        target = await begun(call)

        async def fail(code: int = 0, reason: str = "", *, cause: str = "") -> None:
            raise trunk.TrunkError("no such dialog")

        monkeypatch.setattr(target, "hangup", fail)
        if ends:
            await call.call.hangup()
            await call.ended()
            assert call.trunk.hung_up == 1
        else:
            target.notify(trunk.Answered("v=0"))
            await call.client.hear(news.RedirectFailed)
            assert not call.task.done()
        assert call.onward[0].active == 0


@pytest.mark.parametrize("to", ["a b", "+1" * 60, "x" * 300])
async def test_nobody_who_could_be_called(to: str) -> None:
    async with talking() as call:
        call.trunk.notify(refer(1, to))
        await until(lambda: call.trunk.referrals)
        assert call.trunk.referrals == {1: 603}
        assert not any(isinstance(each, news.Referred) for each in call.client.told)


async def test_one_at_a_time() -> None:
    async with talking() as call:
        await asked(call)
        call.trunk.notify(refer(2))
        await until(lambda: 2 in call.trunk.referrals)
        await call.call.redirect(1, CallRequest(TO, ""))
        await until(lambda: 1 in call.trunk.referrals)
        call.trunk.notify(refer(3))
        await until(lambda: 3 in call.trunk.referrals)
        assert call.trunk.referrals == {1: 202, 2: 491, 3: 491}
        with pytest.raises(RequestError, match="hands this call over"):
            await call.call.transfer("+15558888")


async def test_not_while_the_page_transfers() -> None:
    async with talking() as call:
        await call.call.transfer("+15558888")
        call.trunk.notify(refer())
        await until(lambda: call.trunk.referrals)
        assert call.trunk.referrals == {1: 491}


async def test_again_by_the_next_one() -> None:
    async with talking() as call:
        target = await begun(call)
        target.notify(trunk.Answered(ONWARD))
        await call.client.hear(news.Redirected)
        target.notify(refer(2))
        await call.client.hear(news.Referred, 2)
        await call.call.redirect(2, CallRequest(TO, ""))
        await until(lambda: target.referrals)
        assert target.referrals == {2: 202}
        assert call.trunk.referrals == {1: 202}


async def test_holds() -> None:
    """Phones hold before they refer; the next one holds nobody, and is held where we hold."""
    async with talking() as call:
        call.trunk.notify(trunk.Offered(9, HOLD))
        assert await call.client.hear(news.Held) == news.Held(By.REMOTE)
        await call.call.hold()
        await call.trunk.proposal()
        target = await begun(call)
        target.notify(trunk.Answered(ONWARD))
        assert await call.client.hear(news.Resumed) == news.Resumed(By.REMOTE)
        assert "a=sendonly" in await target.proposal()
        assert call.session.flow is Flow.HOLD


async def test_a_hold_that_ends_while_the_call_is_handed_over() -> None:
    """Nobody answers the offer to the one who leaves; the page hears that it holds nobody."""
    async with talking() as call:
        await call.call.hold()
        await call.trunk.proposal()
        call.trunk.notify(trunk.Settled(answer("recvonly")))
        await call.client.hear(news.Held)
        target = await begun(call)
        await call.call.resume()
        await call.trunk.proposal(2)
        target.notify(trunk.Answered(ONWARD))
        assert await call.client.hear(news.Resumed) == news.Resumed(By.LOCAL)
        assert call.session.flow is Flow.AUDIO
        assert not target.proposed


async def test_the_next_one_may_not_be_held() -> None:
    """The page, which holds somebody, hears that it is heard now."""
    async with talking() as call:
        await call.call.hold()
        await call.trunk.proposal()
        call.trunk.notify(trunk.Settled(answer("recvonly")))
        await call.client.hear(news.Held)
        target = await begun(call)
        target.notify(trunk.Answered(ONWARD))
        await target.proposal()
        target.notify(trunk.Refused(488, "Not Acceptable Here"))
        refused = await call.client.hear(news.HoldRefused)
        assert isinstance(refused, news.HoldRefused)
        assert (refused.held, refused.code) == (True, 488)
        assert await call.client.hear(news.Resumed) == news.Resumed(By.LOCAL)
        assert call.session.flow is Flow.AUDIO


async def test_silence_of_one_who_leaves() -> None:
    async with talking() as call:
        await begun(call)
        call.session.report(media.TrunkSilent(15))
        await asyncio.sleep(0.02)
        assert call.trunk.probes == 0


async def test_one_who_was_silent_refers_us_and_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """That its dialog does not stand any more does not end the call."""
    monkeypatch.setattr(side, "PROBE_TIMEOUT", 0.05)
    async with talking() as call:
        call.session.report(media.TrunkSilent(15))
        await until(lambda: call.trunk.probes)
        target = await begun(call)
        call.trunk.over = True
        call.trunk.notify(BYE)
        async with asyncio.timeout(2):
            await call.trunk.probed.acquire()
        target.notify(trunk.Answered(ONWARD))
        await call.client.hear(news.Redirected)
