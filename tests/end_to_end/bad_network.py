"""A bad network between a headless caller and the gateway: RTP that is lost, late, out of order.

A relay for the WebSocket and one for the media. The first puts the second's addresses into the
candidates of both ends, so that there is no other way. What is no RTP passes: ICE, DTLS, RTCP.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from gateway.caller.call import SUBPROTOCOL
from voice.rtp import is_rtcp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.connection import Connection

    from tests.peers.gateway import Gateway

HOST = "127.0.0.1"
CANDIDATE = re.compile(r"(candidate:\S+ 1 udp \d+ )(\S+) (\d+)( typ host)", re.I)

# The delay of each RTP packet in seconds; None for one that is lost
Fate = Callable[[], float | None]


def perfect() -> float | None:
    """Deliver every packet, at once."""
    return 0.0


def trouble(*, loss: float = 0.0, jitter: float = 0.0, seed: int = 1) -> Fate:
    """Lose each packet with this probability, delay it by up to so many seconds; both at random."""
    chance = random.Random(seed)

    def fate() -> float | None:
        lost, delay = chance.random() < loss, chance.uniform(0.0, jitter)
        return None if lost else delay

    return fate


class _Side(asyncio.DatagramProtocol):
    """The relay's port that one end sends to; `target` is where that end is."""

    def __init__(self, fate: Fate, distance: float) -> None:
        self._fate = fate
        self._distance = distance
        self.other: _Side | None = None
        self.target: tuple[str, int] | None = None
        self.passed = 0  # RTP packets
        self.lost = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.port: int = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        other = self.other
        if other is None or other.target is None or addr != self.target:
            return
        if not (data and 128 <= data[0] < 192 and not is_rtcp(data)):
            self._pass_on(data, self._distance)
            return
        delay = self._fate()
        if delay is None:
            self.lost += 1
            return
        self.passed += 1
        self._pass_on(data, delay + self._distance)

    def _pass_on(self, data: bytes, delay: float) -> None:
        other = self.other
        assert other is not None
        if delay:
            loop = asyncio.get_running_loop()
            loop.call_later(delay, other.transport.sendto, data, other.target)
        else:
            other.transport.sendto(data, other.target)


class BadNetwork:
    """One call's way through a relay. Use `bad_network`.

    Attributes
    ----------
    url
        Of the WebSocket that leads through it.
    up, down
        What the caller has sent, and what the gateway has: packets `passed` and `lost`.
    """

    url: str

    def __init__(self, gateway: Gateway, up: Fate, down: Fate, distance: float) -> None:
        self._gateway = gateway
        self.up, self.down = _Side(up, distance), _Side(down, distance)
        self.up.other, self.down.other = self.down, self.up

    async def serve(self, page: ServerConnection) -> None:
        """Stand between a page and the gateway."""
        async with (
            connect(self._gateway.websocket_url, subprotocols=[SUBPROTOCOL]) as upstream,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._pump(page, upstream, self._from_caller))
            tasks.create_task(self._pump(upstream, page, self._from_gateway))

    @staticmethod
    async def _pump(
        source: Connection, sink: Connection, change: Callable[[dict[str, Any]], None]
    ) -> None:
        try:
            async for frame in source:
                message = json.loads(frame)
                change(message)
                await sink.send(json.dumps(message))
        except ConnectionClosed:
            pass
        await sink.close()

    def _from_caller(self, message: dict[str, Any]) -> None:
        if message["type"] == "candidate" and message["candidate"] is not None:
            text = message["candidate"]["candidate"]
            message["candidate"]["candidate"] = self._lead(text, self.up, self.down)

    def _from_gateway(self, message: dict[str, Any]) -> None:
        if message["type"] == "answer":
            text = message["answer"]["sdp"]
            message["answer"]["sdp"] = self._lead(text, self.down, self.up)

    @staticmethod
    def _lead(text: str, author: _Side, instead: _Side) -> str:
        """Remember where the author is, and name in its place the port that leads there."""

        def change(found: re.Match[str]) -> str:
            if ":" in found[2]:  # the gateway has no IPv6 here, and neither has the relay
                return found[0]
            author.target = (found[2], int(found[3]))
            return f"{found[1]}{HOST} {instead.port}{found[4]}"

        changed, count = CANDIDATE.subn(change, text)
        assert count <= 1, f"more than one way: {text}"
        return changed


@asynccontextmanager
async def bad_network(
    gateway: Gateway, *, up: Fate = perfect, down: Fate = perfect, distance: float = 0.0
) -> AsyncIterator[BadNetwork]:
    """Lay a way for one call; `up` is from the caller to the gateway.

    Parameters
    ----------
    distance
        Seconds that every datagram takes each way, RTP or not, besides its fate.
    """
    network = BadNetwork(gateway, up, down, distance)
    loop = asyncio.get_running_loop()
    for side in (network.up, network.down):
        await loop.create_datagram_endpoint(
            lambda side=side: side,  # type: ignore[misc]
            local_addr=(HOST, 0),
            family=socket.AF_INET,
        )
    try:
        async with serve(network.serve, HOST, 0, subprotocols=[SUBPROTOCOL]) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            network.url = f"ws://{HOST}:{port}/v1/ws"
            yield network
    finally:
        network.up.transport.close()
        network.down.transport.close()
