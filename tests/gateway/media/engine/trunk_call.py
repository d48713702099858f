"""A trunk that is fed by hand and a browser that keeps what it gets, on an engine by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gateway.media.engine.clock import SLOTS
from tests.gateway.media.engine.rig import Browser, Rig, Trunk, join
from tests.tones import make_tone
from voice.codec import CODECS, PayloadCodec
from voice.opus import OpusDecoder
from voice.opus_frames import has_fec
from voice.rtp import RtpPacket, pack_header

Samples = NDArray[np.int16]

FRAME = 0.02  # seconds
TONE = 440.0  # Hz
NUMBERS = {"PCMU": 0, "PCMA": 8, "G722": 9, "L16": 97, "OPUS": 107}
NOISE = 13
ENCODER = {"complexity": 0, "bitrate": 32000}  # of browsers' Opus
SIZE = 160  # bytes of G.711 in a frame


def encode(codec: str, tone: float, frames: int) -> list[bytes]:
    """Return frames of a tone."""
    kind = CODECS[codec]
    samples = make_tone(tone, seconds=frames * FRAME, rate=kind.sample_rate).reshape(frames, -1)
    return encode_samples(codec, samples)


def encode_samples(codec: str, samples: Samples) -> list[bytes]:
    """Return a payload for each row, which is a frame at the codec's sample rate."""
    kind = CODECS[codec]
    if isinstance(kind, PayloadCodec):
        return [kind.encode(frame).tobytes() for frame in samples]
    encoder = kind.encoder()
    return [encoder.encode(frame) for frame in samples]


def steps(values: list[int], bits: int) -> list[int]:
    """Return the steps between values that wrap."""
    return [(after - before) % (1 << bits) for before, after in pairwise(values)]


def sequences(packets: list[RtpPacket]) -> list[int]:
    """Return the steps between packets' numbers."""
    return steps([packet.sequence for packet in packets], 16)


def timestamps(packets: list[RtpPacket]) -> list[int]:
    """Return the steps between packets' timestamps."""
    return steps([packet.timestamp for packet in packets], 32)


class Call:
    """A trunk that may send any codec, and a browser.

    Attributes
    ----------
    sent
        The packets that have come to the browser and were not listened to yet.
    """

    def __init__(
        self,
        rig: Rig,
        codec: str = "OPUS",
        payload_type: int = 111,
        *,
        events: bool = True,
        level: int | None = None,
        expected_loss: int = 5,
        connected: bool = True,
    ) -> None:
        self.rig = rig
        self.trunk = Trunk(rig, formats={n: name for name, n in NUMBERS.items()}, events=events)
        self.browser = Browser(rig, codec, payload_type, level=level, connected=connected)
        self.browser.leg.sender.set_codec(
            codec, payload_type, level_extension=level, **ENCODER if codec == "OPUS" else {}
        )
        self.browser.leg.sender.expect_loss(expected_loss)
        self.sequence, self.timestamp, self.ssrc = 65500, 2**32 - 3000, 5
        self.sent: list[RtpPacket] = []
        self.bridge = join(rig, self.trunk.leg, self.browser.leg)

    def counted(self, name: str) -> int:
        """Return how often something has happened to the trunk's packets."""
        return self.rig.engine.trunk_counters[name]

    @property
    def failures(self) -> int:
        return self.trunk.owner.failures + self.browser.owner.failures

    def packet(
        self,
        payload: bytes,
        payload_type: int = 0,
        *,
        marker: bool = False,
        timestamp: int | None = None,
        ssrc: int | None = None,
        sequence: int | None = None,
    ) -> None:
        """Send a packet under the next sequence number; it is read by the next tick."""
        when = self.timestamp if timestamp is None else timestamp
        header = pack_header(
            payload_type,
            (self.sequence if sequence is None else sequence) & 0xFFFF,
            when & 0xFFFFFFFF,
            self.ssrc if ssrc is None else ssrc,
            marker=marker,
        )
        self.trunk.sock.sendto(header + payload, self.trunk.address)
        if sequence is None:
            self.sequence += 1

    def lose(self) -> None:
        """Let the next packet be lost."""
        self.sequence += 1

    def speak(
        self,
        codec: str = "PCMU",
        frames: int = 25,
        *,
        tone: float = TONE,
        lost: tuple[int, ...] | range = (),
    ) -> None:
        """Let the trunk say a tone; frames in `lost` never come."""
        self.play(codec, encode(codec, tone, frames), lost=lost)

    def play(
        self, codec: str, payloads: list[bytes], *, lost: tuple[int, ...] | range | set[int] = ()
    ) -> None:
        """Let the trunk send payloads of 20 ms."""
        for number, payload in enumerate(payloads):
            if number in lost:
                self.lose()
            else:
                self.packet(payload, NUMBERS[codec])
            self.pass_frame(CODECS[codec].clock_rate)

    def pass_frame(self, clock_rate: int = 8000) -> None:
        """Let 20 ms pass, on the trunk's clock as well."""
        self.tick(SLOTS)
        self.timestamp += clock_rate // 50

    def tick(self, count: int = 1) -> None:
        """Let ticks pass, and gather what the browser gets in them."""
        for _ in range(count):
            self.rig.tick()
            self.sent += self.browser.heard()

    def heard(self, rate: int = 16000) -> Samples:
        """Return what the browser has heard since the last time; it repairs what it can."""
        packets, self.sent = self.sent, []
        return decode(packets, rate)


def decode(packets: list[RtpPacket], rate: int) -> Samples:
    """Return the sound of Opus packets of 20 ms; missing ones are repaired or concealed."""
    decoder, frames = OpusDecoder(rate), []
    size, number = rate // 50, packets[0].sequence
    for packet in packets:
        missing = (packet.sequence - number) & 0xFFFF
        for lost in range(missing, 0, -1):
            out: Samples = np.zeros(size, np.int16)
            if lost == 1 and has_fec(packet.payload):
                decoder.decode_fec(packet.payload, out, size)
            else:
                decoder.conceal(out, size)
            frames.append(out)
        out = np.zeros(size, np.int16)
        decoder.decode(packet.payload, out)
        frames.append(out)
        number = packet.sequence + 1
    return np.concatenate(frames)
