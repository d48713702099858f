"""What an operator changes while people talk: by SIGHUP, SIGUSR1 and the API, and no call ends."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.admission.mask import mask
from tests.end_to_end.operated import OFFER, World, open_world, refused
from tests.peers.coturn import make_certificate
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.peer


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


READ_AGAIN = "the configuration was read again"


async def test_sighup_changes_the_dial_plan_and_ends_no_call(world: World) -> None:
    line = world.trunk.line()
    async with world.talk(line) as call:
        world.configure(admission={"allow": ["+44"]})
        await world.signal(signal.SIGHUP, READ_AGAIN)
        other = world.trunk.line()
        assert await refused(world, other.number) == "not-allowed"
        assert not call.running.done()
        assert "ended" not in call.kinds
        await call.hang_up()
    await world.audit("reload")


async def test_sighup_lets_calls_last_longer(tmp_path: Path) -> None:
    async with open_world(tmp_path, {"admission": {"max_duration": 1}}) as world:
        async with world.talk(world.trunk.line()) as call:
            await call.end(limit=5)
            assert call.ended()[0] == "gateway"
        world.configure(admission={"max_duration": 60})
        await world.signal(signal.SIGHUP, READ_AGAIN)
        async with world.talk(world.trunk.line()) as call:
            over, _ = await asyncio.wait([call.running], timeout=3)
            assert not over
            assert "ended" not in call.kinds
            await call.hang_up()


async def test_sighup_with_a_mistake_changes_nothing(world: World) -> None:
    world.configure(admission={"allow": ["+1"], "alow": ["+44"]})
    await world.signal(signal.SIGHUP, "the configuration stays as it was")
    assert "the nearest one is allow" in world.gateway.log()
    async with world.talk(world.trunk.line()) as call:
        await call.hang_up()


async def test_sighup_says_what_waits_for_a_restart(world: World) -> None:
    waits = "a restart is needed for what has changed in: "
    world.configure(media={"bitrate": 24_000})
    await world.signal(signal.SIGHUP, f"{waits}media")
    world.configure(http={"trusted_proxies": ["127.0.0.9"]})
    await world.signal(signal.SIGHUP, f"{waits}http.trusted_proxies\n")


async def test_a_secret_is_replaced_in_two_steps(world: World) -> None:
    """First both count, then only the new one."""
    file, new = world.folder / "token-secret", secrets.token_urlsafe(32)
    number = world.trunk.line().number
    old_token, new_token = world.token(number), world.token(number, new)
    assert await refused(world, number, new_token) == "bad-token"
    file.write_text(f"{new}\n{world.secret}\n")
    await world.signal(signal.SIGHUP, READ_AGAIN)
    for token in (old_token, new_token):
        assert await refused(world, number, token) == "bad-offer"  # as far as the description
    file.write_text(f"{new}\n")
    await world.signal(signal.SIGHUP, READ_AGAIN)
    assert await refused(world, number, old_token) == "bad-token"
    assert await refused(world, number, new_token) == "bad-offer"


async def test_a_secret_that_is_removed_ends_what_it_granted(world: World) -> None:
    """Also for a page that is connected; a token by the new secret lets it call again."""
    number, new = world.trunk.line().number, secrets.token_urlsafe(32)
    subprotocols = [Subprotocol("gateway.v1")]
    call = json.dumps({"type": "call", "call": "c1", "to": number, "offer": OFFER})
    async with connect(world.gateway.websocket_url, subprotocols=subprotocols, proxy=None) as page:

        async def say(message: str) -> dict[str, Any]:
            await page.send(message)
            said: dict[str, Any] = json.loads(await page.recv())
            return said

        hello = {"type": "hello", "token": world.token(number)}
        assert (await say(json.dumps(hello)))["type"] == "welcome"
        assert (await say(call))["name"] == "bad-offer"  # as far as the description
        (world.folder / "token-secret").write_text(f"{new}\n")
        await world.signal(signal.SIGHUP, READ_AGAIN)
        said = await say(call)
        assert (said["type"], said["name"]) == ("error", "bad-token")
        hello["token"] = world.token(number, new)
        assert (await say(json.dumps(hello)))["type"] == "welcome"
        assert (await say(call))["name"] == "bad-offer"


async def test_sigusr1_stops_new_calls_and_the_api_takes_them_again(world: World) -> None:
    line = world.trunk.line()
    async with world.talk(line) as call:
        await world.signal(signal.SIGUSR1, "new calls are stopped")
        number = world.trunk.line().number
        assert await refused(world, number) == "stopped"
        status, body = await world.gateway.get("/readyz")
        assert (status, "SIGUSR1" in body) == (503, True)
        assert "ended" not in call.kinds
        await world.operate("PUT", "/v1/admission", json={"open": True})
        assert await refused(world, number) == "bad-offer"
        await call.hang_up()


async def test_one_caller_is_stopped_and_nobody_else(world: World) -> None:
    first, second = world.trunk.line(), world.trunk.line()
    async with world.talk(first) as call, world.talk(second) as other:
        running = (await world.operate("GET", "/v1/calls"))["calls"]
        assert {each["to"] for each in running} == {first.number, second.number}
        assert {each["identity"] for each in running} == {"visitor"}
        found = next(each for each in running if each["to"] == first.number)
        assert await world.operate("DELETE", f"/v1/calls/{found['id']}") == {"ended": 1}
        await call.end()
        assert call.ended() == ("gateway", "stopped", 503)
        assert call.messages[-1]["message"] == "The operator ended the call."
        assert "ended" not in other.kinds
        await other.hang_up()


async def test_a_number_is_blocked_in_mid_call(world: World) -> None:
    first, second = world.trunk.line(), world.trunk.line()
    async with world.talk(first) as call, world.talk(second) as other:
        block = {"kind": "number", "value": first.number, "why": "fraud"}
        assert (await world.operate("POST", "/v1/blocks", json=block))["ended"] == 1
        await call.end()
        assert await refused(world, first.number) == "not-allowed"
        assert "ended" not in other.kinds
        await other.hang_up()


async def test_logs_tell_who_it_was_and_hide_what_they_must(world: World) -> None:
    line = world.trunk.line()
    token = world.token(line.number)
    async with world.talk(line) as call:
        await call.hang_up()
    assert await refused(world, "+442079460000", token) == "not-allowed"
    lines = await world.audit("call-ended", "call-refused")
    log = world.gateway.log()
    audit = (world.folder / "audit.log").read_text()
    for text in (log, audit):
        for secret in (token, world.secret, world.key, line.number, "+442079460000"):
            assert secret not in text
        assert "127.0.0.1" in text
    (summary,) = [each for each in log.splitlines() if "call ended" in each]
    assert f"to={mask(line.number)}" in summary
    assert "cause=hangup(200)" in summary
    assert [each["event"] for each in lines][:5] == [
        "gateway-started",
        "session-opened",
        "call-admitted",
        "call-answered",
        "call-ended",
    ]
    assert {each["identity"] for each in lines[1:5]} == {"visitor"}


async def test_whose_forwarded_address_is_believed(tmp_path: Path) -> None:
    forged = {"X-Forwarded-For": "203.0.113.66"}
    for proxies, shown in (([], "127.0.0.1"), (["127.0.0.0/8"], "203.0.113.66")):
        folder = tmp_path / shown
        folder.mkdir()
        async with (
            open_world(folder, {"http": {"trusted_proxies": proxies}}) as world,
            connect(
                world.gateway.websocket_url,
                subprotocols=[Subprotocol("gateway.v1")],
                additional_headers=forged,
                proxy=None,
            ) as socket,
        ):
            await socket.send(json.dumps({"type": "hello", "token": world.token("+1555")}))
            assert json.loads(await socket.recv())["type"] == "welcome"
            lines = await world.audit("session-opened")
            (opened,) = [each for each in lines if each["event"] == "session-opened"]
            assert opened["address"] == shown


async def test_websockets_of_one_address(tmp_path: Path) -> None:
    limits = {"websockets_per_address": 2}
    async with open_world(tmp_path, {"admission.limits": limits}) as world:
        subprotocols = [Subprotocol("gateway.v1")]

        def open_socket() -> connect:
            return connect(world.gateway.websocket_url, subprotocols=subprotocols, proxy=None)

        async with open_socket(), open_socket():
            with pytest.raises(InvalidStatus) as over:
                async with open_socket():
                    pass
            assert over.value.response.status_code == 429
            assert b"WebSockets open" in over.value.response.body
        metrics = await world.gateway.metrics()
        name = 'gateway_limits_reached_total{limit="websockets-per-address"}'
        assert metrics[name] == 1
        assert " ERROR " not in world.gateway.log()


async def test_a_certificate_is_replaced_under_an_open_socket(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "127.0.0.1")
    first = certificate.read_bytes()
    tls = {"certificate": str(certificate), "key": str(key)}

    def trusting(pem: bytes) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=pem.decode())

    async with open_world(tmp_path, {"http": tls}, wait_ready=False) as world:
        up = "The gateway is at https"
        await wait_until(lambda: up in world.gateway.log(), limit=20, what=up)
        url = world.gateway.websocket_url.replace("ws:", "wss:")
        subprotocols = [Subprotocol("gateway.v1")]
        async with connect(url, subprotocols=subprotocols, ssl=trusting(first), proxy=None) as old:
            await old.send(json.dumps({"type": "hello", "token": world.token("+1555")}))
            assert json.loads(await old.recv())["type"] == "welcome"
            make_certificate(tmp_path, "127.0.0.1")
            second = certificate.read_bytes()
            assert second != first
            await world.signal(signal.SIGHUP, READ_AGAIN)
            async with connect(url, subprotocols=subprotocols, ssl=trusting(second), proxy=None):
                pass
            with pytest.raises(ssl.SSLError):
                async with connect(url, subprotocols=subprotocols, ssl=trusting(first), proxy=None):
                    pass
            await old.send(json.dumps({"type": "ping"}))
            assert json.loads(await old.recv()) == {"type": "pong"}
