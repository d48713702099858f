"""Stories of a page that calls ring on, over a real WebSocket; the test plays the call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateway.admission.limits import LimitRules
from gateway.admission.token import (
    LEEWAY,
    CallClaim,
    Claims,
    SharedSecrets,
    Tokens,
    issue,
    new_id,
)
from gateway.calls import news
from gateway.calls.end import By, CallEnd
from gateway.calls.ring import Accepted, Caller, Left, Rejected, Ring, RingEvent
from gateway.errors import CapacityError, LimitError, OfferError, RequestError, TokenError
from gateway.signaling.room import Limits
from gateway.signaling.session import Session
from tests.gateway.signaling.conftest import OFFER, Client, Gateway, StartGateway, placed, soon
from tests.gateway.signaling.fakes import NO_LIMITS, FakeCall

if TYPE_CHECKING:
    from gateway.calls.call import Call
    from gateway.calls.directory import Page

CALLER = Caller("c0ffee", "lab", "+15550100", "+15550001", "Alice", (("X-A", "1"),))
ELSEWHERE = CallEnd.made_here(By.GATEWAY, "answered-elsewhere", 487, "On another page.")


class Ringing:
    """A call that rings on the pages of an identity."""

    def __init__(self, gateway: Gateway, identity: str = "sales", caller: Caller = CALLER) -> None:
        self.events: asyncio.Queue[RingEvent] = asyncio.Queue()
        self.rings: list[Ring] = []
        for page in gateway.room.directory.pages(identity):
            self.rings.append(self.ring(page, caller))

    def ring(self, page: Page, caller: Caller = CALLER) -> Ring:
        ring = Ring(caller, self.events.put_nowait)
        ring.tell = page.ring(ring)
        return ring

    def stop(self) -> None:
        """Ring no more, as a call that has ended: the session would wait for its end."""
        for ring in self.rings:
            ring.close(ELSEWHERE)

    async def next(self) -> RingEvent:
        event = await soon(self.events)
        assert isinstance(event, RingEvent)
        return event

    async def accepted(self) -> FakeCall:
        """Give the call to the page that accepts next."""
        event = await self.next()
        assert isinstance(event, Accepted)
        event.ring.over = True
        call = FakeCall("c0ffee", cast("Any", event.acceptance), event.ring.tell)
        event.reply.set_result(cast("Call", call))
        return call


async def test_nobody_registers_with_a_gateway_that_goes(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await gateway.calls.drain()
        await client.send(type="register", identity="sales")
        refusal = await client.receive()
        assert (refusal["type"], refusal["name"], refusal["code"]) == ("error", "draining", 503)
        assert not gateway.room.directory.pages("sales")


async def register(client: Client, identity: str = "sales") -> None:
    await client.send(type="register", identity=identity)
    assert await client.receive() == {"type": "registered", "identity": identity}


def pages(gateway: Gateway, identity: str = "sales") -> int:
    return len(gateway.room.directory.pages(identity))


async def test_a_page_registers_and_a_call_rings(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        known = Ringing(gateway)
        assert await client.receive() == {
            "type": "incoming",
            "call": "c0ffee",
            "from": "+15550001",
            "to": "+15550100",
            "displayName": "Alice",
            "headers": {"X-A": "1"},
        }
        unknown = Ringing(gateway, caller=Caller("c0ffe2", "lab", "desk", "anonymous"))
        assert await client.receive() == {
            "type": "incoming",
            "call": "c0ffe2",
            "from": "anonymous",
            "to": "desk",
        }
        known.stop()
        unknown.stop()


async def test_accepted(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        await client.receive()
        await client.send(type="candidate", call="c0ffee", candidate=None)  # of no offer yet
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        await client.send(type="candidate", call="c0ffee", candidate={"candidate": "candidate:1"})
        call = await ringing.accepted()
        acceptance = cast("Any", call.request)
        assert (acceptance.offer, acceptance.max_duration) == (OFFER["sdp"], 3600)
        assert await soon(call.commands) == ("candidate", "candidate:1")
        call.tell(news.AnswerReady("v=0"))
        call.tell(news.Answered("opus", "PCMU"))
        assert (await client.receive())["type"] == "answer"
        assert (await client.receive())["type"] == "answered"
        await client.send(type="dtmf", call="c0ffee", digits="1")
        assert (await soon(call.commands))[0] == "digits"
        await client.send(type="hangup", call="c0ffee")
        assert (await client.receive())["type"] == "ended"
        await client.send(type="hangup", call="c0ffee")
        assert (await client.receive())["name"] == "unknown-call"


async def test_accepted_twice_and_rejected_late(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        await client.receive()
        for _ in range(2):
            await client.send(type="accept", call="c0ffee", offer=OFFER)
        await client.send(type="reject", call="c0ffee")
        await ringing.accepted()
        for _ in range(2):
            error = await client.receive()
            assert (error["name"], error["call"], error["fatal"]) == (
                "bad-request",
                "c0ffee",
                False,
            )
        assert ringing.events.empty()


async def test_an_offer_that_cannot_be_used(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        await client.receive()
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        event = await ringing.next()
        assert isinstance(event, Accepted)
        event.reply.set_exception(OfferError("no audio"))
        error = await client.receive()
        assert (error["name"], error["code"], error["fatal"]) == ("bad-offer", 488, False)
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        await ringing.accepted()


@pytest.mark.parametrize(
    ("fields", "code"), [({}, 603), ({"code": 486}, 486), ({"code": 480}, 480)]
)
async def test_rejected(gateway: Gateway, fields: dict[str, int], code: int) -> None:
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        await client.receive()
        await client.send(type="reject", call="c0ffee", **fields)
        assert await ringing.next() == Rejected(ringing.rings[0], code)
        ringing.rings[0].close(CallEnd.made_here(By.LOCAL, "rejected", code, "No."))
        assert (await client.receive())["sipCode"] == code
        ringing.rings[0].close(ELSEWHERE)  # no more of it
        await client.send(type="ping")
        assert (await client.receive())["type"] == "pong"


async def test_another_page_is_first(gateway: Gateway) -> None:
    """Also while this one's accept is on its way: it hears of the end, and of no error."""
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        await client.receive()
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        event = await ringing.next()
        assert isinstance(event, Accepted)
        event.ring.close(ELSEWHERE)
        event.reply.set_result(None)
        ended = await client.receive()
        assert (ended["type"], ended["cause"], ended["by"]) == (
            "ended",
            "answered-elsewhere",
            "gateway",
        )
        await client.send(type="ping")
        assert (await client.receive())["type"] == "pong"
        assert gateway.room.gate.limits.running == 0


