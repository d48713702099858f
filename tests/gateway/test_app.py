"""Starting and stopping: the order in which parts go, and what stands in the way of a start."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.app import serve
from gateway.calls.end import By
from gateway.config import Address, HttpSettings, Settings
from gateway.errors import ConfigError, UnavailableError
from gateway.listening import listen
from gateway.signaling.room import Room
from gateway.stopping import Stop
from tests.gateway.signaling.fakes import FakeCall, FakeCalls, open_gate

ANY_PORT = Settings(http=HttpSettings(listen=Address("127.0.0.1", 0)))


class Parts(FakeCalls):
    """Parts that note when they stop, and end their calls as the real ones do."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.live: list[FakeCall] = []
        self.faults: list[str] = []
        self.died = asyncio.Event()

    @asynccontextmanager
    async def open_room(self, settings: Settings) -> AsyncIterator[Room]:
        yield Room(calls=self, gate=open_gate(), faults=lambda: self.faults, died=self.died)
        self.notes.append("parts stopped")

    async def place(self, *arguments: Any) -> FakeCall:
        call = await super().place(*arguments)
        self.live.append(call)
        return call

    async def close(self) -> None:
        assert self.draining
        self.notes.append("calls ended")
        for call in self.live:
            call.end(By.GATEWAY)


async def test_calls_end_before_sockets_and_sockets_before_parts() -> None:
    parts, stop = Parts(), Stop()
    address: asyncio.Queue[str] = asyncio.Queue()
    serving = asyncio.create_task(
        serve(ANY_PORT, parts.open_room, stop=stop, announce=address.put_nowait)
    )
    async with asyncio.timeout(10):
        url = (await address.get()).replace("http:", "ws:") + "/v1/ws"
        async with connect(url, subprotocols=[Subprotocol("gateway.v1")], proxy=None) as page:
            await page.send('{"type": "hello"}')
            await page.recv()
            offer = {"type": "offer", "sdp": ""}
            await page.send(json.dumps({"type": "call", "call": "c", "to": "6", "offer": offer}))
            await parts.placed.get()
            stop.hurry()
            assert json.loads(await page.recv()) == {"type": "draining", "seconds": 0}
            assert json.loads(await page.recv())["type"] == "ended"
            await page.wait_closed()
            assert page.close_code == 1012
            parts.notes.append("socket closed")
        await serving
    assert parts.notes == ["calls ended", "socket closed", "parts stopped"]


async def test_a_call_goes_on_and_then_all_is_over() -> None:
    parts, stop = Parts(), Stop()
    address: asyncio.Queue[str] = asyncio.Queue()
    serving = asyncio.create_task(
        serve(ANY_PORT, parts.open_room, stop=stop, announce=address.put_nowait)
    )
    async with asyncio.timeout(10):
        url = (await address.get()).replace("http:", "ws:") + "/v1/ws"
        async with connect(url, subprotocols=[Subprotocol("gateway.v1")], proxy=None) as page:
            await page.send('{"type": "hello"}')
            await page.recv()
            parts.active = 1
            stop.drain()
            assert json.loads(await page.recv()) == {"type": "draining", "seconds": 300}
            await page.send('{"type": "ping"}')
            assert json.loads(await page.recv())["type"] == "pong"
            parts.empty.set()
            await page.wait_closed()
            assert page.close_code == 1012
        await serving
    assert parts.notes == ["calls ended", "parts stopped"]


async def test_a_part_that_dies_stops_the_rest_and_is_said() -> None:
    parts, up = Parts(), asyncio.Event()
    serving = asyncio.create_task(
        serve(ANY_PORT, parts.open_room, stop=Stop(), announce=lambda _: up.set())
    )
    async with asyncio.timeout(10):
        await up.wait()
        parts.faults.append("The SIP engine is gone.")
        parts.died.set()
        with pytest.raises(UnavailableError, match=r"^The SIP engine is gone\.$"):
            await serving
    assert parts.notes == ["calls ended", "parts stopped"]


async def test_a_part_that_cannot_start_is_said() -> None:
    def open_room(settings: Settings) -> AbstractAsyncContextManager[Room]:
        raise UnavailableError("the SIP port is in use")

    with pytest.raises(UnavailableError, match="the SIP port is in use"):
        await serve(ANY_PORT, open_room, stop=Stop(), announce=print)


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = Address("127.0.0.1", other.getsockname()[1])
        said = f"http.listen = '{address}': Address already in use; --listen"
        with pytest.raises(ConfigError, match=said), listen(HttpSettings(listen=address)):
            pass


async def test_a_certificate_that_is_none_is_said(tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    file.write_text("nothing")
    settings = Settings(http=HttpSettings(certificate=file, key=file))
    parts = Parts()
    with pytest.raises(ConfigError, match=r"http\.certificate = .*x\.pem"):
        await serve(settings, parts.open_room, stop=Stop(), announce=print)
