"""A client that loses its WebSocket, and what it hears on the next one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gateway.calls import news
from gateway.media.events import LegQuality
from tests.gateway.signaling.conftest import (
    Client,
    Gateway,
    Message,
)
from tests.waiting import until

LEG = LegQuality(mos=4.0, loss=0.0, jitter_ms=1.0, rtt_ms=None, level=None, packets=1)

QUALITY = news.Quality(LEG, LEG)

TAKEN_OVER = (4000, "the session goes on by another socket")


@asynccontextmanager
async def opened(
    gateway: Gateway, *, origin: str | None = None, **hello: Any
) -> AsyncIterator[tuple[Client, Message]]:
    """Connect, say hello, and return what comes first."""
    async with gateway.raw(origin=origin) as client:
        await client.send(type="hello", **hello)
        yield client, await client.receive()


async def lose(gateway: Gateway, client: Client) -> None:
    """Cut the client's socket, and wait until the gateway has noticed."""
    before = len(gateway.room.sessions)
    client.connection.transport.abort()
    await until(lambda: len(gateway.room.sessions) > before)


async def types_of(client: Client, count: int) -> list[str]:
    return [(await client.receive())["type"] for _ in range(count)]


async def nothing_more(client: Client) -> None:
    await client.send(type="ping")
    assert await client.receive() == {"type": "pong"}
