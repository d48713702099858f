"""The event loop's half of a leg: RTCP, digits, ICE and DTLS; whatever is rare and takes logic.

The other half, which packets go through, belongs to the engine's thread. Its statistics come once a
second; they are when reports are sent and silence is noticed.
"""

from __future__ import annotations

import logging
import random
import secrets
import socket
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from gateway.errors import RequestError
from gateway.media.counters import rejected
from gateway.media.engine.leg import BrowserLeg, Leg, LegStatistics, TrunkLeg
from gateway.media.engine.receive import tell_arrivals
from gateway.media.events import (
    BrowserConnected,
    BrowserLost,
    LegQuality,
)
from gateway.media.parameters import BrowserRemote, MediaConfig, TrunkRemote
from gateway.media.reports import LegIdentity, LegReports
from gateway.media.shared_port import SharedPort
from gateway.media.thread import MediaThread
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from voice import comfort_noise
from voice.codec import CODECS
from voice.counters import Counters
from voice.telephone_event import EventEnded, EventError, EventReceiver, EventStarted
from voice.token_bucket import TokenBucket

logger = logging.getLogger(__name__)

TELEPHONE = 8000  # Hz, of events
# Browsers run event timestamps on the Opus clock, even for a payload type that says 8000
OPUS_EVENT_CLOCK = 48000  # Hz

# A tone in the sound is told when it is found; how long it will last nobody knows yet
TONE_DURATION = 100  # ms

# Nobody presses faster, and whoever is told has a queue that ends somewhere
DIGIT_RATE, DIGIT_BURST = 20.0, 20.0  # per second, and at once

# Per cent of packets that the encoder may be told to expect the loss of. Repair takes bits from the
# words themselves, so there is more of it only as the browser reports losses. Never none: a first
# loss comes before its report
EXPECTED_LOSSES = (5, 10, 20, 30)

# What the codec and a frame cost on the way, besides what the buffer holds (RFC 6716: 6.5 ms)
CODEC_DELAY = 26.5  # ms

Report = Callable[[BrowserConnected | BrowserLost], None]


class Party(ABC):
    """What browser and trunk have in common.

    Parameters
    ----------
    on_digit
        Told each digit and its duration in milliseconds.
    on_fault
        Called when the engine could not serve the leg.
    """

    leg: Leg

    def __init__(
        self,
        thread: MediaThread,
        counters: Counter[str],
        *,
        on_digit: Callable[[str, int], None],
        on_fault: Callable[[], None],
    ) -> None:
        self.thread = thread
        self.counters = counters
        self._on_digit = on_digit
        self._on_fault = on_fault
        self._closed = False
        self._digits = EventReceiver(TELEPHONE)
        self._digits_allowed = TokenBucket(DIGIT_RATE, DIGIT_BURST)
        self._sent = (0, 0)  # packets and octets, as reported
        self._waiting = 0.0  # seconds in the jitter buffer
        self._discarded = 0  # packets since the last quality
        self.level = 127
        self.now = thread.now

    def _make_reports(self, kind: str, codec: str) -> LegReports:
        engine = self.thread.engine
        identity = LegIdentity(
            kind, self.leg.sender.ssrc, secrets.token_urlsafe(12), engine.unix_offset
        )
        self.reports = LegReports(
            identity,
            self.counters,
            started=self.thread.now,
            uniform=random.random,
            codec=codec,
            clock_rate=CODECS[codec].clock_rate,
        )
        return self.reports

    @abstractmethod
    def send_rtcp(self, packet: bytes) -> None:
        """Send a compound RTCP packet, if there is anywhere to send it to."""

    # Told by the engine, on the event loop

    def on_statistics(self, statistics: LegStatistics) -> None:
        """Take what has been counted; comes once a second."""
        if self._closed:
            return
        now = self.now = statistics.sent_at
        self.level = statistics.level
        self._waiting = statistics.waiting
        self._discarded += statistics.discarded
        self.reports.update(statistics.reception)
        self._count_sent(statistics)
        self._tell(self._digits.expire(now), now)
        report = self.reports.due(now)
        if report is not None:
            self.send_rtcp(report)

    def _count_sent(self, statistics: LegStatistics) -> None:
        before, sent = self._sent, (statistics.packets_sent, statistics.octets_sent)
        if sent != before:
            self._sent = sent
            packets, octets = sent[0] - before[0], sent[1] - before[1]
            self.reports.sent(packets, octets, statistics.timestamp, statistics.sent_at)

    def on_rtcp(self, packet: bytes, arrival: float) -> None:
        """Take a compound RTCP packet, decrypted."""
        self.reports.take(packet, arrival)

    def on_event(
        self,
        ssrc: int,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload: bytes,
        arrival: float,
    ) -> None:
        """Take a packet of a telephone event."""
        try:
            told = self._digits.receive(ssrc, sequence, timestamp, marker, payload, arrival)
        except EventError:
            self.counters[rejected(self.leg.kind, "event")] += 1
            return
        self._tell(told, arrival)

    def on_tone(self, digit: str) -> None:
        """Take a digit that was found in the sound."""
        self._on_digit(digit, TONE_DURATION)

    def on_failed(self) -> None:
        """Hear that the leg cannot be served."""
        self._on_fault()

    def _tell(self, told: list[EventStarted | EventEnded], now: float) -> None:
        for event in told:
            if not isinstance(event, EventEnded):
                continue
            if not self._digits_allowed.has_tokens(now):
                self.counters[rejected(self.leg.kind, "digit-flood")] += 1
                continue
            self._digits_allowed.spend(1)
            self.counters[f"{self.leg.kind}_digits"] += 1
            self._on_digit(event.digit, event.duration_ms)

    def set_event_clock(self, clock_rate: int) -> None:
        """Count digits' durations at this rate. Under another payload type a digit goes on."""
        if clock_rate != self._digits.clock_rate:
            self._tell(self._digits.reset(), self.now)
            self._digits = EventReceiver(clock_rate)

    def let_go(self) -> None:
        """Tell nobody anything any more, and keep nobody: the leg is not served any longer."""
        self._closed = True
        self._on_digit = _tell_nobody
        self._on_fault = _tell_nobody

    def quality(self, now: float) -> LegQuality:
        """Return how the leg has been since this was asked last."""
        discarded, self._discarded = self._discarded, 0
        return self.reports.quality(
            now, self.level, buffer_ms=1000 * self._waiting + CODEC_DELAY, discarded=discarded
        )


