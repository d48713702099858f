"""What goes to one trunk: a steady RTP clock with audio, silence or telephone events on it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

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

# Nobody presses more ahead of what has been sent; a program that does would send for hours
MAX_WAITING = 64  # digits


class TrunkSender:
    """One stream to a trunk: numbers its packets and says what is in them.

    The clock asks once per frame (`fill`); from the trunk's first description on there is one
    packet for every frame, so that the far end sees neither gaps nor a jumping clock.
    """

    def __init__(self, port: TrunkPort, counters: Counter[str], failed: Callable[[], None]) -> None:
        self.failed = failed  # to be called when serving this sender raised
        self._port = port
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
        elif self._events is None or self._events.clock_rate != remote.event.clock_rate:
            self._events = EventSender(remote.event.clock_rate)
        self._remote = remote

    def press(self, digits: str, duration: int = SHORTEST_DIGIT, gap: int = GAP) -> None:
        """Send digits after those that still wait; times in milliseconds.

        Raises
        ------
        RequestError
            When the trunk takes no telephone events, a character is no digit, or too many wait.
        """
        if self._events is None:
            raise RequestError("this trunk takes no telephone events (RFC 4733)")
        if self._events.waiting + len(digits) > MAX_WAITING:
            raise RequestError(f"{MAX_WAITING} digits wait to be sent already; send more later")
        try:
            self._events.send(digits, duration=max(duration, SHORTEST_DIGIT), gap=max(gap, GAP))
        except EventError as error:
            raise RequestError(str(error)) from error

    def fill(self, out: NDArray[np.int16], now: float) -> Filled:
        """Fill `out` (int16, 160 samples) with the frame that is due, or send an event for it."""
        filled = self.up.fill(out, now)
        remote = self._remote
        if filled is Filled.LATER or remote is None:
            return Filled.LATER if filled is Filled.LATER else Filled.NOTHING
        if not remote.receives:  # on hold, time goes on
            self.pass_frames(1)
            return Filled.NOTHING
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
                self._put(header + packet.payload)
            if suppress:
                self.pass_frames(1)
                return Filled.NOTHING
        if self.flow is Flow.SILENCE:
            out[:] = 0
        return Filled.AUDIO

    def take_marker(self) -> bool:
        """Whether the next packet begins a stretch of audio (RFC 3551 section 4.1)."""
        marker, self._marker = self._marker, False
        return marker

    def send_frame(self, packet: NDArray[np.uint8]) -> None:
        """Send the frame's packet, headers and all, and count on."""
        self._put(packet.data)
        self.timestamp = (self.timestamp + FRAME_SAMPLES) & 0xFFFFFFFF

    def pass_frames(self, count: int) -> None:
        """Let the time of frames pass without audio; what comes next begins a stretch of it."""
        self.timestamp = (self.timestamp + count * FRAME_SAMPLES) & 0xFFFFFFFF
        self._marker = True

    def _put(self, packet: bytes | memoryview) -> None:
        self._port.send(packet)
        self.sequence = (self.sequence + 1) & 0xFFFF
