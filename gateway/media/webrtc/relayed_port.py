"""A port with a socket of its own and, if it is given one, a relay for where the socket cannot go.

To ICE it is one port: a pair is told by the far end's address alone. Which of the two ways leads
there is found out here. A check goes directly at first. If it has to be repeated and nothing has
come from there, that address is sent to by the relay, and it stays so: the far end has then seen
the relay's address in a check that nominates, and sends there.
"""

from __future__ import annotations

import socket

from gateway.media.webrtc.own_socket import OnPacket, OwnSocketPort
from gateway.media.webrtc.packet_port import Address
from gateway.media.webrtc.relay import Relay
from voice.counters import Counters

BINDING_REQUEST = b"\x00\x01"
TRANSACTION = slice(8, 20)  # of a STUN header (RFC 8489 section 5)

MAX_ADDRESSES = 64  # that are tried directly; more than ICE checks


class RelayedPort(OwnSocketPort):
    """A `PacketPort` that can do with a relay; without one it is an `OwnSocketPort`."""

    def __init__(
        self, sock: socket.socket, counters: Counters, *, on_rtp: OnPacket | None = None
    ) -> None:
        super().__init__(sock, counters, on_rtp=on_rtp)
        self._relay: Relay | None = None
        self._only = False
        self._checks: dict[Address, bytes] = {}  # the first one that went directly
        self._reached: set[Address] = set()  # directly
        self._relayed: set[Address] = set()

    def use_relay(self, relay: Relay, *, only: bool) -> None:
        """Send by this relay as well; with `only`, by nothing else."""
        self._relay, self._only = relay, only
        relay.receive = super().datagram_received

    def send(self, data: bytes, address: Address) -> None:
        if self._relay is not None and self._is_relayed(data, address):
            self._relay.send(data, address)
        else:
            super().send(data, address)

    def _is_relayed(self, data: bytes, address: Address) -> bool:
        if self._only or address in self._relayed:
            return True
        if address in self._reached or not data.startswith(BINDING_REQUEST):
            return False
        if address not in self._checks and len(self._checks) < MAX_ADDRESSES:
            self._checks[address] = data[TRANSACTION]
        elif self._checks.get(address) == data[TRANSACTION]:
            self._relayed.add(address)
            return True
        return False

    def datagram_received(self, data: bytes, address: Address) -> None:
        """Take a datagram that came directly."""
        if self._relay is not None:
            if self._only:
                return
            if address in self._checks:
                self._reached.add(address)
        super().datagram_received(data, address)

    def close(self) -> None:
        """Close the socket; the relay is closed by who opened it."""
        if self._relay is not None:
            self._relay.receive, self._relay = None, None
        super().close()
