"""Whom the far end may hand a page over to: admission says, as for a call of that page."""

from __future__ import annotations

from dataclasses import replace
from time import time

import pytest

from gateway.admission.token import Tokens
from gateway.calls import news
from gateway.calls.request import CallRequest
from gateway.trunk import ReferredTo
from tests.gateway.signaling.conftest import Gateway, StartGateway, placed, soon
from tests.gateway.signaling.fakes import NO_LIMITS
from tests.gateway.signaling.test_transfer import SECRETS, TO, talking, token

REFERRAL = ReferredTo(TO, "lab", number=7)
ASKED = news.Referred(7, TO, REFERRAL)


async def test_within_the_token_it_is_let_in(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        call = await talking(gateway, client, token("+1555*", from_="+15550001"))
        call.tell(ASKED)
        wanted, asked, request = await soon(call.commands)
        assert (wanted, asked) == ("redirect", 7)
        assert isinstance(request, CallRequest)
        assert (request.to, request.caller, request.referral) == (TO, "+15550001", REFERRAL)
        call.tell(news.Redirecting(TO, 180, "Ringing"))
        call.tell(news.Redirected(TO, "opus", "PCMU", "lab", 1000))
        told = [await client.receive() for _ in range(2)]
    assert [each["type"] for each in told] == ["redirecting", "redirected"]


@pytest.mark.parametrize(
    ("granted", "once", "code"),
    [("+15551111", False, 403), ("+1555*", True, 401)],
    ids=["another number", "for one call"],
)
async def test_what_the_token_does_not_grant(
    start_gateway: StartGateway, granted: str, once: bool, code: int
) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        call = await talking(gateway, client, token(granted, once=once))
        call.tell(ASKED)
        assert await soon(call.commands) == ("refuse", 7, code)
        call.tell(news.RedirectFailed(TO, code, "not allowed"))
        assert (await client.receive())["type"] == "redirectFailed"


async def test_by_what_a_new_token_grants(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        call = await talking(gateway, client, token("+15551111"))
        await client.send(type="hello", token=token(TO))
        assert (await client.receive())["type"] == "welcome"
        call.tell(ASKED)
        assert (await soon(call.commands))[0] == "redirect"


async def test_both_count_until_one_is_over(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limit_rules=replace(NO_LIMITS, calls_at_once=2))
    limits = gateway.room.gate.limits
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        for outcome in (
            news.RedirectFailed(TO, 486, "Busy Here"),
            news.Redirected(TO, "opus", "PCMU", "lab", 1000),
        ):
            call.tell(ASKED)
            await soon(call.commands)
            assert limits.running == 2
            call.tell(outcome)
            await client.receive()
            assert limits.running == 1
        other = await placed(gateway, client, "c2")
        call.tell(ASKED)
        assert await soon(call.commands) == ("refuse", 7, 480)
        await client.send(type="hangup", call="c2")
        await soon(other.commands)
        await client.receive()
        call.tell(ASKED)
        await soon(call.commands)
        await client.send(type="hangup", call="c1")  # while the other phone rings
        await client.receive()
        assert limits.running == 0


async def test_one_that_was_let_in_too_late_counts_no_longer_than_the_next(
    gateway: Gateway,
) -> None:
    """The call has given it up by itself meanwhile, and asks about another one."""
    limits = gateway.room.gate.limits
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        for number in (7, 8):
            call.tell(replace(ASKED, token=number))
            assert (await soon(call.commands))[:2] == ("redirect", number)
            assert limits.running == 2
        await client.send(type="hangup", call="c1")
        await client.receive()
        assert limits.running == 0
