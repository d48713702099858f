"""ICE and DTLS of one leg, and all we know of the insides of aiortc; `ice.py` knows aioice's.

We use aioice's ICE and aiortc's DTLS without RTCPeerConnection and its tracks, whose audio path
costs a thread per call, and without RTCIceTransport, whose task per call only watches another.
RTCDtlsTransport is there for the handshake only: what is kept afterwards is `Established`. Two
things have no public way in, and the contract test names each of them:

* one SSL context for all calls: `RTCCertificate._create_ssl_context`;
* what an established DTLS transport has: its SRTP sessions, `_rx_srtp` and `_tx_srtp` (`srtp.py`
  knows their insides), its connection, `_ssl`, its role, and its task, which is not wanted.

Both packages are pinned to a minor version, so that a release which changes any of this fails in
the contract test and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from time import monotonic
from typing import cast

from aioice import Candidate
from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceTransport,
)
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from OpenSSL import SSL
from pylibsrtp import Session

from gateway.media.parameters import DtlsRole
from gateway.media.webrtc.established import CIPHERS, VERSION, Established, Told
from gateway.media.webrtc.ice import IceConnection
from gateway.media.webrtc.packet_port import PacketPort
from voice.counters import Counters

DAY = 86_400  # seconds


class _Certificate(RTCCertificate):
    """A certificate whose SSL context is made once: it is the same for every call, and 30 kB."""

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            # Those whose records `Established` can read; every browser has them
            self._context.set_cipher_list(":".join(CIPHERS).encode())
            self._context.set_max_proto_version(VERSION)
        return self._context

    @cached_property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """The SHA-256 fingerprint: the one that every browser knows."""
        ours = self.getFingerprints()
        return tuple((f.algorithm, f.value) for f in ours if f.algorithm == "sha-256")


@lru_cache(maxsize=2)
def _certificate(day: int) -> _Certificate:
    """Return the certificate of a day: its key is good for nothing the day after."""
    return _Certificate.generateCertificate()


class _Datagrams:
    """All that RTCDtlsTransport asks of an RTCIceTransport once its role is set."""

    def __init__(self, connection: IceConnection) -> None:
        self._recv = connection.arrivals.get
        self._connection = connection
        self.last_sent = b""

    async def _send(self, data: bytes) -> None:
        self.last_sent = data
        await self._connection.send(data)


class Transport:
    """ICE and DTLS of one leg.

    Not started and not stopped by itself, no timers: its owner has both.
    """

    def __init__(
        self, port: PacketPort, counters: Counters, *, controlling: bool, role: DtlsRole
    ) -> None:
        self._port = port
        self._connection = IceConnection(port, counters, controlling=controlling)
        certificate = _certificate(int(monotonic() // DAY))
        self.fingerprints = certificate.fingerprints
        datagrams = cast(RTCIceTransport, _Datagrams(self._connection))
        # Until the handshake is done
        self._dtls: RTCDtlsTransport | None = RTCDtlsTransport(datagrams, [certificate])
        self._dtls._set_role(role.value)
        self._established: Established | None = None
        self._is_closed = False  # by the browser
        self._sessions: tuple[Session, Session] | None = None  # SRTP's, for a path that goes on
        self._on_closed: Callable[[bool], None] | None = None

    def open(self) -> None:
        """Open the port: checks are answered from now on."""
        self._port.open(self._connection.local_username, self._connection.receive)

    @property
    def ice(self) -> tuple[str, str]:
        """User name fragment and password."""
        return self._connection.local_username, self._connection.local_password

    @property
    def candidate(self) -> Candidate:
        return self._connection.candidate

    def set_role(self, role: DtlsRole) -> None:
        """Choose who says hello; of no effect once somebody has."""
        if self._dtls is not None:
            self._dtls._set_role(role.value)

    def add_candidate(self, candidate: Candidate) -> None:
        self._connection.add_candidate(candidate)

    @property
    def was_checked(self) -> bool:
        """Whether the browser has found us, whatever candidates it has named."""
        return self._connection.was_checked

    async def connect_ice(self, ufrag: str, password: str) -> bool:
        """Run the checks until a pair is nominated."""
        self._connection.remote_username = ufrag
        self._connection.remote_password = password
        try:
            await self._connection.connect()
        except ConnectionError:
            return False
        return True

    async def connect_dtls(self, fingerprints: tuple[tuple[str, str], ...]) -> bool:
        """Shake hands, check the peer's certificate, derive the SRTP keys (RFC 5764)."""
        dtls = self._dtls
        if dtls is None:
            return False
        await dtls.start(
            RTCDtlsParameters([RTCDtlsFingerprint(algorithm=a, value=v) for a, v in fingerprints])
        )
        return bool(dtls.state == "connected")

    def start_media(self, on_closed: Callable[[bool], None]) -> None:
        """Give the SRTP sessions to the port, and keep of DTLS what is still needed.

        `on_closed` is called once: with true when the browser has closed, with false when it no
        longer answers checks (RFC 7675).
        """
        if self._established is None:
            self._finish_handshake()
        if self._sessions is None:
            raise ValueError("there are no keys")
        self._port.start_media(*self._sessions)
        self._on_closed = on_closed
        self._connection.arrivals.divert(self._arrived)

    def _finish_handshake(self) -> None:
        """Keep of the handshake's transport what is still needed."""
        dtls, self._dtls = self._dtls, None
        if dtls is None or dtls._ssl is None or dtls._task is None:
            raise ValueError("the handshake is not done")
        dtls._task.cancel()  # before its first step: it would read what is read here from now on
        dtls._task = None  # else each keeps the other
        self._established = Established.take_over(
            dtls._ssl,
            is_server=dtls._role == DtlsRole.SERVER.value,
            last_sent=cast(_Datagrams, dtls.transport).last_sent,
        )
        self._sessions = dtls._rx_srtp, dtls._tx_srtp

    @property
    def is_established(self) -> bool:
        """Whether there are keys, and the browser has not closed."""
        return self._established is not None and not self._is_closed

    def inherit(self, elder: Transport) -> bool:
        """Go on with another path's DTLS in place of a handshake; that path only ends then.

        An ICE restart leaves DTLS as it is (RFC 8842 section 4): the browser will not say hello.
        False if the other path has none any more.
        """
        if not elder.is_established:
            return False
        self._established, elder._established = elder._established, None
        self._sessions, elder._sessions = elder._sessions, None
        elder._on_closed = None
        self._dtls = None
        return True

    def _arrived(self, datagram: bytes | None) -> None:
        """Take a datagram of DTLS after the handshake; None: there will be no more."""
        if self._established is None:
            return
        told = Told.CLOSED if datagram is None else self._established.judge(datagram)
        if told is Told.REPEAT:
            self._connection.send_now(self._established.last_flight)
        elif told is Told.CLOSED and self._on_closed is not None:
            self._is_closed = datagram is not None
            on_closed, self._on_closed = self._on_closed, None
            on_closed(datagram is not None)

    def heard(self) -> bool:
        """Whether anything came from the peer since the last time this was asked."""
        heard = self._port.heard()
        if heard:
            self._connection.remain()
        return heard

    def follow(self) -> None:
        """Move to where the browser's checks come from; for when nothing else is heard of it."""
        self._connection.follow()

    async def close(self) -> None:
        """Say goodbye (close_notify) and close the port."""
        self._on_closed = None
        established, self._established = self._established, None
        self._sessions = None
        try:
            if established is not None:
                self._connection.send_now(established.goodbye)
            elif self._dtls is not None:
                await self._dtls.stop()
            await self._connection.close()
        finally:  # the goodbye may hang, or be cut off
            self._connection.arrivals.divert(None)
            self._port.close()
