"""The event loop's half of a leg: RTCP, digits, quality; whatever is rare and takes logic.

The other half, which packets go through, belongs to the engine's thread. Its statistics come once a
second; they are when reports are sent and silence is noticed.
"""

from __future__ import annotations

import random
import secrets
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable

from gateway.media.counters import rejected
from gateway.media.engine.leg import Leg, LegStatistics
from gateway.media.events import LegQuality, LegTraffic
from gateway.media.reports import LegIdentity, LegReports
from gateway.media.thread import MediaThread
from voice.codec import CODECS
from voice.telephone_event import EventEnded, EventError, EventReceiver, EventStarted
from voice.token_bucket import TokenBucket

TELEPHONE = 8000  # Hz, of events

# A tone in the sound is told when it is found; how long it will last nobody knows yet
TONE_DURATION = 100  # ms

# Nobody presses faster, and whoever is told has a queue that ends somewhere
DIGIT_RATE, DIGIT_BURST = 20.0, 20.0  # per second, and at once

# What the codec and a frame cost on the way, besides what the buffer holds (RFC 6716: 6.5 ms)
CODEC_DELAY = 26.5  # ms


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
        self.traffic = LegTraffic()
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
        self.traffic = LegTraffic(
            statistics.packets_received,
            statistics.octets_received,
            statistics.packets_sent,
            statistics.octets_sent,
        )
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
        self._on_digit = tell_nobody
        self._on_fault = tell_nobody

    def quality(self, now: float) -> LegQuality:
        """Return how the leg has been since this was asked last."""
        discarded, self._discarded = self._discarded, 0
        return self.reports.quality(
            now, self.level, buffer_ms=1000 * self._waiting + CODEC_DELAY, discarded=discarded
        )


def tell_nobody(*news: object) -> None:
    """What parties call when their call is over."""
