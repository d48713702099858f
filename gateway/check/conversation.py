"""A few SIP requests to a trunk over one socket, and their answers. For `gateway check` alone."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

from gateway.check import tls
from gateway.config import TrunkUri
from gateway.config_sip import TrunkSettings
from gateway.trunk.address import USER_SAFE, bracketed
from gateway.trunk.message import Message, read
from gateway.trunk.targets import Target

RESENDINGS: Final = (0.5, 1.0, 2.0)  # seconds after the sending before (RFC 3261 section 17.1.2.2)
LONGEST: Final = 65_535  # bytes of headers

Send = Callable[[bytes, int], Awaitable[Message]]


class Conversation:
    """Requests that belong together: one Call-ID, one From tag, growing numbers."""

    def __init__(
        self, uri: TrunkUri, at: Target, local: tuple[str, int], user: str, send: Send
    ) -> None:
        scheme = "sips" if uri.secure else "sip"
        self.target = str(uri)
        self._transport = at.transport.upper()
        self._here = f"{bracketed(local[0])}:{local[1]}"
        self._address = f"<{scheme}:{quote(user, safe=USER_SAFE)}@{bracketed(uri.host)}>"
        self._send = send
        self._call_id, self._tag = secrets.token_hex(12), secrets.token_hex(4)
        self._number = 0

    async def ask(self, method: str, *headers: tuple[str, str]) -> Message:
        """Send a request, and return its final response."""
        self._number += 1
        to = self._address if method == "REGISTER" else f"<{self.target}>"
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        lines = (
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/{self._transport} {self._here};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: {self._address};tag={self._tag}",
            f"To: {to}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._number} {method}",
            *(f"{name}: {value}" for name, value in headers),
            "Content-Length: 0",
        )
        return await self._send(("\r\n".join(lines) + "\r\n\r\n").encode(), self._number)


@asynccontextmanager
async def conversation(
    trunk: TrunkSettings, at: Target, secured: ssl.SSLContext | None = None
) -> AsyncIterator[Conversation]:
    """Open a socket to a target of a trunk. OSError if that cannot be."""
    name = trunk.hop.host
    opened = _over_udp(at) if at.transport == "udp" else _over_stream(at, name, secured)
    async with opened as (local, send):
        yield Conversation(trunk.uri, at, local, trunk.username or "", send)


@asynccontextmanager
async def _over_udp(at: Target) -> AsyncIterator[tuple[tuple[str, int], Send]]:
    heard: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Listener(heard), remote_addr=(at.host, at.port), family=_family(at)
    )

    async def send(request: bytes, number: int) -> Message:
        for wait in (*RESENDINGS, None):
            transport.sendto(request)
            try:
                async with asyncio.timeout(wait):
                    while True:
                        data = await heard.get()
                        if isinstance(data, OSError):
                            raise data
                        if is_final(message := read(data.decode("utf-8", "replace")), number):
                            return message
            except TimeoutError:
                continue
        raise TimeoutError

    try:
        yield transport.get_extra_info("sockname")[:2], send
    finally:
        transport.close()


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, heard: asyncio.Queue[bytes | OSError]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._heard.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self._heard.put_nowait(exc if isinstance(exc, OSError) else OSError(str(exc)))


@asynccontextmanager
async def _over_stream(
    at: Target, name: str, secured: ssl.SSLContext | None
) -> AsyncIterator[tuple[tuple[str, int], Send]]:
    reader, writer = await asyncio.open_connection(
        at.host,
        at.port,
        family=_family(at),
        ssl=secured,
        server_hostname=name if secured is not None else None,
        limit=LONGEST,
    )

    async def send(request: bytes, number: int) -> Message:
        writer.write(request)
        await writer.drain()
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                message = read(head.decode("utf-8", "replace"))
                length = message.header("content-length") or "0"
                if length.isascii() and length.isdecimal():
                    await reader.readexactly(int(length))
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                raise ConnectionError("the connection ended before an answer") from None
            if is_final(message, number):
                return message

    try:
        yield writer.get_extra_info("sockname")[:2], send
    finally:
        tls.part(writer)


def is_final(message: Message, number: int) -> bool:
    """Tell whether a message is the final response to the request of this number."""
    return message.code >= 200 and message.cseq[0] == number


def _family(at: Target) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in at.host else socket.AF_INET
