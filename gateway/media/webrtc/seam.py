"""All we know of the insides of aiortc and aioice, in one place.

We use their ICE and DTLS without RTCPeerConnection and its tracks, whose audio path costs a thread
per call. Five things have no public way in, and the contract test names each of them:

* choosing address and port: `Connection.get_component_candidates` and `StunProtocol`;
* taking SRTP straight from the socket, without a queue and a task switch per packet, and dropping
  datagrams that would close the transport (aiortc 1.16 falls to one empty or oversized datagram);
* who may speak before a pair is nominated: the addresses in `_check_list`, and then `_nominated`;
  and how much of it may wait in `_queue`;
* one SSL context for all calls: `RTCCertificate._create_ssl_context`;
* the SRTP sessions of an established DTLS transport, `_rx_srtp` and `_tx_srtp` (`srtp.py` knows
  their insides).

Both packages are pinned to a minor version, so that a release which changes any of this fails in
the contract test and nowhere else.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import Any

from aioice import Candidate, Connection, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import CandidatePair, StunProtocol
from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp
from OpenSSL import SSL
from pylibsrtp import Error as SrtpError

from gateway.media.counters import Counters, rejected
from gateway.media.parameters import DtlsRole
from gateway.media.ports import PortRange
from gateway.media.receiver import Receiver
from gateway.media.webrtc import srtp
from gateway.media.webrtc.datagrams import SocketTransport

# The shortest thing on this socket is a DTLS record header; the longest fits an Ethernet frame
SHORTEST, LONGEST = 13, 1500

# ICE pairs of one call. Browsers make a dozen; each one is probed, and anybody who has the password
# can add some by sending checks from forged addresses.
MAX_PAIRS = 64

# Datagrams that wait for DTLS to read them: a handshake has four flights of a few each
MAX_WAITING = 64

# Streams of one browser: a call has one. libsrtp keeps state for each.
MAX_SOURCES = 8

DAY = 86_400  # seconds

# First byte of a datagram (RFC 7983 section 7)
STUN = range(0, 4)
DTLS = range(20, 64)
RTP = range(128, 192)

Receive = Callable[[bytes], None]

# What aioice's STUN parser raises on bytes that only look like STUN
_STUN_GARBAGE = (ValueError, struct.error, IndexError, KeyError)


class Protocol(StunProtocol):
    """One UDP socket: sorts datagrams by their first byte and drops what nobody may send."""

    def __init__(self, connection: GatewayConnection) -> None:
        super().__init__(connection)
        self._owner = connection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        owner = self._owner
        if isinstance(data, str) or not SHORTEST <= len(data) <= LONGEST:
            owner.counters[rejected("browser", "length")] += 1
            return
        first = data[0]
        if first in STUN:
            self._stun_received(data, addr)
        elif not owner.from_peer(addr):
            owner.counters[rejected("browser", "stranger")] += 1
        elif first in RTP and owner.on_srtp is not None:
            owner.alive = True
            owner.on_srtp(data)
        elif first in RTP or first in DTLS:
            owner.data_received(data, self.local_candidate.component)
        else:
            owner.counters[rejected("browser", "unknown")] += 1

    def _stun_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        owner = self._owner
        try:
            # What fails here, aioice would hand on as the peer's data
            request = stun.parse_message(data).message_class == stun.Class.REQUEST
            if request and not owner.has_room_for(addr):
                owner.counters[rejected("browser", "pairs")] += 1
                return
            owner.alive = owner.alive or owner.from_peer(addr)
            super().datagram_received(data, addr)
        except _STUN_GARBAGE:
            owner.counters[rejected("browser", "stun")] += 1


class GatewayConnection(Connection):
    """An ICE agent on one address and a port of ours."""

    def __init__(self, ports: PortRange, counters: Counters, *, controlling: bool = False) -> None:
        super().__init__(ice_controlling=controlling, use_ipv6=True)
        self._ports = ports
        self.counters = counters
        self.on_srtp: Receive | None = None
        self._pair: CandidatePair | None = None  # the nominated one that was asked about last
        self._route: tuple[asyncio.DatagramTransport, tuple[str, int]] | None = None
        self.alive = False  # something came from the peer since this was last cleared

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        sock = self._ports.bind_one()
        protocol = Protocol(self)
        SocketTransport(sock, protocol)
        host, port = sock.getsockname()[:2]
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=port,
            type="host",
        )
        self._protocols.append(protocol)
        return [protocol.local_candidate]

    def data_received(self, data: bytes, component: int) -> None:
        if self._queue.qsize() < MAX_WAITING:
            super().data_received(data, component)
        else:
            self.counters[rejected("browser", "early")] += 1

    def has_room_for(self, addr: tuple[Any, ...]) -> bool:
        """Whether a check from `addr` may become a pair, or belongs to one already."""
        source = (addr[0], addr[1])
        known = any(pair.remote_addr == source for pair in self._check_list)
        return known or len(self._check_list) < MAX_PAIRS

    def from_peer(self, addr: tuple[Any, ...]) -> bool:
        """Whether media from `addr` may be the peer's.

        Until a pair is nominated that is an address with a pair: one that the browser has told us
        of, or that knew our password in a check of its own. Anybody else could end the handshake
        with a forged alert, which is not encrypted. Afterwards it is the nominated pair's only.
        """
        source = (addr[0], addr[1])
        nominated = self.nominated()
        if nominated is not None:
            return source == nominated[1]
        return any(pair.remote_addr == source for pair in self._check_list)

    def nominated(self) -> tuple[asyncio.DatagramTransport, tuple[str, int]] | None:
        """Return by which socket and to which address the peer is reached; None before ICE is up.

        Asked for every packet: the answer is kept as long as the pair is the same.
        """
        pair = self._nominated.get(1)
        if pair is not self._pair:
            self._pair = pair
            self._route = None if pair is None else (pair.protocol.transport, pair.remote_addr)
        return self._route


class _Certificate(RTCCertificate):
    """A certificate whose SSL context is made once: it is the same for every call, and 30 kB."""

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        return self._context


@lru_cache(maxsize=2)
def _certificate(day: int) -> RTCCertificate:
    """Return the certificate of a day: its key is good for nothing the day after."""
    return _Certificate.generateCertificate()


class _Gatherer(RTCIceGatherer):
    def __init__(self, connection: GatewayConnection) -> None:
        super().__init__(iceServers=[])  # the default would ask a public STUN server
        self._connection = connection


class _Dtls(RTCDtlsTransport):
    """Hands on decrypted packets as bytes: those that come before the short cut is in place."""

    on_rtp: Receive | None = None
    on_rtcp: Receive | None = None

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        if self.on_rtp is not None:
            self.on_rtp(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        if self.on_rtcp is not None:
            self.on_rtcp(data)


class Transport:
    """ICE and DTLS of one leg: gather, connect, then packets by function call.

    Not started and not stopped by itself, no timers: its owner has both.
    """

    def __init__(
        self, ports: PortRange, counters: Counters, *, controlling: bool, role: DtlsRole
    ) -> None:
        self._connection = GatewayConnection(ports, counters, controlling=controlling)
        self._counters = counters
        self._gatherer = _Gatherer(self._connection)
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = _Dtls(self._ice, [_certificate(int(monotonic() // DAY))])
        self._dtls._set_role(role.value)
        self._protect: srtp.Cipher | None = None
        self._protect_rtcp: srtp.Cipher | None = None

    async def gather(self) -> None:
        await self._gatherer.gather()

    @property
    def ice(self) -> tuple[str, str]:
        """User name fragment and password."""
        return self._connection.local_username, self._connection.local_password

    @property
    def candidates(self) -> list[RTCIceCandidate]:
        return self._gatherer.getLocalCandidates()

    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """The certificate's SHA-256 fingerprint: the one that every browser knows."""
        ours = self._dtls.getLocalParameters().fingerprints
        return tuple((f.algorithm, f.value) for f in ours if f.algorithm == "sha-256")

    def set_role(self, role: DtlsRole) -> None:
        self._dtls._set_role(role.value)

    async def add_candidate(self, candidate: RTCIceCandidate | None) -> None:
        await self._ice.addRemoteCandidate(candidate)

    async def connect_ice(self, ufrag: str, password: str) -> bool:
        """Run the checks until a pair is nominated; it may take for ever (RFC 8445 has no end)."""
        await self._ice.start(RTCIceParameters(usernameFragment=ufrag, password=password))
        return bool(self._ice.state == "completed")

    async def connect_dtls(self, fingerprints: tuple[tuple[str, str], ...]) -> bool:
        """Shake hands, check the peer's certificate, derive the SRTP keys (RFC 5764)."""
        await self._dtls.start(
            RTCDtlsParameters([RTCDtlsFingerprint(algorithm=a, value=v) for a, v in fingerprints])
        )
        return bool(self._dtls.state == "connected")

    def open_media(
        self, on_rtp: Receive, on_rtcp: Receive, receiver: Receiver | None = None
    ) -> None:
        """From now on decrypted packets go straight from the socket to these functions.

        With a `receiver` it reads the socket, else the event loop goes on to.
        """
        self._dtls.on_rtp, self._dtls.on_rtcp = on_rtp, on_rtcp
        self._protect = srtp.protect(self._dtls._tx_srtp)
        self._protect_rtcp = srtp.protect_rtcp(self._dtls._tx_srtp)
        receive = self._receive(on_rtp, on_rtcp)
        self._connection.on_srtp = receive
        if receiver is not None:
            for protocol in self._connection._protocols:
                if isinstance(protocol.transport, SocketTransport):
                    protocol.transport.read_by(receiver, self._media_first(protocol, receive))

    def _receive(self, on_rtp: Receive, on_rtcp: Receive) -> Receive:
        """Return what decrypts the peer's packets and hands them on."""
        unprotect = srtp.unprotect(self._dtls._rx_srtp)
        unprotect_rtcp = srtp.unprotect_rtcp(self._dtls._rx_srtp)
        sources: set[bytes] = set()

        def receive(data: bytes) -> None:
            try:
                # RTCP's packet types stand where RTP has marker and payload type (RFC 5761)
                if 192 <= data[1] <= 223:
                    on_rtcp(unprotect_rtcp(data))
                    return
                source = data[8:12]
                if source not in sources:
                    if len(sources) >= MAX_SOURCES:
                        self._counters[rejected("browser", "ssrc")] += 1
                        return
                    packet = unprotect(data)
                    sources.add(source)
                else:
                    packet = unprotect(data)
                on_rtp(packet)
            except SrtpError:
                self._counters[rejected("browser", "srtp")] += 1

        return receive

    def _media_first(
        self, protocol: StunProtocol, receive: Receive
    ) -> Callable[[bytes, Any], None]:
        """Return what takes datagrams when nearly all of them are the peer's packets."""
        connection = self._connection

        def take(data: bytes, address: Any) -> None:
            route = connection.nominated()
            expected = route is not None and address == route[1] and connection.on_srtp is receive
            if expected and SHORTEST <= len(data) <= LONGEST and data[0] in RTP:
                connection.alive = True
                receive(data)
            else:
                protocol.datagram_received(data, address)

        return take

    def on_closed(self, callback: Callable[[], None]) -> None:
        """Call back once when an established transport closes (close_notify, lost consent)."""

        def changed() -> None:
            if self._dtls.state in ("closed", "failed"):
                callback()

        self._dtls.on("statechange", changed)

    def send(self, rtp: bytes) -> None:
        """Encrypt and send one RTP packet; what cannot be sent now is lost, as on any network."""
        route = self._connection.nominated()
        if self._protect is not None and route is not None:
            route[0].sendto(self._protect(rtp), route[1])

    def send_rtcp(self, rtcp: bytes) -> None:
        """Encrypt and send one compound RTCP packet."""
        route = self._connection.nominated()
        if self._protect_rtcp is not None and route is not None:
            route[0].sendto(self._protect_rtcp(rtcp), route[1])

    def heard(self) -> bool:
        """Whether anything came from the peer since the last time this was asked."""
        heard, self._connection.alive = self._connection.alive, False
        return heard

    def deafen(self) -> None:
        """Take no more packets from now on; sending and closing go on."""
        self._connection.on_srtp = None
        self._dtls.on_rtp = self._dtls.on_rtcp = None

    async def close(self) -> None:
        """Say goodbye (close_notify) and close the socket."""
        self.deafen()
        self._dtls.remove_all_listeners()
        try:
            await self._dtls.stop()
            await self._ice.stop()
        finally:  # the goodbye may hang, or be cut off
            for protocol in self._connection._protocols:
                protocol.transport.close()


def parse_candidate(text: str) -> RTCIceCandidate:
    """Read a candidate as browsers write it.

    Raises
    ------
    ValueError
        When it breaks RFC 8839 section 5.1.
    """
    try:
        return candidate_from_sdp(text.removeprefix("a=").removeprefix("candidate:"))
    except (AssertionError, ValueError, IndexError, KeyError) as error:
        raise ValueError(f"not an ICE candidate: {text[:80]!r}") from error


def render_candidate(candidate: RTCIceCandidate) -> str:
    """Write the value of an a=candidate line."""
    return candidate_to_sdp(candidate)
