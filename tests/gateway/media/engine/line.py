"""A trunk and what it hears of a leg that says a tone; the clock is the test's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.media.engine.clock import SLOTS
from gateway.media.engine.leg import FrameLeg
from tests.gateway.media.engine.rig import EVENT_TYPE, Owner, Rig, Talker, Trunk, join
from voice.codec import CODECS, PayloadCodec
from voice.rtp import RtpPacket
from voice.telephone_event import EventEnded, EventReceiver

TONE = 440.0  # Hz
DYNAMIC = {"L16": 97, "OPUS": 107}  # payload types


def type_of(codec: str) -> int:
    """Return the payload type that the tests give a codec."""
    static = CODECS[codec].payload_type
    return DYNAMIC[codec] if static is None else static


class Line:
    """A bridge of two: a leg without a port, and a trunk.

    Parameters
    ----------
    event_rate
        Clock rate of telephone events in Hz; None: the trunk takes none.
    tone
        What the leg says, in Hz; None: it has nothing to say.
    give, owner
        In place of a tone: what fills the leg's frames, and who hears of its faults.
    """

    def __init__(
        self,
        codec: str = "PCMU",
        *,
        event_rate: int | None = 8000,
        ptime: int = 20,
        tone: float | None = None,
        give: Callable[[NDArray[np.int16]], bool] | None = None,
        owner: Owner | None = None,
        rig: Rig | None = None,
    ) -> None:
        self.rig = Rig() if rig is None else rig
        self.codec = codec
        self.source = Talker(self.rig, tone).leg if tone else self._source(give, owner or Owner())
        self.trunk = Trunk(self.rig, codec, type_of(codec), ptime=ptime)
        self.bridge = join(self.rig, self.source, self.trunk.leg)
        self.describe(codec, ptime=ptime, event_rate=event_rate)
        self._heard: list[RtpPacket] = []

    def _source(self, give: Callable[[NDArray[np.int16]], bool] | None, owner: Owner) -> FrameLeg:
        engine = self.rig.engine
        leg = FrameLeg(owner, engine.frame_counters, engine.narrow, engine.wide, give=give)
        engine.add(leg)
        return leg

    def describe(
        self,
        codec: str,
        *,
        ptime: int = 20,
        event_rate: int | None = 8000,
        event_type: int = EVENT_TYPE,
    ) -> None:
        """Have the trunk describe itself, as an answer or a re-INVITE does."""
        self.codec = codec
        leg = self.trunk.leg
        leg.receiver.set_formats({type_of(codec): codec}, events=(event_type,), noise=13)
        leg.sender.set_codec(codec, type_of(codec), ptime=ptime)
        leg.set_digits(None if event_rate is None else event_type, event_rate or 0)
        self.bridge.route()

    def hold(self, held: bool) -> None:
        """Have the trunk hold us, or take us back."""
        self.trunk.leg.hold(held)
        self.bridge.route()

    def silence(self, silenced: bool) -> None:
        """Say whether the trunk may hear the other leg."""
        self.trunk.leg.silence(silenced)
        self.bridge.route()

    def run(self, frames: int) -> None:
        """Let frames pass."""
        for _ in range(frames):
            self.rig.tick(SLOTS)
            self.collect()

    def collect(self) -> None:
        """Read what has come, before the socket's buffer is full."""
        self._heard += self.trunk.heard()

    def received(self) -> list[RtpPacket]:
        """Return what has come to the trunk since the last time."""
        self.collect()
        packets, self._heard = self._heard, []
        return packets

    def sound(self) -> NDArray[np.int16]:
        """Return the sound of what has come since the last time."""
        number = type_of(self.codec)
        codec = CODECS[self.codec]
        payloads = [each.payload for each in self.received() if each.payload_type == number]
        if isinstance(codec, PayloadCodec):
            return codec.decode(np.frombuffer(b"".join(payloads), np.uint8))
        decoder, chunks = codec.decoder(self.sound_rate), []
        for payload in payloads:
            out: NDArray[np.int16] = np.zeros(1600, np.int16)
            chunks.append(out[: decoder.decode(payload, out)])
        return np.concatenate(chunks)

    @property
    def sound_rate(self) -> int:
        """Hz of `sound`."""
        return 16000 if CODECS[self.codec].sample_rate > 8000 else 8000


@contextmanager
def open_line(
    codec: str = "PCMU",
    *,
    event_rate: int | None = 8000,
    ptime: int = 20,
    tone: float | None = None,
) -> Iterator[Line]:
    """A line on an engine of its own."""
    line = Line(codec, event_rate=event_rate, ptime=ptime, tone=tone)
    try:
        yield line
    finally:
        line.rig.close()


def digits_in(
    packets: list[RtpPacket], clock_rate: int = 8000, types: tuple[int, ...] = (EVENT_TYPE,)
) -> list[str]:
    """Return the digits that packets of telephone events tell."""
    receiver = EventReceiver(clock_rate)
    return [
        event.digit
        for packet in packets
        if packet.payload_type in types
        for event in receiver.receive(
            packet.ssrc, packet.sequence, packet.timestamp, packet.marker, packet.payload, 0.0
        )
        if isinstance(event, EventEnded)
    ]


def steps(values: list[int], bits: int) -> list[int]:
    """Return the steps between values that wrap."""
    return [(after - before) % (1 << bits) for before, after in pairwise(values)]


def sequence_steps(packets: list[RtpPacket]) -> list[int]:
    return steps([packet.sequence for packet in packets], 16)


def timestamp_steps(packets: list[RtpPacket]) -> list[int]:
    return steps([packet.timestamp for packet in packets], 32)
