"""uvicorn's WebSocket as we bend it: also the names inside it that this builds on."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from gateway.app import PING_INTERVAL, uvicorn_config
from gateway.config import Settings
from gateway.signaling import websocket_protocol
from gateway.signaling.http_server import Server
from gateway.signaling.websocket_protocol import (
    FRAMES_AT_ONCE,
    IDLE_PING_INTERVAL,
    TOO_MANY_FRAMES,
    TOO_MANY_MESSAGES,
    WATCH,
    Round,
    WebSocketProtocol,
)
from tests.gateway.signaling.fakes import open_gate
from tests.waiting import until

LIMIT = 5.0  # seconds


class Application:
    """Accepts WebSockets and says what it hears again."""

    def __init__(self) -> None:
        self.scopes: asyncio.Queue[Scope] = asyncio.Queue()
        self.ended: asyncio.Queue[int] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.scopes.put(scope)
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        await self.ended.put(message["code"])


class Served:
    """The server under test."""

    def __init__(self, application: Application, server: Server, port: int) -> None:
        self.application = application
        self.server = server
        self.port = port

    def connect(self) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/", proxy=None)

    async def scope(self) -> Scope:
        async with asyncio.timeout(LIMIT):
            return await self.application.scopes.get()

    async def ended(self) -> int:
        async with asyncio.timeout(LIMIT):
            return await self.application.ended.get()

    @property
    def only(self) -> WebSocketProtocol:
        """The server's side of the only WebSocket."""
        (protocol,) = self.server.server_state.connections
        assert isinstance(protocol, WebSocketProtocol)
        return protocol


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    application = Application()
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn_config(application, Settings(), open_gate()))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Served(application, server, listener.getsockname()[1])
    finally:
        server.should_exit = True
        async with asyncio.timeout(LIMIT):
            await task
        listener.close()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def echo(client: ClientConnection, text: str) -> None:
    await client.send(text)
    async with asyncio.timeout(LIMIT):
        assert await client.recv() == text


async def test_nothing_of_the_handshake_is_kept(served: Served) -> None:
    async with served.connect() as client:
        scope = await served.scope()
        await echo(client, "a")
        protocol = served.only
        assert scope["headers"] == []
        assert len(protocol.request.headers) == len(protocol.response.headers) == 0


async def test_messages_come_in_order_when_they_come_at_once(served: Served) -> None:
    async with served.connect() as client:
        for number in range(100):
            await client.send(str(number))
        async with asyncio.timeout(LIMIT):
            assert [await client.recv() for _ in range(100)] == [str(each) for each in range(100)]


async def test_who_reads_late_gets_everything(served: Served) -> None:
    """The server waits for room, and goes on."""
    async with served.connect() as client:
        await served.scope()
        client.transport.pause_reading()
        text = "x" * 500_000
        sending = asyncio.create_task(_send(client, [text] * 20))
        protocol = served.only
        await until(lambda: not protocol.writable.is_set())
        client.transport.resume_reading()
        async with asyncio.timeout(LIMIT):
            for _ in range(20):
                assert len(await client.recv()) == len(text)
            await sending
        await until(protocol.writable.is_set)


async def _send(client: ClientConnection, texts: list[str]) -> None:
    for text in texts:
        await client.send(text)


async def test_who_waits_for_room_hears_of_the_end(served: Served) -> None:
    async with served.connect() as client:
        await served.scope()
        client.transport.pause_reading()
        sending = asyncio.create_task(_send(client, ["x" * 500_000] * 20))
        protocol = served.only
        await until(lambda: not protocol.writable.is_set())
        client.transport.abort()
        await until(protocol.writable.is_set)
        with suppress(Exception):
            await sending


def test_a_proxy_hears_something_in_time() -> None:
    """nginx cuts after 60 s (proxy_read_timeout), some after 55."""
    assert IDLE_PING_INTERVAL < 50


