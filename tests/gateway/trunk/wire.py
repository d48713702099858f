"""A SIP peer by hand: one UDP socket that says whatever a test wants, and keeps what it hears."""

from __future__ import annotations

import asyncio
import re
from asyncio import DatagramTransport
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast
from uuid import uuid4

from gateway.trunk.message import Message, read


class Wire(asyncio.DatagramProtocol):
    """The socket. `heard` holds every message that came, in order.

    A status in `answering` is what each request gets at once, with the headers of `adding`; 0: the
    test answers, or nobody does.
    """

    transport: DatagramTransport

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.raw: list[bytes] = []
        self.answering = 0
        self.adding: tuple[str, ...] = ()
        self.contact: str | None = None  # our own unless said; empty for none
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.raw.append(data)
        self.heard.append(message := read(data.decode(), f"{address[0]}:{address[1]}"))
        self._news.set()
        if self.answering and message.method:
            self.answer(message, self.answering, "As Always", *self.adding)

    @property
    def host(self) -> str:
        return str(self.transport.get_extra_info("sockname")[0])

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])

    @property
    def address(self) -> str:
        return f"<sip:stranger@{self.host}:{self.port}>"

    @property
    def uri(self) -> str:
        return f"sip:127.0.0.1:{self.port}"

    async def hear(self, what: str | int, limit: float = 5) -> Message:
        """Wait for the first request of a method, or final response from a code on."""

        def wanted(message: Message) -> bool:
            found = message.method if isinstance(what, str) else message.code
            return found == what or (what == 200 and message.code > 200)

        return await self.find(wanted, limit)

    async def find(self, wanted: Callable[[Message], bool], limit: float = 5) -> Message:
        """Wait for the first message of a kind."""
        async with asyncio.timeout(limit):
            while True:
                for message in self.heard:
                    if wanted(message):
                        return message
                self._news.clear()
                await self._news.wait()

    async def hear_count(self, count: int, limit: float = 5) -> None:
        """Wait until so many messages have come."""
        async with asyncio.timeout(limit):
            while len(self.heard) < count:
                self._news.clear()
                await self._news.wait()

    def answer(
        self, request: Message, code: int, reason: str, *headers: str, sdp: str = ""
    ) -> None:
        """Send a response to a request that came from loopback."""
        kept = ("via", "from", "call-id", "cseq")
        contact = f"<{self.uri}>" if self.contact is None else self.contact
        lines = [
            f"SIP/2.0 {code} {reason}",
            *(f"{name}: {value}" for name, value in request.headers if name in kept),
            f"To: {request.header('to')}" + ("" if request.to_tag else ";tag=wire"),
            *([f"Contact: {contact}"] if contact else []),
            *headers,
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(sdp)}",
            "",
            sdp,
        ]
        port = re.search(r"SIP/2.0/UDP [^:;]+:([0-9]+)", request.header("via") or "")
        assert port is not None
        self.transport.sendto("\r\n".join(lines).encode(), ("127.0.0.1", int(port[1])))

    def request(
        self,
        method: str,
        port: int,
        *headers: str,
        sdp: str = "",
        call_id: str = "",
        user: str = "600",
        number: int = 1,
    ) -> None:
        """Send a request outside of any dialog to a port of loopback."""
        given = {each.partition(":")[0] for each in headers}
        lines = [
            f"{method} sip:{user}@127.0.0.1:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{uuid4().hex}",
            *([] if "From" in given else [f"From: {self.address};tag=stranger"]),
            *([] if "To" in given else [f"To: <sip:{user}@127.0.0.1:{port}>"]),
            f"Call-ID: {call_id or uuid4().hex}",
            f"CSeq: {number} {method}",
            f"Contact: {self.address}",
            "Max-Forwards: 70",
            *headers,
            *(["Content-Type: application/sdp"] if sdp else []),
            f"Content-Length: {len(sdp)}",
            "",
            sdp,
        ]
        self.transport.sendto("\r\n".join(lines).encode(), ("127.0.0.1", port))


@asynccontextmanager
async def open_wire(host: str = "127.0.0.1") -> AsyncIterator[Wire]:
    """Open the socket at any port of loopback, or of another address of this machine."""
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_datagram_endpoint(Wire, local_addr=(host, 0))
    try:
        yield wire
    finally:
        transport.close()
