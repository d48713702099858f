"""Calls whose WebSocket is cut: they go on, and the caller has them back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.call import Message
from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.recording import assert_heard, longest_fault, read_recording
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.tcp_relay import TcpRelay, relaying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

WINDOW = 5.0  # seconds; a caller tries every second or two


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway that waits for pages."""
    tables: dict[str, dict[str, object]] = {
        "admission": {"allow": ["*"]},
        "sessions": {"resume_window": WINDOW},
    }
    config = GatewayConfig([lab_trunk(lab)], overrides=tables)
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def relay(gateway: Gateway) -> AsyncIterator[TcpRelay]:
    """What stands between callers and the gateway."""
    async with relaying(gateway.config.http_port) as relay:
        yield relay


def through(relay: TcpRelay) -> str:
    return f"ws://127.0.0.1:{relay.port}/v1/ws"


async def back(call: PhoneCall) -> Message:
    """Wait until the caller has been welcomed again."""
    welcome = await call.hear("welcome", count=2)
    assert welcome["resume"] == "resumed"
    return welcome


async def test_neither_side_hears_that_the_socket_was_cut(
    gateway: Gateway, relay: TcpRelay, manager: Manager, tone: Path
) -> None:
    async with calling(gateway, "9603", play=tone, url=through(relay)) as call:
        await call.hear("answered")
        await asyncio.sleep(1)
        relay.cut()
        welcome = await back(call)
        assert [each["state"] for each in welcome["calls"]] == ["answered"]
        await asyncio.sleep(1)
        outcome = await call.hang_up()
    assert (outcome.last["by"], outcome.last["cause"]) == ("local", "hangup")
    record = await manager.wait("LabRecord")
    await manager.wait("LabHangup", CallID=record["CallID"])
    assert outcome.heard is not None
    heard = outcome.heard[-2 * RATE :]
    assert_heard(heard, RATE, present=[LAB_TONE], absent=[TONE])
    assert longest_fault(heard, RATE, LAB_TONE)[0] < 0.2
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-2 * rate :], rate, present=[TONE], absent=[LAB_TONE])
    assert longest_fault(received[-2 * rate :], rate, TONE)[0] < 0.2
    await idle(gateway)


async def test_who_comes_back_hears_that_the_far_end_has_hung_up(
    gateway: Gateway, relay: TcpRelay, manager: Manager
) -> None:
    async with calling(gateway, "641", url=through(relay)) as call:  # for a second
        await call.hear("answered")
        relay.refuse = True
        relay.cut()
        await manager.wait("LabHangup")
        relay.refuse = False
        end = (await call.end()).last
    assert (end["by"], end["cause"]) == ("remote", "hangup")
    assert relay.taken > 2
    await idle(gateway)


async def test_who_rings_while_the_socket_is_away_is_answered(
    gateway: Gateway, relay: TcpRelay
) -> None:
    """What was missed comes in its order: the call rings for two seconds, and is answered."""
    async with calling(gateway, "9611", url=through(relay)) as call:
        await call.hear("answer")
        relay.cut()
        await call.hear("answered")
        await call.hang_up()
    kinds = [kind for kind in call.kinds if kind not in ("welcome", "quality")]
    assert kinds == ["trying", "answer", "ringing", "answered", "ended"]
    assert call.kinds.count("welcome") == 2
    await idle(gateway)


async def test_the_far_end_is_let_go_once_nobody_has_come_back(
    gateway: Gateway, relay: TcpRelay, manager: Manager
) -> None:
    async with calling(gateway, "600", url=through(relay)) as call:
        await call.hear("answered")
        dialed = await manager.wait("LabCall", Dialed="600")
        relay.refuse = True
        relay.cut()
        before = asyncio.get_running_loop().time()
        await manager.wait("LabHangup", CallID=dialed["CallID"], limit=WINDOW + 3)
        waited = asyncio.get_running_loop().time() - before
        assert waited > WINDOW - 0.5
    metrics = await idle(gateway)
    assert metrics['gateway_calls_ended_total{cause="page-lost"}'] >= 1
    assert metrics["gateway_sessions_expired_total"] >= 1
    assert metrics["gateway_sessions_detached"] == 0
