"""A port that can do with a relay: which of the two ways a datagram goes."""

from __future__ import annotations

import socket
from typing import cast

from gateway.media.webrtc.packet_port import Address, Receive
from gateway.media.webrtc.relay import Relay
from gateway.media.webrtc.relayed_port import MAX_ADDRESSES, RelayedPort
from tests.waiting import until
from voice.counters import Counters

RESPONSE = b"\x01\x01" + bytes(18)
RECORD = b"\x16\xfe\xfd" + bytes(20)


def check(number: int) -> bytes:
    return b"\x00\x01" + bytes(6) + bytes([number]) * 12


class FakeRelay:
    """An address at a server that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Address]] = []
        self.receive: Receive | None = None

    def send(self, data: bytes, address: Address) -> None:
        self.sent.append((data, address))


class End:
    """A port with a relay, and a far end that the port's socket can reach."""

    def __init__(self, *, only: bool = False) -> None:
        self.counters = Counters()
        self.received: list[tuple[bytes, Address]] = []
        ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ours.setblocking(False)
        ours.bind(("127.0.0.1", 0))
        self.relay = FakeRelay()
        self.port = RelayedPort(ours, self.counters)
        self.port.use_relay(cast(Relay, self.relay), only=only)
        self.port.open("fragment", lambda data, address: self.received.append((data, address)))
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind(("127.0.0.1", 0))
        self.far.settimeout(5)
        host, port = self.far.getsockname()
        self.address: Address = (host, port)

    def close(self) -> None:
        self.port.close()
        self.far.close()

    def direct(self) -> list[bytes]:
        """Return what has come directly so far: loopback delivers at once."""
        self.far.setblocking(False)
        came = []
        while True:
            try:
                came.append(self.far.recv(2000))
            except BlockingIOError:
                return came


async def test_a_check_goes_directly_and_its_repetition_by_the_relay() -> None:
    end = End()
    for _ in range(3):
        end.port.send(check(1), end.address)
    assert end.direct() == [check(1)]
    assert end.relay.sent == [(check(1), end.address)] * 2
    end.port.send(RECORD, end.address)
    assert end.direct() == []
    assert end.relay.sent[-1] == (RECORD, end.address)
    end.close()


async def test_whoever_was_heard_directly_is_never_relayed() -> None:
    end = End()
    end.port.send(check(1), end.address)
    end.far.sendto(RESPONSE, end.port.address)
    await until(lambda: end.received == [(RESPONSE, end.address)])
    for datagram in (check(1), check(2), check(2), RECORD):
        end.port.send(datagram, end.address)
    assert end.direct() == [check(1), check(1), check(2), check(2), RECORD]
    assert end.relay.sent == []
    end.close()


async def test_each_address_has_a_way_of_its_own() -> None:
    end, other = End(), ("127.0.0.1", 9)
    end.port.send(check(1), other)
    end.port.send(check(1), end.address)
    end.port.send(check(1), other)
    end.port.send(check(2), end.address)  # another check and no repetition
    assert end.direct() == [check(1), check(2)]
    assert end.relay.sent == [(check(1), other)]
    end.close()


async def test_an_address_once_relayed_stays_so() -> None:
    """The far end has been told by the check to send to the relay."""
    end = End()
    end.port.send(check(1), end.address)
    end.port.send(check(1), end.address)
    end.far.sendto(RESPONSE, end.port.address)
    await until(lambda: end.received != [])
    end.port.send(RECORD, end.address)
    assert end.relay.sent[-1] == (RECORD, end.address)
    end.close()


async def test_what_comes_by_the_relay_is_as_good() -> None:
    end = End()
    assert end.relay.receive is not None
    end.relay.receive(RESPONSE, end.address)
    end.relay.receive(RECORD, end.address)
    assert end.received == [(RESPONSE, end.address)]
    assert end.counters.counted() == {"rejected_stranger": 1}
    end.close()


async def test_relay_alone_sends_and_takes_nothing_directly() -> None:
    end = End(only=True)
    assert end.relay.receive is not None
    end.port.send(check(1), end.address)
    end.port.send(RECORD, end.address)
    assert end.direct() == []
    assert end.relay.sent == [(check(1), end.address), (RECORD, end.address)]
    end.port.datagram_received(RESPONSE, end.address)
    assert end.received == []
    end.relay.receive(RESPONSE, end.address)
    assert end.received == [(RESPONSE, end.address)]
    end.close()


async def test_addresses_are_bounded() -> None:
    """Who is beyond the bound is sent to directly, as without a relay."""
    end = End()
    for port in range(1, MAX_ADDRESSES + 1):
        end.port.send(check(1), ("127.0.0.9", port))
    end.port.send(check(1), end.address)
    end.port.send(check(1), end.address)
    assert end.direct() == [check(1)] * 2
    assert end.relay.sent == []
    end.close()


async def test_a_closed_port_takes_nothing_from_the_relay() -> None:
    end = End()
    end.port.close()
    end.port.close()
    assert end.relay.receive is None
    end.port.send(check(1), end.address)
    assert (end.direct(), end.relay.sent) == ([], [])
    end.close()
