"""A port with a UDP socket of its own, read by the event loop, with SRTP in Python.

For clients of one call each: the headless caller, the browsers of the load generator, tests. The
gateway itself has one socket for all browsers, and reads it without the interpreter.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from pylibsrtp import Error as SrtpError
from pylibsrtp import Session

from gateway.media.webrtc import srtp
from gateway.media.webrtc.packet_port import (
    DTLS,
    LONGEST,
    MAX_SOURCES,
    RTCP,
    RTP,
    SHORTEST,
    STUN,
    Address,
    Receive,
)
from voice.counters import Counters

# Datagrams that are read in one turn of the event loop, so that a flood does not hold it up
BATCH = 32

OnPacket = Callable[[bytes], None]


class OwnSocketPort:
    """A `PacketPort` that owns `sock`, which is bound and does not block.

    `on_rtp` and `on_rtcp` get decrypted packets, one call per packet; without them packets are
    dropped undecrypted.
    """

    def __init__(
        self,
        sock: socket.socket,
        counters: Counters,
        *,
        on_rtp: OnPacket | None = None,
        on_rtcp: OnPacket | None = None,
    ) -> None:
        self._socket = sock
        host, port = sock.getsockname()[:2]
        self._address: Address = (host, port)
        self._counters = counters
        self._on_rtp, self._on_rtcp = on_rtp, on_rtcp
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that reads the socket
        self._receive: Receive | None = None
        self._admitted: set[Address] = set()
        self._sources: set[bytes] = set()
        self._ciphers: _Ciphers | None = None
        self._heard = False
        self._closed = False
        self.remote: Address | None = None

    @property
    def address(self) -> Address:
        return self._address

    def open(self, ufrag: str, receive: Receive) -> None:
        """Read the socket on the running event loop; see `PacketPort.open`."""
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    def send(self, data: bytes, address: Address) -> None:
        if not self._closed:
            try:
                self._socket.sendto(data, address)
            except OSError:
                self._counters.add("send_errors")

    def admit(self, address: Address) -> None:
        self._admitted.add(address)

    def dismiss(self, address: Address) -> None:
        self._admitted.discard(address)

    def set_remote(self, address: Address) -> None:
        self.remote = address

    def start_media(self, inbound: Session, outbound: Session) -> None:
        self._ciphers = _Ciphers(inbound, outbound)

    def heard(self) -> bool:
        heard, self._heard = self._heard, False
        return heard

    def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send one RTP packet; dropped before `start_media`."""
        if self._ciphers is not None and self.remote is not None:
            self.send(self._ciphers.protect(packet), self.remote)

    def send_rtcp(self, data: bytes) -> None:
        if self._ciphers is not None and self.remote is not None:
            self.send(self._ciphers.protect_rtcp(data), self.remote)

    # For who sends and receives media in our stead, as the load generator does

    def lend_socket(self) -> socket.socket:
        """Read no more; return the socket, connected to the remote address.

        The port still sends by it, and still closes it. The borrower hands STUN and DTLS back to
        `datagram_received`.

        Raises
        ------
        ConnectionError
            Before a remote address is known.
        """
        if self.remote is None:
            raise ConnectionError("the port has no remote address yet")
        self._stop_reading()
        self._socket.connect(self.remote)
        return self._socket

    def protect(self, packet: bytes) -> bytes:
        """Encrypt an RTP packet.

        Raises
        ------
        ConnectionError
            Before `start_media`; `protect_rtcp` and `unprotect` do so as well.
        """
        return self._ready().protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt an RTCP packet."""
        return self._ready().protect_rtcp(packet)

    def unprotect(self, datagram: bytes) -> bytes:
        """Decrypt an RTP packet; raises `pylibsrtp.Error` if it is none of the far end's."""
        return self._ready().unprotect(datagram)

    def _ready(self) -> _Ciphers:
        if self._ciphers is None:
            raise ConnectionError("the port has no SRTP sessions yet")
        return self._ciphers

    # Receiving

    def _read(self) -> None:
        for _ in range(BATCH):
            try:
                data, address = self._socket.recvfrom(LONGEST + 1)  # a longer datagram shows
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier send
                continue
            self.datagram_received(data, address[:2])
            if self._loop is None:  # closed or lent by the receiver of this datagram
                return

    def datagram_received(self, data: bytes, address: Address) -> None:
        """Sort a datagram by its first byte and hand it on."""
        receive = self._receive
        if receive is None:
            return
        if not SHORTEST <= len(data) <= LONGEST:
            self._counters.add("rejected_length")
            return
        first = data[0]
        from_remote = address == self.remote
        self._heard = self._heard or from_remote
        if first in STUN:
            receive(data, address)
        elif not from_remote and (first in RTP or address not in self._admitted):
            self._counters.add("rejected_stranger")
        elif first in RTP:
            self._media_received(data)
        elif first in DTLS:
            receive(data, address)
        else:
            self._counters.add("rejected_unknown")

    def _media_received(self, data: bytes) -> None:
        is_rtcp = data[1] in RTCP
        callback = self._on_rtcp if is_rtcp else self._on_rtp
        if callback is None:
            return
        if self._ciphers is None:
            self._counters.add("rejected_early")
            return
        source = data[8:12]
        if not is_rtcp and source not in self._sources and len(self._sources) >= MAX_SOURCES:
            self._counters.add("rejected_ssrc")
            return
        try:
            unprotect = self._ciphers.unprotect_rtcp if is_rtcp else self._ciphers.unprotect
            packet = unprotect(data)
        except SrtpError:
            self._counters.add("rejected_srtp")
            return
        if not is_rtcp:
            self._sources.add(source)
        callback(packet)

    def _stop_reading(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None

    def close(self) -> None:
        """Close the socket; see `PacketPort.close`."""
        if not self._closed:
            self._closed = True
            self._stop_reading()
            self._socket.close()
            self._receive = self._on_rtp = self._on_rtcp = None


class _Ciphers:
    """Both SRTP sessions of a leg as four functions."""

    def __init__(self, inbound: Session, outbound: Session) -> None:
        self.unprotect = srtp.unprotect(inbound)
        self.unprotect_rtcp = srtp.unprotect_rtcp(inbound)
        self.protect = srtp.protect(outbound)
        self.protect_rtcp = srtp.protect_rtcp(outbound)
