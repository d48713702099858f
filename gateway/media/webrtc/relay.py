"""An address at a TURN server (RFC 8656) that a client of one call sends and receives by.

For the headless caller; the gateway itself is reachable, and needs none.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from aioice import stun
from aioice.candidate import Candidate, candidate_priority
from aioice.turn import TurnTransport, create_turn_endpoint
from aiortc.rtcicetransport import parse_stun_turn_uri

from gateway.errors import UnavailableError
from gateway.media.webrtc.packet_port import Address

# A server that does not answer is passed over; aioice alone would ask for 40 s
LIMIT = 5.0  # seconds
CLOSE_LIMIT = 2.0  # seconds for giving the address back; otherwise it expires by itself

Servers = Sequence[Mapping[str, Any]]  # RTCIceServer each, as `welcome` has them


class Relay(asyncio.DatagramProtocol):
    """An address at a TURN server. Use `allocate`."""

    def __init__(self) -> None:
        self.receive: Callable[[bytes, Address], None] | None = None
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(TurnTransport, transport)
        self.address: Address = transport.get_extra_info("sockname")

    @property
    def candidate(self) -> str:
        """The value of an a=candidate line; it does not tell who we are (RFC 9429 3.5.3)."""
        host, port = self.address
        candidate = Candidate(
            "2", 1, "udp", candidate_priority(1, "relay"), host, port, "relay", "0.0.0.0", 0
        )
        return candidate.to_sdp()

    def send(self, data: bytes, address: Address) -> None:
        self._transport.sendto(data, address)

    def datagram_received(self, data: bytes, address: Address) -> None:
        if self.receive is not None:
            self.receive(data, address)

    def error_received(self, exc: Exception) -> None:
        """The server takes nothing for that address; as on any network, it is lost."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    async def close(self) -> None:
        """Give the address back."""
        self.receive = None
        self._transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._closed.wait()


async def allocate(servers: Servers, *, limit: float = LIMIT) -> Relay | None:
    """Return an address at the first TURN server that gives one; None if none is named.

    Raises
    ------
    UnavailableError
        When all refuse or are silent; it says of each why.
    TypeError
        When `servers` are none.
    """
    failed: list[str] = []
    for url, username, credential in _turn_urls(servers):
        try:
            async with asyncio.timeout(limit):
                return await _allocate_at(url, username, credential)
        except TimeoutError:
            failed.append(f"{url}: no answer within {limit:g} s")
        except (stun.TransactionError, OSError, ValueError) as error:
            # coturn counts the padding of a reason to its length
            failed.append(f"{url}: {error}".replace("\0", ""))
    if failed:
        raise UnavailableError(f"no TURN server can be used: {'; '.join(failed)}")
    return None


def _turn_urls(servers: Servers) -> Iterator[tuple[str, str | None, str | None]]:
    for server in servers:
        if not isinstance(server, Mapping):
            raise TypeError(f"an ICE server is no object: {server!r}")
        urls = server.get("urls", ())
        for url in [urls] if isinstance(urls, str) else map(str, urls):
            # What a STUN server tells, the gateway sees by itself (peer-reflexive)
            if url.startswith("turn"):
                yield url, server.get("username"), server.get("credential")


async def _allocate_at(url: str, username: str | None, credential: str | None) -> Relay:
    parsed = parse_stun_turn_uri(url)
    context = ssl.create_default_context() if parsed["scheme"] == "turns" else None
    _, relay = await create_turn_endpoint(
        Relay,
        server_addr=(parsed["host"], parsed["port"]),
        username=username,
        password=credential,
        ssl=context,
        transport=parsed["transport"],
    )
    return relay
