"""A port with a socket of its own: whose datagrams go where, and its socket lent and closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from gateway.media.webrtc.own_socket import OwnSocketPort
from gateway.media.webrtc.packet_port import LONGEST, MAX_SOURCES, Address, PacketPort
from tests.waiting import until
from voice.counters import Counters
from voice.rtcp import ReceiverReport, describe
from voice.rtcp import pack as pack_rtcp
from voice.rtp import pack_header

CHECK = b"\x00\x01" + bytes(18)
RECORD = b"\x16\xfe\xfd" + bytes(20)
UNKNOWN = b"\x50" * 20
REPORT = pack_rtcp(ReceiverReport(7), describe(7, "cname"))


def rtp(number: int, ssrc: int = 7) -> bytes:
    return pack_header(111, number, number * 960, ssrc) + b"payload"


def sessions(key: int) -> tuple[Session, Session]:
    """Return an inbound and an outbound session of this key."""
    kinds = (Policy.SSRC_ANY_INBOUND, Policy.SSRC_ANY_OUTBOUND)
    inbound, outbound = (Session(Policy(key=bytes([key]) * 30, ssrc_type=kind)) for kind in kinds)
    return inbound, outbound


class End:
    """A port, what it has handed on, and somebody who sends to it."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.counters = Counters()
        self.received: list[tuple[bytes, Address]] = []
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((host, 0))
        self.port = OwnSocketPort(
            sock, self.counters, on_rtp=self.rtp.append, on_rtcp=self.rtcp.append
        )
        self.port.open("fragment", lambda data, address: self.received.append((data, address)))
        self.far = socket.socket(family, socket.SOCK_DGRAM)
        self.far.bind((host, 0))
        self.far.settimeout(5)
        self.inbound, self.outbound = sessions(2)  # the far end's

    @property
    def far_address(self) -> Address:
        host, port = self.far.getsockname()[:2]
        return host, port

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.far.sendto(datagram, self.port.address)

    def nominate(self) -> None:
        self.port.admit(self.far_address)
        self.port.set_remote(self.far_address)

    def start_media(self) -> None:
        """Both ends have the same key for both directions."""
        self.nominate()
        self.port.start_media(*sessions(2))

    async def drain(self) -> None:
        """Wait until all that was sent has been read."""
        self.send(CHECK)
        count = len(self.received)
        await until(lambda: len(self.received) > count)
        self.received.pop()


@asynccontextmanager
async def opened(host: str = "127.0.0.1") -> AsyncIterator[End]:
    end = End(host)
    try:
        yield end
    finally:
        end.port.close()
        end.far.close()


async def test_it_is_a_packet_port() -> None:
    async with opened() as end:
        port: PacketPort = end.port
        assert port.address[0] == "127.0.0.1"


async def test_stun_comes_from_anywhere_and_dtls_from_who_is_admitted() -> None:
    async with opened() as end:
        end.port.admit(("127.0.0.9", 9))
        end.send(CHECK, RECORD)
        await end.drain()
        end.port.admit(end.far_address)
        end.send(RECORD)
        await end.drain()
        end.port.dismiss(end.far_address)
        end.send(RECORD)
        await end.drain()
        assert end.received == [(CHECK, end.far_address), (RECORD, end.far_address)]
        assert end.counters.counted() == {"rejected_stranger": 2}


async def test_addresses_are_host_and_port() -> None:
    try:
        end = End("::1")
    except OSError:
        pytest.skip("no IPv6 here")
    end.send(CHECK)
    await until(lambda: end.received != [])
    assert end.received == [(CHECK, end.far_address)]
    end.port.send(b"answer", end.far_address)
    assert end.far.recv(100) == b"answer"
    end.port.close()
    end.far.close()


async def test_what_nobody_may_send_is_counted() -> None:
    async with opened() as end:
        end.nominate()
        end.send(b"", b"\x80", bytes(LONGEST + 1), bytes(3000), UNKNOWN, rtp(1))
        await end.drain()
        assert end.received == []
        assert end.counters.counted() == {
            "rejected_length": 4,
            "rejected_unknown": 1,
            "rejected_early": 1,
        }


async def test_media_passes_both_ways() -> None:
    async with opened() as end:
        end.start_media()
        end.send(end.outbound.protect(rtp(1)), end.outbound.protect_rtcp(REPORT))
        await end.drain()
        assert (end.rtp, end.rtcp) == ([rtp(1)], [REPORT])
        end.port.send_rtp(rtp(2))
        assert end.inbound.unprotect(end.far.recv(2000)) == rtp(2)
        end.port.send_rtcp(REPORT)
        assert end.inbound.unprotect_rtcp(end.far.recv(2000)) == REPORT


