"""A browser's party: its leg, its ICE and DTLS, and how much loss its encoder is to expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf

from gateway.media.engine.leg import BrowserLeg, LegStatistics
from gateway.media.events import BrowserConnected, BrowserLost
from gateway.media.parameters import BrowserRemote, LocalMedia, MediaConfig
from gateway.media.party import Party, tell_nobody
from gateway.media.shared_port import SharedPort
from gateway.media.thread import MediaThread
from gateway.media.webrtc.endpoint import WebRtcEndpoint
from voice.codec import CODECS
from voice.counters import Counters

# Browsers run event timestamps on the Opus clock, even for a payload type that says 8000
OPUS_EVENT_CLOCK = 48000  # Hz

# Per cent of packets that the encoder may be told to expect the loss of. Repair takes bits from the
# words themselves, so there is more of it only as the browser reports losses. Never none: a first
# loss comes before its report
EXPECTED_LOSSES = (5, 10, 20, 30)

# Who hears nothing at all for longer than this takes the line for dead; a second may be missing
# until it is noticed. Noise as of an empty room (RFC 3389: -dBov)
PAUSE = 0.2  # seconds
NOISE = bytes([70])

Report = Callable[[BrowserConnected | BrowserLost], None]


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
        on_reachable: Callable[[], None],
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
        self.endpoint = WebRtcEndpoint(
            config,
            self.port,
            transport_counters,
            report=self._changed,
            on_reachable=on_reachable,
        )
        self._make_reports("browser", "OPUS")
        self.local: LocalMedia | None = None  # as the browser is told it
        self.begun = False  # to connect
        self._connecting = False
        self._loss: int | None = None

    def connect(self, remote: BrowserRemote, elder: BrowserParty | None = None) -> None:
        """Speak as the offer wants it, and bring ICE and DTLS up; `elder`'s DTLS goes on."""
        self.begun = True
        codec = CODECS[remote.codec]
        self.reports.set_codec(remote.codec, codec.clock_rate)
        event = remote.event
        opus = remote.codec == "OPUS"
        clock_rate = OPUS_EVENT_CLOCK if opus or event is None else event.clock_rate
        self.set_event_clock(clock_rate)
        self._count_connecting(True)
        self.endpoint.connect(remote, None if elder is None else elder.endpoint)
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

    def on_datagram(self, data: bytes, address: tuple[str, int], own: str | None = None) -> None:
        """Take a datagram of STUN or DTLS; `own` is the address of ours that it has come to."""
        self.port.receive(data, address, own)

    def on_statistics(self, statistics: LegStatistics) -> None:
        super().on_statistics(statistics)
        if 0 < statistics.sent_at - statistics.heard_at - PAUSE < inf:
            self.thread.post(self.leg.fill_pause, NOISE, self.now)
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
        self._report = tell_nobody
        await self.endpoint.close()
