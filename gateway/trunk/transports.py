"""The engine's sockets: where SIP comes in, and for each trunk by TLS its own way out.

A connection by TLS is made by what belongs to one trunk: the name that its certificate must have,
the authorities that are believed, and the certificate that is shown. All requests of a call go by
the trunk's, so whatever address a Contact or Record-Route names is asked for the same certificate.
Lives in the SIP thread.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pjsua2 as pj

from gateway.trunk.address import Route
from gateway.trunk.binding import HAS_TLS, guarded
from gateway.trunk.config import EndpointConfig, SipAddress, Tls
from gateway.trunk.errors import TrunkError, TrunkFullError
from gateway.trunk.tls_fault import Peer, distrust, reason, refusal

log = logging.getLogger(__name__)

TRIES: Final = 20  # to find a port; nearly always the first is one
HANDSHAKE: Final = 5000  # milliseconds: two round trips, and one retransmission of each
# Seconds until a connection that came about may close like any other. By TLS 1.3 a trunk refuses
# our certificate after the handshake, one round trip later; none closes an idle one as soon
PROBATION: Final = 5.0
MOST: Final = 64  # of sockets and of trunks by TLS together; as compiled into the engine
NO_TLS: Final = "the stock engine has no safe TLS: build the engine by `make engine`"
BUNDLES: Final = (  # where systems keep the authorities that they trust, in one file
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
KINDS: Final = {
    ("udp", 4): "PJSIP_TRANSPORT_UDP",
    ("udp", 6): "PJSIP_TRANSPORT_UDP6",
    ("tcp", 4): "PJSIP_TRANSPORT_TCP",
    ("tcp", 6): "PJSIP_TRANSPORT_TCP6",
    ("tls", 4): "PJSIP_TRANSPORT_TLS",
    ("tls", 6): "PJSIP_TRANSPORT_TLS6",
}


class Faults:
    """Why connections by TLS have failed last, by the address that they went to.

    Only of those that are expected: who connects to us from anywhere is not kept.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wanted: dict[str, str] = {}
        self._found: dict[str, tuple[int, Peer, str]] = {}
        self._up: dict[str, float] = {}  # since when

    def expect(self, remote: str, wanted: str) -> None:
        """Keep what goes wrong there, where a certificate for `wanted` is to be shown."""
        self._wanted[remote] = wanted

    def note(self, remote: str, bits: int, peer: Peer, said: str) -> None:
        """Take what ended a connection; it is logged once until another has come about.

        One that has stood for a while is closed because nobody needs it, which is no fault.
        """
        since = self._up.pop(remote, None)
        if since is not None and self._clock() - since > PROBATION:
            return
        found = bits, peer, said
        if remote not in self._wanted or self._found.get(remote) == found:
            return
        self._found[remote] = found
        log.warning("%s by TLS: %s", remote, self.sentence(remote, self._wanted[remote]))

    def forget(self, remote: str) -> None:
        """Take that a connection has come about."""
        self._found.pop(remote, None)
        if remote in self._wanted:
            self._up[remote] = self._clock()

    def closed(self, remote: str) -> None:
        """Take that we have closed a connection."""
        self._up.pop(remote, None)

    def sentence(self, remote: str, wanted: str) -> str:
        """Say what has happened to the last connection there; empty if nothing has."""
        if remote not in self._found:
            return ""
        bits, peer, said = self._found[remote]
        return distrust(bits, wanted, peer) if bits else refusal(said)


