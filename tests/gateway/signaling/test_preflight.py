"""A page that tries its way to the gateway, over a real WebSocket with a fake media path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.calls.preflight import Ready
from gateway.errors import DrainingError, OverloadError
from gateway.media.events import EchoQuality, LegQuality
from gateway.signaling.room import Limits
from tests.gateway.signaling.conftest import OFFER, Client, Gateway, StartGateway, placed, soon
from tests.gateway.signaling.fakes import NO_LIMITS, FakePreflight
from tests.waiting import until

LEG = LegQuality(4.2, 0.01, 1.0, 20.0, 30, 100)


async def begun(gateway: Gateway, client: Client, call: str = "p1") -> FakePreflight:
    await client.send(type="preflight", call=call, offer=OFFER)
    fake = await soon(gateway.calls.preflights.begun)
    assert isinstance(fake, FakePreflight)
    return fake


async def until_told(gateway: Gateway, line: str) -> None:
    """Wait for a line of the metrics."""
    await until(lambda: line.encode() in gateway.room.metrics.text())


async def test_a_page_tries_its_way(gateway: Gateway) -> None:
    async with gateway.client() as client:
        fake = await begun(gateway, client)
        assert fake.offer == OFFER["sdp"]
        await until_told(gateway, "gateway_preflights_active 1.0")
        await client.send(type="candidate", call="p1", candidate={"candidate": "candidate:1"})
        await client.send(type="candidate", call="p1", candidate=None)
        assert [await soon(fake.candidates), await soon(fake.candidates)] == ["candidate:1", None]
        fake.tell(Ready("v=0", (20000, 20001)))
        fake.tell(EchoQuality(LEG, replace(LEG, level=None)))
        answer = await client.receive()
        assert answer["answer"] == {"type": "answer", "sdp": "v=0"}
        assert answer["ports"] == [20000, 20001]
        quality = await client.receive()
        assert set(quality) == {"type", "call", "browser", "echo"}
        assert (quality["browser"]["loss"], quality["echo"]["level"]) == (0.01, None)
        await client.send(type="hangup", call="p1")
        ended = await client.receive()
        assert (ended["type"], ended["cause"], ended["durationMs"]) == ("ended", "hangup", 1500)
    await until_told(gateway, "gateway_preflights_active 0.0")
    await until_told(gateway, 'gateway_preflights_total{cause="hangup"} 1.0')
    assert gateway.calls.placed.empty(), "nobody is called"
    assert not gateway.calls.refusals, "and no record is written"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "hold"},
        {"type": "dtmf", "digits": "1"},
        {"type": "transfer", "to": "600"},
        {"type": "restart", "offer": OFFER},
        {"type": "accept", "offer": OFFER},
        {"type": "reject"},
    ],
)
async def test_it_takes_nothing_else(gateway: Gateway, message: dict[str, Any]) -> None:
    async with gateway.client() as client:
        await begun(gateway, client)
        await client.send(call="p1", **message)
        error = await client.receive()
        assert (error["name"], error["fatal"], error["call"]) == ("bad-request", False, "p1")
        await client.send(type="hangup", call="p1")
        assert (await client.receive())["type"] == "ended"


async def test_an_id_is_for_one_call_or_one_test(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await placed(gateway, client, "c1")
        await begun(gateway, client, "p1")
        for kind, call in [("preflight", "p1"), ("preflight", "c1"), ("call", "p1")]:
            await client.send(type=kind, call=call, to="600", offer=OFFER)
            error = await client.receive()
            assert (error["name"], error["fatal"]) == ("bad-request", False)


async def test_they_count_among_the_calls_of_a_session(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(Limits(calls=1))
    async with gateway.client() as client:
        await begun(gateway, client)
        await client.send(type="preflight", call="p2", offer=OFFER)
        assert (await client.receive())["name"] == "no-capacity"
        await client.place("c1")
        assert (await client.receive())["name"] == "no-capacity"
        await client.send(type="hangup", call="p1")
        assert (await client.receive())["type"] == "ended"
        await placed(gateway, client, "c1")


@pytest.mark.parametrize("error", [DrainingError("it drains"), OverloadError("no time")])
async def test_a_refusal_is_said_and_counted(
    gateway: Gateway, error: DrainingError | OverloadError
) -> None:
    gateway.calls.preflights.failure = error
    async with gateway.client() as client:
        await client.send(type="preflight", call="p1", offer=OFFER)
        refused = await client.receive()
        assert (refused["name"], refused["code"], refused["fatal"]) == (error.name, 503, True)
    await until_told(gateway, f'gateway_preflights_refused_total{{name="{error.name}"}} 1.0')


async def test_a_fault_costs_the_test_and_no_call(gateway: Gateway) -> None:
    gateway.calls.preflights.failure = RuntimeError("a bug")
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        await client.send(type="preflight", call="p1", offer=OFFER)
        assert (await client.receive())["name"] == "internal"
        await client.send(type="hold", call="c1")
        assert await soon(call.commands) == ("hold",)


async def test_an_address_has_its_limit(start_gateway: StartGateway) -> None:
    rules = replace(NO_LIMITS, preflights_at_once_per_address=1)
    gateway = await start_gateway(limit_rules=rules)
    async with gateway.client() as client:
        await begun(gateway, client)
        await client.send(type="preflight", call="p2", offer=OFFER)
        refused = await client.receive()
        assert (refused["name"], refused["code"]) == ("limit-reached", 480)
        await client.send(type="hangup", call="p1")
        assert (await client.receive())["type"] == "ended"
        await until_told(gateway, "gateway_preflights_active 0.0")
        await begun(gateway, client, "p2")
    limit = 'gateway_limits_reached_total{limit="preflights-at-once-per-address"} 1.0'
    await until_told(gateway, limit)


async def test_a_lost_socket_ends_it_though_calls_wait(gateway: Gateway) -> None:
    async with gateway.client() as client:
        call = await placed(gateway, client, "c1")
        await begun(gateway, client)
        client.connection.transport.abort()
    await until_told(gateway, 'gateway_preflights_total{cause="page-lost"} 1.0')
    assert call.commands.empty(), "the call waits for its page"


async def test_a_page_that_hangs_up_and_leaves_is_not_lost(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await begun(gateway, client)
        await until_told(gateway, "gateway_preflights_active 1.0")
        await client.send(type="hangup", call="p1")
    await until_told(gateway, 'gateway_preflights_total{cause="hangup"} 1.0')
    assert b'cause="page-lost"' not in gateway.room.metrics.text()


async def test_a_hangup_may_come_before_it_has_begun(gateway: Gateway) -> None:
    gateway.calls.preflights.may_begin.clear()
    async with gateway.client() as client:
        await client.send(type="preflight", call="p1", offer=OFFER)
        await client.send(type="hangup", call="p1")
        gateway.calls.preflights.may_begin.set()
        assert (await client.receive())["cause"] == "hangup"


async def test_a_socket_that_is_lost_before_it_has_begun_ends_it(gateway: Gateway) -> None:
    gateway.calls.preflights.may_begin.clear()
    async with gateway.client() as client:
        await client.send(type="preflight", call="p1", offer=OFFER)
        await client.send(type="ping")
        assert (await client.receive())["type"] == "pong"
    gateway.calls.preflights.may_begin.set()
    await until_told(gateway, 'gateway_preflights_total{cause="page-lost"} 1.0')


@pytest.mark.parametrize(
    "offer", [None, "v=0", {"type": "answer", "sdp": "v=0"}, {"type": "offer"}]
)
async def test_what_cannot_be_read_is_over(gateway: Gateway, offer: object) -> None:
    async with gateway.client() as client:
        await client.send(type="preflight", call="p1", offer=offer)
        error = await client.receive()
        assert (error["name"], error["fatal"], error["call"]) == ("bad-message", True, "p1")
