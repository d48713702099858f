"""What the transport is tried against: a port that records, a plain aiortc client, a NAT."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Self

from aioice import Candidate, Connection, stun
from aioice.ice import CandidatePair
from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
)
from pylibsrtp import Session

from gateway.media.parameters import BrowserRemote, DtlsRole
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from gateway.media.webrtc.packet_port import Address, Receive


def make_check(
    ice: tuple[str, str], their_ufrag: str, *, nominate: bool = False, password: str | None = None
) -> bytes:
    """Make a check as the browser would send it to who has these credentials."""
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    check.attributes["USERNAME"] = f"{ice[0]}:{their_ufrag}"
    check.attributes["PRIORITY"] = 1
    check.attributes["ICE-CONTROLLING"] = 1
    if nominate:
        check.attributes["USE-CANDIDATE"] = None
    check.add_message_integrity((password or ice[1]).encode())
    return bytes(check)


class RecordingPort:
    """A port without a network, which remembers what it was told."""

    receive: Receive

    def __init__(self, address: Address) -> None:
        self.address = address
        self.sent: list[tuple[bytes, Address]] = []
        self.admitted: set[Address] = set()
        self.remotes: list[Address] = []
        self.closed = False

    def open(self, ufrag: str, receive: Receive) -> None:
        self.receive = receive

    def send(self, data: bytes, address: Address) -> None:
        self.sent.append((data, address))

    def admit(self, address: Address) -> None:
        self.admitted.add(address)

    def dismiss(self, address: Address) -> None:
        self.admitted.discard(address)

    def set_remote(self, address: Address) -> None:
        self.remotes.append(address)

    def start_media(self, inbound: Session, outbound: Session) -> None: ...

    def heard(self) -> bool:
        return False

    def send_rtcp(self, data: bytes) -> None: ...

    def close(self) -> None:
        self.closed = True


class Nat:
    """Passes datagrams between one client, at `inside`, and one server, and may change outside."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self._family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._loop = asyncio.get_running_loop()
        self._client: Address | None = None
        self._inner = self._bind(self._from_client)
        self._outer = self._bind(self._from_server)
        self.captured: list[bytes] = []  # what the client has sent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._unbind(self._inner)
        self._unbind(self._outer)

    @property
    def inside(self) -> Address:
        host, port = self._inner.getsockname()[:2]
        return host, port

    @property
    def outside(self) -> Address:
        host, port = self._outer.getsockname()[:2]
        return host, port

    def rebind(self) -> None:
        """Forget the mapping: what the client sends comes from another address from now on."""
        before = self._outer
        self._outer = self._bind(self._from_server)
        self._unbind(before)

    def _bind(self, read: Callable[[], None]) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        sock.bind((self._server[0], 0))
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), read)
        return sock

    def _unbind(self, sock: socket.socket) -> None:
        self._loop.remove_reader(sock.fileno())
        sock.close()

    def _from_client(self) -> None:
        data, self._client = self._inner.recvfrom(2000)
        self.captured.append(data)
        self._outer.sendto(data, self._server)

    def _from_server(self) -> None:
        data = self._outer.recv(2000)
        if self._client is not None:
            self._inner.sendto(data, self._client)


class _Connection(Connection):
    """aioice as it is, but on loopback, which it leaves out by itself."""

    def __init__(self, hosts: list[str]) -> None:
        super().__init__(ice_controlling=True)
        self._hosts = hosts

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[Candidate]:
        return await super().get_component_candidates(component, self._hosts, timeout)


class _Dtls(RTCDtlsTransport):
    """aiortc as it is, but packets are not parsed."""

    def __init__(self, transport: RTCIceTransport) -> None:
        super().__init__(transport, [RTCCertificate.generateCertificate()])
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.received.put_nowait(data)


class PlainClient:
    """aiortc's own ICE and DTLS, controlling and active: the browser of a call."""

    def __init__(self, hosts: list[str]) -> None:
        gatherer = RTCIceGatherer(iceServers=[])
        gatherer._connection = self._connection = _Connection(hosts)
        self._gatherer = gatherer
        self._ice = RTCIceTransport(gatherer)
        self._dtls = _Dtls(self._ice)
        self._dtls._set_role("client")

    async def connect(self, gateway: WebRtcEndpoint, address: Address) -> None:
        """Connect to an endpoint that is reached at this address."""
        await self._gatherer.gather()
        ours = self._gatherer.getLocalParameters()
        fingerprints = self._dtls.getLocalParameters().fingerprints
        gateway.connect(
            BrowserRemote(
                ice_ufrag=str(ours.usernameFragment),
                ice_password=str(ours.password),
                candidates=(),
                fingerprints=tuple((each.algorithm, each.value) for each in fingerprints),
                dtls_role=DtlsRole.SERVER,
                codec="OPUS",
                payload_type=111,
                event=None,
            )
        )
        await self._connection.add_remote_candidate(
            Candidate("1", 1, "udp", 1, *address, type="host")
        )
        await self._ice.start(RTCIceParameters(*gateway.ice))
        theirs = [RTCDtlsFingerprint(*each) for each in gateway.fingerprints]
        await self._dtls.start(RTCDtlsParameters(theirs))
        assert self._dtls.state == "connected"

    async def check(self, *, nominate: bool) -> None:
        """Check the nominated pair, as is done every few seconds (RFC 7675)."""
        await self._check(self._connection._nominated[1], nominate)

    async def nominate_from(self, host: str) -> None:
        """Nominate the pair that begins at another of our addresses, and send from there."""
        (protocol,) = (
            each for each in self._connection._protocols if each.local_candidate.host == host
        )
        pair = CandidatePair(protocol, self._connection.remote_candidates[0])
        await self._check(pair, nominate=True)
        self._connection._nominated[1] = pair

    async def _check(self, pair: CandidatePair, nominate: bool) -> None:
        await pair.protocol.request(
            self._connection.build_request(pair, nominate=nominate),
            pair.remote_addr,
            integrity_key=str(self._connection.remote_password).encode(),
        )

    @property
    def ufrag(self) -> str:
        return self._connection.local_username

    async def send(self, packet: bytes) -> None:
        await self._dtls._send_rtp(packet)

    async def packet(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._dtls.received.get()

    async def close(self) -> None:
        await self._dtls.stop()
        await self._ice.stop()
