"""Connections that cost us more than their sender: too many, too slow, too full."""

from __future__ import annotations

import asyncio
import resource
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from tests.peers.process import wait_until
from tests.sdp.descriptions import BROWSER_OFFER
from tests.security.attack import attack
from tests.security.conftest import faults
from tests.security.exchange import open_exchange
from tests.security.flooding import attacked_call, flood
from tests.security.house import open_house
from tests.security.raw import connected, handshake, to_the_end

if TYPE_CHECKING:
    from pathlib import Path

    from tests.security.house import House

TITLE = "Connections"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unharmed")]

MEBIBYTE = 1024 * 1024


@attack(
    "400 connections from one address that ask for nothing",
    "300 stay, the others are closed at once; others get in",
)
async def test_many_connections_of_one_address(house: House) -> None:
    address = house.address()
    async with AsyncExitStack() as stack:
        readers = []
        for _ in range(400):
            reader, _ = await stack.enter_async_context(connected(house, address=address))
            readers.append(reader)
        await wait_until(
            lambda: sum(each.at_eof() or each.exception() is not None for each in readers) == 100,
            limit=5,
            what="100 connections are closed",
        )
        await house.serves()


MOST = 300  # connections of one address


@attack(
    "400 TLS handshakes from one address that say nothing",
    "300 stay, the others are closed at once; others get in; those that stayed are closed after "
    "5 s, and the address gets in again",
)
async def test_silent_tls_handshakes(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with (
        open_exchange() as exchange,
        open_house(exchange, tmp_path, tls=True) as house,
        AsyncExitStack() as stack,
    ):
        address, began, readers = house.address(), loop.time(), []
        for _ in range(MOST + 100):
            reader, _ = await stack.enter_async_context(connected(house, address=address))
            readers.append(reader)

        def closed() -> int:
            return sum(each.at_eof() or each.exception() is not None for each in readers)

        await wait_until(lambda: closed() == 100, limit=4, what="100 connections are closed")
        await house.serves()
        async with connected(house, address=address) as (reader, _):
            assert await asyncio.wait_for(to_the_end(reader), 1) == b""
        assert closed() == 100
        await wait_until(lambda: closed() == MOST + 100, limit=15, what="all are closed")
        assert 5 <= loop.time() - began < 15
        await house.serves(address=address)
        assert len(exchange.invites) == house.sent_out
        assert faults(house) == []


ASKING = b"GET /healthz HTTP/1.1\r\nHost: gateway.example\r\n\r\n"


@attack(
    "5,000 requests on one connection that wait for no answer (pipelining)",
    "closed: at most 8 wait behind the one that is answered; nine are answered",
)
async def test_pipelined_requests(house: House) -> None:
    async with connected(house, address=house.address()) as (reader, writer):
        writer.write(9 * ASKING)
        for _ in range(9):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert b"HTTP/1.1 200" in head
    for count in (10, 5000):
        async with connected(house, address=house.address()) as (reader, writer):
            writer.write(count * ASKING)
            answers = await asyncio.wait_for(to_the_end(reader), 5)
        assert answers.count(b"HTTP/1.1 ") <= 9


# ---- slow


async def _drip(house: House, data: bytes) -> float:
    """Send a byte at a time until the gateway closes; return the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with connected(house) as (reader, writer):
        over = asyncio.create_task(to_the_end(reader))
        position = 0
        while not over.done():
            writer.write(data[position : position + 1])
            position = min(position + 1, len(data) - 2)
            await asyncio.wait([over], timeout=0.1)
    return loop.time() - began


async def _no_hello(house: House) -> tuple[int, str]:
    async with house.socket() as socket:
        turned = await house.closed(socket)
    return turned.code, turned.reason


SLOW = attack(
    "slow loris: headers byte by byte, half a handshake, a body byte by byte, nothing at all, "
    "a WebSocket without `hello`, all of them while a call runs",
    "closed after 10 s each, the WebSocket after 5 s with 4408 (no hello within 5 s); "
    "the call's packets come",
)


@SLOW
async def test_slow_loris(house: House, tone: Path) -> None:
    body = f"PUT /v1/admission HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {house.key}\r\n"
    body += "Content-Type: application/json\r\nContent-Length: 40\r\n\r\n"
    async with attacked_call(house, tone):
        *taken, closing = await asyncio.gather(
            _drip(house, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + 1000 * b"a" + b"\r\n\r\n"),
            _drip(house, handshake()[:-30] + 500 * b"a" + b"\r\n"),
            _drip(house, body.encode() + 35 * b" " + b"{}"),
            _drip(house, b"\r\n\r\n"),
            _no_hello(house),
        )
    assert closing == (4408, "no hello within 5 s")
    assert all(10 <= seconds < 20 for seconds in taken), taken


@attack(
    "headers without end, as fast as they go",
    "closed after 128 KiB",
)
async def test_endless_headers(house: House) -> None:
    async with connected(house) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        over = asyncio.create_task(to_the_end(reader))
        sent = 0
        while not over.done() and sent < 4 * MEBIBYTE:
            writer.write(b"X-Header: " + 1000 * b"a" + b"\r\n")
            sent += 1012
            await asyncio.sleep(0)
        await asyncio.wait_for(over, 5)
    assert sent < 4 * MEBIBYTE


# ---- many

COUNT = 5000
_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
WITH_FILES = pytest.mark.skipif(
    _FILES < COUNT + 1000, reason=f"this machine allows a process {_FILES} open files"
)


@attack(
    "5,000 TCP connections from 5,000 addresses that say nothing, while a call runs",
    "closed after 10 s; the call's packets come, and another page calls meanwhile",
)
@WITH_FILES
async def test_half_open_connections(house: House, tone: Path) -> None:
    port = house.gateway.config.http_port
    async with attacked_call(house, tone) as (_, stream):
        flooding = asyncio.create_task(flood("connect", port, COUNT, 30))
        await wait_until(
            lambda: house.gateway.usage().sockets > COUNT or flooding.done(),
            limit=20,
            what="the connections are open",
        )
        await house.serves()
        stream.told = await flooding
    assert stream.told["most"] == stream.told["closed"] == COUNT


@attack(
    "5,000 WebSockets from 5,000 addresses that say no `hello`, while a call runs",
    "closed with 4408 after 5 s; the call's packets come, and another page calls meanwhile",
)
@WITH_FILES
async def test_half_open_websockets(house: House, tone: Path) -> None:
    port = house.gateway.config.http_port
    async with attacked_call(house, tone) as (_, stream):
        flooding = asyncio.create_task(flood("mute", port, COUNT, 40))
        await wait_until(
            lambda: house.gateway.usage().sockets > COUNT // 4 or flooding.done(),
            limit=20,
            what="many WebSockets are open",
        )
        await house.serves()
        stream.told = await flooding
    assert stream.told["opened"] == stream.told["closed"] == COUNT


FEW = 600  # files
FOR_US = 20  # that a call opens


@attack(
    "more connections that say nothing than the gateway may have files open",
    "closed once three quarters of the files are taken; a page that is connected already calls",
)
async def test_no_files_left(tmp_path: Path) -> None:
    async with (
        open_exchange() as exchange,
        open_house(exchange, tmp_path) as house,
        house.page() as page,
    ):
        await house.serves()
        resource.prlimit(house.gateway.pid, resource.RLIMIT_NOFILE, (FEW, FEW))
        flooding = asyncio.create_task(flood("connect", house.gateway.config.http_port, 1000, 4))
        await wait_until(
            lambda: "the rest of the files is for calls" in house.gateway.log(),
            limit=5,
            what="its files are used up",
        )
        assert FEW // 2 < house.gateway.usage().descriptors <= FEW - FEW // 4 + FOR_US
        said = await page.call(exchange.line().number, BROWSER_OFFER)
        assert said["type"] == "trying", said
        await flooding
        assert faults(house) == []
