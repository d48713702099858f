"""The trunk behind the gateway under attack: it remembers every INVITE, wherever it was to go.

A number that a test has a line for waits for the test's answer. All others are busy.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from tests.end_to_end.odd_messages import parse_message
from tests.end_to_end.odd_trunk import HOST, Line, OddTrunk
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.peers.sipp import SipMessage


class Exchange(OddTrunk):
    """A trunk that answers everybody. Use `open_exchange`.

    Attributes
    ----------
    invites
        Every INVITE, repeated ones left out, in order.
    """

    def __init__(self, port: int) -> None:
        super().__init__(HOST, port, "UDP")
        self.invites: list[SipMessage] = []

    @property
    def invited(self) -> list[str]:
        """The users of the INVITEs, in order."""
        return [each.start_line.partition(":")[2].partition("@")[0] for each in self.invites]

    def take(self, data: bytes, reply: Callable[[bytes], None]) -> None:
        """Take a message; a call that nobody waits for finds its line busy."""
        message = parse_message(data)
        known = (message.header("call-id") or "") in self.lines
        if message.method != "INVITE" or message.status is not None or known:
            super().take(data, reply)
            return
        self.invites.append(message)
        if self.invited[-1] in self._dialed:
            super().take(data, reply)
        else:
            line = Line(self, self.invited[-1])
            line.take(message, reply)
            line.respond(486)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if data.strip():  # else a keep-alive
            self._exchange.take(data, lambda reply: self._transport.sendto(reply, address))


@asynccontextmanager
async def open_exchange() -> AsyncIterator[Exchange]:
    """Serve the trunk until the end of the block."""
    exchange = Exchange(free_port())
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(exchange), local_addr=(HOST, exchange.port)
    )
    try:
        yield exchange
    finally:
        transport.close()
