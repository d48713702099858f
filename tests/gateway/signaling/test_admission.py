"""Who may come in, over a real WebSocket: tokens, limits of an address, blocks."""

from __future__ import annotations

from dataclasses import replace
from time import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from gateway.admission.token import CallClaim, Claims, SharedSecrets, Tokens, issue, new_id
from gateway.signaling.socket import TOKEN_WARNING
from tests.gateway.signaling.conftest import Gateway, StartGateway, soon
from tests.gateway.signaling.fakes import NO_LIMITS


async def test_tokens_are_asked_for_and_renewed(start_gateway: StartGateway) -> None:
    secrets = SharedSecrets(("s" * 32,))
    gateway = await start_gateway(tokens=Tokens(secrets, time))

    def token(sub: str, lives: float, *to: str) -> tuple[str, float]:
        expires = int(time() + lives)
        claims = Claims(sub=sub, jti=new_id(), exp=expires, call=CallClaim(to=to))
        return issue(secrets.signing, claims, time()), expires

    first, ends = token("visitor", TOKEN_WARNING, "+1555*")
    second, later = token("visitor", 300, "600")
    async with gateway.raw() as client:
        await client.send(type="hello", token=first)
        welcome = await client.receive()
        assert (welcome["identity"], welcome["expires"]) == ("visitor", ends)
        assert await client.receive() == {"type": "tokenWillExpire", "expires": ends}
        await client.place("c1", "600")
        assert (await client.receive())["name"] == "not-allowed"
        await client.send(type="hello", token=token("somebody", 300)[0])
        refused = await client.receive()
        assert (refused["name"], refused["fatal"]) == ("bad-token", False)
        await client.send(type="hello", token=second)
        renewed = await client.receive()
        assert (renewed["session"], renewed["expires"]) == (welcome["session"], later)
        await client.place("c2", "600")
        call = await soon(gateway.calls.placed)
        assert call.request.identity == "visitor"


@pytest.mark.parametrize("given", [{}, {"token": "nonsense"}, {"token": None}])
async def test_without_a_good_token_the_socket_closes(
    start_gateway: StartGateway, given: dict[str, Any]
) -> None:
    gateway = await start_gateway(tokens=Tokens(SharedSecrets(("s" * 32,)), time))
    async with gateway.raw() as client:
        await client.send(type="hello", **given)
        error = await client.receive()
        assert (error["name"], error["code"], error["fatal"]) == ("bad-token", 401, True)
        assert await client.closed() == (1008, "bad-token")
    assert b'gateway_tokens_refused_total{reason="' in gateway.room.metrics.text()


async def test_messages_of_one_address(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limit_rules=replace(NO_LIMITS, messages_per_second_per_address=5))
    async with gateway.client() as client:
        for _ in range(20):
            await client.send(type="ping")
        assert await client.closed() == (1013, "too many messages from this address")
    name = 'gateway_limits_reached_total{limit="messages-per-second-per-address"} 1.0'
    assert name in gateway.room.metrics.text().decode()


async def test_who_is_blocked_is_not_let_in(gateway: Gateway) -> None:
    gateway.room.gate.block("address", "127.0.0.1", "fraud", by="test")
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.raw():
            pass
    assert refused.value.response.status_code == 403
    assert b"fraud" not in refused.value.response.body
