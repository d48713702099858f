"""A real server on loopback with fake calls behind it, and a real WebSocket client."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from gateway.admission.limits import LimitRules
from gateway.admission.policy import Policy
from gateway.app import create_app, uvicorn_config
from gateway.config import Settings
from gateway.signaling.handshake import SUBPROTOCOL
from gateway.signaling.http import Extensions
from gateway.signaling.http_server import Server
from gateway.signaling.room import Limits, Room
from gateway.signaling.seam import Records
from gateway.signaling.sessions import Sessions
from tests.gateway.signaling.fakes import NO_LIMITS, FakeCall, FakeCalls, open_gate

Message = dict[str, Any]
OFFER = {"type": "offer", "sdp": "v=0\r\n"}


class Client:
    """A page's side of the WebSocket; every wait has a limit."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def place(self, call: str = "c1", to: str = "600", **fields: Any) -> None:
        await self.send(type="call", call=call, to=to, offer=OFFER, **fields)

    async def receive(self) -> Message:
        async with asyncio.timeout(5):
            message: Message = json.loads(await self.connection.recv())
            return message

    async def closed(self) -> tuple[int | None, str | None]:
        async with asyncio.timeout(5):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


class Gateway:
    """The server under test."""

    def __init__(self, calls: FakeCalls, room: Room, faults: list[str], port: int) -> None:
        self.calls = calls
        self.room = room
        self.faults = faults
        self.port = port

    @asynccontextmanager
    async def raw(
        self,
        *,
        subprotocol: str | None = SUBPROTOCOL,
        origin: str | None = None,
        address: str = "127.0.0.1",
    ) -> AsyncIterator[Client]:
        """Connect from an address, without the hello."""
        async with connect(
            f"ws://127.0.0.1:{self.port}/v1/ws",
            subprotocols=None if subprotocol is None else [Subprotocol(subprotocol)],
            origin=None if origin is None else Origin(origin),
            proxy=None,
            local_addr=(address, 0),
        ) as connection:
            yield Client(connection)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect and be welcomed."""
        async with self.raw() as client:
            await client.send(type="hello")
            assert (await client.receive())["type"] == "welcome"
            yield client


async def soon(queue: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(5):
        return await queue.get()


async def placed(gateway: Gateway, client: Client, call: str = "c1") -> FakeCall:
    await client.place(call)
    fake = await soon(gateway.calls.placed)
    assert isinstance(fake, FakeCall)
    return fake


StartGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def start_gateway() -> AsyncIterator[StartGateway]:
    """Start servers with the limits, the policy and other rules of the gate that a test needs."""
    running: list[tuple[Server, asyncio.Task[None], socket.socket]] = []
    rooms: list[Room] = []

    async def start(
        limits: Limits = Limits(),  # noqa: B008 - frozen
        policy: Policy = Policy(allow=("*",)),  # noqa: B008 - frozen
        origins: tuple[str, ...] = (),
        extensions: Extensions = (),
        limit_rules: LimitRules = NO_LIMITS,
        shown: Callable[[str], str] = str,
        window: float = 60.0,
        records: Records | None = None,
        demo: bool = True,
        preflight: bool = True,
        **rules: Any,
    ) -> Gateway:
        calls = FakeCalls()
        faults: list[str] = []
        room = Room(
            calls=calls,
            records=records,
            gate=open_gate(policy=policy, origins=origins, limits=limit_rules, **rules),
            limits=limits,
            sessions=Sessions(window),
            shown=shown,
            engine="fake engine",
            faults=lambda: list(faults),
            media_stats=lambda: {"browser_rejected_size": 7, "sessions": 2},
            media_load=lambda: 0.25,
        )
        rooms.append(room)
        listener = socket.create_server(("127.0.0.1", 0))
        web = create_app(room, extensions, demo=demo, preflight=preflight)
        server = Server(uvicorn_config(web, Settings(), room.gate))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        running.append((server, task, listener))
        return Gateway(calls, room, faults, listener.getsockname()[1])

    yield start
    for room in rooms:
        async with asyncio.timeout(10):
            await room.sessions.close()
    for server, task, listener in running:
        server.should_exit = True
        async with asyncio.timeout(10):
            await task
        listener.close()


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    return await start_gateway()
