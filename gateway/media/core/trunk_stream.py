"""What comes from one trunk: G.711 to the down batch, telephone events to the call."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

from gateway.media.core.down import DownStream
from gateway.media.core.down_batch import DownBatch, DownLeg
from gateway.media.counters import rejected
from gateway.media.parameters import TrunkRemote
from voice.codec import PAYLOAD_CODECS, PayloadCodec
from voice.opus import OpusEncoder
from voice.rtp import RtpPacket
from voice.telephone_event import EventEnded, EventError, EventReceiver, EventStarted

# At 8 kHz libopus codes narrowband speech; 24 kbit/s leaves room for FEC. Complexity 5 costs twice
# what 0 does and scores the same (PESQ), but only clean speech was compared; see design, section 5.
SAMPLE_RATE = 8000
BITRATE = 24000
COMPLEXITY = 5


class TrunkStream:
    """Sorts a trunk's packets by payload type; all of them have passed the latch."""

    def __init__(
        self,
        batch: DownBatch,
        send: Callable[[bytes], None],
        on_digit: Callable[[str, int], None],
        failed: Callable[[], None],
        counters: Counter[str],
    ) -> None:
        self._batch = batch
        self._on_digit = on_digit
        self._counters = counters
        self._down = DownStream(secrets.randbits(16), secrets.randbits(32), counters)
        encoder = OpusEncoder(SAMPLE_RATE, bitrate=BITRATE, complexity=COMPLEXITY)
        self.leg = DownLeg(encoder, send, failed, ssrc=secrets.randbits(32))
        self._remote: TrunkRemote | None = None
        self._codecs: dict[int, PayloadCodec] = {}
        self._digits = EventReceiver(SAMPLE_RATE)
        self.open = False  # the browser can be sent to

    def expect(self, remote: TrunkRemote) -> None:
        """Take what this description announces."""
        self._codecs = {number: PAYLOAD_CODECS[name] for number, name in remote.codecs}
        before, self._remote = self._remote, remote
        if remote.event is not None and (before is None or before.event != remote.event):
            self._tell(self._digits.reset())
            self._digits = EventReceiver(remote.event.clock_rate)

    def take(self, packet: RtpPacket, now: float) -> None:
        """Take a packet from the trunk."""
        remote = self._remote
        if remote is None:
            return
        codec = self._codecs.get(packet.payload_type)
        if codec is not None:
            frames = self._down.cut(
                packet.ssrc,
                packet.sequence,
                packet.timestamp,
                packet.marker,
                packet.payload,
                now,
            )
            for frame in frames:
                if self.open:
                    self._batch.add(self.leg, codec, frame)
        elif packet.payload_type in remote.event_payload_types:
            self._down.pass_over(packet.ssrc, packet.sequence)
            self._take_event(packet, now)
        else:
            self._counters[rejected("trunk", "payload-type")] += 1

    def _take_event(self, packet: RtpPacket, now: float) -> None:
        try:
            told = self._digits.receive(packet.timestamp, packet.marker, packet.payload, now)
        except EventError:
            self._counters[rejected("trunk", "event")] += 1
            return
        self._tell(told)

    def expire(self, now: float) -> None:
        """Called every now and then: ends a digit whose last packets were lost."""
        self._tell(self._digits.expire(now))

    def _tell(self, told: list[EventStarted | EventEnded]) -> None:
        for event in told:
            if isinstance(event, EventEnded):
                self._counters["trunk_digits"] += 1
                self._on_digit(event.digit, event.duration_ms)
