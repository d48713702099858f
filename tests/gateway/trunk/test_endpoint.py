"""The endpoint's own life: start, limits, what it refuses, and how it closes."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.trunk import (
    Answered,
    EndpointConfig,
    Origin,
    Trunk,
    TrunkEndpoint,
    TrunkError,
    TrunkFullError,
    stack,
)
from tests.gateway.trunk.conftest import OFFER, Phone
from tests.gateway.trunk.wire import Wire, open_wire
from tests.peers.ports import free_port
from tests.peers.process import wait_until
from tests.peers.sipp import run_trunk


@asynccontextmanager
async def running(config: EndpointConfig) -> AsyncIterator[Phone]:
    endpoint = TrunkEndpoint(config)
    await endpoint.start()
    try:
        yield Phone(endpoint)
    finally:
        await endpoint.close()


def silent_port() -> socket.socket:
    silent = socket.socket(type=socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", free_port()))
    return silent


async def test_restart_leaves_nothing_behind() -> None:
    async with running(EndpointConfig(port=0)):
        pass
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        async with running(EndpointConfig(port=0)) as phone:
            assert phone.endpoint.engine_name.startswith("pjsua2 2.")
            assert f"{phone.endpoint.capacity} calls" in phone.endpoint.engine_name
            assert phone.endpoint.address.port > 0
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_port_taken() -> None:
    with silent_port() as taken:
        port = taken.getsockname()[1]
        endpoint = TrunkEndpoint(EndpointConfig(port=port))
        with pytest.raises(TrunkError, match=rf"SIP cannot start on 127\.0\.0\.1:{port}: .*in use"):
            await endpoint.start()
    await endpoint.start()  # it is free now
    await endpoint.close()
    await endpoint.close()
    with pytest.raises(TrunkError, match="not started"):
        await Phone(endpoint).dial("sip:127.0.0.1")


async def test_second_endpoint() -> None:
    async with running(EndpointConfig(port=0)):
        with pytest.raises(TrunkError, match="another trunk endpoint runs in this process"):
            await TrunkEndpoint(EndpointConfig(port=0)).start()


async def test_bad_address() -> None:
    with pytest.raises(TrunkError, match="'example' is not an IP address"):
        await TrunkEndpoint(EndpointConfig(address="example")).start()


async def test_stock_engine_beyond_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's INVITE can end a process with the stock wheel: none may reach it."""
    monkeypatch.setattr(stack, "STOCK_CALLS", 2000)
    with pytest.raises(TrunkError, match=r"stock engine must not listen beyond loopback.*make eng"):
        await TrunkEndpoint(EndpointConfig(address="0.0.0.0", port=0)).start()
    async with running(EndpointConfig(address="127.0.0.2", port=0)) as phone:
        assert "stock wheel" in phone.endpoint.engine_name


