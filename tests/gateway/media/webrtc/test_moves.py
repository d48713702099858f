"""A browser whose address changes in mid-call is followed; nobody else moves the call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.media.events import BrowserConnected, BrowserLost
from gateway.media.parameters import MediaConfig
from gateway.media.webrtc.endpoint import MOVED, WebRtcEndpoint
from gateway.media.webrtc.own_socket import OwnSocketPort
from gateway.media.webrtc.packet_port import Address
from tests.gateway.media.webrtc.peers import Nat, PlainClient, make_check
from tests.waiting import until
from voice.counters import Counters
from voice.rtp import pack_header


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


HOSTS = [
    "127.0.0.1",
    pytest.param("::1", marks=pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 here")),
]


@dataclass
class Gateway:
    """The endpoint under test, and what came to it."""

    endpoint: WebRtcEndpoint
    port: OwnSocketPort
    counters: Counters
    got: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    reports: list[BrowserConnected | BrowserLost] = field(default_factory=list)

    async def packet(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.got.get()

    async def watch_until_at(self, address: Address) -> None:
        """Let seconds pass until media goes to this address, at most five."""
        for _ in range(5):
            if self.port.remote == address:
                return
            self.endpoint.watch(1.0)
            await asyncio.sleep(0.05)
        assert self.port.remote == address


@asynccontextmanager
async def open_gateway(host: str) -> AsyncIterator[Gateway]:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.setblocking(False)
    counters = Counters()
    got: asyncio.Queue[bytes] = asyncio.Queue()
    reports: list[BrowserConnected | BrowserLost] = []
    port = OwnSocketPort(sock, counters, on_rtp=got.put_nowait)
    endpoint = WebRtcEndpoint(MediaConfig(), port, counters, report=reports.append)
    endpoint.open()
    try:
        yield Gateway(endpoint, port, counters, got, reports)
    finally:
        await endpoint.close()


@asynccontextmanager
async def behind_nat(host: str) -> AsyncIterator[tuple[Gateway, PlainClient, Nat]]:
    async with open_gateway(host) as gateway:
        client = PlainClient([host])
        with Nat(gateway.port.address) as nat:
            try:
                await client.connect(gateway.endpoint, nat.inside)
                await until(lambda: gateway.endpoint.connected)
                await talk(gateway, client, 1)
                assert gateway.port.remote == nat.outside
                yield gateway, client, nat
            finally:
                await client.close()


def rtp(number: int) -> bytes:
    return pack_header(111, number, number * 960, 7) + b"payload %d" % number


async def talk(gateway: Gateway, client: PlainClient, number: int) -> None:
    """A packet passes each way."""
    await client.send(rtp(number))
    assert await gateway.packet() == rtp(number)
    gateway.port.send_rtp(rtp(number))
    assert await client.packet() == rtp(number)


@pytest.mark.parametrize("host", HOSTS)
async def test_a_check_that_nominates_moves_the_call_at_once(host: str) -> None:
    async with behind_nat(host) as (gateway, client, nat):
        nat.rebind()
        await client.send(rtp(2))  # from an address that nobody vouches for
        await client.check(nominate=True)
        await until(lambda: gateway.port.remote == nat.outside)
        await talk(gateway, client, 3)
        assert gateway.counters["rejected_stranger"] == 1
        assert gateway.reports == [BrowserConnected()]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_nat_that_forgets_is_followed_once_the_old_address_is_silent(host: str) -> None:
    async with behind_nat(host) as (gateway, client, nat):
        before = nat.outside
        nat.rebind()
        await client.check(nominate=False)
        gateway.endpoint.watch(1.0)  # something came in this second, before the change
        await asyncio.sleep(0.05)
        assert gateway.port.remote == before
        await gateway.watch_until_at(nat.outside)
        await talk(gateway, client, 2)
        gateway.endpoint.watch(MOVED)
        await client.check(nominate=False)
        assert gateway.port.remote == nat.outside
        assert gateway.reports == [BrowserConnected()]


async def test_it_moves_again_and_back() -> None:
    async with behind_nat("127.0.0.1") as (gateway, client, nat):
        for number in range(2, 12):
            nat.rebind()
            await client.check(nominate=number % 2 == 0)
            await gateway.watch_until_at(nat.outside)
            await talk(gateway, client, number)
        connection = gateway.endpoint._transport._connection
        assert connection._admitted == {nat.outside}
        assert len(connection._check_list) == len(connection._remote_candidates) == 1
        assert list(connection._nominations) in ([], [nat.outside])


async def test_a_browser_that_is_heard_is_not_moved_by_a_check_alone() -> None:
    """It may try another way without taking it."""
    async with behind_nat("127.0.0.1") as (gateway, client, nat):
        before = nat.outside
        nat.rebind()
        await client.check(nominate=False)
        await asyncio.sleep(0.05)
        for number in range(5):
            gateway.port.datagram_received(b"\x50" * 20, before)  # anything at all from there
            gateway.endpoint.watch(1.0)
            assert gateway.port.remote == before, number
        # And what it tried so long ago is not where it is later
        gateway.endpoint.watch(MOVED)
        gateway.endpoint.watch(MOVED)
        assert gateway.port.remote == before
        assert gateway.endpoint._transport._connection._admitted == {before}


async def test_the_client_may_nominate_another_pair() -> None:
    async with open_gateway("127.0.0.1") as gateway:
        hosts = ["127.0.0.1", "127.0.0.2"]
        client = PlainClient(hosts)
        await client.connect(gateway.endpoint, gateway.port.address)
        await until(lambda: gateway.endpoint.connected)
        await talk(gateway, client, 1)
        for number in range(2, 6):
            assert gateway.port.remote is not None
            (other,) = set(hosts) - {gateway.port.remote[0]}
            await client.nominate_from(other)
            await until(lambda at=other: gateway.port.remote[0] == at)  # type: ignore[misc]
            await talk(gateway, client, number)
        await client.close()
        await until(lambda: len(gateway.reports) == 2)


@dataclass
class Stranger:
    """Somebody at another address."""

    sock: socket.socket

    def send(self, data: bytes, gateway: Gateway) -> None:
        self.sock.sendto(data, gateway.port.address)

    def received(self) -> list[bytes]:
        got = []
        try:
            while True:
                got.append(self.sock.recv(2000))
        except BlockingIOError:
            return got


@asynccontextmanager
async def stranger() -> AsyncIterator[Stranger]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.3", 0))
        sock.setblocking(False)
        yield Stranger(sock)


async def test_a_forged_check_moves_nothing() -> None:
    async with behind_nat("127.0.0.1") as (gateway, client, nat), stranger() as forger:
        check = make_check(
            gateway.endpoint.ice, client.ufrag, nominate=True, password="guessed-guessed-guessed"
        )
        forger.send(check, gateway)
        await asyncio.sleep(0.05)
        for _ in range(5):
            gateway.endpoint.watch(1.0)
        assert gateway.port.remote == nat.outside
        (refusal,) = forger.received()
        assert len(refusal) < len(check)  # nothing to amplify with


async def test_a_replayed_check_moves_nothing() -> None:
    """It is answered and checked, but the answer to our check takes the browser's password."""
    async with behind_nat("127.0.0.1") as (gateway, client, nat), stranger() as replayer:
        nat.captured.clear()
        await client.check(nominate=True)
        (check,) = [each for each in nat.captured if each[:2] == b"\x00\x01"]
        replayer.send(check, gateway)
        await asyncio.sleep(0.05)
        answer, request = replayer.received()
        assert (answer[:2], request[:2]) == (b"\x01\x01", b"\x00\x01")
        # Its own words, and its own transaction sent back, are no answer
        replayer.send(answer[:8] + request[8:20] + answer[20:], gateway)
        replayer.send(b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28", gateway)  # a fatal alert
        await asyncio.sleep(0.05)
        for _ in range(5):
            gateway.endpoint.watch(1.0)
        assert gateway.port.remote == nat.outside
        assert gateway.counters["rejected_stranger"] == 1
        await talk(gateway, client, 2)


async def test_a_check_replayed_from_where_the_browser_was_moves_nothing() -> None:
    async with behind_nat("127.0.0.1") as (gateway, client, nat):
        before = nat.outside
        nat.captured.clear()
        await client.check(nominate=True)
        (check,) = [each for each in nat.captured if each[:2] == b"\x00\x01"]
        nat.rebind()
        await client.check(nominate=True)
        await until(lambda: gateway.port.remote == nat.outside)
        gateway.port.datagram_received(check, before)
        await asyncio.sleep(0.05)
        assert gateway.port.remote == nat.outside
        await talk(gateway, client, 2)
