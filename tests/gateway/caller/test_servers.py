"""The headless caller and the ICE servers of `welcome`: it waits for them, and obeys the policy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from gateway.caller import sound
from gateway.caller.call import CallerCall, CallOptions
from gateway.caller.leg import CallerLeg
from gateway.errors import UnavailableError
from gateway.media.parameters import MediaConfig
from gateway.media.ports import PortRange
from tests.gateway.caller.test_caller import server
from tests.gateway.media.webrtc.test_relay import named, turn
from tests.peers.ports import free_ports

REFUSED = {"type": "error", "code": 403, "name": "no", "message": "No.", "fatal": True}


def make_leg() -> CallerLeg:
    block = free_ports(4)
    ports = PortRange("127.0.0.1", block.start, block.stop - 1)
    return CallerLeg(ports, MediaConfig(), sound.silence(), keep=1, on_change=lambda _: None)


def kinds(leg: CallerLeg) -> list[str]:
    return [candidate.partition(" typ ")[2].split()[0] for candidate in leg.candidates]


@pytest.mark.parametrize(
    ("only", "expected"), [(False, ["host", "relay"]), (True, ["relay"])], ids=["all", "relay"]
)
async def test_candidates_are_as_the_policy_wants(only: bool, expected: list[str]) -> None:
    leg = make_leg()
    async with turn() as relay:
        await leg.use_servers(named(relay.url), relay_only=only)
        assert kinds(leg) == expected
        await leg.close()
        await relay.deleted.wait()


async def test_without_servers_it_is_reached_directly() -> None:
    leg = make_leg()
    await leg.use_servers([], relay_only=False)
    assert kinds(leg) == ["host"]
    await leg.close()


async def test_relay_policy_without_a_relay_is_no_call() -> None:
    leg = make_leg()
    with pytest.raises(UnavailableError, match="none is named"):
        await leg.use_servers([], relay_only=True)
    async with turn((401, "Unauthorized")) as relay:
        with pytest.raises(UnavailableError, match="401"):
            await leg.use_servers(named(relay.url), relay_only=True)
    await leg.close()


async def test_refusal_is_a_warning_where_there_is_another_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    leg = make_leg()
    async with turn((401, "Unauthorized")) as relay:
        await leg.use_servers(named(relay.url), relay_only=False)
    assert "401 - Unauthorized" in caplog.text
    assert kinds(leg) == ["host"]
    await leg.close()


async def test_call_waits_for_welcome_and_its_servers() -> None:
    said: list[dict[str, Any]] = []

    async def behave(socket: ServerConnection) -> None:
        said.append(json.loads(await socket.recv()))
        fields = {"iceServers": named(relay.url), "iceTransportPolicy": "relay"}
        # The second one renews, and is no reason to call again
        for session in ("s1", "s1"):
            await socket.send(json.dumps({"type": "welcome", "session": session, **fields}))
        while said[-1].get("type") != "candidate" or said[-1]["candidate"] is not None:
            said.append(json.loads(await socket.recv()))
        await socket.send(json.dumps(REFUSED))
        await socket.wait_closed()

    async with turn() as relay, server(behave) as url:
        await CallerCall(CallOptions(to="600", url=url, token="t")).run()
    assert said[0] == {"type": "hello", "token": "t"}
    assert [each["type"] for each in said] == ["hello", "call", "candidate", "candidate"]
    assert " typ relay " in said[2]["candidate"]["candidate"]


async def test_relay_that_cannot_be_had_ends_the_call() -> None:
    async def behave(socket: ServerConnection) -> None:
        await socket.recv()
        welcome = {"type": "welcome", "iceServers": [], "iceTransportPolicy": "relay"}
        await socket.send(json.dumps(welcome))
        await socket.wait_closed()

    async with server(behave) as url:
        with pytest.raises(UnavailableError, match="TURN server only"):
            await CallerCall(CallOptions(to="600", url=url)).run()
