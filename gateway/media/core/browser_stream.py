"""What comes from one browser, decrypted: audio to the playout or on to the trunk, events to it."""

from __future__ import annotations

from collections import Counter

from gateway.errors import RequestError
from gateway.media.core.latch import SSRC_SILENCE
from gateway.media.core.relay import UpRelay
from gateway.media.core.reports import LegReports
from gateway.media.core.speech import FORMATS, OPUS_FORMAT
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.counters import rejected
from gateway.media.parameters import BrowserRemote
from voice import levels
from voice.rtp import RtpError, RtpPacket, parse
from voice.rtp_extension import find
from voice.telephone_event import EventEnded, EventError, EventReceiver, EventStarted

# Browsers run event timestamps on the Opus clock, even for a payload type that says 8000
OPUS_EVENT_CLOCK = 48000  # Hz

LEVEL_TAKEN = 8  # packets of a relayed stream, of one of which the level is read


class BrowserStream:
    """Sorts a browser's packets by payload type; all of them have passed SRTP."""

    def __init__(self, sender: TrunkSender, reports: LegReports, counters: Counter[str]) -> None:
        self._sender = sender
        self._reports = reports
        self._counters = counters
        self._relay = UpRelay(sender)
        self._speech = OPUS_FORMAT
        self._audio: int | None = None
        self._event: int | None = None
        self._level_extension: int | None = None
        self._ssrc: int | None = None
        self._heard = float("-inf")
        self._digits = EventReceiver(OPUS_EVENT_CLOCK)

    def expect(self, remote: BrowserRemote) -> None:
        """Take these payload types."""
        self._speech = FORMATS[remote.codec]
        self._audio = remote.payload_type
        self._event = None if remote.event is None else remote.event.payload_type
        self._level_extension = remote.level_extension
        self._sender.up.set_codec(remote.codec)
        if remote.codec != "OPUS" and remote.event is not None:
            self._digits = EventReceiver(remote.event.clock_rate)

    def take(self, datagram: bytes, now: float, *, stale: bool = False) -> bool:
        """Take a packet; true if a stream of audio begins with it.

        With `stale` it may have waited for us, so that `now` does not say when it came.
        """
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
        self._reports.heard(
            packet.sequence, packet.timestamp, now, packet.ssrc, self._speech.clock_rate
        )
        if packet.payload_type == self._audio:
            self._take_audio(packet, now, stale)
        elif packet.payload_type == self._event:
            self._take_event(packet, now)
        else:
            self._refuse("payload-type")
        return begins

    def _take_audio(self, packet: RtpPacket, now: float, stale: bool) -> None:
        sender = self._sender
        if not sender.relaying:
            sender.up.playout.put(
                packet.sequence, packet.timestamp, packet.payload, now, stale=stale
            )
            return
        # Nobody decodes it, so the level is what the browser says; often enough for what it is for
        if self._level_extension is not None and not packet.sequence % LEVEL_TAKEN:
            level = levels.parse(find(packet, self._level_extension) or b"")
            if level is not None:
                sender.up.loudness.note(level.level)
        if not sender.heard:
            self._relay.pass_over(packet.sequence)
        elif sender.pressing:
            self._relay.interrupt(packet)
        else:
            self._relay.send(packet, self._speech.length(packet.payload), now)

    def _follow(self, packet: RtpPacket, now: float) -> bool:
        """A new source is a new stream, unless the old one still speaks."""
        if self._ssrc is not None and now - self._heard < SSRC_SILENCE:
            self._refuse("ssrc")
            return False
        self._ssrc = packet.ssrc
        self._sender.up.restart()
        self._relay.restart()
        self._press(self._digits.reset())
        return True

    def _take_event(self, packet: RtpPacket, now: float) -> None:
        if self._sender.relaying:
            self._relay.pass_over(packet.sequence)
        else:
            self._sender.up.playout.put(packet.sequence, packet.timestamp, None, now, stale=True)
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
                except RequestError:  # too many at once, or before there is a trunk
                    self._refuse("digit")

    def _refuse(self, reason: str) -> None:
        self._counters[rejected("browser", reason)] += 1
