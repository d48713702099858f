"""Asterisk's manager interface (AMI): actions, and events by their fields.

A packet is lines of `Key: value`, ended by an empty line. Asterisk's own events are named by Event;
those of the lab's dialplan are UserEvents, named by UserEvent. Here both go by their name alone.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from tests.peers.host import HOST
from tests.peers.process import PeerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Packet = dict[str, str]

EVENTS = "call,user,dtmf"  # with all of them, VarSet and RTCP flood the socket


class Manager:
    """A logged-in AMI connection. Use `connect_manager`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.events: list[Packet] = []
        self._reader = reader
        self._writer = writer
        self._responses: dict[str, asyncio.Future[Packet]] = {}
        self._arrival = asyncio.Condition()
        self._closed = False
        self._count = 0

    async def action(self, name: str, *, limit: float = 5.0, **fields: str) -> Packet:
        """Send an action and return its response; PeerError when Asterisk refuses it."""
        self._count += 1
        number = str(self._count)
        response = asyncio.get_running_loop().create_future()
        self._responses[number] = response
        lines = [
            f"Action: {name}",
            f"ActionID: {number}",
            *(f"{k}: {v}" for k, v in fields.items()),
        ]
        try:
            self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            async with asyncio.timeout(limit):
                packet: Packet = await response
        finally:
            del self._responses[number]
        if packet["Response"] not in ("Success", "Follows"):
            raise PeerError(f"AMI {name}: {packet.get('Message', packet['Response'])}")
        return packet

    async def command(self, command: str) -> str:
        """Return the output of a command of Asterisk's console."""
        return (await self.action("Command", Command=command)).get("Output", "")

    async def originate(
        self, number: str, *, endpoint: str = "gateway", extension: str = "600", caller: str = ""
    ) -> None:
        """Let the lab call `number` through an endpoint, and join it with an extension."""
        await self.action(
            "Originate",
            Channel=f"PJSIP/{number}@{endpoint}",
            CallerID=caller or "<+15550001>",
            Context="originated",
            Exten=extension,
            Priority="1",
            Async="true",
        )

    def matching(self, name: str, **fields: str) -> list[Packet]:
        """Return the events of this name and these fields that came since the login."""
        return [
            event
            for event in self.events
            if name in (event.get("Event"), event.get("UserEvent"))
            and all(event.get(key) == value for key, value in fields.items())
        ]

    async def wait(self, name: str, *, limit: float = 5.0, count: int = 1, **fields: str) -> Packet:
        """Return the `count`th such event, whether it came already or comes within the limit."""
        try:
            async with asyncio.timeout(limit), self._arrival:
                while len(found := self.matching(name, **fields)) < count:
                    if self._closed:
                        raise PeerError(f"AMI closed while waiting for {name} {fields}")
                    await self._arrival.wait()
        except TimeoutError:
            names = sorted({e.get("UserEvent") or e["Event"] for e in self.events})
            raise PeerError(f"no {name} {fields} within {limit:g} s; came: {names}") from None
        return found[count - 1]

    async def receive(self) -> None:
        """Take in packets until the connection ends."""
        try:
            while True:
                data = await self._reader.readuntil(b"\r\n\r\n")
                await self._dispatch(_parse(data.decode(errors="replace")))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._closed = True
            for response in self._responses.values():
                if not response.done():
                    response.set_exception(PeerError("AMI closed"))
            async with self._arrival:
                self._arrival.notify_all()

    async def _dispatch(self, packet: Packet) -> None:
        if "Response" in packet:
            response = self._responses.get(packet.get("ActionID", ""))
            if response is not None and not response.done():
                response.set_result(packet)
        elif "Event" in packet:
            async with self._arrival:
                self.events.append(packet)
                self._arrival.notify_all()


def _parse(text: str) -> Packet:
    packet: Packet = {}
    for line in text.splitlines():
        key, separator, value = line.partition(": ")
        if separator:  # a command's output comes as one Output line per line
            packet[key] = f"{packet[key]}\n{value}" if key in packet else value
    return packet


@asynccontextmanager
async def connect_manager(
    port: int, *, secret: str, user: str = "lab", host: str = HOST
) -> AsyncIterator[Manager]:
    """Log in to AMI; log off at the end."""
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    try:
        async with asyncio.timeout(5):
            await reader.readline()  # the greeting: "Asterisk Call Manager/…"
        manager = Manager(reader, writer)
        receiver = asyncio.create_task(manager.receive(), name="ami")
        try:
            await manager.action("Login", Username=user, Secret=secret, Events=EVENTS)
            yield manager
        finally:
            receiver.cancel()
            await asyncio.wait([receiver])
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
