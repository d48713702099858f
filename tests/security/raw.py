"""Bytes to the gateway's HTTP port as no library would send them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.security.house import ORIGIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.security.house import House

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def handshake(*headers: str, origin: str = ORIGIN, path: str = "/v1/ws") -> bytes:
    """Return a WebSocket handshake with headers of one's own."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: gateway.example",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Protocol: gateway.v1",
        f"Origin: {origin}",
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def ask(
    house: House, request: bytes, *, address: str = "127.0.0.1", limit: float = 5.0
) -> tuple[int, str]:
    """Send bytes; return the status (0 if there is no answer) and all that came, a moment later.

    A connection that stays open after the answer is closed by us.
    """
    async with connected(house, address=address) as (reader, writer):
        try:
            writer.write(request)
            async with asyncio.timeout(limit):
                head = await reader.readuntil(b"\r\n\r\n")
                length = _length(head)
                body = await reader.readexactly(length) if length else b""
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, ""
    return int(head.split()[1]), (head + body).decode("latin-1")


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def frame(opcode: int, payload: bytes, *, end: bool = True) -> bytes:
    """Return a frame as a client sends it, masked by zeros (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([0x80 * end | opcode]) + length + bytes(4) + payload


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(house: House, *, address: str = "127.0.0.1") -> AsyncIterator[Connection]:
    """Open a connection."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", house.gateway.config.http_port, local_addr=(address, 0)
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the gateway closes."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@asynccontextmanager
async def upgraded(house: House, *, address: str = "127.0.0.1") -> AsyncIterator[Connection]:
    """Open a WebSocket, and say nothing."""
    async with connected(house, address=address) as (reader, writer):
        writer.write(handshake())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        yield reader, writer