async def test_descriptor_limit() -> None:
    """The soft limit of open files would be reached by strangers' connections, or by 500 calls."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1000, hard), hard))
    try:
        async with running(EndpointConfig(port=0)):
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_no_tcp_unless_asked() -> None:
    async with running(EndpointConfig(port=0)) as phone:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", phone.endpoint.address.port)


async def test_idle_connection() -> None:
    """Who connects and says nothing is hung up by the engine after 10 s."""
    async with running(EndpointConfig(port=0, tcp=True)) as phone:
        if "own build" not in phone.endpoint.engine_name:
            pytest.skip("the stock wheel keeps it")
        reader, writer = await asyncio.open_connection("127.0.0.1", phone.endpoint.address.port)
        async with asyncio.timeout(15):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.peer
async def test_close_ends_calls(tmp_path: Path) -> None:
    """Calls up, ringing, and not answered at all: each gets its end, and the trunk a BYE."""
    with silent_port() as silent:
        async with run_trunk("uas", tmp_path) as sipp:
            async with running(EndpointConfig(port=0)) as phone:
                _, talking = await phone.dial(sipp.uri)
                await talking.hear(Answered)
                _, calling = await phone.dial(f"sip:127.0.0.1:{silent.getsockname()[1]}")
                began = time.monotonic()
            assert time.monotonic() - began < 3
            messages = await sipp.finish()
    bye = next(each for each in messages if each.method == "BYE")
    assert bye.header("reason") == 'Q.850;cause=41;text="Going out of service"'
    for ear in (talking, calling):
        end = await ear.end()
        assert (end.by, end.cause) == (Origin.GATEWAY, "gateway-closed")


async def test_close_repeats_a_bye_that_is_lost() -> None:
    """As long as there is a call that the trunk may think of as going on, and no longer."""
    async with open_wire() as trunk:
        async with running(EndpointConfig(port=0)) as phone:
            _, ear = await phone.dial(trunk.uri)
            trunk.answer(await trunk.hear("INVITE"), 200, "OK", sdp=OFFER)
            await ear.hear(Answered)
            closing = asyncio.create_task(phone.endpoint.close(1.0))
            await trunk.find(lambda _: count_of(trunk, "BYE") == 2)
            trunk.answer(await trunk.hear("BYE"), 200, "OK")
            async with asyncio.timeout(5):
                await closing
        assert count_of(trunk, "BYE") == 2


def count_of(wire: Wire, method: str) -> int:
    return sum(each.method == method for each in wire.heard)


async def test_capacity() -> None:
    with silent_port() as silent:
        uri = f"sip:127.0.0.1:{silent.getsockname()[1]}"
        async with running(EndpointConfig(port=0, max_calls=2)) as phone:
            assert phone.endpoint.capacity == 2
            await phone.dial(uri)
            await phone.dial(uri)
            with pytest.raises(TrunkFullError, match="carries 2 calls"):
                await phone.dial(uri)


async def test_ended_calls_keep_their_place() -> None:
    """A trunk that answers nothing: its calls have ended for us, and the engine still has them."""
    async with open_wire() as silent, running(EndpointConfig(port=0, max_calls=2)) as phone:
        assert phone.endpoint.free == 2
        for _ in range(2):
            _, ear = await phone.dial(Trunk("silent", silent.uri, response_timeout=0.2))
            await ear.end()
        await asyncio.sleep(1.5)  # a sweep finds them in use
        assert (phone.endpoint.active, phone.endpoint.free) == (0, 0)
        with pytest.raises(TrunkFullError, match="all lines of the SIP engine are in use"):
            await phone.dial(silent.uri)


@pytest.mark.peer
async def test_answered_calls_give_their_place_back(tmp_path: Path) -> None:
    config = EndpointConfig(port=0, max_calls=2)
    async with run_trunk("uas", tmp_path, calls=2) as sipp, running(config) as phone:
        for leg, ear in [await phone.dial(sipp.uri) for _ in range(2)]:
            await ear.hear(Answered)
            await leg.hangup()
            await ear.end()
        await wait_until(lambda: phone.endpoint.free == 2, limit=3, what="the slots are free")


async def test_engine_stays_idle() -> None:
    """Waiting costs next to nothing: the thread sleeps on the engine's epoll."""
    async with running(EndpointConfig(port=0)):
        began = time.process_time()
        await asyncio.sleep(1)
        used = time.process_time() - began
    assert used < 0.1


async def test_end_while_asking(caplog: pytest.LogCaptureFixture) -> None:
    """The endpoint's end ends a question, and the engine does not complain of it."""
    async with open_wire() as trunk:
        async with running(EndpointConfig(port=0)) as phone:
            if "own build" not in phone.endpoint.engine_name:
                pytest.skip("the stock wheel does not ask")
            asking = asyncio.create_task(phone.endpoint.ask(Trunk("t", trunk.uri), 30))
            await trunk.hear("OPTIONS")
        assert await asking is None
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]
    with pytest.raises(TrunkError, match="not started"):
        await phone.endpoint.ask(Trunk("t", trunk.uri), 1)


async def test_stock_engine_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its assertions end the process where a question outlives its account."""
    monkeypatch.setattr(stack, "STOCK_CALLS", 2000)
    async with running(EndpointConfig(port=0)) as phone:
        with pytest.raises(TrunkError, match="cannot ask a trunk by OPTIONS"):
            await phone.endpoint.ask(Trunk("t", "sip:127.0.0.1"), 1)
