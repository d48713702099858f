"""An address at a TURN server: which server gives it, and what is said when none does.

The server here is a script; coturn is in `tests/end_to_end/test_turn.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aioice import stun
from aioice.turn import make_integrity_key

from gateway.errors import UnavailableError
from gateway.media.webrtc.packet_port import Address
from gateway.media.webrtc.relay import Relay, Servers, allocate
from tests.peers.ports import free_port

RELAYED: Address = ("198.51.100.2", 49152)
PEER: Address = ("198.51.100.1", 20000)
REALM, USER, PASSWORD = "gateway.test", "1700000600:s1", "credential"
KEY = make_integrity_key(USER, REALM, PASSWORD)


class TurnServer(asyncio.DatagramProtocol):
    """Gives its address to one user, or refuses; `silent` says nothing at all."""

    def __init__(self, refusal: tuple[int, str] | None, *, silent: bool) -> None:
        self.refusal, self.silent = refusal, silent
        self.sent: list[bytes] = []  # by the client, to its peer
        self.deleted = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        host, port = transport.get_extra_info("sockname")
        self.url = f"turn:{host}:{port}"

    def datagram_received(self, data: bytes, address: Address) -> None:
        if self.silent:
            return
        if data[0] == 0x40:
            self.sent.append(data[4:])
            self._transport.sendto(data, address)
            return
        request = stun.parse_message(data)
        kind = stun.Class.RESPONSE
        attributes: dict[str, object] = {}
        if "USERNAME" not in request.attributes:
            kind = stun.Class.ERROR
            attributes = {"ERROR-CODE": (401, "Unauthorized"), "REALM": REALM, "NONCE": b"nonce"}
        elif self.refusal is not None:
            kind, attributes = stun.Class.ERROR, {"ERROR-CODE": self.refusal}
        elif request.message_method is stun.Method.ALLOCATE:
            attributes = {"XOR-RELAYED-ADDRESS": RELAYED, "XOR-MAPPED-ADDRESS": address}
            attributes["LIFETIME"] = 600
        elif request.message_method is stun.Method.REFRESH:
            attributes["LIFETIME"] = 0
            self.deleted.set()
        response = stun.Message(request.message_method, kind, request.transaction_id)
        response.attributes.update(attributes)
        if "USERNAME" in request.attributes:
            response.add_message_integrity(KEY)
        self._transport.sendto(bytes(response), address)


@asynccontextmanager
async def turn(
    refusal: tuple[int, str] | None = None, *, silent: bool = False
) -> AsyncIterator[TurnServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: TurnServer(refusal, silent=silent), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()


def named(*urls: str) -> Servers:
    return [{"urls": list(urls), "username": USER, "credential": PASSWORD}]


async def allocated(servers: Servers) -> Relay:
    relay = await allocate(servers)
    assert relay is not None
    return relay


@pytest.mark.parametrize(
    "servers", [[], [{}], [{"urls": []}], [{"urls": "stun:127.0.0.1"}], [{"urls": ["stun:h"]}]]
)
async def test_without_a_turn_server_there_is_nothing_to_ask(servers: Servers) -> None:
    assert await allocate(servers) is None


@pytest.mark.parametrize("servers", [["turn:h"], [None], [{"urls": 7}], 7, None])
async def test_what_are_no_servers(servers: Any) -> None:
    with pytest.raises(TypeError):
        await allocate(servers)


async def test_address_is_used_and_given_back() -> None:
    got: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
    async with turn() as server, asyncio.timeout(5):
        relay = await allocated([{**named()[0], "urls": server.url}])
        relay.receive = lambda data, address: got.put_nowait((data, address))
        assert relay.address == RELAYED
        relay.send(b"there", PEER)
        assert await got.get() == (b"there", PEER)  # the script echoes
        assert server.sent == [b"there"]
        await relay.close()
        await server.deleted.wait()
        relay.datagram_received(b"late", PEER)


async def test_candidate_does_not_tell_who_we_are() -> None:
    async with turn() as server:
        relay = await allocated(named(server.url))
        fields = relay.candidate.split()
        assert fields[4:6] == ["198.51.100.2", "49152"]
        assert fields[6:] == ["typ", "relay", "raddr", "0.0.0.0", "rport", "0"]
        await relay.close()


async def test_first_server_that_gives_an_address_is_taken() -> None:
    async with turn((486, "Quota")) as full, turn() as good, turn() as unused:
        relay = await allocated([*named(full.url), *named(good.url, unused.url)])
        assert relay.address == RELAYED
        await relay.close()
        assert not unused.deleted.is_set()


async def test_all_refusals_are_said() -> None:
    """coturn pads the reason with zeros, and counts them to its length."""
    tcp = f"turn:127.0.0.1:{free_port()}?transport=tcp"
    async with turn((437, "Allocation Mismatch\0")) as first, turn(silent=True) as second:
        with pytest.raises(UnavailableError) as refused:
            await allocate(named(first.url, second.url, tcp, "turn:"), limit=0.2)
    said = str(refused.value)
    assert f"{first.url}: STUN transaction failed (437 - Allocation Mismatch)" in said
    assert f"{second.url}: no answer within 0.2 s" in said
    assert f"{tcp}: " in said
    assert "turn:: malformed" in said
    assert "\0" not in said
    assert PASSWORD not in said


async def test_wrong_credentials_are_refused() -> None:
    async with turn((401, "Unauthorized")) as server:
        with pytest.raises(UnavailableError, match="401 - Unauthorized"):
            await allocate(named(server.url))
