"""A trunk by hand, over UDP or TCP: answers a call, and can repeat itself, reset, fall silent."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway.trunk.message import Message, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Send = Callable[[bytes], None]

HOST = "127.0.0.1"
TAG = "tag=hand"
ANSWERED = {"BYE", "OPTIONS", "CANCEL"}  # with 200, until the trunk falls silent
LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d+)", re.I | re.M)


class SipTrunk:
    """Rings and answers with `sdp`. `heard` is what came, in order; see `run_sip_trunk`."""

    def __init__(self, port: int, transport: str, sdp: str) -> None:
        self.heard: list[Message] = []
        self.silent = False
        self._port = port
        self._transport = transport
        self._sdp = sdp.replace("\n", "\r\n").replace("[local_ip]", HOST)
        self._news = asyncio.Event()
        self._send: Send | None = None
        self._invite: Message | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    def take(self, data: bytes, send: Send) -> None:
        """Take a message, and answer it the way that it came."""
        message = read(data.decode())
        self.heard.append(message)
        self._news.set()
        if self.silent:
            return
        self._send = send
        if message.method == "INVITE":
            self._invite = message
            send(self._response(message, "180 Ringing"))
            send(self._response(message, "200 OK", self._sdp))
        elif message.method in ANSWERED:
            send(self._response(message, "200 OK"))

    async def hear(self, *what: str | int, count: int = 1, limit: float = 5.0) -> list[Message]:
        """Wait until so many requests of these methods, or responses of these codes, have come."""
        async with asyncio.timeout(limit):
            while len(found := self._matching(what)) < count:
                self._news.clear()
                await self._news.wait()
        return found

    def _matching(self, what: tuple[str | int, ...]) -> list[Message]:
        return [each for each in self.heard if (each.code or each.method) in what]

    def request(self, method: str, cseq: int, branch: str) -> None:
        """Send a request of our own in the dialog."""
        invite, send = self._invite, self._send
        assert invite is not None
        assert send is not None
        contact = re.search(r"sip:[^>;]*", invite.header("contact") or "")
        assert contact is not None
        lines = [
            f"{method} {contact[0]} SIP/2.0",
            f"Via: SIP/2.0/{self._transport.upper()} {HOST}:{self._port};branch={branch}",
            f"From: {invite.header('to')};{TAG}",
            f"To: {invite.header('from')}",
            f"Call-ID: {invite.header('call-id')}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        send("\r\n".join([*lines, "", ""]).encode())

    def reset(self) -> None:
        """Reset every connection (TCP)."""
        for writer in self._connections:
            writer.transport.abort()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a connection to its end."""
        self._connections.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self.take(head + body, writer.write)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    def _response(self, request: Message, status: str, sdp: str = "") -> bytes:
        to = request.header("to") or ""
        lines = [
            f"SIP/2.0 {status}",
            f"Via: {request.header('via')}",
            f"From: {request.header('from')}",
            f"To: {to}" if "tag=" in to else f"To: {to};{TAG}",
            f"Call-ID: {request.header('call-id')}",
            f"CSeq: {request.header('cseq')}",
            f"Contact: <sip:hand@{HOST}:{self._port};transport={self._transport}>",
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(sdp)}",
        ]
        return "\r\n".join([*lines, "", sdp]).encode()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, trunk: SipTrunk) -> None:
        self._trunk = trunk

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._socket = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._trunk.take(data, lambda answer: self._socket.sendto(answer, addr))


@asynccontextmanager
async def run_sip_trunk(port: int, transport: str, sdp: str) -> AsyncIterator[SipTrunk]:
    """Be the trunk at a port of loopback; nothing listens there afterwards."""
    trunk = SipTrunk(port, transport, sdp)
    if transport == "tcp":
        server = await asyncio.start_server(trunk.converse, HOST, port)
        try:
            yield trunk
        finally:
            server.close()
            trunk.reset()
            await server.wait_closed()
    else:
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(trunk), local_addr=(HOST, port)
        )
        try:
            yield trunk
        finally:
            udp.close()
