"""One trunk after another: when the next is tried, what the page hears of it, what is counted."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import cast

import pytest

from gateway import trunk
from gateway.admission.limits import LimitReachedError
from gateway.calls import news
from gateway.calls.attempt import Attempt, Attempts, Targets, failure
from gateway.calls.end import By, CallEnd
from gateway.calls.events import EndWanted, NotPlaced
from gateway.calls.negotiation import Negotiation
from gateway.calls.state import CallState
from gateway.calls.trunks import TrunkCalls
from gateway.trunk import Origin, TrunkError
from tests.gateway.calls.descriptions import ANSWER
from tests.gateway.calls.fakes import FakeTrunk
from tests.gateway.calls.stories import BUSY, BYE, Story, state_of, story

SILENT = trunk.Ended(Origin.NETWORK, 408, "Request Timeout", "unreachable", 0, "Nobody answers.")
OVERLOADED = trunk.Ended(Origin.REMOTE, 503, "Service Unavailable", "congestion", 42, "Too busy.")
END = CallEnd.made_here(By.GATEWAY, "service-unavailable", 503, "No such host.")


@pytest.mark.parametrize("code", [408, 500, 502, 503, 504, 580])
def test_the_trunk_is_at_fault(code: int) -> None:
    event = trunk.Ended(Origin.REMOTE, code, "", "congestion", 0, "It failed.")
    assert failure(event) is not None


@pytest.mark.parametrize("code", [401, 403, 404, 410, 480, 484, 486, 487, 488, 600, 603, 604])
def test_another_trunk_would_say_the_same(code: int) -> None:
    assert failure(trunk.Ended(Origin.REMOTE, code, "", "busy", 0, "It is so.")) is None


def test_what_we_end_is_over() -> None:
    assert failure(EndWanted(END)) is None
    assert failure(trunk.Ended(Origin.LOCAL, 487, "", "canceled", 0, "It is over.")) is None
    assert failure(trunk.Ended(Origin.GATEWAY, 488, "", "incompatible-media", 0, "No.")) is None
    assert failure(NotPlaced(END)) is END


async def dialed(call: Story, name: str) -> None:
    async with asyncio.timeout(2):
        await call.trunks[name].dialed.wait()


@pytest.mark.parametrize("event", [SILENT, OVERLOADED])
async def test_the_next_trunk_is_tried_and_the_page_hears_nothing_of_it(
    event: trunk.Ended,
) -> None:
    async with story(others=("second",)) as call:
        answer = await call.client.hear(news.AnswerReady)
        call.trunk.notify(event)
        await dialed(call, "second")
        assert call.call.state is CallState.CALLING
        assert call.trunks["second"].offer != call.trunk.offer  # a session of its own
        call.trunks["second"].notify(trunk.Answered(ANSWER))
        await call.client.hear(news.Answered)
        assert call.client.told.count(answer) == 1
        call.trunks["second"].notify(BYE)
        await call.ended()
        assert isinstance(call.client.told[-1], news.Ended)
        assert call.client.told[-1].trunk == "second"
    assert call.tried == ["first", "second"]
    assert call.states[0].answers == {str(event.code) if event is OVERLOADED else "none": 1}
    assert [state.placed for state in call.states] == [1, 1]


async def test_an_invite_that_cannot_be_sent_goes_elsewhere() -> None:
    call = Story(others=("second",))
    call.trunk.error = TrunkError("the trunk's host 'x' has no address")
    await dialed(call, "second")
    await call.call.hangup()
    assert (await call.ended()).cause == "canceled"


async def test_whoever_is_busy_is_busy_over_every_trunk() -> None:
    async with story(others=("second",)) as call:
        call.trunk.notify(BUSY)
        assert (await call.ended()).cause == "busy"
        assert call.tried == ["first"]


@pytest.mark.parametrize(
    "rang", [trunk.Ringing(180, "Ringing"), trunk.Progress(183, "Session Progress", ANSWER)]
)
async def test_no_phone_rings_twice(rang: trunk.TrunkEvent) -> None:
    async with story(others=("second",)) as call:
        call.trunk.notify(rang)
        await call.client.hear(news.Ringing)
        call.trunk.notify(OVERLOADED)
        assert (await call.ended()).cause == "congestion"
        assert call.tried == ["first"]


async def test_the_last_trunk_says_how_it_ended() -> None:
    async with story(others=("second",)) as call:
        call.trunk.notify(SILENT)
        await dialed(call, "second")
        call.trunks["second"].notify(OVERLOADED)
        end = await call.ended()
        assert (end.cause, end.sip_code) == ("congestion", 503)


async def test_a_hang_up_between_two_trunks() -> None:
    async with story(others=("second",)) as call:
        call.trunks["second"].wait.clear()  # its name hangs
        call.trunk.notify(SILENT)
        await dialed(call, "second")
        await call.call.hangup()
        assert (await call.ended()).cause == "canceled"
        assert call.trunks["second"].canceled


def test_one_line_at_a_time_is_held() -> None:
    first, second = state_of("first"), state_of("second")
    negotiation, dial = cast(Negotiation, None), partial(FakeTrunk().dial, "")

    def make(state: TrunkCalls, known: Targets | None) -> Attempt[Negotiation]:
        return Attempt(state, negotiation, dial)

    attempts = Attempts(iter([first, second]), make, lambda state: None)
    assert (first.active, second.active) == (1, 0)
    assert attempts.next(END) is not None
    assert (first.active, second.active) == (0, 1)
    assert attempts.next(END) is None
    assert second.active == 1  # until the call is over
    attempts.release()
    attempts.release()
    assert (first.active, second.active) == (0, 0)
    with pytest.raises(LimitReachedError, match="lines of the trunks"):
        Attempts(iter([]), make, lambda state: None)