class BrowserParty(Party):
    """A browser: its leg, its ICE and DTLS."""

    def __init__(
        self,
        thread: MediaThread,
        config: MediaConfig,
        counters: Counter[str],
        transport_counters: Counters,
        *,
        report: Report,
        on_digit: Callable[[str, int], None],
        on_fault: Callable[[], None],
    ) -> None:
        super().__init__(thread, counters, on_digit=on_digit, on_fault=on_fault)
        self._config = config
        self._report = report
        engine = thread.engine
        self.leg: BrowserLeg = BrowserLeg(
            self, engine.browsers, engine.narrow, engine.wide, thread.now
        )
        self.port = SharedPort(thread, self.leg)
        self.endpoint = WebRtcEndpoint(config, self.port, transport_counters, report=self._changed)
        self._make_reports("browser", "OPUS")
        self._connecting = False
        self._loss: int | None = None

    def connect(self, remote: BrowserRemote) -> None:
        """Speak as the offer wants it, and bring ICE and DTLS up."""
        codec = CODECS[remote.codec]
        self.reports.set_codec(remote.codec, codec.clock_rate)
        event = remote.event
        opus = remote.codec == "OPUS"
        clock_rate = OPUS_EVENT_CLOCK if opus or event is None else event.clock_rate
        self.set_event_clock(clock_rate)
        self._count_connecting(True)
        self.endpoint.connect(remote)
        self.thread.order(self, self._configure, remote, clock_rate)

    def _configure(self, remote: BrowserRemote, event_clock_rate: int) -> None:
        """Set the leg up; on the engine's thread."""
        config, event = self._config, remote.event
        self.leg.receiver.set_formats(
            {remote.payload_type: remote.codec},
            events=() if event is None else (event.payload_type,),
            event_clock_rate=event_clock_rate,
            level_extension=remote.level_extension,
        )
        opus = remote.codec == "OPUS"
        settings = {"complexity": config.complexity, "bitrate": config.bitrate} if opus else {}
        self.leg.sender.set_codec(
            remote.codec,
            remote.payload_type,
            level_extension=remote.level_extension,
            **settings,
        )
        self.leg.sender.expect_loss(EXPECTED_LOSSES[0])
        if self.leg.bridge is not None:
            self.leg.bridge.route()

    def _changed(self, event: BrowserConnected | BrowserLost) -> None:
        self._count_connecting(False)
        self._report(event)

    def _count_connecting(self, connecting: bool) -> None:
        if connecting != self._connecting:
            self._connecting = connecting
            self.thread.post(self.thread.engine.count_connecting, 1 if connecting else -1)

    def send_rtcp(self, packet: bytes) -> None:
        if self.endpoint.connected:
            self.port.send_rtcp(packet)

    def on_datagram(self, data: bytes, address: tuple[str, int]) -> None:
        """Take a datagram of STUN or DTLS."""
        self.port.receive(data, address)

    def on_statistics(self, statistics: LegStatistics) -> None:
        super().on_statistics(statistics)
        if statistics.heard:
            self.port.note_heard()
        self.endpoint.watch(1.0)
        self._adapt_to_loss()

    def _adapt_to_loss(self) -> None:
        """Spend bits on repair as it is worth where the browser reports so much loss."""
        loss = self.reports.far_loss
        if loss is None:
            return
        wanted = next(
            each for each in EXPECTED_LOSSES if each >= 100 * loss or each == EXPECTED_LOSSES[-1]
        )
        if wanted != self._loss:
            self._loss = wanted
            self.thread.post(self.leg.sender.expect_loss, wanted)

    async def close(self) -> None:
        """Say goodbye and let the port's share go."""
        self.let_go()
        self._count_connecting(False)
        self._report = _tell_nobody
        await self.endpoint.close()


