"""A page hands its call over to the pages of an identity: they ring, and the first has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import time
from typing import Any, cast

import pytest

from gateway.admission.token import Tokens
from gateway.calls import news
from gateway.calls.end import By
from gateway.errors import OfferError, RequestError
from gateway.signaling import handing
from gateway.signaling.session import Session
from tests.gateway.signaling.conftest import OFFER, Client, Gateway, StartGateway, placed, soon
from tests.gateway.signaling.fakes import NO_LIMITS, FakeCall
from tests.gateway.signaling.test_incoming import register
from tests.gateway.signaling.test_redirect import ASKED
from tests.gateway.signaling.test_transfer import SECRETS, talking, token
from tests.waiting import until


async def kinds(client: Client, count: int) -> list[str]:
    return [(await client.receive())["type"] for _ in range(count)]


async def asked(client: Client, identity: str = "sales") -> None:
    await client.send(type="transfer", call="c1", identity=identity)


@asynccontextmanager
async def ringing(gateway: Gateway, pages: int = 1) -> AsyncIterator[tuple[Any, ...]]:
    """A call whose page hands it over, and the pages that ring; what the second is told is left."""
    async with gateway.client() as first, gateway.client() as second, gateway.client() as third:
        others = (second, third)[:pages]
        for other in others:
            await register(other)
        call = await placed(gateway, first)
        await asked(first)
        assert await first.receive() == {
            "type": "transferProgress",
            "call": "c1",
            "sipCode": 180,
            "reason": "Ringing",
        }
        rung = [await other.receive() for other in others]
        yield call, first, *zip(others, (ring["call"] for ring in rung), strict=True)


async def accept(call: FakeCall, other: tuple[Client, str]) -> None:
    """Have a page accept, and get its answer; it is not connected yet."""
    client, name = other
    await client.send(type="accept", call=name, offer=OFFER)
    assert await soon(call.commands) == ("restart", OFFER["sdp"])
    assert (await client.receive())["type"] == "answer"


async def test_what_the_other_page_is_told(gateway: Gateway) -> None:
    async with gateway.client() as first, gateway.client() as second:
        await register(second)
        await placed(gateway, first)
        await asked(first)
        ring = await second.receive()
        ring.pop("call")
        assert ring == {"type": "incoming", "from": "600", "to": "sales"}


async def test_the_first_that_accepts_has_it(gateway: Gateway) -> None:
    async with ringing(gateway, 2) as (call, first, second, third):
        await accept(call, second)
        assert (await third[0].receive())["cause"] == "answered-elsewhere"
        client, name = second
        await client.send(type="candidate", call=name, candidate={"candidate": "candidate:1"})
        assert await soon(call.commands) == ("candidate", "candidate:1")
        call.hand_over()
        transferred, ended = await first.receive(), await first.receive()
        assert (transferred["type"], transferred["sipCode"]) == ("transferred", 200)
        assert (ended["type"], ended["cause"], ended["durationMs"]) == (
            "ended",
            "handed-over",
            1000,
        )
        assert (await client.receive())["type"] == "answered"
        # It is that page's call from now on, and nobody else's
        assert gateway.calls.holders[call.id].visitor.session not in (
            "",
            call.request.visitor.session,
        )
        await first.send(type="hangup", call="c1")
        assert (await first.receive())["name"] == "unknown-call"
        await client.send(type="dtmf", call=name, digits="1")
        assert (await soon(call.commands))[0] == "digits"
        await client.send(type="hangup", call=name)
        assert await soon(call.commands) == ("hangup",)
        assert (await client.receive())["type"] == "ended"
        assert gateway.room.gate.limits.running == 0


async def test_the_far_end_hands_nobody_over_meanwhile(gateway: Gateway) -> None:
    """Neither page would pay for whom it names: the one has given the call away by then."""
    async with ringing(gateway) as (call, first, second):
        call.tell(ASKED)
        assert await soon(call.commands) == ("refuse", 7, 400)
        await accept(call, second)
        call.hand_over()
        await kinds(first, 2)
        call.tell(ASKED)  # of the page that has the call now
        assert (await soon(call.commands))[:2] == ("redirect", 7)


async def test_it_is_not_joined_to_another_call_meanwhile(gateway: Gateway) -> None:
    async with ringing(gateway) as (call, first, _):
        await placed(gateway, first, "c2")
        await first.send(type="transfer", call="c1", replaces="c2")
        refused = await first.receive()
        assert (refused["name"], refused["call"]) == ("bad-request", "c1")
        assert call.commands.empty()


async def test_whoever_hangs_up_before_it_is_connected_does_not_have_it(gateway: Gateway) -> None:
    async with ringing(gateway) as (call, first, second):
        await accept(call, second)
        await second[0].send(type="hangup", call=second[1])
        assert await soon(call.commands) == ("give up", True)
        assert (await first.receive())["type"] == "transferFailed"
        # It was connected in this moment, and nobody has it now
        call.hand_over()
        assert (await first.receive())["cause"] == "handed-over"
        assert (await soon(call.commands))[0] == "abandon"


async def test_a_page_does_not_ring_for_a_call_of_its_own(gateway: Gateway) -> None:
    """It registers while the others ring, as one does that has come back to its session."""
    async with ringing(gateway) as (_, first, second):
        await register(first)
        await second[0].send(type="reject", call=second[1], code=486)
        assert (await first.receive())["type"] == "transferFailed"


async def test_what_the_first_page_has_asked_for_is_not_done_to_the_next_ones_call(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ringing(gateway) as (call, first, second):
        await accept(call, second)
        client, name = second
        asked, may_go_on = asyncio.Event(), asyncio.Event()

        async def take_long(offer: str, *rest: object) -> None:
            asked.set()
            await may_go_on.wait()

        with monkeypatch.context() as patched:
            patched.setattr(call, "restart", take_long)
            await first.send(type="restart", call="c1", offer=OFFER)
            await first.send(type="hangup", call="c1")
            async with asyncio.timeout(5):
                await asked.wait()
            await first.send(type="ping")
            assert (await first.receive())["type"] == "pong"  # the hang-up has been read
        call.hand_over()
        may_go_on.set()
        assert await kinds(first, 2) == ["transferred", "ended"]
        await client.receive()
        await client.send(type="dtmf", call=name, digits="1")
        assert (await soon(call.commands))[0] == "digits"


async def test_the_page_that_has_it_hears_of_its_own_restart_that_fails(gateway: Gateway) -> None:
    """Or it would wait, and try no other way."""
    async with ringing(gateway) as (call, first, second):
        await accept(call, second)
        client, name = second
        call.hand_over()
        await kinds(first, 2)
        await client.receive()
        await client.send(type="restart", call=name, offer=OFFER, id="r1")
        assert await soon(call.commands) == ("restart", OFFER["sdp"], "r1")
        call.tell(news.RestartFailed("No network path.", "r1"))
        failed = await client.receive()
        assert (failed["name"], failed["call"], failed["id"]) == ("restart-failed", name, "r1")
        await client.send(type="dtmf", call=name, digits="1")  # it has the call as before
        assert (await soon(call.commands))[0] == "digits"


async def test_whoever_takes_it_from_hold_is_heard(gateway: Gateway) -> None:
    async with ringing(gateway) as (call, first, second):
        call.tell(news.Held(By.LOCAL))
        await accept(call, second)
        call.hand_over()
        assert await soon(call.commands) == ("resume",)
        assert await kinds(first, 3) == ["held", "transferred", "ended"]


async def test_it_counts_for_both_until_its_end(start_gateway: StartGateway) -> None:
    """What the call costs goes on being counted for whoever has placed it."""
    gateway = await start_gateway(limit_rules=replace(NO_LIMITS, calls_at_once=2))
    limits = gateway.room.gate.limits
    async with ringing(gateway) as (call, first, second):
        await accept(call, second)
        assert limits.running == 2
        call.hand_over()
        await kinds(first, 2)
        assert limits.running == 2
        await first.place("c2")
        assert (await first.receive())["name"] == "limit-reached"
        call.end(By.REMOTE)
        await kinds(second[0], 2)
        assert limits.running == 0


async def test_a_page_that_accepts_twice_takes_one_place(gateway: Gateway) -> None:
    """A place that nobody has any more would count for as long as the gateway runs."""
    limits = gateway.room.gate.limits
    async with ringing(gateway) as (call, _, second):
        await accept(call, second)
        client, name = second
        await client.send(type="accept", call=name, offer=OFFER)
        error = await client.receive()
        assert (error["name"], error["fatal"]) == ("bad-request", False)
        assert limits.running == 2
        call.hand_over()
        call.end(By.REMOTE)
        assert await kinds(client, 2) == ["answered", "ended"]
        await until(lambda: limits.running == 0)


@pytest.mark.parametrize("comes", [True, False])
async def test_the_page_that_accepts_is_loaded_anew(gateway: Gateway, comes: bool) -> None:
    """Its next media path takes the place of the first one, which it is told of."""
    async with ringing(gateway) as (call, first, second):
        await accept(call, second)
        client, name = second
        (page,) = gateway.room.directory.pages("sales")
        assert cast(Session, page)._calls[name].standing.state == "trying"
        await client.send(type="restart", call=name, offer=OFFER, id="r1")
        assert await soon(call.commands) == ("restart", OFFER["sdp"], "r1")
        assert (await client.receive())["type"] == "answer"
        call.heir(news.RestartFailed("Another restart has taken its place."))
        assert (await client.receive())["name"] == "restart-failed"
        if comes:
            call.hand_over()
            assert await kinds(first, 2) == ["transferred", "ended"]
            assert (await client.receive())["type"] == "answered"
        else:
            call.heir(news.RestartFailed("No network path.", "r1"))
            assert (await client.receive())["cause"] == "media-failed"
            assert (await first.receive())["type"] == "transferFailed"


async def test_the_next_path_of_the_page_that_accepts_cannot_be(gateway: Gateway) -> None:
    """The first one may still come up; if it does not, nobody takes the call."""
    async with ringing(gateway) as (call, first, second):
        await accept(call, second)
        client, name = second
        call.failure = OfferError("no audio")
        await client.send(type="restart", call=name, offer=OFFER, id="r1")
        error = await client.receive()
        assert (error["name"], error["id"]) == ("bad-offer", "r1")
        call.heir(news.RestartFailed("No network path."))
        assert (await client.receive())["cause"] == "media-failed"
        assert (await first.receive())["type"] == "transferFailed"


@pytest.mark.parametrize("code", [480, 486, 603])
async def test_rejected(gateway: Gateway, code: int) -> None:
    async with ringing(gateway) as (call, first, (client, name)):
        await client.send(type="reject", call=name, code=code)
        failed = await first.receive()
        assert (failed["type"], failed["sipCode"]) == ("transferFailed", code)
        assert (await client.receive())["type"] == "ended"
        await first.send(type="dtmf", call="c1", digits="1")  # all is as it was
        assert (await soon(call.commands))[0] == "digits"
        await asked(first)  # and it may be tried again
        assert (await first.receive())["type"] == "transferProgress"


async def test_one_rejects_and_one_leaves(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)  # nobody waits for a page that is gone
    async with ringing(gateway, 2) as (_, first, second, third):
        await second[0].send(type="reject", call=second[1])
        await second[0].receive()
        await third[0].connection.close()
        assert (await first.receive())["sipCode"] == 603


async def test_nobody_there(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await placed(gateway, client)
        await asked(client)
        failed = await client.receive()
        assert (failed["type"], failed["sipCode"]) == ("transferFailed", 480)
        await register(client)  # who has the call is not rung
        await asked(client)
        assert (await client.receive())["sipCode"] == 480


async def test_nobody_accepts(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing, "RING", 0.05)
    async with ringing(gateway) as (_, first, (client, _)):
        failed = await first.receive()
        assert (failed["type"], failed["sipCode"]) == ("transferFailed", 480)
        assert (await client.receive())["cause"] == "canceled"


async def test_all_are_busy(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limit_rules=replace(NO_LIMITS, calls_at_once=1))
    async with gateway.client() as first, gateway.client() as second:
        await register(second)
        await placed(gateway, first)
        await asked(first)
        assert (await first.receive())["sipCode"] == 486


async def test_a_page_that_comes_later_rings(gateway: Gateway) -> None:
    async with ringing(gateway) as (_, _, _), gateway.client() as late:
        await register(late)
        assert (await late.receive())["type"] == "incoming"


async def test_an_offer_that_cannot_be_used(gateway: Gateway) -> None:
    """It rings on, for that page too."""
    async with ringing(gateway) as (call, _, (client, name)):
        call.failure = OfferError("no audio")
        await client.send(type="accept", call=name, offer=OFFER)
        error = await client.receive()
        assert (error["name"], error["fatal"]) == ("bad-offer", False)
        await soon(call.commands)
        call.failure = None
        await accept(call, (client, name))


@pytest.mark.parametrize("how", ["not connected", "hangup", "close"])
async def test_who_accepts_does_not_come(start_gateway: StartGateway, how: str) -> None:
    """Then the call goes on where it was, and ends for nobody."""
    gateway = await start_gateway(window=0)
    async with ringing(gateway) as (call, first, second):
        await accept(call, second)
        client, name = second
        match how:
            case "not connected":
                call.heir(news.RestartFailed("No network path."))
                assert (await client.receive())["cause"] == "media-failed"
            case "hangup":
                await client.send(type="hangup", call=name)
                assert (await client.receive())["type"] == "ended"
            case "close":
                await client.connection.close()
        failed = await first.receive()
        assert (failed["type"], failed["sipCode"]) == ("transferFailed", 480)
        assert await soon(call.commands) == ("give up", True)
        assert call.commands.empty()
        await until(lambda: gateway.room.gate.limits.running == 1)


@pytest.mark.parametrize("accepted", [False, True])
async def test_the_call_ends_meanwhile(gateway: Gateway, accepted: bool) -> None:
    async with ringing(gateway) as (call, first, second):
        if accepted:
            await accept(call, second)
        call.end(By.REMOTE)
        assert (await first.receive())["type"] == "ended"
        assert (await second[0].receive())["type"] == "ended"
        await until(lambda: gateway.room.gate.limits.running == 0)


async def test_one_at_a_time(gateway: Gateway) -> None:
    async with ringing(gateway) as (_, first, _):
        for target in ({"identity": "sales"}, {"to": "600"}):
            await first.send(type="transfer", call="c1", **target)
            assert (await first.receive())["name"] == "bad-request"


async def test_what_cannot_be(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client)
        call.cannot_transfer = RequestError("not now")
        for identity in ("sales", "", "a\x00b", "x" * 300):
            await asked(client, identity)
            assert (await client.receive())["name"] == "bad-request"
        await client.send(type="transfer", call="c9", identity="sales")
        assert (await client.receive())["name"] == "unknown-call"


@pytest.mark.parametrize(
    ("granted", "fits"),
    [((), False), (("sales",), True), (("support", "sa*"), True), (("sale",), False)],
)
async def test_only_whom_the_token_names(
    start_gateway: StartGateway, granted: tuple[str, ...], fits: bool
) -> None:
    """Without the claim nobody: what a token does not grant is denied."""
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        await talking(gateway, client, token("+1555*", transfer_to=granted))
        await asked(client)
        answer = await client.receive()
        assert (answer["type"] == "transferFailed") is fits
        if not fits:
            assert (answer["name"], answer["fatal"]) == ("not-allowed", False)
