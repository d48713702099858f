"""What goes to one trunk: a steady RTP clock with audio, silence or telephone events on it."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.errors import RequestError
from gateway.media.core.packetizer import Packetizer
from gateway.media.core.trunk_port import TrunkPort
from gateway.media.core.up import FRAMES_PER_SECOND, Filled, UpStream
from gateway.media.parameters import Flow, TrunkRemote
from voice.codec import CODECS, OPUS, PCMU, PayloadCodec, StreamCodec, StreamEncoder
from voice.rtp import HEADER_SIZE, pack_header
from voice.telephone_event import EventSender
from voice.tones import DtmfTones

# Shorter digits are missed by some receivers: their detectors were built for tones (ITU-T Q.24)
SHORTEST_DIGIT = 100  # ms
GAP = 60  # ms

# Nobody presses more ahead of what has been sent; a program that does would send for hours
MAX_WAITING = 64  # digits

FRAME_MS = 1000 // FRAMES_PER_SECOND


class TrunkSender:
    """One stream to a trunk: numbers its packets and says what is in them.

    The clock asks once per frame (`fill`); from the trunk's first description on there is one
    packet for every frame, so that the far end sees neither gaps nor a jumping clock.

    Attributes
    ----------
    encoder
        Of a codec that keeps state per stream; None for those that are encoded a batch at a time.
    packetizer
        For packets that are longer or shorter than a frame.
    relaying
        The browser's own packets are what is sent (`UpRelay`); the clock only sends events.
    pressing
        Digits are being sent, or wait to be.
    heard
        The trunk may hear the browser now.
    """

    def __init__(self, port: TrunkPort, counters: Counter[str], failed: Callable[[], None]) -> None:
        self.counters = counters
        self.failed = failed  # to be called when serving this sender raised
        self.up = UpStream(counters)
        self.slot = 0  # of the clock
        self.sequence = secrets.randbits(16)
        self.timestamp = secrets.randbits(32)
        self.ssrc = secrets.randbits(32)
        self.codec: PayloadCodec | StreamCodec = PCMU
        self.payload_type = 0
        self.encoder: StreamEncoder | None = None
        self.packetizer: Packetizer | None = None
        self.relaying = False
        self.pressing = False
        self.packets_sent = 0
        self.octets_sent = 0
        self._port = port
        self._remote: TrunkRemote | None = None
        self._events: EventSender | None = None
        self._tones: DtmfTones | None = None
        self._ticks = PCMU.clock_rate // FRAMES_PER_SECOND  # of the RTP clock, in a frame
        self._bytes_per_tick = bytes_per_tick(PCMU)
        self._marker = True
        self.set_flow(Flow.SILENCE)

    def set_flow(self, flow: Flow) -> None:
        """Say what the trunk hears."""
        self.flow = flow
        # While nobody hears it the stream may find its delay without care
        self.up.unheard = flow is Flow.SILENCE
        self._listen()

    def _listen(self) -> None:
        remote = self._remote
        self.heard = self.flow is Flow.AUDIO and remote is not None and remote.receives

    def connect(self, remote: TrunkRemote) -> None:
        """Send as this description wants it, from the next frame on."""
        before, self._remote = self._remote, remote
        self.payload_type = remote.payload_type
        self._listen()
        if before is None or (before.codec, before.ptime) != (remote.codec, remote.ptime):
            self._speak(CODECS[remote.codec], remote.ptime)
        if remote.event is None:
            self._events = None
            if self._tones is None or before is None or before.codec != remote.codec:
                self._tones = DtmfTones(self.codec.sample_rate)
        elif self._events is None or self._events.clock_rate != remote.event.clock_rate:
            self._events = EventSender(remote.event.clock_rate)

    def _speak(self, codec: PayloadCodec | StreamCodec, ptime: int) -> None:
        self.codec = codec
        self._ticks = codec.clock_rate // FRAMES_PER_SECOND
        self._bytes_per_tick = bytes_per_tick(codec)
        self.encoder = codec.encoder() if isinstance(codec, StreamCodec) else None
        if codec.sample_rate != self.up.rate:
            self.up.set_rate(codec.sample_rate)
        self.packetizer = None
        if ptime != FRAME_MS and codec is not OPUS:
            size = codec.clock_rate * ptime // 1000 * self._bytes_per_tick
            self.packetizer = Packetizer(ptime, size)

    def press(self, digits: str, duration: int = SHORTEST_DIGIT, gap: int = GAP) -> None:
        """Send digits after those that still wait; times in milliseconds.

        As telephone events, or as tones where the trunk takes none of those.

        Raises
        ------
        RequestError
            When a character is no digit, too many wait, or nothing can be sent yet.
        """
        sender = self._events or self._tones
        if sender is None:
            raise RequestError("digits can be sent once the trunk has described itself")
        if sender.waiting + len(digits) > MAX_WAITING:
            raise RequestError(f"{MAX_WAITING} digits wait to be sent already; send more later")
        try:
            sender.send(digits, duration=max(duration, SHORTEST_DIGIT), gap=max(gap, GAP))
        except ValueError as error:
            raise RequestError(str(error)) from error
        self.pressing = True

    def fill(self, out: NDArray[np.int16], now: float) -> Filled:
        """Fill `out` (int16, one frame) with what is due, or send an event for it."""
        filled = Filled.NOTHING if self.relaying else self.up.fill(out, now)
        remote = self._remote
        if filled is Filled.LATER or remote is None:
            return filled if filled is Filled.LATER else Filled.NOTHING
        if not remote.receives:  # on hold, time goes on
            if not self.relaying:  # the packet after the hold tells how long it was
                self.pass_frames(1)
            return Filled.NOTHING
        if self.pressing:
            pressed = self._press(out, remote)
            if pressed is not None:
                return pressed
        if self.flow is Flow.SILENCE and filled is Filled.AUDIO:
            out[:] = 0
        return filled

    def _press(self, out: NDArray[np.int16], remote: TrunkRemote) -> Filled | None:
        """Send what is due of a digit; None if the audio goes on."""
        if self._events is None:
            self.pressing = self._tones is not None and self._tones.fill(out)
            return Filled.AUDIO if self.pressing else None
        packet, suppress = self._events.tick(self.timestamp)
        if packet is not None and remote.event is not None:
            header = pack_header(
                remote.event.payload_type,
                self.sequence,
                packet.timestamp,
                self.ssrc,
                marker=packet.marker,
            )
            self.put(header + packet.payload)
        self.pressing = self._events.busy
        if not suppress:
            return None
        self.pass_frames(1)
        return Filled.NOTHING

    def send_payload(self, payload: bytes, ticks: int | None = None) -> None:
        """Send a payload under a header made here; it lasts `ticks`, else what its size says."""
        marker, self._marker = self._marker, False
        header = pack_header(
            self.payload_type, self.sequence, self.timestamp, self.ssrc, marker=marker
        )
        self.put(header + payload)
        if ticks is None:
            ticks = len(payload) // self._bytes_per_tick
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF

    def send_due(self, tick: int) -> None:
        """Send the packets whose time has come; called every tick while there is a packetizer."""
        if self.packetizer is not None:
            while (payload := self.packetizer.take(tick)) is not None:
                self.send_payload(payload)

    def pass_frames(self, count: int) -> None:
        """Let the time of frames pass without audio; what comes next begins a stretch of it."""
        self.timestamp = (self.timestamp + count * self._ticks) & 0xFFFFFFFF
        self._marker = True
        if self.packetizer is not None:
            self.packetizer.clear()

    def skip(self, frames: int) -> None:
        """Let frames pass that the process had no time for."""
        self.pass_frames(frames)
        self.up.playout.skip(frames)

    def put(self, packet: bytes | memoryview) -> None:
        """Send a packet that has the next sequence number."""
        self._port.send(packet)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets_sent += 1
        self.octets_sent += len(packet) - HEADER_SIZE

    def send_late(self, packet: bytes) -> None:
        """Send a packet that has a number from before."""
        self._port.send(packet)
        self.packets_sent += 1
        self.octets_sent += len(packet) - HEADER_SIZE


def bytes_per_tick(codec: PayloadCodec | StreamCodec) -> int:
    """Return a codec's bytes per tick of its RTP clock. G.722 has one: its clock is off by half."""
    return codec.bytes_per_sample if isinstance(codec, PayloadCodec) else 1
