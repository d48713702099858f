"""Hold inside one call: what is proposed, what is tried again, and what the client hears."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from gateway import trunk
from gateway.calls import hold, news
from gateway.calls.end import By
from gateway.errors import RequestError
from gateway.media.parameters import Flow
from tests.gateway.calls.descriptions import ANSWER
from tests.gateway.calls.stories import BYE, Story, story


def answer(direction: str) -> str:
    return ANSWER.replace("a=sendrecv", "") + f"a={direction}\r\n"


def flow_of(call: Story) -> Flow:
    return call.session.flow


async def agree(call: Story, count: int, direction: str) -> str:
    """Have the trunk agree to a proposal; return that."""
    offer = await call.trunk.proposal(count)
    call.trunk.notify(trunk.Settled(answer(direction)))
    return offer


async def test_held_and_resumed() -> None:
    async with story() as call:
        await call.answer()
        await call.call.hold()
        assert "a=sendonly" in await agree(call, 1, "recvonly")
        assert await call.client.hear(news.Held) == news.Held(By.LOCAL)
        assert flow_of(call) is Flow.HOLD
        await call.call.resume()
        assert "a=sendrecv" in await agree(call, 2, "sendrecv")
        assert await call.client.hear(news.Resumed) == news.Resumed(By.LOCAL)
        assert flow_of(call) is Flow.AUDIO


async def test_before_the_answer_nobody_can_be_held() -> None:
    async with story() as call:
        for ask in (call.call.hold, call.call.resume):
            with pytest.raises(RequestError, match="once the far end has answered"):
                await ask()
        await call.answer()
        assert call.session.flow is Flow.AUDIO


@pytest.mark.parametrize("tries", [1, 3])
async def test_what_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch, tries: int) -> None:
    monkeypatch.setattr(hold, "BUSY_WAIT", 0.01)
    async with story() as call:
        await call.answer()
        call.trunk.busy = tries
        await call.call.hold()
        await agree(call, 1, "recvonly")
        await call.client.hear(news.Held)


async def test_what_stays_busy_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "BUSY_WAIT", 0.001)
    monkeypatch.setattr(hold, "BUSY_TRIES", 5)
    async with story() as call:
        await call.answer()
        call.trunk.busy = 100
        await call.call.hold()
        refused = await call.client.hear(news.HoldRefused)
        assert isinstance(refused, news.HoldRefused)
        assert (refused.held, refused.code) == (True, 491)
        assert call.session.flow is Flow.AUDIO


async def test_an_offer_of_theirs_that_does_not_stand_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hold, "BUSY_WAIT", 0.01)
    async with story() as call:
        await call.answer()
        call.trunk.settles = False
        call.trunk.notify(trunk.Offered(1, answer("sendrecv")))
        await call.call.hold()
        await call.call.hold()
        assert not call.trunk.proposed
        call.trunk.notify(trunk.Settled(""))
        await agree(call, 1, "recvonly")
        await call.client.hear(news.Held)
        assert call.trunk.answers


async def test_crossings_end_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "OWNER_WAIT", (0, 1))
    async with story() as call:
        await call.answer()
        await call.call.hold()
        for count in range(1, hold.REFUSED_TRIES + 1):
            await call.trunk.proposal(count)
            call.trunk.notify(trunk.Refused(491, "Request Pending"))
        refused = await call.client.hear(news.HoldRefused)
        assert refused == news.HoldRefused(True, 491, "Request Pending")
        assert len(call.trunk.proposed) == hold.REFUSED_TRIES


@pytest.mark.parametrize("retry_after", [None, 11, 3600])
async def test_who_asks_for_more_than_ten_seconds_refuses(retry_after: int | None) -> None:
    async with story() as call:
        await call.answer()
        await call.call.hold()
        await call.trunk.proposal()
        call.trunk.notify(trunk.Refused(500, "Server Internal Error", retry_after))
        await call.client.hear(news.HoldRefused)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (trunk.TrunkUnableError, 501, "This gateway cannot put calls on hold"),
        (trunk.TrunkError, 500, "The gateway has failed to change the call"),
    ],
)
async def test_what_hinders_our_engine_is_for_the_log_alone(
    caplog: pytest.LogCaptureFixture, error: type[trunk.TrunkError], code: int, reason: str
) -> None:
    async with story() as call:
        await call.answer()
        call.trunk.unable = error("build the engine")
        await call.call.hold()
        refused = await call.client.hear(news.HoldRefused)
        assert refused == news.HoldRefused(True, code, reason, By.GATEWAY)
        assert call.session.flow is Flow.AUDIO
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == [
        f"call {call.call.id}: no hold: build the engine"
    ]


async def test_a_call_that_ends_proposes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "BUSY_WAIT", 0.01)
    async with story() as call:
        await call.answer()
        call.trunk.busy = 1
        await call.call.hold()
        call.trunk.notify(BYE)
        await call.ended()
        assert not call.trunk.proposed


async def test_an_answer_whose_host_nobody_finds_is_a_refusal() -> None:
    async with story() as call:
        await call.answer()
        await call.call.hold()
        await call.trunk.proposal()
        call.trunk.stands.set()  # and the search for the host has an end
        call.trunk.notify(trunk.Settled(answer("recvonly").replace("198.51.100.7", "no.example")))
        refused = await call.client.hear(news.HoldRefused)
        assert isinstance(refused, news.HoldRefused)
        assert (refused.held, refused.code) == (True, 488)
        assert flow_of(call) is Flow.AUDIO
        assert "a=sendrecv" in await agree(call, 2, "sendrecv")  # the trunk takes it back
        await call.call.hold()
        await agree(call, 3, "recvonly")
        await call.client.hear(news.Held)
    assert not any(isinstance(each, news.Resumed) for each in call.client.told)


UNREADABLE = trunk.Settled("v=0\r\nnonsense")


async def test_an_unreadable_resume_puts_the_far_end_back_on_hold() -> None:
    async with story() as call:
        await call.answer()
        await call.call.hold()
        await agree(call, 1, "recvonly")
        await call.client.hear(news.Held)
        await call.call.resume()
        await call.trunk.proposal(2)
        call.trunk.notify(UNREADABLE)
        refused = await call.client.hear(news.HoldRefused)
        assert isinstance(refused, news.HoldRefused)
        assert (refused.held, refused.code) == (False, 488)
        assert "a=sendonly" in await agree(call, 3, "recvonly")
        assert flow_of(call) is Flow.HOLD


async def test_a_200_without_a_description_is_taken_back() -> None:
    async with story() as call:
        await call.answer()
        await call.call.hold()
        await call.trunk.proposal()
        call.trunk.notify(trunk.Refused(200, "OK"))
        await call.client.hear(news.HoldRefused)
        assert "a=sendrecv" in await call.trunk.proposal(2)


@pytest.mark.parametrize(
    "answer",
    [UNREADABLE, trunk.Refused(200, "OK"), trunk.Refused(488, "Not Acceptable Here")],
)
async def test_what_cannot_be_undone_is_tried_once(
    caplog: pytest.LogCaptureFixture, answer: trunk.TrunkEvent
) -> None:
    async with story() as call:
        await call.answer()
        await call.call.hold()
        await call.trunk.proposal()
        call.trunk.notify(UNREADABLE)
        await call.client.hear(news.HoldRefused)
        await call.trunk.proposal(2)
        call.trunk.notify(answer)
        call.trunk.notify(trunk.Digit("#", 100))
        await call.client.hear(news.DigitHeard)
        assert len(call.trunk.proposed) == 2
        assert sum(isinstance(each, news.HoldRefused) for each in call.client.told) == 1
        assert flow_of(call) is Flow.AUDIO
    assert "a hold was not undone (488" in caplog.text


@pytest.mark.parametrize("held", [True, False])
async def test_the_page_may_want_something_else_while_a_hold_is_undone(held: bool) -> None:
    async with story() as call:
        await call.answer()
        await call.call.hold()
        await call.trunk.proposal()
        call.trunk.notify(UNREADABLE)
        await call.client.hear(news.HoldRefused)
        await call.trunk.proposal(2)
        await (call.call.hold() if held else call.call.resume())
        await agree(call, 2, "sendrecv")
        if held:
            await agree(call, 3, "recvonly")
        await call.client.hear(news.Held if held else news.Resumed)
        assert flow_of(call) is (Flow.HOLD if held else Flow.AUDIO)


async def test_nor_before_the_answer_can_be_followed() -> None:
    """Else what begins with it, that the caller is heard, would come after the hold."""
    async with story() as call:
        call.trunk.addresses["trunk.example"] = "198.51.100.7"
        call.trunk.notify(trunk.Answered(ANSWER.replace("198.51.100.7", "trunk.example")))
        async with asyncio.timeout(2):
            await call.trunk.looking.wait()
        for ask in (call.call.hold, partial(call.call.transfer, "+15557777")):
            with pytest.raises(RequestError, match="once the far end has answered"):
                await ask()
        call.trunk.stands.set()
        await call.client.hear(news.Answered)
        await call.call.hold()
        await agree(call, 1, "recvonly")
        await call.client.hear(news.Held)
        assert flow_of(call) is Flow.HOLD