async def test_an_accept_that_is_late_takes_no_place(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        await client.receive()
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        ringing.rings[0].close(ELSEWHERE)  # before the accept has been read
        assert (await client.receive())["cause"] == "answered-elsewhere"
        await client.send(type="ping")
        answers = [(await client.receive())["type"]]
        if answers == ["error"]:  # read once the call was over
            answers.append((await client.receive())["type"])
        assert answers[-1] == "pong"
        assert ringing.events.empty()
        assert gateway.room.gate.limits.running == 0


async def test_a_page_that_goes_is_rung_no_more(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)
    async with gateway.client() as client:
        await register(client)
        ringing = Ringing(gateway)
        await client.receive()
    assert await ringing.next() == Left(ringing.rings[0])
    ringing.rings[0].close(ELSEWHERE)
    assert pages(gateway) == 0


async def test_a_page_that_has_just_gone_is_not_rung(gateway: Gateway) -> None:
    """Nobody would take that back: it would ring until the trunk gives up."""
    async with gateway.client() as client:
        await register(client)
        (page,) = gateway.room.directory.pages("sales")
        await client.send(type="unregister")
        await client.receive()
        with pytest.raises(RequestError, match="is not registered"):
            Ringing(gateway).ring(page)


async def test_registered_under_another_name_and_no_more(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        await register(client)  # once more
        assert pages(gateway) == 1
        await client.send(type="register", identity="desk")
        assert await client.receive() == {"type": "unregistered", "identity": "sales"}
        assert await client.receive() == {"type": "registered", "identity": "desk"}
        assert (pages(gateway), pages(gateway, "desk")) == (0, 1)
        await client.send(type="unregister", identity="sales")
        assert (await client.receive())["name"] == "bad-request"
        await client.send(type="unregister", identity="desk")
        assert await client.receive() == {"type": "unregistered", "identity": "desk"}
        await client.send(type="unregister")
        assert (await client.receive())["name"] == "bad-request"
        await client.send(type="register")
        assert (await client.receive())["name"] == "bad-request"


async def test_a_call_of_ones_own_does_not_ring(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await placed(gateway, client)
        for message in ({"type": "accept", "offer": OFFER}, {"type": "reject"}):
            await client.send(call="c1", **message)
            error = await client.receive()
            assert (error["name"], error["fatal"]) == ("bad-request", False)


async def test_a_call_that_rings_cannot_be_held_or_transferred(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await register(client)
        await placed(gateway, client)
        ringing = Ringing(gateway)
        await client.receive()
        for message in (
            {"type": "hold", "call": "c0ffee"},
            {"type": "transfer", "call": "c0ffee", "to": "600"},
            {"type": "transfer", "call": "c1", "replaces": "c0ffee"},
            {"type": "transfer", "call": "c0ffee", "replaces": "c1"},
        ):
            await client.send(**message)
            error = await client.receive()
            assert (error["name"], error["fatal"]) == ("bad-request", False)
        ringing.stop()


@pytest.mark.parametrize(
    "message",
    [
        {"type": "accept", "call": "c0ffee"},
        {"type": "accept", "call": "c0ffee", "offer": {"type": "answer", "sdp": ""}},
        {"type": "reject", "call": "c0ffee", "code": 404},
        {"type": "reject", "call": "c0ffee", "code": "603"},
        {"type": "register", "identity": 5},
    ],
)
async def test_what_is_no_message(gateway: Gateway, message: dict[str, Any]) -> None:
    async with gateway.client() as client:
        await client.send(**message)
        assert (await client.receive())["name"] == "bad-message"


async def test_a_page_with_too_many_calls_is_busy(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(calls=1))
    async with gateway.client() as client:
        await register(client)
        await placed(gateway, client)
        with pytest.raises(CapacityError, match="1 calls at a time"):
            Ringing(gateway)
        await client.send(type="ping")
        assert (await client.receive())["type"] == "pong"


SECRETS = SharedSecrets(("s" * 32,))


def token(lives: float = 60, **call: Any) -> str:
    claims = Claims(
        sub="sales", jti=new_id(), exp=time() + lives, call=CallClaim.model_validate(call)
    )
    return issue(SECRETS.signing, claims, time())


async def test_tokens_say_who_may_be_called(start_gateway: StartGateway) -> None:
    rules = replace(NO_LIMITS, calls_at_once_per_identity=1)
    assert isinstance(rules, LimitRules)
    gateway = await start_gateway(tokens=Tokens(SECRETS, time), limit_rules=rules)
    async with gateway.raw() as client:
        await client.send(type="hello", token=token())
        await client.receive()
        await client.send(type="register", identity="sales")
        refused = await client.receive()
        assert (refused["name"], refused["fatal"]) == ("not-allowed", False)
        await client.send(type="hello", token=token(incoming=True))
        await client.receive()
        await client.send(type="register", identity="somebody")
        assert await client.receive() == {"type": "registered", "identity": "sales"}
        ringing = Ringing(gateway)
        await client.receive()
        await client.send(type="accept", call="c0ffee", offer=OFFER)
        call = await ringing.accepted()
        with pytest.raises(LimitError, match="1 calls at once"):
            Ringing(gateway)
        call.end(By.REMOTE)
        assert (await client.receive())["type"] == "ended"
        # A token that takes the right away
        await client.send(type="hello", token=token())
        assert await client.receive() == {"type": "unregistered", "identity": "sales"}
        assert (await client.receive())["type"] == "welcome"
        assert pages(gateway) == 0


async def test_a_page_hears_at_once_that_its_token_has_run_out(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        await client.send(type="hello", token=token(300, incoming=True))
        await client.receive()
        await register(client)
        (page,) = gateway.room.directory.pages("sales")
        session = cast("Session", page)
        session.grant = replace(session.grant, expires=time() - LEEWAY + 0.2)
        session.check_registration()
        assert pages(gateway) == 1
        assert await client.receive() == {"type": "unregistered", "identity": "sales"}
        assert pages(gateway) == 0


async def test_a_token_that_runs_out_while_the_page_waits(start_gateway: StartGateway) -> None:
    now = [0.0]
    gateway = await start_gateway(tokens=Tokens(SECRETS, lambda: time() + now[0]))
    async with gateway.raw() as client:
        await client.send(type="hello", token=token(300, incoming=True))
        await client.receive()
        await register(client)
        (page,) = gateway.room.directory.pages("sales")
        session = cast("Any", page)
        session.grant = replace(session.grant, expires=1.0)
        with pytest.raises(TokenError, match="expired"):
            Ringing(gateway)
        assert await client.receive() == {"type": "unregistered", "identity": "sales"}
        assert pages(gateway) == 0
