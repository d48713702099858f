"""The browser's end of a session: brings ICE and DTLS up within limits of ours, then watches.

Packets do not come by here: the port that the endpoint is given moves them, once `start_media` has
given it the keys.

aiortc has no timers to rely on: ICE without an end-of-candidates never fails, and a browser that
vanishes is noticed after half a minute. The limits here are the session's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import inf
from time import monotonic

from gateway.media.events import BrowserConnected, BrowserLost, LossReason
from gateway.media.parameters import BrowserRemote, DtlsRole, MediaConfig
from gateway.media.webrtc.ice import names_host, parse_candidate, render_candidate
from gateway.media.webrtc.packet_port import PacketPort
from gateway.media.webrtc.patience import Patience, handshake_deadline
from gateway.media.webrtc.seam import Transport
from gateway.own_address import all_addresses, offered, versions
from voice.counters import Counters

logger = logging.getLogger(__name__)

# A browser with many interfaces sends a dozen; each one costs checks, so a flood is cut off
MAX_CANDIDATES = 32

# A browser in a call is heard all the time. One that is silent for so long has moved, if its checks
# come from another address
MOVED = 2.0  # seconds

CLOSE_TIMEOUT = 2.0  # seconds; a goodbye that takes longer is not worth waiting for

_BROADCAST = ip_address("255.255.255.255")

IpAddress = IPv4Address | IPv6Address
Report = Callable[[BrowserConnected | BrowserLost], None]


class WebRtcEndpoint:
    """ICE and DTLS with one browser, over a port of its own.

    `report` is told once when media can flow, and once when it no longer can; a browser that has
    fallen silent may be heard again, which is told as well. `on_reachable` is called once when the
    browser has named an address that it may be reached at. The endpoint opens the port and closes
    it.
    """

    def __init__(
        self,
        config: MediaConfig,
        port: PacketPort,
        counters: Counters,
        *,
        report: Report,
        on_reachable: Callable[[], None] | None = None,
        controlling: bool = False,
    ) -> None:
        self._config = config
        self._counters = counters
        self._report = report
        self._on_reachable = on_reachable
        self._address = ip_address(port.address[0])
        role = DtlsRole.CLIENT if controlling else DtlsRole.SERVER
        self._transport = Transport(port, counters, controlling=controlling, role=role)
        self._connecting: asyncio.Task[None] | None = None
        self._candidates = 0  # of the browser's, that have been used
        self._remote: BrowserRemote | None = None
        self._elder: WebRtcEndpoint | None = None
        self._patience = Patience(inf, config.ice_timeout)
        self._handshake: float | None = None  # when it began
        self._limit: asyncio.Timeout | None = None  # while ICE, or DTLS, comes up
        self._silence = 0.0  # seconds
        self._silent = False  # for too long, and perhaps not for ever
        self._lost = False
        self.connected = False
        self.send_rtcp = port.send_rtcp

    def open(self) -> None:
        """Answer checks from now on."""
        self._transport.open()

    @property
    def ice(self) -> tuple[str, str]:
        """Our user name fragment and password."""
        return self._transport.ice

    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """Pairs of algorithm and value."""
        return self._transport.fingerprints

    @property
    def candidates(self) -> tuple[str, ...]:
        """Our candidates as values of a=candidate, with the address that browsers can reach."""
        ours = self._transport.candidate
        return tuple(render_candidate(ours, host, at) for at, host in enumerate(self._hosts()))

    def _hosts(self) -> tuple[str, ...]:
        """Return our addresses as browsers are told them, the best first."""
        config = self._config
        if config.public_address is not None:
            return (config.public_address,)
        if not self._address.is_unspecified:
            return (str(self._address),)
        return offered(all_addresses(), str(self._address), loopback=config.loopback)

    def is_restarted_by(self, remote: BrowserRemote) -> bool:
        """Whether an offer is of the connection that this is the end of: its DTLS goes on."""
        before = self._remote
        return (
            before is not None
            and self._transport.is_established
            and bool(before.connection)
            and (before.connection, before.fingerprints) == (remote.connection, remote.fingerprints)
        )

    def is_renegotiated_by(self, remote: BrowserRemote) -> bool:
        """Whether an offer leaves all as it is: this end is up, and it is of that path."""
        before = self._remote
        if before is None or not self.connected:
            return False
        return before == replace(
            remote,
            candidates=before.candidates,
            candidates_end=before.candidates_end,
            dtls_role=before.dtls_role,
        )

    def connect(self, remote: BrowserRemote, elder: WebRtcEndpoint | None = None) -> None:
        """Start checks and handshake; the outcome is reported.

        With `elder`, whose connection has restarted ICE, its DTLS goes on once ICE is up.
        """
        self._remote = remote
        self._elder = elder
        self._transport.set_role(remote.dtls_role)
        self._patience = replace(self._patience, began=monotonic())
        for candidate in remote.candidates:
            self.add_candidate(candidate)
        if remote.candidates_end:
            self.add_candidate(None)
        self._connecting = asyncio.create_task(self._connect(remote), name="webrtc-connect")

    async def _connect(self, remote: BrowserRemote) -> None:
        try:
            lost = await self._bring_up(remote)
            if lost is None:
                self._transport.start_media(self._closed)
        except Exception:  # a fault in the stack below must end this call, not hang it
            logger.exception("the browser's transport failed")
            lost = LossReason.INTERNAL
        if lost is not None:
            self._lose(lost)
            return
        if self._lost:  # closed by what came beside the end of the handshake
            return
        self.connected = True
        self._report(BrowserConnected())

    async def _bring_up(self, remote: BrowserRemote) -> LossReason | None:
        try:
            async with asyncio.timeout(None) as self._limit:
                self._reschedule()
                if not await self._transport.connect_ice(remote.ice_ufrag, remote.ice_password):
                    return LossReason.ICE_TIMEOUT
        except TimeoutError:
            named = self._patience.named is not None or not self._patience.gathered
            return LossReason.ICE_TIMEOUT if named else LossReason.NO_CANDIDATE
        finally:
            self._limit = None
        elder, self._elder = self._elder, None
        if elder is not None and self._transport.inherit(elder._transport):
            return None
        return None if await self._shake_hands(remote) else LossReason.DTLS_FAILED

    async def _shake_hands(self, remote: BrowserRemote) -> bool:
        self._handshake = monotonic()
        try:
            async with asyncio.timeout(None) as self._limit:
                self._reschedule()
                return await self._transport.connect_dtls(remote.fingerprints)
        except TimeoutError:
            return False
        finally:
            self._limit = None

    def _reschedule(self) -> None:
        """Give ICE, or DTLS after it, as long as there is hope."""
        if self._limit is None or self._limit.expired():
            return
        began, patience = self._handshake, self._patience
        deadline = (
            patience.deadline
            if began is None
            else handshake_deadline(began, self._config.dtls_timeout, patience.answered)
        )
        self._limit.reschedule(asyncio.get_running_loop().time() + deadline - monotonic())

    def hurry(self) -> None:
        """Wait no longer than a moment from now on: the far end has picked up."""
        self._patience = self._patience.answer(monotonic())
        self._reschedule()

    def add_candidate(self, text: str | None) -> None:
        """Take a trickled candidate; None or an empty text says that it was the last one.

        Names (mDNS), TCP, second components and addresses that cannot be sent to are passed over:
        the browser that sends from such a candidate is found by its checks (peer-reflexive, RFC
        8445 section 7.3.1.3) anyway. For the same reason aioice does not hear of the last one: it
        would give up at once if it had none to check, and our own time limit decides. That gives
        up, too, if there was none by which the browser could be found.
        """
        if not text:
            if not self._transport.was_checked:
                self._patience = self._patience.end()
                self._reschedule()
            return
        if self._candidates >= MAX_CANDIDATES:
            self._counters.add("rejected_candidate")
            return
        try:
            candidate = parse_candidate(text)
        except ValueError:
            self._counters.add("rejected_candidate")
            return
        if candidate is None:
            if names_host(text):
                self._name()
            return
        host = ip_address(candidate.host)
        if self._may_be_checked(host):
            self._candidates += 1
            self._transport.add_candidate(candidate)
            self._name()
        elif host.version not in versions(str(self._address)):
            self._name()  # what it sends may be translated on its way

    def _name(self) -> None:
        """Take note of an address that the browser may be reached at."""
        self._patience = self._patience.name(monotonic())
        self._reschedule()
        on_reachable, self._on_reachable = self._on_reachable, None
        if on_reachable is not None:
            on_reachable()

    def _may_be_checked(self, theirs: IpAddress) -> bool:
        """Whether a browser can be at this address: one host, and not ourselves from elsewhere.

        A candidate makes us send checks, so it must not aim them at groups, at every host of a
        link, or at services that listen on loopback or link-local addresses only.
        """
        ours = self._address
        if theirs.version not in versions(str(ours)):
            return False
        if theirs.is_loopback:
            return self._config.loopback if ours.is_unspecified else ours.is_loopback
        aimed_at_many = theirs.is_multicast or theirs.is_unspecified or theirs == _BROADCAST
        return not (aimed_at_many or theirs.is_link_local or _is_embedded_ipv4(theirs))

    def watch(self, elapsed: float) -> None:
        """Follow a browser that has moved, report one that has fallen silent, or is heard again.

        Called every `elapsed` seconds.
        """
        if not (self.connected or self._silent):
            return
        self._silence = 0.0 if self._transport.heard() else self._silence + elapsed
        if self._silent and not self._silence:
            self._silent, self.connected = False, True
            self._report(BrowserConnected())
        elif self.connected and self._silence >= self._config.browser_silence:
            self._silent, self.connected = True, False
            self._report(BrowserLost(LossReason.SILENT))
        elif self._silence >= MOVED:
            self._transport.follow()

    def _closed(self, by_browser: bool) -> None:
        """Hear that the browser has closed, or that it no longer consents to be sent to."""
        silent, self._silent = self._silent, False
        if silent and not by_browser:  # which has been told
            self._lost = True
        self._lose(LossReason.CLOSED if by_browser else LossReason.SILENT)

    def _lose(self, reason: LossReason) -> None:
        self.connected = False
        if not self._lost:
            self._lost = True
            self._report(BrowserLost(reason))

    async def close(self) -> None:
        """Say goodbye and close the port; harmless when called twice."""
        self._lost = True
        self.connected = self._silent = False
        self._report = _tell_nobody
        self._on_reachable = None
        self._elder = None
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
            self._connecting = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._transport.close()


def _tell_nobody(event: BrowserConnected | BrowserLost) -> None:
    """What is called when the endpoint is closed."""


def _is_embedded_ipv4(address: IpAddress) -> bool:
    """Whether it is an IPv4 address as IPv6 writes it: none of those is a host of its own."""
    return address.version == 6 and (int(address) >> 32 == 0 or address.ipv4_mapped is not None)
