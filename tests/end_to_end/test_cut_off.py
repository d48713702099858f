"""Calls that one side does not end but vanishes from: the page, the gateway, the trunk."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.phone import calling
from tests.end_to_end.trunks import idle, lab_trunk
from tests.gateway.trunk.test_repeats import Parrot
from tests.peers.asterisk import AsteriskLab, run_lab
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.process import PeerError, wait_until

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from tests.peers.ami import Manager

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

ALLOW = {"admission": {"allow": ["*"]}}


async def start_caller(gateway: Gateway, to: str) -> Process:
    """Start `gateway call` in a process of its own, which can be killed."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "call", to, "--url", gateway.websocket_url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )


async def printed(caller: Process, start: str) -> None:
    """Wait for a line that begins so."""
    assert caller.stdout is not None
    async with asyncio.timeout(15):
        async for line in caller.stdout:
            if line.decode().startswith(start):
                return
    raise PeerError(f"the caller has not printed {start!r}")


@pytest.mark.parametrize(("number", "line"), [("600", "answered"), ("630", "ringing")])
async def test_the_page_is_killed(
    gateway: Gateway, manager: Manager, number: str, line: str
) -> None:
    """No goodbye of any kind: BYE or CANCEL reaches the trunk within five seconds."""
    caller = await start_caller(gateway, number)
    try:
        await printed(caller, line)
        call = await manager.wait("LabCall", Dialed=number)
        assert not manager.matching("LabHangup")
    finally:
        caller.kill()
        await caller.wait()
    await manager.wait("LabHangup", CallID=call["CallID"], limit=5)
    metrics = await idle(gateway)
    assert metrics['gateway_calls_ended_total{cause="page-lost"}'] >= 1


async def test_the_page_falls_silent(gateway: Gateway, manager: Manager) -> None:
    """A machine that sleeps: its sockets stay open, nothing comes; the call must not go on.

    Pings of the WebSocket and the silence of the media both notice, whichever is first.
    """
    caller = await start_caller(gateway, "600")
    try:
        await printed(caller, "answered")
        call = await manager.wait("LabCall", Dialed="600")
        caller.send_signal(signal.SIGSTOP)
        await manager.wait("LabHangup", CallID=call["CallID"], limit=25)
    finally:
        caller.kill()
        await caller.wait()
    await idle(gateway)


async def test_the_gateway_is_stopped(lab: AsteriskLab, manager: Manager, tmp_path: Path) -> None:
    """SIGTERM without a drain: pages and trunk are told, of calls answered and ringing."""
    config = GatewayConfig([lab_trunk(lab)], overrides={**ALLOW, "sessions": {"drain_timeout": 0}})
    async with run_gateway(config, tmp_path) as gateway:
        async with calling(gateway, "600") as answered, calling(gateway, "630") as ringing:
            await answered.hear("answered")
            await ringing.hear("ringing")
            calls = [await manager.wait("LabCall", Dialed=to) for to in ("600", "630")]
            began = perf_counter()
            gateway.terminate()
            for call in (answered, ringing):
                end = (await call.end(limit=5)).last
                assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "shutdown", 503)
            for each in calls:
                await manager.wait("LabHangup", CallID=each["CallID"], limit=2)
            await gateway.stop()  # raises unless the exit status is 0
            assert perf_counter() - began < 5
        with pytest.raises(ProcessLookupError):
            os.kill(gateway.pid, 0)


async def test_the_trunk_is_killed(tmp_path: Path) -> None:
    """The page can end the call all the same, at once; the next call reaches what comes after."""
    with run_lab() as lab:
        config = GatewayConfig([lab_trunk(lab)], overrides=ALLOW)
        async with run_gateway(config, tmp_path) as gateway:
            async with calling(gateway, "603") as call:
                await call.hear("answered")
                await kill(int((lab.directory / "lab.pid").read_text()))
                await asyncio.sleep(0.5)  # of sending to a port that is closed
                assert not call.running.done()
                end = (await call.hang_up(limit=3)).last
            assert (end["by"], end["cause"], end["sipCode"]) == ("local", "hangup", 200)
            await idle(gateway)
            loop = asyncio.get_running_loop()
            address = ("127.0.0.1", lab.sip_port)
            transport, _ = await loop.create_datagram_endpoint(Parrot, local_addr=address)
            async with calling(gateway, "603") as call:
                await call.hear("answered")
                await call.hang_up()
            transport.close()
            await idle(gateway)


async def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    await wait_until(lambda: not Path(f"/proc/{pid}").exists(), limit=5, what="it is gone")
