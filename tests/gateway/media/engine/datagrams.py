"""What comes at the browsers' port, and a port with two browsers for it to come to."""

from __future__ import annotations

import socket
import struct

from gateway.media.engine.browser_port import Binding
from tests.gateway.media.engine.parties import Caller
from tests.gateway.media.engine.rig import Browser, Rig

REQUEST, INDICATION, RESPONSE, ERROR = 0x0001, 0x0011, 0x0101, 0x0111  # STUN Binding
USERNAME, PRIORITY = 0x0006, 0x0024
COOKIE = 0x2112A442
MINE, OTHER = "abcd", "efgh"  # user name fragments
LOW, HIGH = 440.0, 1000.0  # Hz

DTLS = bytes([22, 254, 253]) + bytes(30)
SRTP = bytes([0x80, 111]) + bytes(40)
SRTCP = bytes([0x80, 200]) + bytes(40)


def attribute(kind: int, value: bytes, *, size: int | None = None) -> bytes:
    """Return an attribute, with a length that may lie."""
    length = len(value) if size is None else size
    return struct.pack("!HH", kind, length) + value + bytes(-len(value) % 4)


def message(kind: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI12s", kind, len(body), COOKIE, b"transaction!") + body


def check(fragment: str, *before: bytes) -> bytes:
    """Return a connectivity check for one of our user name fragments."""
    return message(REQUEST, *before, attribute(USERNAME, f"{fragment}:theirs".encode()))


def binding_of(party: Caller) -> Binding:
    """Return the binding of a party that has a browser."""
    assert isinstance(party.far_end, Browser)
    return party.far_end.leg.binding


class Port:
    """A port with two legs, the first of them at its browser, and a stranger."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.first = Browser(rig)
        self.second = Browser(rig, connected=False)
        self.first.leg.binding.open(MINE)
        self.second.leg.binding.open(OTHER)
        self.stranger = rig.far_end()

    def send(self, datagram: bytes, sock: socket.socket | None = None) -> None:
        """Have a datagram come, from the stranger by default."""
        (sock or self.stranger).sendto(datagram, self.rig.socket.getsockname()[:2])

    def send_now(self, datagram: bytes, sock: socket.socket | None = None) -> None:
        self.send(datagram, sock)
        self.rig.tick()

    @property
    def told(self) -> list[list[bytes]]:
        """What the owners of both legs have been told."""
        return [[data for data, _ in each.owner.datagrams] for each in (self.first, self.second)]

    @property
    def counted(self) -> dict[str, int]:
        counted: dict[str, int] = self.rig.engine.browsers.counters.counted()
        return counted
