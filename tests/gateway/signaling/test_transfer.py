"""Whom a call may be transferred to: admission says, before the trunk hears of it."""

from __future__ import annotations

from dataclasses import replace
from time import time
from typing import Any

import pytest

from gateway.admission.token import CallClaim, Claims, SharedSecrets, Tokens, issue, new_id
from gateway.calls import news
from gateway.calls.end import By
from gateway.errors import ForbiddenError, RequestError
from tests.gateway.signaling.conftest import Client, Gateway, StartGateway, placed, soon
from tests.gateway.signaling.fakes import NO_LIMITS, FakeCall

SECRETS = SharedSecrets(("s" * 32,))
TO = "+15557777"


def token(*to: str, lives: float = 300, **call: Any) -> str:
    """Issue a token for these numbers."""
    claims = Claims(
        sub="visitor", jti=new_id(), exp=int(time() + lives), call=CallClaim(to=to, **call)
    )
    return issue(SECRETS.signing, claims, time())


async def talking(gateway: Gateway, client: Client, granted: str) -> FakeCall:
    """Come in with a token, and have a call to +15551111."""
    await client.send(type="hello", token=granted)
    assert (await client.receive())["type"] == "welcome"
    await client.place("c1", "+15551111")
    call = await soon(gateway.calls.placed)
    assert isinstance(call, FakeCall)
    return call


async def error(client: Client, **fields: Any) -> str:
    await client.send(type="transfer", call="c1", **fields)
    message = await client.receive()
    assert (message["type"], message["fatal"], message["call"]) == ("error", False, "c1")
    return str(message["name"])


async def test_within_the_token_it_goes_out(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        call = await talking(gateway, client, token("+1555*"))
        await client.send(type="transfer", call="c1", to="+1 555 7777")
        assert await soon(call.commands) == ("transfer", TO)
        call.tell(news.TransferProgress(180, "Ringing"))
        call.tell(news.Transferred(200, "OK"))
        told = [await client.receive() for _ in range(2)]
    assert [each["type"] for each in told] == ["transferProgress", "transferred"]
    assert [each["sipCode"] for each in told] == [180, 200]


async def test_a_number_that_the_token_does_not_grant(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        call = await talking(gateway, client, token("+15551111"))
        assert await error(client, to=TO) == "not-allowed"
        assert call.commands.empty()
    assert b'gateway_admission_refused_total{rule="token"} 1.0' in gateway.room.metrics.text()


async def test_a_token_for_one_call(start_gateway: StartGateway) -> None:
    """It has been used by the call: the new number would be a second one."""
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        call = await talking(gateway, client, token("+1555*", once=True))
        assert await error(client, to=TO) == "bad-token"
        assert call.commands.empty()


async def test_by_what_a_new_token_grants(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(tokens=Tokens(SECRETS, time))
    async with gateway.raw() as client:
        call = await talking(gateway, client, token("+15551111"))
        await client.send(type="hello", token=token(TO))
        assert (await client.receive())["type"] == "welcome"
        await client.send(type="transfer", call="c1", to=TO)
        assert await soon(call.commands) == ("transfer", TO)


async def test_it_counts_as_a_call_until_it_is_over(start_gateway: StartGateway) -> None:
    limits = replace(NO_LIMITS, calls_at_once=2)
    gateway = await start_gateway(limit_rules=limits)
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        await client.send(type="transfer", call="c1", to=TO)
        await soon(call.commands)
        await client.place("c2", "600")
        assert (await client.receive())["name"] == "limit-reached"
        call.tell(news.TransferFailed(486, "Busy Here"))
        assert (await client.receive())["type"] == "transferFailed"
        await placed(gateway, client, "c3")
        assert await error(client, to=TO) == "limit-reached"


async def test_what_cannot_be_transferred_uses_nothing_up(start_gateway: StartGateway) -> None:
    limits = replace(NO_LIMITS, numbers_per_hour_per_identity=1)
    gateway = await start_gateway(limit_rules=limits)
    async with gateway.client() as client:
        call = await placed(gateway, client)
        call.cannot_transfer = RequestError("not now")
        assert await error(client, to=TO) == "bad-request"
        assert call.commands.empty()


async def test_a_number_that_no_route_leads_to(start_gateway: StartGateway) -> None:
    """It gives its place back, and leaves the traces of a call that is refused."""
    gateway = await start_gateway(limit_rules=replace(NO_LIMITS, calls_at_once=2))
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        call.no_route = ForbiddenError(f"{TO} may not be called", rule="route")
        assert await error(client, to=TO) == "not-allowed"
        assert await error(client, to=TO) == "not-allowed"
        await placed(gateway, client, "c2")
    assert b'gateway_admission_refused_total{rule="route"} 2.0' in gateway.room.metrics.text()


async def test_a_call_that_ends_meanwhile(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number has its end in the audit file all the same."""
    lines: list[tuple[str, Any, Any]] = []
    gate = gateway.room.gate

    def note(event: str, *_: object, **fields: Any) -> None:
        lines.append((event, fields.get("to"), fields.get("cause")))

    monkeypatch.setattr(gate, "note", note)
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        await client.send(type="transfer", call="c1", to=TO)
        await soon(call.commands)
        call.end(By.REMOTE)
        assert (await client.receive())["type"] == "ended"
    assert [each for each in lines if each[1] == TO] == [
        ("call-admitted", TO, None),
        ("call-ended", TO, "hangup"),
    ]


@pytest.mark.parametrize("answered", [True, False])
async def test_to_another_call(gateway: Gateway, answered: bool) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        if not answered:
            gateway.calls.may_place.clear()
            await client.place("c2", "600")
            assert await error(client, replaces="c2") == "bad-request"
            gateway.calls.may_place.set()
            return
        other = await placed(gateway, client, "c2")
        await client.send(type="transfer", call="c1", replaces="c2")
        assert await soon(call.commands) == ("transfer", other)
        assert await error(client, replaces="c1") == "bad-request"
        assert await error(client, replaces="c9") == "unknown-call"
