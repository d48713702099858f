"""The browser's end of a call: real ICE and DTLS, then a bare socket and two SRTP sessions.

The event loop has the socket until media flows; then the player borrows it, and hands back what is
not media (ICE consent, DTLS alerts) so that calls of minutes stay up.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable

from pylibsrtp import Error as SrtpError

from gateway.bench.description import Wanted, write_offer
from gateway.media.events import BrowserConnected, BrowserLost
from gateway.media.parameters import BrowserRemote, DtlsRole, MediaConfig
from gateway.media.ports import PortRange
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from gateway.media.webrtc.own_socket import OwnSocketPort
from voice.counters import Counters

# One machine, or one network: what takes longer has failed
CONFIG = MediaConfig(ice_timeout=10.0, dtls_timeout=10.0)


class BrowserLeg:
    """One call's media at the browser's side; a `Leg` for the player once it is taken.

    Attributes
    ----------
    socket
        For the player, after `take`.
    wire, wire_rtcp
        Encrypt an RTP packet, and an RTCP packet; after `connect`.
    """

    socket: socket.socket
    wire: Callable[[bytes], bytes]
    wire_rtcp: Callable[[bytes], bytes]

    def __init__(self, ports: PortRange) -> None:
        self._ports = ports
        self._port: OwnSocketPort | None = None
        self._endpoint: WebRtcEndpoint | None = None
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[BrowserConnected | BrowserLost] = self._loop.create_future()
        self._taken = False
        self.ssrc = secrets.randbits(32)

    def open(self) -> str:
        """Bind, and return the offer; UnavailableError when there is no port left."""
        counters = Counters()
        self._port = port = OwnSocketPort(self._ports.bind_one(), counters)
        self._endpoint = endpoint = WebRtcEndpoint(
            CONFIG, port, counters, report=self._changed, controlling=True
        )
        self.wire, self.wire_rtcp = port.protect, port.protect_rtcp
        endpoint.open()
        return write_offer(
            session=secrets.randbits(62),
            ssrc=self.ssrc,
            ice=endpoint.ice,
            fingerprint=endpoint.fingerprints[0],
        )

    @property
    def candidates(self) -> tuple[str, ...]:
        """Our candidates as values of a=candidate."""
        return self._endpoint.candidates if self._endpoint is not None else ()

    async def connect(self, wanted: Wanted) -> None:
        """Bring ICE and DTLS up.

        Raises
        ------
        ConnectionError
            When one of them fails, or takes too long, or the leg is not open.
        """
        if self._endpoint is None:
            raise ConnectionError("the leg is not open")
        self._endpoint.connect(
            BrowserRemote(
                ice_ufrag=wanted.ufrag,
                ice_password=wanted.password,
                candidates=wanted.candidates,
                fingerprints=wanted.fingerprints,
                dtls_role=DtlsRole.CLIENT if wanted.passive else DtlsRole.SERVER,
                codec=wanted.codec,
                payload_type=wanted.payload_type,
                event=None,
            )
        )
        outcome = await self._outcome
        if isinstance(outcome, BrowserLost):
            raise ConnectionError(f"no media path: {outcome.reason}")

    def _changed(self, event: BrowserConnected | BrowserLost) -> None:
        if not self._outcome.done():
            self._outcome.set_result(event)

    def add_candidate(self, text: str) -> None:
        """Take a candidate of the gateway's."""
        if self._endpoint is not None:
            self._endpoint.add_candidate(text)

    def take(self) -> None:
        """Take the socket from the event loop; ConnectionError before media can flow."""
        if not self._taken:
            self.socket = self._opened().lend_socket()
            self._taken = True

    def unwire(self, datagram: bytes) -> bytes:
        """Decrypt; ValueError if it is none of the gateway's."""
        try:
            return self._opened().unprotect(datagram)
        except SrtpError as error:
            raise ValueError(f"{len(datagram)} bytes that are no SRTP packet: {error}") from error

    def control(self, datagram: bytes) -> None:
        """Hand it to ICE or DTLS, as soon as their event loop runs."""
        port = self._opened()
        if port.remote is not None:
            self._loop.call_soon(port.datagram_received, datagram, port.remote)

    def _opened(self) -> OwnSocketPort:
        if self._port is None:
            raise ConnectionError("the leg is not open")
        return self._port

    async def close(self) -> None:
        """Say goodbye and close the socket."""
        if self._endpoint is not None:
            await self._endpoint.close()