class TrunkParty(Party):
    """A trunk: its leg and its pair of ports."""

    def __init__(
        self,
        thread: MediaThread,
        sockets: tuple[socket.socket, socket.socket],
        counters: Counter[str],
        *,
        on_digit: Callable[[str, int], None],
        on_fault: Callable[[], None],
        on_second: Callable[[float], None],
    ) -> None:
        super().__init__(thread, counters, on_digit=on_digit, on_fault=on_fault)
        self._on_second = on_second
        engine = thread.engine
        self.sockets = sockets
        host, port = sockets[0].getsockname()[:2]
        self.address: tuple[str, int] = (host, port)  # ours for RTP, as bound
        for sock in sockets:
            tell_arrivals(sock)
        self.leg: TrunkLeg = TrunkLeg(
            self, *sockets, engine.trunk_counters, engine.narrow, engine.wide
        )
        self._make_reports("trunk", "PCMU")
        self.remote: TrunkRemote | None = None
        self._seeks_tones = False  # digits are looked for in the sound

    def connect(self, remote: TrunkRemote) -> None:
        """Send to the trunk, and take from it, as its description says; may come again.

        Raises
        ------
        ValueError
            When its host is no address; then all stays as it was.
        """
        # Hold as RFC 2543 had it names no host: the stream goes where it went
        moves = not ip_address(remote.host).is_unspecified
        self.remote = remote
        self.reports.set_codec(remote.codec, CODECS[remote.codec].clock_rate)
        self.reports.reset_silence_timer(self.thread.now)
        if remote.event is not None:
            self.set_event_clock(remote.event.clock_rate)
        self.thread.order(self, self._configure, remote, moves)

    def _configure(self, remote: TrunkRemote, moves: bool) -> None:
        """Set the leg up; on the engine's thread."""
        leg, event = self.leg, remote.event
        leg.port.latch.believe_peer(remote.also_from)
        leg.port.latch.believe_any(remote.from_anywhere)
        if moves:
            leg.port.expect(remote.host, remote.port, remote.rtcp_port)
        codecs = dict(remote.codecs)
        leg.receiver.set_formats(
            codecs,
            events=remote.event_payload_types,
            event_clock_rate=event.clock_rate if event else TELEPHONE,
            noise=None if comfort_noise.PAYLOAD_TYPE in codecs else comfort_noise.PAYLOAD_TYPE,
        )
        leg.sender.set_codec(remote.codec, remote.payload_type, ptime=remote.ptime)
        leg.set_digits(event.payload_type if event else None, event.clock_rate if event else 0)
        self._seeks_tones = event is None
        self.thread.engine.find_tones(leg, self._seeks_tones)
        leg.hold(not remote.receives)
        if leg.bridge is not None:
            leg.bridge.route()

    def on_statistics(self, statistics: LegStatistics) -> None:
        super().on_statistics(statistics)
        self._on_second(self.now)

    def close(self) -> None:
        """Send and tell nothing any more."""
        self.let_go()
        self._on_second = _tell_nobody
        self.remote = None

    def on_event(
        self,
        ssrc: int,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload: bytes,
        arrival: float,
    ) -> None:
        if self._seeks_tones:  # it sends events after all: a key must not be told twice
            self._seeks_tones = False
            self.thread.post(self.thread.engine.find_tones, self.leg, False)
        super().on_event(ssrc, sequence, timestamp, marker, payload, arrival)

    def on_moved(self, address: tuple[str, int]) -> None:
        """Hear that the stream comes from a host that the description does not name."""
        if self.remote is not None:
            logger.info(
                "port %d: the trunk describes %s, its audio comes from %s and is answered there",
                self.address[1],
                self.remote.host,
                address[0],
            )

    def send_rtcp(self, packet: bytes) -> None:
        if self.remote is not None:
            self.thread.post(self.leg.port.send_rtcp, packet)

    async def send_digits(self, digits: str, duration_ms: int, gap_ms: int) -> None:
        """Send digits; raises RequestError as `Leg.send_digits` does."""
        await self.thread.call(self.leg.send_digits, digits, duration_ms, gap_ms)

    def pass_digit(self, digit: str, duration_ms: int) -> None:
        """Send a digit that a browser's key has made; one too many is counted."""
        self.thread.post(self._try_digit, digit, duration_ms)

    def _try_digit(self, digit: str, duration_ms: int) -> None:
        try:
            self.leg.send_digits(digit, duration_ms)
        except RequestError:  # too many at once, or before there is a trunk
            self.counters[rejected("browser", "digit")] += 1


def _tell_nobody(*news: object) -> None:
    """What parties call when their call is over."""
