"""Who gets a session back on another WebSocket, and how much of it the gateway keeps."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import time
from typing import Any, cast

import pytest

from gateway.admission.token import CallClaim, Claims, SharedSecrets, Tokens, issue, new_id
from gateway.calls import news
from gateway.calls.end import By
from gateway.signaling.room import Limits
from gateway.trunk import ReferredTo
from tests.gateway.signaling.conftest import (
    Client,
    Gateway,
    Message,
    StartGateway,
    placed,
    soon,
)
from tests.gateway.signaling.fakes import NO_LIMITS
from tests.gateway.signaling.lost_socket import lose, nothing_more, opened, types_of
from tests.waiting import until


async def test_a_token_that_nobody_has_made(gateway: Gateway) -> None:
    async with opened(gateway, resume="x" * 43) as (client, back):
        assert (back["type"], back["resume"], back["calls"]) == ("welcome", "unknown", [])
        await placed(gateway, client)


async def test_without_a_window_there_is_no_token(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(window=0)
    async with opened(gateway, resume="x") as (_, welcome):
        assert (welcome["resumeToken"], welcome["resume"]) == (None, "unknown")


@pytest.mark.parametrize(
    "fields", [{"resume": 5}, {"resume": "x" * 129}, {"received": -1}, {"received": "1"}]
)
async def test_a_hello_that_is_none(gateway: Gateway, fields: Message) -> None:
    async with opened(gateway, **fields) as (client, error):
        assert (error["name"], error["fatal"]) == ("bad-message", True)
        assert next(iter(fields)) in error["message"]
        assert (await client.closed())[0] == 1008


async def test_not_by_a_page_of_another_origin(start_gateway: StartGateway) -> None:
    shop, other = "https://shop.example", "https://other.example"
    gateway = await start_gateway(origins=(shop, other))
    async with opened(gateway, origin=shop) as (client, welcome):
        call = await placed(gateway, client)
        token = welcome["resumeToken"]
        async with opened(gateway, origin=other, resume=token) as (thief, error):
            assert (error["name"], error["fatal"]) == ("not-allowed", True)
            assert await thief.closed() == (1008, "not-allowed")
        await nothing_more(client)  # it has not given way
        await lose(gateway, client)
        async with opened(gateway, origin=other, resume=token) as (_, error):
            assert error["name"] == "not-allowed"
        async with opened(gateway, origin=shop, resume=token) as (client, back):
            assert back["resume"] == "resumed"
            assert call.commands.empty()


SECRETS = SharedSecrets(("s" * 32,))


def signed(sub: str = "sales", lives: float = 60) -> str:
    claims = Claims(
        sub=sub, jti=new_id(), exp=time() + lives, call=CallClaim.model_validate({"to": ["6*"]})
    )
    return issue(SECRETS.signing, claims, time())


async def test_the_grant_stays_without_a_token(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with opened(gateway, token=signed()) as (client, welcome):
        await placed(gateway, client)
        await lose(gateway, client)
    token = welcome["resumeToken"]
    async with opened(gateway, resume=token) as (client, back):
        assert (back["resume"], back["identity"]) == ("resumed", "sales")
        assert back["expires"] == welcome["expires"]
        await placed(gateway, client, "c2")
        await lose(gateway, client)
    async with opened(gateway, resume=token, token=signed(lives=600)) as (client, back):
        assert back["resume"] == "resumed"
        assert back["expires"] > welcome["expires"]
        assert [call["call"] for call in back["calls"]] == ["c1", "c2"]
        await lose(gateway, client)
    async with opened(gateway, resume=token, token=signed("somebody")) as (_, error):
        assert (error["name"], error["fatal"]) == ("bad-token", True)
    async with opened(gateway, resume="unknown") as (_, error):
        assert error["name"] == "bad-token"  # a new session needs one, as always
    async with opened(gateway, resume=token) as (_, back):
        assert back["resume"] == "resumed"


async def test_calls_outlive_their_token_and_no_new_one_is_placed(
    start_gateway: StartGateway,
) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with opened(gateway, token=signed()) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
        session = cast("Any", gateway.room.sessions.find(welcome["resumeToken"]))
        session.grant = replace(session.grant, expires=1.0)
    async with opened(gateway, resume=welcome["resumeToken"]) as (client, back):
        assert (back["resume"], len(back["calls"])) == ("resumed", 1)
        assert await types_of(client, 1) == ["tokenWillExpire"]
        await client.place("c2")
        error = await client.receive()
        assert (error["name"], error["call"], error["fatal"]) == ("bad-token", "c2", True)
        await client.send(type="hangup", call="c1")
        assert await soon(call.commands) == ("hangup",)


async def test_who_is_blocked_gets_no_session_back(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with opened(gateway, token=signed()) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
    gateway.room.gate.block("identity", "sales", "fraud", by="test")
    token = welcome["resumeToken"]
    async with opened(gateway, resume=token) as (client, error):
        assert (error["name"], error["fatal"]) == ("not-allowed", True)
        assert await client.closed() == (1008, "not-allowed")
    assert call.commands.empty()  # it runs, as calls do that were let in
    await gateway.room.gate.unblock("identity", "sales", by="test")
    async with opened(gateway, resume=token) as (_, back):
        assert back["resume"] == "resumed"


async def test_the_resume_token_is_in_no_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "gateway")
    async with opened(gateway) as (client, welcome):
        await placed(gateway, client)
        await lose(gateway, client)
    async with opened(gateway, resume=welcome["resumeToken"]):
        pass
    assert any("session resumed" in record.getMessage() for record in caplog.records)
    assert not any(welcome["resumeToken"] in repr(record.__dict__) for record in caplog.records)


@pytest.mark.parametrize(
    "limits", [Limits(kept=3), Limits(kept_size=220)], ids=["messages", "characters"]
)
async def test_only_the_last_part_is_kept(start_gateway: StartGateway, limits: Limits) -> None:
    gateway = await start_gateway(limits)
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
        for digit in "123456":
            call.tell(news.DigitHeard(digit, 80))
    async with opened(gateway, resume=welcome["resumeToken"], received=1) as (client, back):
        missed = back["missed"]
        assert 3 <= missed < 5
        assert (back["received"], back["lost"]) == (6 - missed, 5 - missed)
        digits = [(await client.receive())["digit"] for _ in range(missed)]
        assert digits == list("123456")[-missed:]


async def test_an_address_has_so_many_sessions_without_a_socket(
    start_gateway: StartGateway,
) -> None:
    """The one that is too many ends with its socket; those that wait go on waiting."""
    rules = replace(NO_LIMITS, websockets_per_address=2)
    gateway = await start_gateway(limit_rules=rules)
    async with opened(gateway) as (first, kept), opened(gateway) as (second, _):
        calls = [await placed(gateway, client, "c") for client in (first, second)]
        for client in (first, second):
            await lose(gateway, client)
    async with opened(gateway) as (third, lost):
        call = await placed(gateway, third)
        third.connection.transport.abort()
        assert (await soon(call.commands))[0] == "abandon"
    async with opened(gateway, resume=lost["resumeToken"]) as (_, back):
        assert back["resume"] == "over"
    calls[1].end(By.REMOTE)
    async with opened(gateway) as (fourth, taken):
        await placed(gateway, fourth)
        await lose_in_place(gateway, fourth)
    async with opened(gateway, resume=taken["resumeToken"]) as (_, back):
        assert back["resume"] == "resumed"  # in the place of one that has no calls any more
    async with opened(gateway, resume=kept["resumeToken"]) as (_, back):
        assert [call["call"] for call in back["calls"]] == ["c"]
    assert calls[0].commands.empty()


async def lose_in_place(gateway: Gateway, client: Client) -> None:
    """Cut a socket whose session takes the place of another one."""
    client.connection.transport.abort()
    await until(lambda: b"gateway_websocket_sessions 0.0" in gateway.room.metrics.text())


async def test_what_it_asks_for_is_judged_by_where_it_is_now(gateway: Gateway) -> None:
    async with opened(gateway) as (client, welcome):
        call = await placed(gateway, client)
        await lose(gateway, client)
    async with gateway.raw(address="127.0.0.2") as client:
        await client.send(type="hello", resume=welcome["resumeToken"])
        assert (await client.receive())["resume"] == "resumed"
        assert gateway.calls.holders[call.id].visitor.address == "127.0.0.2"
        gateway.room.gate.block("address", "127.0.0.2", "fraud", by="key", until=None)
        await client.send(type="transfer", call="c1", to="+15557777")
        assert (await client.receive())["name"] == "not-allowed"
        await client.send(type="transfer", call="c1", identity="sales")
        assert (await client.receive())["name"] == "not-allowed"
        call.tell(news.Referred(7, "+15557777", ReferredTo("+15557777", "lab", number=7)))
        assert (await soon(call.commands))[:2] == ("refuse", 7)