async def test_media_that_is_not_the_peers_is_rejected() -> None:
    async with opened() as end:
        end.start_media()
        good = end.outbound.protect(rtp(1))
        end.send(good, good, good[:-1] + bytes([good[-1] ^ 1]))
        await end.drain()
        end.port.set_remote(("127.0.0.9", 9))
        end.send(end.outbound.protect(rtp(2)))
        await end.drain()
        assert end.rtp == [rtp(1)]
        assert end.counters.counted() == {"rejected_srtp": 2, "rejected_stranger": 1}


async def test_sources_are_bounded() -> None:
    async with opened() as end:
        end.start_media()
        for ssrc in range(1, MAX_SOURCES + 3):
            end.send(end.outbound.protect(rtp(1, ssrc)))
        end.send(end.outbound.protect(rtp(2, 1)))
        await end.drain()
        assert len(end.rtp) == MAX_SOURCES + 1
        assert end.counters.counted() == {"rejected_ssrc": 2}


async def test_nothing_is_sent_before_there_are_keys_and_an_address() -> None:
    async with opened() as end:
        end.port.send_rtp(rtp(1))
        end.nominate()
        end.port.send_rtcp(REPORT)
        end.far.settimeout(0)
        with pytest.raises(BlockingIOError):
            end.far.recv(100)
        for use in (end.port.protect, end.port.protect_rtcp, end.port.unprotect):
            with pytest.raises(ConnectionError, match="no SRTP sessions"):
                use(rtp(1))


@pytest.mark.parametrize("datagram", [CHECK, RECORD, rtp(1), UNKNOWN])
async def test_it_tells_whether_the_remote_was_heard(datagram: bytes) -> None:
    async with opened() as end:
        end.port.admit(end.far_address)
        end.port.datagram_received(datagram, end.far_address)
        assert not end.port.heard()
        end.port.set_remote(end.far_address)
        end.port.datagram_received(datagram, ("127.0.0.9", 9))
        assert not end.port.heard()
        end.port.datagram_received(datagram, end.far_address)
        assert end.port.heard()
        assert not end.port.heard()


async def test_its_socket_may_be_lent() -> None:
    async with opened() as end:
        with pytest.raises(ConnectionError, match="no remote address"):
            end.port.lend_socket()
        end.start_media()
        sock = end.port.lend_socket()
        assert sock.getpeername() == end.far_address
        end.send(CHECK)
        await asyncio.sleep(0.01)
        assert end.received == []
        end.port.datagram_received(sock.recv(2000), end.far_address)
        assert end.received == [(CHECK, end.far_address)]
        end.port.send(b"by the port", end.far_address)
        assert end.far.recv(100) == b"by the port"
        sock.send(end.port.protect(rtp(1)))
        assert end.inbound.unprotect(end.far.recv(2000)) == rtp(1)
        sock.send(end.port.protect_rtcp(REPORT))
        assert end.inbound.unprotect_rtcp(end.far.recv(2000)) == REPORT
        assert end.port.unprotect(end.outbound.protect(rtp(2))) == rtp(2)
        with pytest.raises(SrtpError):
            end.port.unprotect(rtp(3))


async def test_without_a_receiver_media_is_not_decrypted() -> None:
    async with opened() as end:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        port = OwnSocketPort(sock, end.counters)
        port.open("fragment", lambda data, address: None)
        port.set_remote(end.far_address)
        port.start_media(*sessions(2))
        packet = end.outbound.protect(rtp(1))
        port.datagram_received(packet, end.far_address)
        assert port.unprotect(packet) == rtp(1)  # else it would be a replay
        port.close()


async def test_after_a_close_nothing_is_sent_or_received() -> None:
    async with opened() as end:
        end.start_media()
        end.port.close()
        end.port.close()
        end.port.send(CHECK, end.far_address)
        end.port.send_rtp(rtp(1))
        end.port.datagram_received(CHECK, end.far_address)
        end.far.settimeout(0)
        with pytest.raises(BlockingIOError):
            end.far.recv(100)
        assert end.received == []
        assert end.port.address[0] == "127.0.0.1"


async def test_it_may_be_closed_by_what_it_reads() -> None:
    async with opened() as end:
        counted: list[bytes] = []

        def receive(data: bytes, address: Address) -> None:
            counted.append(data)
            end.port.close()

        end.port.open("fragment", receive)
        end.send(CHECK, CHECK)
        await until(lambda: counted != [])
        await asyncio.sleep(0.01)
        assert counted == [CHECK]


async def test_what_cannot_be_sent_is_counted() -> None:
    async with opened() as end:
        end.port.send(b"x", ("255.255.255.255", 9))
        assert end.counters.counted() == {"send_errors": 1}
