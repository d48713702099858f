"""The browser's end of a call: real ICE and DTLS, then a bare socket and two SRTP sessions.

The event loop has the socket until media flows; then the player takes it, and hands back what is
not media (ICE consent, DTLS alerts) so that calls of minutes stay up.
"""

from __future__ import annotations

import asyncio
import secrets
import socket

from pylibsrtp import Error as SrtpError

from gateway.bench.description import Wanted, write_offer
from gateway.media.counters import Counters
from gateway.media.parameters import DtlsRole
from gateway.media.ports import PortRange
from gateway.media.webrtc.seam import Transport, parse_candidate, render_candidate

# One machine, or one network: what takes longer has failed
CONNECT_LIMIT = 20.0  # seconds
CLOSE_LIMIT = 2.0  # seconds


class _Transport(Transport):
    """Lets the player have what `Transport` keeps to itself: the socket, and the SRTP sessions."""

    def take(self) -> tuple[socket.socket, asyncio.DatagramTransport]:
        """Stop reading on the event loop; return a connected socket to read from instead."""
        pair = self._connection._nominated[1]
        transport = pair.protocol.transport
        # asyncio's loops have it for every kind of transport, uvloop's for streams only
        transport.pause_reading()  # type: ignore[attr-defined]
        sock = transport.get_extra_info("socket").dup()
        sock.connect(pair.remote_addr)
        return sock, transport

    def feed(self, datagram: bytes) -> None:
        """Take a datagram that was read in the event loop's stead."""
        pair = self._connection._nominated[1]
        pair.protocol.datagram_received(datagram, pair.remote_addr)

    def protect(self, packet: bytes) -> bytes:
        """Encrypt an RTP packet."""
        protected: bytes = self._dtls._tx_srtp.protect(packet)
        return protected

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Encrypt an RTCP packet."""
        protected: bytes = self._dtls._tx_srtp.protect_rtcp(packet)
        return protected

    def unprotect(self, datagram: bytes) -> bytes:
        """Decrypt an RTP packet; SrtpError if it is none."""
        packet: bytes = self._dtls._rx_srtp.unprotect(datagram)
        return packet


class BrowserLeg:
    """One call's media at the browser's side; a `Leg` for the player once it is `taken`."""

    socket: socket.socket

    def __init__(self, ports: PortRange) -> None:
        self._transport = _Transport(ports, Counters(), controlling=True, role=DtlsRole.CLIENT)
        self._loop = asyncio.get_running_loop()
        self._taken = False
        self.ssrc = secrets.randbits(32)
        self.wire = self._transport.protect
        self.wire_rtcp = self._transport.protect_rtcp

    async def open(self) -> str:
        """Bind, and return the offer."""
        await self._transport.gather()
        return write_offer(
            session=secrets.randbits(62),
            ssrc=self.ssrc,
            ice=self._transport.ice,
            fingerprint=self._transport.fingerprints[0],
        )

    @property
    def candidates(self) -> tuple[str, ...]:
        """Our candidates as values of a=candidate."""
        return tuple(render_candidate(each) for each in self._transport.candidates)

    async def connect(self, wanted: Wanted) -> None:
        """Bring ICE and DTLS up.

        Raises
        ------
        ConnectionError
            When one of them fails, or takes too long.
        """
        transport = self._transport
        transport.set_role(DtlsRole.CLIENT if wanted.passive else DtlsRole.SERVER)
        step = "ICE"
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                for text in wanted.candidates:
                    await self.add_candidate(text)
                connected = await transport.connect_ice(wanted.ufrag, wanted.password)
                if connected:
                    step = "DTLS"
                    connected = await transport.connect_dtls(wanted.fingerprints)
        except TimeoutError:
            connected = False
        if not connected:
            raise ConnectionError(f"{step} failed")

    async def add_candidate(self, text: str) -> None:
        """Take a candidate of the gateway's."""
        candidate = parse_candidate(text)
        if candidate.protocol.lower() == "udp" and candidate.component == 1:
            await self._transport.add_candidate(candidate)

    def take(self) -> None:
        """Take the socket from the event loop."""
        if not self._taken:
            self.socket, self._reader = self._transport.take()
            self._taken = True

    def unwire(self, datagram: bytes) -> bytes:
        """Decrypt; ValueError if it is none of the gateway's."""
        try:
            return self._transport.unprotect(datagram)
        except SrtpError as error:
            raise ValueError(f"{len(datagram)} bytes that are no SRTP packet: {error}") from error

    def control(self, datagram: bytes) -> None:
        """Hand it to ICE or DTLS, as soon as their event loop runs."""
        self._loop.call_soon(self._transport.feed, datagram)

    async def close(self) -> None:
        """Say goodbye and close the socket."""
        if self._taken:
            self.socket.close()
        try:
            async with asyncio.timeout(CLOSE_LIMIT):
                await self._transport.close()
        except TimeoutError:
            return
