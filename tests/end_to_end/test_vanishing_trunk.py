"""A trunk that hangs up twice, or vanishes in mid-call: the right end, and nothing is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.calls.call import PROBE_TIMEOUT
from tests.end_to_end.phone import calling
from tests.end_to_end.sip_trunk import run_sip_trunk
from tests.end_to_end.trunk_audio import trunk_audio
from tests.end_to_end.trunks import idle, open_trunk, trunk_sdp
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import Usage, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
TRUNK_TONE = 440.0
TIMEOUT = 2.0  # seconds of silence
FORGOTTEN = 45.0  # seconds: a BYE that nobody answers is given up after 64 times T1, which is 32


@pytest.fixture(scope="module", params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def port(transport: str) -> int:
    return free_port()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    port: int, transport: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway that is soon tired of silence."""
    config = GatewayConfig([open_trunk(port, transport)], overrides={"media": {"timeout": TIMEOUT}})
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def fresh(gateway: Gateway) -> Usage:
    """What the gateway uses before its first call."""
    return gateway.usage()


async def test_bye_twice(gateway: Gateway, port: int, transport: str) -> None:
    """Each is answered, a repetition as well as another one; one end is told."""
    async with (
        trunk_audio(TRUNK_TONE) as sound,
        run_sip_trunk(port, transport, trunk_sdp(sound.port)) as trunk,
        calling(gateway, NUMBER) as call,
    ):
        await call.hear("answered")
        await trunk.hear("ACK")
        trunk.request("BYE", 1, "z9hG4bK-first")
        trunk.request("BYE", 1, "z9hG4bK-first")
        end = (await call.end()).last
        await trunk.hear(200)
        trunk.request("BYE", 2, "z9hG4bK-second")
        answers = await trunk.hear(200, 481, count=3)
    assert answers[0].code == 200
    assert call.kinds.count("ended") == 1
    assert (end["by"], end["cause"], end["sipCode"]) == ("remote", "hangup", 200)
    assert "BYE" not in [each.method for each in trunk.heard]
    await idle(gateway)


async def test_silence_of_everything(gateway: Gateway, port: int, transport: str) -> None:
    """Its host is gone: no sound, and nothing answers, not even the BYE."""
    async with (
        trunk_audio(TRUNK_TONE) as sound,
        run_sip_trunk(port, transport, trunk_sdp(sound.port)) as trunk,
        calling(gateway, NUMBER) as call,
    ):
        await call.hear("answered")
        await asyncio.sleep(0.5)
        trunk.silent = True
        sound.fall_silent()
        end = (await call.end(limit=TIMEOUT + PROBE_TIMEOUT + 5)).last
        await trunk.hear("BYE")
    assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "media-timeout", 408)
    await idle(gateway)


async def test_nobody_at_the_port_any_more(gateway: Gateway, port: int, transport: str) -> None:
    """Its process is gone: connections are reset, and none can be made."""
    async with trunk_audio(TRUNK_TONE) as sound, calling(gateway, NUMBER) as call:
        async with run_sip_trunk(port, transport, trunk_sdp(sound.port)) as trunk:
            await call.hear("answered")
            await trunk.hear("ACK")
        sound.fall_silent()
        end = (await call.end(limit=TIMEOUT + PROBE_TIMEOUT + 5)).last
    assert end["cause"] in {"connection-lost", "media-timeout"}
    await idle(gateway)


async def test_a_connection_that_is_reset_ends_no_call(
    gateway: Gateway, port: int, transport: str
) -> None:
    """The sound goes on, so does the call; the BYE takes another connection (UDP has none)."""
    async with (
        trunk_audio(TRUNK_TONE) as sound,
        run_sip_trunk(port, transport, trunk_sdp(sound.port)) as trunk,
        calling(gateway, NUMBER) as call,
    ):
        await call.hear("answered")
        await trunk.hear("ACK")
        trunk.reset()
        await asyncio.sleep(1.5 * TIMEOUT)
        assert not call.running.done(), call.messages[-1]
        end = (await call.hang_up()).last
        await trunk.hear("BYE")
    assert (end["by"], end["cause"]) == ("local", "hangup")
    await idle(gateway)


async def test_no_socket_is_left_of_them(gateway: Gateway, fresh: Usage) -> None:
    """Comes last: what is kept for a BYE that nobody answers is given up with it."""
    await idle(gateway)
    await wait_until(
        lambda: gateway.usage().sockets <= fresh.sockets,
        limit=FORGOTTEN,
        what=f"no more than the {fresh.sockets} sockets from before the calls",
    )