class Visited:
    """Notes when it is looked after."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def look_after(self) -> None:
        self.at.append(asyncio.get_running_loop().time())


def visited() -> Any:
    return Visited()


async def test_everybody_is_visited_once_in_a_period() -> None:
    idle = Round(0.2, 0.02)
    all_of_them, gone = [visited() for _ in range(25)], visited()
    idle.leave(idle.join(gone), gone)
    for each in all_of_them:
        idle.join(each)
    await until(lambda: min(len(each.at) for each in all_of_them) >= 3)
    assert gone.at == []
    for each in all_of_them:
        gaps = [later - earlier for earlier, later in pairwise(each.at)]
        assert min(gaps) > 0.15  # not soon again; the upper end is the machine's
    # A few at a time, though all came at once
    times = Counter(each.at[0] for each in all_of_them)
    assert len(times) >= 10


async def test_an_idle_page_that_answers_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_protocol, "IDLE_PING_INTERVAL", 0.06)
    monkeypatch.setattr(websocket_protocol, "STEP", 0.02)
    async with serving() as served, served.connect() as client:
        await served.scope()
        protocol, answers = served.only, list[float]()

        def answered() -> bool:
            if protocol.last_ping_rtt and protocol.last_ping_rtt not in answers:
                answers.append(protocol.last_ping_rtt)
            return len(answers) >= 3

        await until(answered)
        await echo(client, "a")


def vanish(client: ClientConnection) -> None:
    """Answer nothing any more, as a machine that has lost its network."""
    client.transport.pause_reading()


async def test_an_idle_page_that_vanished_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_protocol, "IDLE_PING_INTERVAL", 0.06)
    monkeypatch.setattr(websocket_protocol, "STEP", 0.02)
    async with serving() as served, served.connect() as client:
        await served.scope()
        vanish(client)
        assert await served.ended() == 1005
        client.transport.abort()


async def test_a_page_with_a_call_that_vanished_is_noticed_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.app.PING_INTERVAL", 0.05)
    monkeypatch.setattr("gateway.app.PING_TIMEOUT", 0.05)
    async with serving() as served, served.connect() as client:
        scope = await served.scope()
        vanish(client)
        scope["extensions"][WATCH](True)
        assert await served.ended() == 1005
        client.transport.abort()


async def test_a_page_whose_call_is_over_is_left_in_peace(served: Served) -> None:
    async with served.connect() as client:
        scope = await served.scope()
        watch, protocol = scope["extensions"][WATCH], served.only
        for _ in range(2):
            assert due(protocol) is None
            watch(True)
            watch(True)
            assert 0 < (due(protocol) or 0) <= PING_INTERVAL
            watch(False)
            watch(False)
        await echo(client, "a")


def due(protocol: WebSocketProtocol) -> float | None:
    """Return the seconds until its own next ping; None if it has only those of the round."""
    timer = protocol.ping_timer
    return None if timer is None else timer.when() - asyncio.get_running_loop().time()


async def test_watching_who_has_left_does_nothing(served: Served) -> None:
    async with served.connect():
        scope, protocol = await served.scope(), served.only
        watch = scope["extensions"][WATCH]
    await served.ended()
    for on in (True, False):
        watch(on)
        assert protocol.ping_timer is None


CONTROL = [b"\x89\x80abcd", b"\x8a\x80abcd"]  # an empty ping, an empty pong
BEGIN, PART, END = b"\x01\x80abcd", b"\x00\x80abcd", b"\x80\x80abcd"  # of a text
TEXT = b"\x81\x80abcd"


@asynccontextmanager
async def raw(served: Served) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a WebSocket, whose frames the test writes itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)
    await served.scope()
    try:
        yield reader, writer
    finally:
        writer.close()


async def close_frame(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Read until the server closes; return why it says that it does."""
    said = await asyncio.wait_for(reader.read(), LIMIT)
    frame = said[said.rindex(b"\x88") :]
    return int.from_bytes(frame[2:4], "big"), frame[4:].decode()


@pytest.mark.parametrize("frame", CONTROL, ids=["ping", "pong"])
async def test_control_frames_without_end(served: Served, frame: bytes) -> None:
    async with raw(served) as (reader, writer):
        writer.write(frame * 2000)
        assert await close_frame(reader) == (1008, TOO_MANY_FRAMES)
        assert await served.ended() == 1008


async def test_a_burst_of_control_frames_passes(served: Served) -> None:
    async with raw(served) as (reader, writer):
        writer.write(CONTROL[0] * FRAMES_AT_ONCE)
        async with asyncio.timeout(LIMIT):
            assert await reader.readexactly(2 * FRAMES_AT_ONCE) == b"\x8a\x00" * FRAMES_AT_ONCE
        writer.write(TEXT)
        async with asyncio.timeout(LIMIT):
            assert await reader.readexactly(2) == b"\x81\x00"


async def test_fragments_without_end(served: Served) -> None:
    async with raw(served) as (reader, writer):
        writer.write(BEGIN + PART * 2000)
        assert await close_frame(reader) == (1008, TOO_MANY_FRAMES)


async def test_fragments_that_come_slowly(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_protocol, "FRAMES_PER_SECOND", 1e6)
    async with raw(served) as (reader, writer):
        writer.write((BEGIN + PART * (FRAMES_AT_ONCE - 2) + END) * 2)
        for _ in range(2):
            async with asyncio.timeout(LIMIT):
                assert await reader.readexactly(2) == b"\x81\x00"
        writer.write(BEGIN)
        for _ in range(FRAMES_AT_ONCE):
            writer.write(CONTROL[1] + PART)
            await asyncio.sleep(0)
        assert await close_frame(reader) == (1008, TOO_MANY_FRAMES)


async def test_messages_that_fill_a_read(served: Served) -> None:
    async with raw(served) as (reader, writer):
        writer.write(TEXT * 20_000)
        async with asyncio.timeout(LIMIT):
            with suppress(ConnectionResetError):
                assert await close_frame(reader) == (1008, TOO_MANY_MESSAGES)
        assert await served.ended() in (1005, 1008)


async def test_a_long_message_in_parts_passes(served: Served) -> None:
    async with served.connect() as client:
        await served.scope()
        parts = ["x" * 512] * 128
        await client.send(parts)
        async with asyncio.timeout(LIMIT):
            assert await client.recv() == "".join(parts)
