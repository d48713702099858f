"""A UDP socket that aioice takes for asyncio's, and that the media clock may read instead."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from gateway.media.receiver import Receiver
from gateway.media.webrtc.datagrams import LONGEST, SocketTransport


class Heard(asyncio.DatagramProtocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.datagrams: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.errors: list[Exception] = []
        self.lost: asyncio.Queue[Exception | None] = asyncio.Queue()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.datagrams.put_nowait((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.put_nowait(exc)

    async def next(self) -> bytes:
        async with asyncio.timeout(5):
            data, _ = await self.datagrams.get()
        return data


class End:
    """A transport, its protocol, and somebody who sends to it."""

    def __init__(self) -> None:
        self.protocol = Heard()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        self.descriptor = sock.fileno()
        self.transport = SocketTransport(sock, self.protocol)
        self.address = sock.getsockname()
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind(("127.0.0.1", 0))
        self.far.settimeout(5)

    def send(self, data: bytes) -> None:
        self.far.sendto(data, self.address)


@pytest.fixture
async def end() -> AsyncIterator[End]:
    made = End()
    yield made
    made.transport.close()
    made.far.close()


async def test_the_protocol_knows_its_transport(end: End) -> None:
    assert end.protocol.transport is end.transport
    assert end.transport.get_extra_info("sockname") == end.address
    assert end.transport.get_extra_info("socket").fileno() == end.descriptor
    assert end.transport.get_extra_info("peername", "none") == "none"


async def test_the_loop_reads_at_first(end: End) -> None:
    end.send(b"one")
    end.send(b"two")
    assert [await end.protocol.next(), await end.protocol.next()] == [b"one", b"two"]


async def test_what_is_sent_arrives(end: End) -> None:
    end.transport.sendto(b"hello", end.far.getsockname())
    assert end.far.recv(100) == b"hello"


async def test_a_datagram_that_is_too_long_shows(end: End) -> None:
    end.send(bytes(LONGEST + 500))
    assert len(await end.protocol.next()) == LONGEST + 1


async def test_an_empty_datagram_is_one(end: End) -> None:
    end.send(b"")
    assert await end.protocol.next() == b""


async def test_the_clock_may_read_instead(end: End) -> None:
    receiver = Receiver()
    end.transport.read_by(receiver)
    end.send(b"for the clock")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert end.protocol.datagrams.empty()
    receiver.drain()
    assert await end.protocol.next() == b"for the clock"
    end.transport.pause_reading()
    end.transport.resume_reading()
    end.send(b"for the loop")
    assert await end.protocol.next() == b"for the loop"
    receiver.close()


async def test_it_is_taken_from_the_clock_when_it_is_closed(end: End) -> None:
    receiver = Receiver()
    end.transport.read_by(receiver)
    end.send(b"late")
    end.transport.close()
    receiver.drain()
    assert end.protocol.datagrams.empty()
    receiver.close()


async def test_it_may_be_closed_by_what_it_reads(end: End) -> None:
    receiver = Receiver()
    end.transport.read_by(receiver, lambda data, address: end.transport.close())
    end.send(b"goodbye")
    end.send(b"after")
    receiver.drain()
    assert end.transport.is_closing()
    receiver.close()


async def test_a_close_is_told_once_and_later(end: End) -> None:
    end.transport.close()
    assert end.protocol.lost.empty()
    end.transport.close()
    end.transport.abort()
    async with asyncio.timeout(5):
        assert await end.protocol.lost.get() is None
    await asyncio.sleep(0)
    assert end.protocol.lost.empty()


async def test_after_a_close_nothing_is_sent_or_read(end: End) -> None:
    end.transport.close()
    end.transport.sendto(b"late", end.far.getsockname())
    end.transport.resume_reading()
    receiver = Receiver()
    end.transport.read_by(receiver)
    receiver.drain()
    receiver.close()
    end.far.settimeout(0)
    with pytest.raises(BlockingIOError):
        end.far.recv(100)
    assert end.protocol.errors == []


async def test_what_cannot_be_sent_is_told(end: End) -> None:
    end.transport.sendto(b"x", ("255.255.255.255", 9))
    assert [type(error) for error in end.protocol.errors] == [PermissionError]


async def test_nothing_to_read_is_no_error(end: End) -> None:
    end.transport.read()
    assert end.protocol.errors == []
    assert end.protocol.datagrams.empty()
