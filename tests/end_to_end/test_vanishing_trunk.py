"""A trunk that hangs up twice, or vanishes in mid-call: the right end, and nothing is left."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.calls.side import PROBE_TIMEOUT
from tests.end_to_end.odd_calls import Rig, answered
from tests.end_to_end.odd_trunk import odd_trunk
from tests.end_to_end.trunks import idle, open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.ports import free_port
from tests.peers.process import Usage, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

TIMEOUT = 2.0  # seconds of silence
ENDED = TIMEOUT + PROBE_TIMEOUT + 5  # seconds
FRAME = 0.02  # seconds
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


@pytest_asyncio.fixture(loop_scope="module")
async def rig(gateway: Gateway, port: int, transport: str, tone: Path) -> AsyncIterator[Rig]:
    """A trunk of the test's own."""
    async with odd_trunk(transport=transport.upper(), port=port) as trunk:
        yield Rig(gateway, trunk, tone)


async def test_bye_twice(rig: Rig) -> None:
    """Each is answered, a repetition as well as another one; one end is told.

    The first gets 200. For the others it depends on the moment whether the engine still knows it.
    """
    async with answered(rig) as dialed:
        line, call, _ = dialed
        line.start_request("BYE", cseq=1)
        line.send_again()
        await call.end()
        await line.request("BYE", cseq=2)  # what is answered last
    codes = [each.status for each in line.received if each.status is not None]
    assert (len(codes), codes[0]) == (3, 200)
    assert set(codes) <= {200, 481}
    assert call.ended() == ("remote", "hangup", 200)
    assert line.requests() == ["INVITE", "ACK"]
    await idle(rig.gateway)


async def test_silence_of_everything(rig: Rig) -> None:
    """Its host is gone: no sound, and nothing answers, not even the BYE."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        rig.trunk.silent = sound.silent = True
        await call.end(limit=ENDED)
        await line.hear("BYE")
    assert call.ended() == ("gateway", "media-timeout", 408)
    await idle(rig.gateway)


async def test_nobody_at_the_port_any_more(
    gateway: Gateway, port: int, transport: str, tone: Path
) -> None:
    """Its process is gone: connections are reset, and none can be made."""
    async with AsyncExitStack() as stack:
        trunk = await stack.enter_async_context(odd_trunk(transport=transport.upper(), port=port))
        async with answered(Rig(gateway, trunk, tone)) as dialed:
            await stack.aclose()
            dialed.sound.silent = True
            end = (await dialed.call.end(limit=ENDED)).last
    assert end["cause"] in {"connection-lost", "media-timeout"}
    await idle(gateway)


async def test_a_connection_that_is_reset_ends_no_call(rig: Rig) -> None:
    """The sound goes on, so does the call; the BYE takes another connection (UDP has none)."""
    async with answered(rig) as dialed:
        line, call, sound = dialed
        rig.trunk.reset()
        await sound.hear(round(1.5 * TIMEOUT / FRAME))
        assert not call.running.done(), call.messages[-1]
        await call.hang_up()
        await line.hear("BYE")
    assert call.ended() == ("local", "hangup", 200)
    await idle(rig.gateway)


async def test_no_socket_is_left_of_them(gateway: Gateway, fresh: Usage) -> None:
    """Comes last: what is kept for a BYE that nobody answers is given up with it."""
    await idle(gateway)
    await wait_until(
        lambda: gateway.usage().sockets <= fresh.sockets,
        limit=FORGOTTEN,
        what=f"no more than the {fresh.sockets} sockets from before the calls",
    )
