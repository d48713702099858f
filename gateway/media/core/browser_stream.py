"""What comes from one browser, decrypted: Opus to the playout, telephone events to the trunk."""

from __future__ import annotations

from collections import Counter

from gateway.errors import RequestError
from gateway.media.core.latch import SSRC_SILENCE
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.counters import rejected
from gateway.media.parameters import BrowserRemote
from voice.rtp import RtpError, RtpPacket, parse
from voice.telephone_event import EventEnded, EventError, EventReceiver, EventStarted

# Browsers run event timestamps on the Opus clock, even for a payload type that says 8000
EVENT_CLOCK = 48000  # Hz


class BrowserStream:
    """Sorts a browser's packets by payload type; all of them have passed SRTP."""

    def __init__(self, sender: TrunkSender, counters: Counter[str]) -> None:
        self._sender = sender
        self._counters = counters
        self._opus: int | None = None
        self._event: int | None = None
        self._ssrc: int | None = None
        self._heard = float("-inf")
        self._digits = EventReceiver(EVENT_CLOCK)

    def expect(self, remote: BrowserRemote) -> None:
        """Take these payload types."""
        self._opus = remote.payload_type
        self._event = None if remote.event is None else remote.event.payload_type

    def take(self, datagram: bytes, now: float) -> bool:
        """Take a packet; true if a stream of audio begins with it."""
        try:
            packet = parse(datagram)
        except RtpError as error:
            self._refuse(error.reason)
            return False
        self._counters["browser_packets_received"] += 1
        begins = packet.ssrc != self._ssrc
        if begins and not self._follow(packet, now):
            return False
        self._heard = now
        if packet.payload_type == self._opus:
            self._sender.up.playout.put(packet.sequence, packet.payload, now)
        elif packet.payload_type == self._event:
            self._sender.up.playout.put(packet.sequence, None, now)
            self._take_event(packet, now)
        else:
            self._refuse("payload-type")
        return begins

    def _follow(self, packet: RtpPacket, now: float) -> bool:
        """A new source is a new stream, unless the old one still speaks."""
        if self._ssrc is not None and now - self._heard < SSRC_SILENCE:
            self._refuse("ssrc")
            return False
        self._ssrc = packet.ssrc
        self._sender.up.restart()
        self._press(self._digits.reset())
        return True

    def _take_event(self, packet: RtpPacket, now: float) -> None:
        try:
            told = self._digits.receive(packet.timestamp, packet.marker, packet.payload, now)
        except EventError:
            self._refuse("event")
            return
        self._press(told)

    def expire(self, now: float) -> None:
        """Called every now and then: ends a digit whose last packets were lost."""
        self._press(self._digits.expire(now))

    def _press(self, told: list[EventStarted | EventEnded]) -> None:
        for event in told:
            if isinstance(event, EventEnded):
                self._counters["browser_digits"] += 1
                try:
                    self._sender.press(event.digit, event.duration_ms)
                except RequestError:  # the trunk takes none: the page is told by `canInsertDTMF`
                    self._refuse("digit")

    def _refuse(self, reason: str) -> None:
        self._counters[rejected("browser", reason)] += 1
