"""A trunk that is fed by hand, and a browser that keeps what it gets; no time passes."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.down_batch import DownBatch
from gateway.media.core.reports import LegIdentity, LegReports
from gateway.media.core.trunk_stream import TrunkStream
from gateway.media.parameters import BrowserRemote, DtlsRole, EventFormat, TrunkRemote
from tests.tones import make_tone
from voice.codec import CODECS, PayloadCodec
from voice.opus import OpusDecoder
from voice.rtp import RtpPacket, parse

FRAME = 0.02  # seconds
TONE = 440.0
NUMBERS = {"PCMU": 0, "PCMA": 8, "G722": 9, "L16": 97, "OPUS": 107}
EVENT = EventFormat(101, 8000)

REMOTE = TrunkRemote(
    "192.0.2.1",
    4000,
    "PCMU",
    0,
    EVENT,
    tuple((number, name) for name, number in NUMBERS.items()),
    (101,),
)
BROWSER = BrowserRemote("", "", (), (), DtlsRole.SERVER, "OPUS", 111, None)


class Call:
    """A trunk that is fed by hand, and a browser that keeps what it gets."""

    def __init__(self, browser: BrowserRemote = BROWSER, remote: TrunkRemote = REMOTE) -> None:
        self.counters: Counter[str] = Counter()
        self.batch = DownBatch(self.counters)
        self.sent: list[RtpPacket] = []
        self.digits: list[tuple[str, int]] = []
        self.failures = self.silences = 0
        identity = LegIdentity("trunk", 1, "cname", 0.0)
        self.reports = LegReports(
            identity, self.counters, started=0.0, uniform=lambda: 0.5, codec="PCMU", clock_rate=8000
        )
        self.stream = TrunkStream(
            self.batch,
            lambda packet: self.sent.append(parse(packet)),
            lambda digit, duration: self.digits.append((digit, duration)),
            self._fail,
            self.reports,
            self.counters,
            ssrc=77,
            on_silence=self._silence,
            complexity=0,
            bitrate=32000,
        )
        self.stream.serve(browser)
        self.stream.expect(remote)
        self.stream.open = True
        self.now = 10.0
        self.sequence, self.timestamp = 65500, 2**32 - 3000

    def _fail(self) -> None:
        self.failures += 1

    def _silence(self) -> None:
        self.silences += 1

    def packet(
        self,
        payload: bytes,
        number: int,
        *,
        marker: bool = False,
        timestamp: int | None = None,
        ssrc: int = 5,
    ) -> None:
        """Let a packet come, under the next sequence number."""
        when = self.timestamp if timestamp is None else timestamp
        self.stream.take(
            RtpPacket(number, marker, self.sequence & 0xFFFF, when & 0xFFFFFFFF, ssrc, payload),
            self.now,
        )
        self.sequence += 1

    def speak(
        self, codec: str = "PCMU", frames: int = 25, *, tone: float = TONE, lost: range = range(0)
    ) -> None:
        """Let the trunk say a tone."""
        for number, payload in enumerate(encode(codec, tone, frames)):
            if number in lost:
                self.sequence += 1
            else:
                self.packet(payload, NUMBERS[codec])
            self.pass_frame(CODECS[codec].clock_rate)

    def pass_frame(self, clock_rate: int = 8000) -> None:
        self.stream.make_noise(self.now)
        self.batch.serve()
        self.now += FRAME
        self.timestamp += clock_rate // 50

    def heard(self, rate: int = 16000) -> NDArray[np.int16]:
        """Return what the browser has heard since the last time."""
        decoder, chunks = OpusDecoder(rate), []
        for packet in self.sent:
            out: NDArray[np.int16] = np.zeros(rate // 50, np.int16)
            decoder.decode(packet.payload, out)
            chunks.append(out)
        self.sent.clear()
        return np.concatenate(chunks)


def encode(codec: str, tone: float, frames: int) -> list[bytes]:
    kind = CODECS[codec]
    samples = make_tone(tone, seconds=frames * FRAME, rate=kind.sample_rate).reshape(frames, -1)
    if isinstance(kind, PayloadCodec):
        return [kind.encode(frame).tobytes() for frame in samples]
    encoder = kind.encoder()
    return [encoder.encode(frame) for frame in samples]
