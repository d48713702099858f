"""One call's media: the browser's transport, the trunk's port, and the streams between them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from ipaddress import ip_address
from time import perf_counter
from typing import Protocol

from gateway.media.core.browser_stream import BrowserStream
from gateway.media.core.down_batch import DownBatch
from gateway.media.core.trunk_port import TrunkPort
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.core.trunk_stream import TrunkStream
from gateway.media.counters import Counters
from gateway.media.events import (
    BrowserConnected,
    BrowserLost,
    LossReason,
    MediaEvent,
    TrunkDigit,
)
from gateway.media.parameters import BrowserRemote, Flow, LocalMedia, MediaConfig, TrunkRemote
from gateway.media.ports import PortRange
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from voice.rtp import RtpPacket

logger = logging.getLogger(__name__)

Report = Callable[[MediaEvent], None]


class Core(Protocol):
    """What a session needs of the plane that serves it."""

    counters: Counters
    down: DownBatch

    def enlist(self, session: MediaSession) -> None: ...
    def discharge(self, session: MediaSession) -> None: ...
    def follow(self, sender: TrunkSender) -> None: ...


class MediaSession:
    """What a call holds of the media plane; made by `MediaPlane.open`.

    What happens is told to the function given to `report_to`, at once, on the event loop.
    """

    local: LocalMedia

    def __init__(self, core: Core, config: MediaConfig, ports: PortRange) -> None:
        self._core = core
        self._config = config
        counters = core.counters
        self._report: Report = _nobody
        self._closed = False
        self.port = TrunkPort(*ports.bind_pair(), counters)
        self.sender = TrunkSender(self.port, counters, self.failed)
        self._browser = WebRtcEndpoint(
            config,
            ports,
            counters,
            report=self._browser_changed,
            on_rtp=self._from_browser,
            on_rtcp=self._rtcp_from_browser,
        )
        self._up = BrowserStream(self.sender, counters)
        self._down = TrunkStream(core.down, self._browser.send, self._digit, self.failed, counters)

    async def open(self) -> None:
        """Bind the browser's socket and describe our end."""
        try:
            await self._browser.open()
            self._describe()
            self._core.enlist(self)
        except BaseException:
            self.port.close()
            await self._browser.close()
            raise

    def _describe(self) -> None:
        host, port = self.port.address
        ufrag, password = self._browser.ice
        self.local = LocalMedia(
            ice_ufrag=ufrag,
            ice_password=password,
            candidates=self._browser.candidates,
            fingerprints=self._browser.fingerprints,
            ssrc=self._down.leg.ssrc,
            trunk_host=self._config.public_address or host,
            trunk_port=port,
        )

    def report_to(self, report: Report) -> None:
        """Tell this function what happens from now on."""
        self._report = report

    async def connect_browser(self, remote: BrowserRemote) -> None:
        """Bring the browser's transport up; `BrowserConnected` or `BrowserLost` follows."""
        self._up.expect(remote)
        self._down.leg.payload_type = remote.payload_type
        self._browser.connect(remote)

    async def add_candidate(self, candidate: str | None) -> None:
        """Take a candidate that the browser has trickled; None after the last."""
        await self._browser.add_candidate(candidate)

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again."""
        if not ip_address(remote.host).is_unspecified:  # hold as RFC 2543 had it: stay as we are
            self.port.latch.expect(remote.host, remote.port)
        self.sender.connect(remote)
        self._down.expect(remote)

    async def set_flow(self, flow: Flow) -> None:
        """Say what the trunk hears."""
        self.sender.flow = flow

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys towards the trunk, after those that are still being sent.

        Raises
        ------
        RequestError
            When the trunk takes no telephone events, or a character is no digit.
        """
        self.sender.press(digits, duration_ms, gap_ms)

    async def close(self) -> None:
        """Give everything back; harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._report = _nobody
        self._core.discharge(self)
        self.port.close()
        await self._browser.close()

    # Called by the plane and by the sockets

    def from_trunk(self, packet: RtpPacket, now: float) -> None:
        """Take a packet that has passed the port's latch."""
        try:
            self._down.take(packet, now)
        except Exception:  # one call's fault is its own
            logger.exception("a packet of a trunk could not be taken")
            self.failed()

    def failed(self) -> None:
        """Give this session up after a fault of ours; its call hears of it and ends."""
        self._core.counters["faults"] += 1
        self._report(BrowserLost(LossReason.INTERNAL))

    def watch(self, now: float, elapsed: float) -> None:
        """Look after what packets alone do not tell; called every `elapsed` seconds."""
        self._browser.watch(elapsed)
        self._up.expire(now)
        self._down.expire(now)

    def _from_browser(self, datagram: bytes) -> None:
        if self._up.take(datagram, perf_counter()) and not self._closed:
            self._core.follow(self.sender)

    def _rtcp_from_browser(self, datagram: bytes) -> None:
        self._core.counters["browser_rtcp_packets"] += 1

    def _browser_changed(self, event: BrowserConnected | BrowserLost) -> None:
        self._down.open = isinstance(event, BrowserConnected)
        self._report(event)

    def _digit(self, digit: str, duration_ms: int) -> None:
        self._report(TrunkDigit(digit, duration_ms))


def _nobody(event: MediaEvent) -> None:
    """Before anybody wants to know, and after the end."""
