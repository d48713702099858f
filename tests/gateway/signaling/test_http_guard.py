"""What a connection that asks for nothing may cost, seen through a real server."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from uvicorn.protocols.http import httptools_impl

from gateway.admission.limits import LimitRules
from gateway.signaling import http_guard
from gateway.signaling.http_guard import Connections
from tests.gateway.signaling.fakes import NO_LIMITS

if TYPE_CHECKING:
    from tests.gateway.signaling.conftest import Gateway, StartGateway


async def connect(gateway: Gateway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", gateway.port)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server has closed, and said nothing before."""
    async with asyncio.timeout(5):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def answered(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readline()


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nX-A: ", b"POST / HTTP/1.1\r\n"])
async def test_a_request_that_never_ends(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(http_guard, "REQUEST_TIMEOUT", 0.05)
    reader, writer = await connect(gateway)
    writer.write(sent)
    assert await closed(reader)
    writer.close()


async def test_a_byte_at_a_time_gains_no_time(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_guard, "REQUEST_TIMEOUT", 0.2)
    reader, writer = await connect(gateway)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    over = asyncio.create_task(closed(reader))
    for _ in range(1000):
        writer.write(b"a")
        await asyncio.sleep(0.02)
        if over.done():
            break
    assert over.done()
    assert over.result()
    writer.close()


async def test_headers_without_an_end(gateway: Gateway) -> None:
    reader, writer = await connect(gateway)
    writer.write(b"GET / HTTP/1.1\r\n")
    line = b"X-A: " + b"a" * 1000 + b"\r\n"
    for _ in range(http_guard.MAX_REQUEST // len(line) + 1):
        writer.write(line)
    assert await closed(reader)
    writer.close()


async def test_a_body_that_nobody_asked_for(gateway: Gateway) -> None:
    reader, writer = await connect(gateway)
    size = 2 * http_guard.MAX_REQUEST
    writer.write(b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    assert b"405" in await answered(reader)
    writer.write(b"a" * size)
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            await reader.read()
    writer.close()


async def test_whole_requests_have_a_time_each(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is kept is judged by each request, and not by its age."""
    monkeypatch.setattr(http_guard, "REQUEST_TIMEOUT", 0.2)
    reader, writer = await connect(gateway)
    for _ in range(4):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" in await answered(reader)
        async with asyncio.timeout(5):
            headers = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(headers.split(b"content-length: ")[1].split(b"\r\n")[0]))
        await asyncio.sleep(0.1)
    writer.close()


async def test_few_requests_wait(gateway: Gateway) -> None:
    """Those that may wait have their answers, in order."""
    reader, writer = await connect(gateway)
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    writer.write(request * (http_guard.MAX_WAITING + 1))
    for _ in range(http_guard.MAX_WAITING + 1):
        assert b"200" in await answered(reader)
        headers = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(headers.split(b"content-length: ")[1].split(b"\r\n")[0]))
    writer.close()


async def test_a_flood_of_whole_requests(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = Counter[str]()
    cycle = httptools_impl.RequestResponseCycle

    def count(*arguments: Any, **named: Any) -> object:
        made["cycle"] += 1
        return cycle(*arguments, **named)

    monkeypatch.setattr(httptools_impl, "RequestResponseCycle", count)
    reader, writer = await connect(gateway)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 3000)
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            while await reader.read(65536):
                pass
    writer.close()
    assert made["cycle"] <= http_guard.MAX_WAITING + 1
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_connections_of_one_address(start_gateway: StartGateway) -> None:
    few = LimitRules(
        websockets_per_address=1, messages_per_second_per_address=0, calls_at_once_per_address=0
    )
    gateway = await start_gateway(limit_rules=few)
    held = [await connect(gateway) for _ in range(6)]
    reader, writer = await connect(gateway)
    assert await closed(reader)
    writer.close()
    for _, each in held:
        each.close()
        await each.wait_closed()
    async with gateway.client() as client:  # those that became WebSockets count elsewhere
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


def test_places_are_given_back() -> None:
    connections = Connections(lambda: 2, lambda host: host == "192.0.2.9")
    first, second = connections.enter("192.0.2.1"), connections.enter("192.0.2.1")
    assert first is not None
    assert second is not None
    assert connections.enter("192.0.2.1") is None
    for _ in range(5):
        assert connections.enter("192.0.2.9") is not None
    first.leave()
    first.leave()
    assert connections.enter("192.0.2.1") is not None
    # One client has a whole /64
    for host in ("2001:db8::1", "2001:db8::2"):
        assert connections.enter(host) is not None
    assert connections.enter("2001:db8::3") is None


def test_no_limit() -> None:
    connections = Connections(lambda: 0, lambda host: False)
    assert all(connections.enter("192.0.2.1") is not None for _ in range(1000))
    assert len(connections) == 1000
    assert NO_LIMITS.websockets_per_address == 0
