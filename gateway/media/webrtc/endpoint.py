"""The browser's end of a session: brings ICE and DTLS up within limits of ours, then moves packets.

aiortc has no timers to rely on: ICE without an end-of-candidates never fails, and a browser that
vanishes is noticed after half a minute. The limits here are the session's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Callable
from ipaddress import ip_address

from gateway.media.counters import Counters, rejected
from gateway.media.events import BrowserConnected, BrowserLost, LossReason
from gateway.media.parameters import BrowserRemote, DtlsRole, MediaConfig
from gateway.media.ports import PortRange
from gateway.media.receiver import Receiver
from gateway.media.webrtc.seam import Receive, Transport, parse_candidate, render_candidate

logger = logging.getLogger(__name__)

# A browser with many interfaces sends a dozen; each one costs checks, so a flood is cut off
MAX_CANDIDATES = 64

CLOSE_TIMEOUT = 2.0  # seconds; a goodbye that takes longer is not worth waiting for

Report = Callable[[BrowserConnected | BrowserLost], None]


class WebRtcEndpoint:
    """ICE, DTLS and SRTP with one browser.

    `report` is told once when media can flow, and once when it no longer can. `on_rtp` and
    `on_rtcp` get decrypted packets, one call per packet: from the `receiver` once media flows, from
    the event loop where there is none.
    """

    def __init__(
        self,
        config: MediaConfig,
        ports: PortRange,
        counters: Counters,
        *,
        report: Report,
        on_rtp: Receive,
        on_rtcp: Receive,
        controlling: bool = False,
        receiver: Receiver | None = None,
    ) -> None:
        self._config = config
        self._counters = counters
        self._report = report
        self._on_rtp, self._on_rtcp = on_rtp, on_rtcp
        self._receiver = receiver
        role = DtlsRole.CLIENT if controlling else DtlsRole.SERVER
        self._transport = Transport(ports, counters, controlling=controlling, role=role)
        self._connecting: asyncio.Task[None] | None = None
        self._candidates_taken = 0
        self._quiet = 0.0
        self._lost = False
        self.connected = False
        self.send = self._transport.send
        self.send_rtcp = self._transport.send_rtcp

    async def open(self) -> None:
        """Bind the socket; raises UnavailableError when the range has no port left."""
        await self._transport.gather()

    @property
    def ice(self) -> tuple[str, str]:
        """Our user name fragment and password."""
        return self._transport.ice

    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        return self._transport.fingerprints

    @property
    def candidates(self) -> tuple[str, ...]:
        """Our candidates as values of a=candidate, with the address that browsers can reach."""
        public = self._config.public_address
        ours = self._transport.candidates
        if public is not None:
            ours = [dataclasses.replace(candidate, ip=public) for candidate in ours]
        return tuple(render_candidate(candidate) for candidate in ours)

    def connect(self, remote: BrowserRemote) -> None:
        """Start checks and handshake; how they went is reported."""
        self._transport.set_role(remote.dtls_role)
        self._connecting = asyncio.create_task(self._connect(remote), name="webrtc-connect")

    async def _connect(self, remote: BrowserRemote) -> None:
        try:
            for candidate in remote.candidates:
                await self.add_candidate(candidate)
            lost = await self._bring_up(remote)
        except Exception:  # a fault in the stack below must end this call, not hang it
            logger.exception("the browser's transport failed")
            lost = LossReason.INTERNAL
        if lost is not None:
            self._lose(lost)
            return
        self._transport.open_media(self._on_rtp, self._on_rtcp, self._receiver)
        self._transport.on_closed(lambda: self._lose(LossReason.CLOSED))
        self.connected = True
        self._report(BrowserConnected())

    async def _bring_up(self, remote: BrowserRemote) -> LossReason | None:
        try:
            async with asyncio.timeout(self._config.ice_timeout):
                if not await self._transport.connect_ice(remote.ice_ufrag, remote.ice_password):
                    return LossReason.ICE_TIMEOUT
        except TimeoutError:
            return LossReason.ICE_TIMEOUT
        try:
            async with asyncio.timeout(self._config.dtls_timeout):
                if not await self._transport.connect_dtls(remote.fingerprints):
                    return LossReason.DTLS_FAILED
        except TimeoutError:
            return LossReason.DTLS_FAILED
        return None

    async def add_candidate(self, text: str | None) -> None:
        """Take a trickled candidate; None or an empty text says that it was the last one.

        Names (mDNS), TCP, second components and addresses that nobody can be called at are passed
        over: the browser that sends from such a candidate is found by its checks (peer-reflexive,
        RFC 8445 section 7.3.1.3) anyway. For the same reason the last candidate is no news: aioice
        would give up at once if it had none to check, and our own time limit decides.
        """
        if not text:
            return
        if self._candidates_taken >= MAX_CANDIDATES:
            self._counters[rejected("browser", "candidate")] += 1
            return
        try:
            candidate = parse_candidate(text)
            usable = candidate.protocol.lower() == "udp" and candidate.component == 1
            if usable and _may_be_probed(candidate.ip, self._config.address):
                self._candidates_taken += 1
                await self._transport.add_candidate(candidate)
        except ValueError:
            self._counters[rejected("browser", "candidate")] += 1

    def watch(self, elapsed: float) -> None:
        """Called every `elapsed` seconds: reports a browser that has fallen silent."""
        if not self.connected:
            return
        self._quiet = 0.0 if self._transport.heard() else self._quiet + elapsed
        if self._quiet >= self._config.browser_silence:
            self._lose(LossReason.SILENT)

    def _lose(self, reason: LossReason) -> None:
        self.connected = False
        if not self._lost:
            self._lost = True
            self._report(BrowserLost(reason))

    async def close(self) -> None:
        """Say goodbye and close the socket; harmless when called twice."""
        self._lost = True
        self.connected = False
        self._transport.deafen()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
            self._connecting = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._transport.close()


def _may_be_probed(host: str, ours: str) -> bool:
    """Whether a browser can be at this address: one host, and not ourselves from elsewhere.

    A candidate makes us send checks, so it must not aim them at groups, at every host of a link,
    or at services that listen on loopback or link-local addresses only.
    """
    try:
        address = ip_address(host)
    except ValueError:  # a name, such as mDNS's
        return False
    if address.is_loopback:
        return ip_address(ours).is_loopback
    aimed_at_many = address.is_multicast or address.is_unspecified or host == "255.255.255.255"
    return not aimed_at_many and not (address.version == 4 and address.is_link_local)
