"""What goes to one trunk: a steady RTP clock with audio, silence or telephone events on it."""

from __future__ import annotations

import secrets
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from gateway.errors import RequestError
from gateway.media.core.trunk_port import TrunkPort
from gateway.media.core.up import FRAME_SAMPLES, Filled, UpStream
from gateway.media.parameters import Flow, TrunkRemote
from voice.codec import PAYLOAD_CODECS, PCMU, PayloadCodec
from voice.rtp import pack_header
from voice.telephone_event import EventError, EventSender

# Shorter digits are missed by some receivers: their detectors were built for tones (ITU-T Q.24)
SHORTEST_DIGIT = 100  # ms
GAP = 60  # ms


class TrunkSender:
    """One stream to a trunk: numbers its packets and says what is in them.

    The clock asks once per frame (`fill`); from the trunk's first description on there is one
    packet for every frame, so that the far end sees neither gaps nor a jumping clock.
    """

    def __init__(self, port: TrunkPort, counters: Counter[str]) -> None:
        self._port = port
        self._counters = counters
        self._remote: TrunkRemote | None = None
        self._events: EventSender | None = None
        self._marker = True
        self.up = UpStream(counters)
        self.flow = Flow.SILENCE
        self.slot = 0  # of the clock
        self.codec: PayloadCodec = PCMU
        self.payload_type = 0
        self.sequence = secrets.randbits(16)
        self.timestamp = secrets.randbits(32)
        self.ssrc = secrets.randbits(32)

    def connect(self, remote: TrunkRemote) -> None:
        """Send as this description wants it, from the next frame on."""
        self.codec = PAYLOAD_CODECS[remote.codec]
        self.payload_type = remote.payload_type
        if remote.event is None:
            self._events = None
        elif self._remote is None or self._remote.event != remote.event:
            self._events = EventSender(remote.event.clock_rate)
        self._remote = remote

    def press(self, digits: str, duration: int = SHORTEST_DIGIT, gap: int = GAP) -> None:
        """Send digits after those that still wait; times in milliseconds.

        Raises
        ------
        RequestError
            When the trunk takes no telephone events, or a character is no digit.
        """
        if self._events is None:
            raise RequestError("this trunk takes no telephone events (RFC 4733)")
        try:
            self._events.send(digits, duration=max(duration, SHORTEST_DIGIT), gap=max(gap, GAP))
        except EventError as error:
            raise RequestError(str(error)) from error

    def fill(self, out: NDArray[np.int16], now: float) -> Filled:
        """Fill `out` (int16, 160 samples) with the frame that is due, or send an event for it."""
        filled = self.up.fill(out, now)
        remote = self._remote
        if filled is Filled.LATER or remote is None or not remote.receives:
            return Filled.LATER if filled is Filled.LATER else Filled.NOTHING
        if self._events is not None and self._events.busy:
            packet, suppress = self._events.tick(self.timestamp)
            if packet is not None and remote.event is not None:
                header = pack_header(
                    remote.event.payload_type,
                    self.sequence,
                    packet.timestamp,
                    self.ssrc,
                    marker=packet.marker,
                )
                self.sequence = (self.sequence + 1) & 0xFFFF
                self.send(header + packet.payload)
            if suppress:
                self._pass_frame()
                self._marker = True  # audio begins again after the digit
                return Filled.NOTHING
        if self.flow is Flow.SILENCE:
            out[:] = 0
        return Filled.AUDIO

    def take_marker(self) -> bool:
        """Whether the next packet begins a stretch of audio (RFC 3551 section 4.1)."""
        marker, self._marker = self._marker, False
        return marker

    def sent(self, packet: NDArray[np.uint8]) -> None:
        """Send the frame's packet and count on."""
        self.send(packet.data)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self._pass_frame()

    def send(self, packet: bytes | memoryview) -> None:
        self._port.send(packet)
        self._counters["trunk_packets_sent"] += 1

    def _pass_frame(self) -> None:
        self.timestamp = (self.timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
