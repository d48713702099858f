"""A page that sends whatever a test tells it to: the protocol, unchecked."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect

from gateway.caller.call import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.gateway import Gateway


class Page:
    """An open WebSocket. Use `open_page`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, **message: object) -> None:
        await self._socket.send(json.dumps(message))

    async def receive(self, *, limit: float = 5.0) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(limit):
            message: dict[str, Any] = json.loads(await self._socket.recv())
            return message

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next message, which is of this type."""
        message = await self.receive(limit=8)
        assert message["type"] == kind, message
        return message

    async def call(self, to: str, offer: str, **fields: object) -> dict[str, Any]:
        """Ask for a call, "1" unless it is named, and return the first message about it."""
        description = {"type": "offer", "sdp": offer}
        await self.send(**{"type": "call", "call": "1", "to": to, "offer": description, **fields})
        return await self.receive()

    async def until(
        self, kind: str, *, call: str | None = None, limit: float = 5.0
    ) -> dict[str, Any]:
        """Return the next message of a type, about a call; those before it are passed over."""
        async with asyncio.timeout(limit):
            while True:
                message = await self.receive(limit=limit)
                if message["type"] == kind and call in (None, message.get("call")):
                    return message


@asynccontextmanager
async def open_page(gateway: Gateway, **hello: object) -> AsyncIterator[Page]:
    """Open the WebSocket and say hello."""
    async with connect(gateway.websocket_url, subprotocols=[SUBPROTOCOL]) as socket:
        page = Page(socket)
        await page.send(type="hello", **hello)
        assert (await page.receive())["type"] == "welcome"
        yield page