class Engine(pj.Endpoint):
    """pjsua2's end point; it tells `faults` of connections."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    @guarded
    def onTransportState(self, prm: Any) -> None:
        """Notice a connection by TLS that has come about, or failed."""
        if not HAS_TLS or prm.type != "TLS":
            return
        if prm.state == pj.PJSIP_TP_STATE_CONNECTED:
            self._faults.forget(prm.remote)
        elif prm.state == pj.PJSIP_TP_STATE_DISCONNECTED:
            info = prm.tlsInfo
            bits = 0 if info.isEmpty() else info.verifyStatus
            peer = peer_of(info.remoteCertInfo) if bits else Peer()
            said = reason(prm.lastError) or self.utilStrError(prm.lastError)
            self._faults.note(prm.remote, bits, peer, said)
        elif prm.state == pj.PJSIP_TP_STATE_SHUTDOWN:
            self._faults.closed(prm.remote)


def peer_of(certificate: Any) -> Peer:
    """Return what the engine knows of a certificate."""
    begins, ends = (
        time.strftime("%Y-%m-%d", time.gmtime(moment.sec))
        for moment in (certificate.validityStart, certificate.validityEnd)
    )
    names = tuple(each.name for each in certificate.subjectAltName)
    return Peer(names or (certificate.subjectCn,), certificate.issuerCn, begins, ends)


class Transports:
    """Those of one endpoint. `open` makes the ones that listen."""

    def __init__(self, engine: Any, faults: Faults, config: EndpointConfig) -> None:
        self._engine = engine
        self._faults = faults
        self._config = config
        self._by_trunk: dict[tuple[str, Tls, int], int] = {}
        self._listening: list[tuple[int, Any]] = []  # by TLS
        self._newest = int(pj.PJSUA_INVALID_ID)
        self._made = 0
        self.tls_port = 0

    def open(self) -> int:
        """Listen; return the port, which is the same for all but TLS."""
        config, port = self._config, self._config.port
        if not port and config.tcp:
            port = free_for_both(config.address)
        for version, address in families(config.address):
            port = self._make("udp", version, _here(config, address, port))
            if config.tcp:
                self._make("tcp", version, _here(config, address, port))
        if config.tls_listen is not None:
            self._listen_by_tls(config.tls_listen)
        return port

    def _listen_by_tls(self, listen: SipAddress) -> None:
        self.tls_port = listen.port
        for version, address in families(listen.host):
            settings = _here(self._config, address, self.tls_port)
            _secure(settings, self._config.tls)
            self.tls_port = self._make("tls", version, settings)
            settings.port = self.tls_port
            self._listening.append((self._newest, settings))

    def of(self, route: Route) -> int:
        """Return what sends to a trunk: its own where it uses TLS, else whichever fits."""
        if not route.server:
            return int(pj.PJSUA_INVALID_ID)
        self._faults.expect(route.hop, route.server)
        version = 6 if route.hop.startswith("[") else 4
        key = route.server, route.tls, version
        if key not in self._by_trunk:
            address = dict(families(self._config.address)).get(version)
            if address is None:
                raise TrunkError(f"sip.listen has no address for IPv{version}")
            if self._made >= MOST:
                raise TrunkFullError("the SIP engine has no room for another trunk by TLS")
            settings = _here(self._config, address, 0)
            _secure(settings, route.tls)
            settings.tlsConfig.serverName = route.server
            self._make("tls", version, settings)
            self._by_trunk[key] = self._newest
        return self._by_trunk[key]

    def fault(self, route: Route) -> str:
        """Say why the last connection to a trunk has failed; empty where none has."""
        return self._faults.sentence(route.hop, route.server) if route.server else ""

    def reload(self) -> None:
        """Read the certificate of what listens again; those of trunks each connection reads."""
        for identifier, settings in self._listening:
            status = self._engine.transportRestart(identifier, settings)
            if status:
                log.error("sip.tls_listen: %s", self._engine.utilStrError(status))

    def _make(self, kind: str, version: int, settings: Any) -> int:
        if kind == "tls" and not HAS_TLS:
            raise TrunkError(NO_TLS)
        number = getattr(pj, KINDS[kind, version])
        self._newest = int(self._engine.transportCreate(number, settings))
        self._made += 1
        name = self._engine.transportGetInfo(self._newest).localName
        return int(name.rpartition(":")[2])


def families(address: str) -> list[tuple[int, str]]:
    """Return the versions of IP that an address to listen at is for, each with its address.

    As on Linux in general, "::" is for both, and comes to IPv4 first here.
    """
    ip = ip_address(address)
    if ip.version == 6 and ip.is_unspecified:
        return [(4, "0.0.0.0"), (6, "::")]
    return [(ip.version, address)]


def free_for_both(address: str) -> int:
    """Return a port that is free for UDP and TCP: of the engine's choice for UDP, TCP has some."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(TRIES):
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            udp.bind((address, 0))
            port = int(udp.getsockname()[1])
            with suppress(OSError):
                tcp.bind((address, port))
                return port
    raise TrunkError(f"no port at {address} is free for both UDP and TCP")


def _here(config: EndpointConfig, address: str, port: int) -> Any:
    """Say where to bind, and what others are told of it."""
    settings = pj.TransportConfig()
    settings.port = port
    # Of all addresses the engine names the one that the route to the trunk begins at, but only if
    # it is told none to bind, not even 0.0.0.0
    if not ip_address(address).is_unspecified:
        settings.boundAddress = settings.publicAddress = address
    public = config.public_address
    if public and (":" in public) == (":" in address):
        settings.publicAddress = public
    return settings


def _secure(settings: Any, tls: Tls) -> None:
    """Say by what a connection is secured: certificates are verified, and TLS is 1.2 or 1.3."""
    secured = settings.tlsConfig
    secured.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3
    secured.verifyServer = True
    secured.enableRenegotiation = False
    secured.CaListFile = tls.ca or system_authorities()
    secured.certFile, secured.privKeyFile = tls.certificate, tls.key
    secured.msecTimeout = HANDSHAKE


def system_authorities() -> str:
    """Return the file of the authorities that this system trusts; SSL_CERT_FILE names another.

    Raises
    ------
    TrunkError
        There is none, and a trunk's certificate could not be verified.
    """
    for file in (ssl.get_default_verify_paths().cafile, *BUNDLES):
        if file and Path(file).is_file():
            return file
    raise TrunkError("this system trusts no authority: install ca-certificates, or set `ca`")
