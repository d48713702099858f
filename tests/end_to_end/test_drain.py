"""The gateway goes out of service while people talk: no call is lost that could be kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.admission.keys import new_key
from gateway.caller.call import CallOptions
from gateway.caller.sound import RATE
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_sound import Sound, open_sound
from tests.end_to_end.odd_trunk import HOST, Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import PhoneCall, calling, waiting
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import tree_environment, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.peer

TRUNK_TONE = 440.0
NUMBER = "+15550100"
SALES = {"to": NUMBER, "identity": "sales"}
# In a connection that the gateway will close first: its port is then one that was used just now
OPTIONS = "\r\n".join(
    (
        "OPTIONS sip:gateway@127.0.0.1 SIP/2.0",
        "Via: SIP/2.0/TCP 127.0.0.1:5099;branch=z9hG4bK1;rport",
        "From: <sip:a@127.0.0.1>;tag=1",
        "To: <sip:gateway@127.0.0.1>",
        "Call-ID: killed",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
        "",
        "",
    )
)
OFFER = {"type": "offer", "sdp": "v=0\r\n"}


@asynccontextmanager
async def station(
    folder: Path, trunk: OddTrunk, **overrides: dict[str, object]
) -> AsyncIterator[Gateway]:
    """Run a gateway whose trunk is played by hand, and whose end is checked: status 0."""
    config = GatewayConfig([open_trunk(trunk.port)], overrides=overrides, incoming=[SALES])
    async with run_gateway(config, folder) as gateway:
        yield gateway


@pytest.fixture
async def trunk() -> AsyncIterator[OddTrunk]:
    async with odd_trunk() as trunk:
        yield trunk


@asynccontextmanager
async def talk(
    gateway: Gateway, line: Line, play: Path | None = None
) -> AsyncIterator[tuple[PhoneCall, Sound]]:
    """Be in a call that was answered."""
    async with (
        calling(gateway, line.number, play=play) as call,
        open_sound(TRUNK_TONE) as sound,
    ):
        await line.hear("INVITE")
        await line.answer(describe(sound.port))
        await call.hear("answered")
        yield call, sound


async def refusal(gateway: Gateway, **message: object) -> dict[str, Any]:
    """Say something as a new page; return what comes of it."""
    async with connect(
        gateway.websocket_url, subprotocols=[Subprotocol("gateway.v1")], proxy=None
    ) as socket:
        await socket.send('{"type": "hello"}')
        assert json.loads(await socket.recv())["type"] == "welcome"
        draining = json.loads(await socket.recv())
        assert draining["type"] == "draining"
        assert 0 < draining["seconds"] <= 300
        await socket.send(json.dumps(message))
        answer: dict[str, Any] = json.loads(await socket.recv())
        return answer


async def test_a_call_goes_on_and_nothing_new_comes(
    trunk: OddTrunk, tmp_path: Path, tone: Path
) -> None:
    """Heard in both directions until it ends by itself; then the process does, with status 0."""
    line = trunk.line()
    async with station(tmp_path, trunk) as gateway:
        async with talk(gateway, line, tone) as (call, sound), waiting(gateway, "sales") as page:
            gateway.terminate()
            assert (await call.hear("draining"))["seconds"] == 300
            await page.hear("draining")
            await assert_out_of_service(gateway)
            for number in (signal.SIGHUP, signal.SIGUSR1):  # they do what they always do
                os.kill(gateway.pid, number)
            await wait_until(lambda: "was read again" in gateway.log(), limit=5, what="a reload")
            assert "incoming" not in page.kinds
            await sound.hear(75)
            spoken = sound.samples(1)
            outcome = await call.hang_up()
            await line.hear("BYE")
        assert call.ended() == ("local", "hangup", 200)
        assert_heard(spoken, sound.rate, present=[TONE], absent=[TRUNK_TONE])
        assert outcome.heard is not None
        assert_heard(outcome.heard[-RATE:], RATE, present=[TRUNK_TONE], absent=[TONE])
        await ends(gateway)


async def assert_out_of_service(gateway: Gateway) -> None:
    """Nobody is let in: no page, no trunk; and it can be seen."""
    status, text = await gateway.get("/readyz")
    assert status == 503
    assert "draining" in text
    assert (await gateway.metrics())["gateway_draining"] == 1
    offered = await refusal(gateway, type="call", call="c1", to="+15550199", offer=OFFER)
    assert (offered["name"], offered["code"], offered["fatal"]) == ("draining", 503, True)
    registered = await refusal(gateway, type="register", identity="sales")
    assert (registered["name"], registered["code"]) == ("draining", 503)
    async with trunk_call(gateway, NUMBER) as arriving:
        arriving.invite(describe(9))
        assert (await arriving.hear(503)).header("retry-after") == "10"
    async with trunk_call(gateway, NUMBER) as asking:
        asking.send("OPTIONS", "", cseq=1)
        assert (await asking.hear(503, method="OPTIONS")).header("retry-after") == "10"


async def ends(gateway: Gateway, limit: float = 5.0) -> None:
    """Wait for the end of the process, which nobody asks for any more."""
    async with asyncio.timeout(limit):
        await gateway.ended()


async def test_a_call_that_takes_too_long_is_ended_with_bye(
    trunk: OddTrunk, tmp_path: Path
) -> None:
    line = trunk.line()
    async with station(tmp_path, trunk, sessions={"drain_timeout": 1}) as gateway:
        async with talk(gateway, line) as (call, _):
            gateway.terminate()
            bye = await line.hear("BYE", limit=4)
            assert "Going out of service" in (bye.header("reason") or "")
            await call.end()
            assert call.ended() == ("gateway", "shutdown", 503)
        await ends(gateway)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_who_is_in_a_hurry_says_so_twice(
    trunk: OddTrunk, tmp_path: Path, second: signal.Signals
) -> None:
    line = trunk.line()
    async with station(tmp_path, trunk) as gateway:
        async with talk(gateway, line) as (call, _):
            gateway.terminate()
            await call.hear("draining")
            assert "ended" not in call.kinds
            os.kill(gateway.pid, second)
            await line.hear("BYE", limit=2)
            await call.end()
            assert call.ended() == ("gateway", "shutdown", 503)
        await ends(gateway)


async def test_calls_that_ring_are_answered_all_the_same(trunk: OddTrunk, tmp_path: Path) -> None:
    """One of a page's and one of the trunk's, both in the middle of their set-up."""
    line = trunk.line()
    async with (
        station(tmp_path, trunk) as gateway,
        calling(gateway, line.number) as call,
        waiting(gateway, "sales") as page,
        trunk_call(gateway, NUMBER) as arriving,
        open_sound(TRUNK_TONE) as sound,
        open_sound(TRUNK_TONE) as other,
    ):
        await line.hear("INVITE")
        arriving.invite(describe(other.port))
        await page.hear("incoming")
        gateway.terminate()
        await call.hear("draining")
        line.respond(180)
        await call.hear("ringing")
        await line.answer(describe(sound.port))
        await call.hear("answered")
        await page.accept()
        await page.hear("answered")
        await other.hear(25)
        await call.hang_up()
        arriving.request("BYE")
        await page.end()
        await ends(gateway)


async def test_the_operator_drains_it_by_a_key(trunk: OddTrunk, tmp_path: Path) -> None:
    """It ends the process, too."""
    key, hashed = new_key()
    (tmp_path / "keys").write_text(f"{hashed}\n")
    line = trunk.line()
    async with station(tmp_path, trunk, http={"api_keys_file": str(tmp_path / "keys")}) as gateway:
        url, headers = f"{gateway.url}/v1/drain", {"Authorization": f"Bearer {key}"}
        async with talk(gateway, line) as (call, _), httpx.AsyncClient(headers=headers) as api:
            before = (await api.get(url)).json()
            assert before == {"draining": False, "active": 1, "seconds": None}
            response = await api.post(url)
            assert response.status_code == 202
            assert response.json()["draining"]
            await call.hear("draining")
            state = (await api.get(url)).json()
            assert 0 < state.pop("seconds") <= 300
            assert state == {"draining": True, "active": 1}
            await call.hang_up()
        await ends(gateway)


# The process is killed, and comes back


async def test_a_killed_gateway_starts_again_at_once(trunk: OddTrunk, tmp_path: Path) -> None:
    """In mid-call, and with connections to both of its ports: the next one takes the same ones.

    The trunk's side of the old call learns from its next request that there is no such call.
    """
    tcp = {**open_trunk(free_port(), "tcp"), "name": "tcp", "priority": 2}
    config = GatewayConfig([open_trunk(trunk.port), tcp], incoming=[SALES])
    line, other = trunk.line(), trunk.line()
    async with run_gateway(config, tmp_path) as gateway, talk(gateway, line):
        reader, writer = await asyncio.open_connection(HOST, config.sip_port)
        writer.write(OPTIONS.encode())
        assert (await reader.readline()).startswith(b"SIP/2.0 200")
        await gateway.kill()
    async with run_gateway(config, tmp_path) as gateway, talk(gateway, other) as (call, _):
        for method in ("OPTIONS", "INVITE", "BYE"):
            assert (await line.request(method)).status == 481
        await call.hang_up()
        await other.hear("BYE")
    writer.close()


# A terminal that is closed


async def test_the_demo_ends_its_calls_when_the_terminal_is_closed(tmp_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", "--port", str(port)),
        cwd=tmp_path,
        env=tree_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            while b"The gateway is at" not in (await process.stdout.readline()):
                assert not process.stdout.at_eof()
        call = PhoneCall(CallOptions(to="600", url=f"ws://{HOST}:{port}/v1/ws", duration=60))
        try:
            await call.hear("answered")
            process.send_signal(signal.SIGHUP)
            await call.end()
            assert call.ended() == ("gateway", "shutdown", 503)
            async with asyncio.timeout(10):
                assert await process.wait() == 0
        finally:
            await call.take_down()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
