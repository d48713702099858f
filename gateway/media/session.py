"""One call's media: the browser's transport, the trunk's port, and the streams between them."""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Callable
from ipaddress import ip_address
from typing import Protocol

from gateway.media.core.browser_stream import BrowserStream
from gateway.media.core.down_batch import DownBatch
from gateway.media.core.moment import Moment
from gateway.media.core.reports import LegIdentity, LegReports
from gateway.media.core.trunk_port import TrunkPort
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.core.trunk_stream import TrunkStream
from gateway.media.counters import Counters
from gateway.media.events import (
    BrowserConnected,
    BrowserLost,
    LossReason,
    MediaEvent,
    Quality,
    TrunkDigit,
    TrunkSilent,
)
from gateway.media.parameters import BrowserRemote, Flow, LocalMedia, MediaConfig, TrunkRemote
from gateway.media.ports import PortRange
from gateway.media.receiver import Receiver
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from voice.codec import CODECS
from voice.rtp import RtpPacket

logger = logging.getLogger(__name__)

Report = Callable[[MediaEvent], None]

QUALITY_INTERVAL = 2.0  # seconds

# What the codec and a frame cost on the way, besides what the buffer holds (RFC 6716: 6.5 ms)
CODEC_DELAY = 26.5  # ms


class Core(Protocol):
    """What a session needs of the plane that serves it.

    `unix_offset` added to the moment's time is the time since 1970.
    """

    counters: Counters
    down: DownBatch
    receiver: Receiver
    moment: Moment
    unix_offset: float

    def enlist(self, session: MediaSession) -> None: ...
    def discharge(self, session: MediaSession) -> None: ...
    def follow(self, sender: TrunkSender) -> None: ...
    def pace(self, sender: TrunkSender) -> None: ...
    def fill_silence(self, session: MediaSession) -> None: ...
    def retire(self, port: TrunkPort) -> None: ...


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
        self.port = TrunkPort(*ports.bind_pair(), counters, core.moment)
        self.sender = TrunkSender(self.port, counters, self.failed)
        self._browser = WebRtcEndpoint(
            config,
            ports,
            counters,
            report=self._browser_changed,
            on_rtp=self._from_browser,
            on_rtcp=self._rtcp_from_browser,
            receiver=core.receiver,
        )
        down_ssrc = secrets.randbits(32)
        self._browser_reports = self._make_reports("browser", down_ssrc, "OPUS")
        self._trunk_reports = self._make_reports("trunk", self.sender.ssrc, "PCMU")
        self._up = BrowserStream(self.sender, self._browser_reports, counters)
        self.down = TrunkStream(
            core.down,
            self._browser.send,
            self._digit,
            self.failed,
            self._trunk_reports,
            counters,
            ssrc=down_ssrc,
            on_silence=lambda: core.fill_silence(self),
            complexity=config.complexity,
            bitrate=config.bitrate,
        )
        self.port.take, self.port.take_rtcp = self._from_trunk, self._trunk_reports.take
        self._browser_remote: BrowserRemote | None = None
        self._trunk_remote: TrunkRemote | None = None
        self._quality_due = core.moment.now + QUALITY_INTERVAL
        self._sent = (0, 0, 0, 0)  # packets and octets to the browser and the trunk, as reported

    def _make_reports(self, leg: str, ssrc: int, codec: str) -> LegReports:
        core = self._core
        identity = LegIdentity(leg, ssrc, secrets.token_urlsafe(12), core.unix_offset)
        return LegReports(
            identity,
            core.counters,
            started=core.moment.now,
            uniform=random.random,
            codec=codec,
            clock_rate=CODECS[codec].clock_rate,
        )

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
            ssrc=self.down.leg.ssrc,
            trunk_host=self._config.public_address or host,
            trunk_port=port,
        )

    def report_to(self, report: Report) -> None:
        """Tell this function what happens from now on."""
        self._report = report

    async def connect_browser(self, remote: BrowserRemote) -> None:
        """Bring the browser's transport up; `BrowserConnected` or `BrowserLost` follows."""
        self._browser_remote = remote
        self._up.expect(remote)
        self.down.serve(remote)
        self._browser_reports.speak(remote.codec, CODECS[remote.codec].clock_rate)
        self._route()
        self._browser.connect(remote)

    async def add_candidate(self, candidate: str | None) -> None:
        """Take a candidate that the browser has trickled; None after the last."""
        await self._browser.add_candidate(candidate)

    async def connect_trunk(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again."""
        if not ip_address(remote.host).is_unspecified:  # hold as RFC 2543 had it: stay as we are
            self.port.expect(remote.host, remote.port, remote.rtcp_port)
        self._trunk_remote = remote
        self.sender.connect(remote)
        self.down.expect(remote)
        self._trunk_reports.speak(remote.codec, CODECS[remote.codec].clock_rate)
        self._trunk_reports.wait_anew(self._core.moment.now)
        self._core.pace(self.sender)
        self._route()

    async def set_flow(self, flow: Flow) -> None:
        """Say what the trunk hears."""
        self.sender.set_flow(flow)
        self._route()

    def _route(self) -> None:
        """Let packets pass as they are where both legs speak the same codec."""
        browser, trunk = self._browser_remote, self._trunk_remote
        same = browser is not None and trunk is not None and browser.codec == trunk.codec
        self.sender.relaying = same and self.sender.flow is Flow.AUDIO

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Press keys towards the trunk, after those that are still being sent.

        Raises
        ------
        RequestError
            When a character is no digit, or there is no trunk to hear them yet.
        """
        self.sender.press(digits, duration_ms, gap_ms)

    async def close(self) -> None:
        """Give everything back; harmless when called twice."""
        if self._closed:
            return
        self._closed = True
        self._report = _nobody
        try:
            self._say_goodbye()
        except Exception:  # a call that cannot take its leave ends all the same
            logger.exception("a session could not say goodbye")
        finally:
            self._core.discharge(self)
            if self._trunk_remote is None:  # nobody has found out where to send
                self.port.close()
            else:
                self._core.retire(self.port)
            await self._browser.close()

    def _say_goodbye(self) -> None:
        """Tell both ends by RTCP that our streams are over (RFC 3550 section 6.6)."""
        self._count_sent(self._core.moment.now)
        trunk, browser = self._trunk_reports.goodbye(), self._browser_reports.goodbye()
        if trunk is not None:
            self.port.send_rtcp(trunk)
        if browser is not None and self._browser.connected:
            self._browser.send_rtcp(browser)

    # Called by the plane and by the sockets

    def _from_trunk(self, packet: RtpPacket, now: float) -> None:
        try:
            self.down.take(packet, now)
        except Exception:  # one call's fault is its own
            logger.exception("a packet of a trunk could not be taken")
            self.failed()

    def failed(self) -> None:
        """Give this session up after a fault of ours; its call hears of it and ends."""
        self._core.counters["faults"] += 1
        self._report(BrowserLost(LossReason.INTERNAL))

    def make_noise(self, now: float) -> bool:
        """Send the browser the noise that is due; false once it is no longer wanted."""
        try:
            return self.down.make_noise(now)
        except Exception:  # one call's fault is its own
            logger.exception("noise could not be made")
            self.failed()
            return False

    def watch(self, now: float, elapsed: float) -> None:
        """Look after what packets alone do not tell; called every `elapsed` seconds."""
        try:
            self._watch(now, elapsed)
        except Exception:  # one call's fault is its own
            logger.exception("a session could not be looked after")
            self.failed()

    def _watch(self, now: float, elapsed: float) -> None:
        self._browser.watch(elapsed)
        self._up.expire(now)
        self.down.expire(now)
        self._watch_trunk(now)
        self._send_reports(now)
        if now >= self._quality_due and self._browser.connected and self._trunk_remote is not None:
            self._quality_due = now + QUALITY_INTERVAL
            self._report(self._measure(now))

    def _watch_trunk(self, now: float) -> None:
        remote = self._trunk_remote
        # On hold it owes us nothing, not even music: few phones have any
        if remote is None or not (remote.sends and remote.receives):
            self._trunk_reports.wait_anew(now)
            return
        config = self._config
        answered = self.sender.flow is Flow.AUDIO
        limit = config.trunk_silence if answered else config.trunk_silence_early
        silent = self._trunk_reports.silent_for(now)
        if limit and silent >= limit:
            self._trunk_reports.wait_anew(now)  # said once; the call ends by it
            self._report(TrunkSilent(round(silent)))

    def _send_reports(self, now: float) -> None:
        self._count_sent(now)
        report = self._trunk_reports.due(now)
        if report is not None and self._trunk_remote is not None:
            self.port.send_rtcp(report)
        report = self._browser_reports.due(now)
        if report is not None and self._browser.connected:
            self._browser.send_rtcp(report)
        loss = self._browser_reports.far_loss
        if loss is not None:
            self.down.expect_loss(loss)

    def _count_sent(self, now: float) -> None:
        leg, sender = self.down.leg, self.sender
        sent = (leg.packets_sent, leg.octets_sent, sender.packets_sent, sender.octets_sent)
        before, self._sent = self._sent, sent
        if sent[0] != before[0]:
            packets, octets = sent[0] - before[0], sent[1] - before[1]
            self._core.counters["browser_packets_sent"] += packets
            self._browser_reports.sent(packets, octets, leg.timestamp, now)
        if sent[2] != before[2]:
            packets, octets = sent[2] - before[2], sent[3] - before[3]
            self._trunk_reports.sent(packets, octets, sender.timestamp, now)

    def _measure(self, now: float) -> Quality:
        up = self.sender.up
        waiting = 0.0 if self.sender.relaying else 1000 * up.playout.target
        return Quality(
            browser=self._browser_reports.quality(
                now,
                up.loudness.level,
                buffer_ms=waiting + CODEC_DELAY,
                discarded=up.playout.take_discarded(),
            ),
            trunk=self._trunk_reports.quality(now, self.down.leg.level),
        )

    def _from_browser(self, datagram: bytes) -> None:
        moment = self._core.moment
        try:
            begins = self._up.take(datagram, moment.now, stale=moment.stale)
        except Exception:  # one call's fault is its own
            logger.exception("a packet of a browser could not be taken")
            self.failed()
            return
        if begins and not self._closed:
            self._core.follow(self.sender)

    def _rtcp_from_browser(self, datagram: bytes) -> None:
        self._browser_reports.take(datagram, self._core.moment.now)

    def _browser_changed(self, event: BrowserConnected | BrowserLost) -> None:
        self.down.open = isinstance(event, BrowserConnected)
        self._report(event)

    def _digit(self, digit: str, duration_ms: int) -> None:
        self._report(TrunkDigit(digit, duration_ms))


def _nobody(event: MediaEvent) -> None:
    """Before anybody wants to know, and after the end."""
