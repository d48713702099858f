"""Trunk → browser, all packets of a tick at once: decoded together, then Opus row by row."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.down import HISTORY, Frame
from gateway.media.core.up import FRAMES_PER_SECOND
from voice.codec import PayloadCodec, StreamCodec, StreamDecoder
from voice.concealment import PcmConcealer
from voice.levels import AudioLevel, measure, pack
from voice.rtp import pack_header
from voice.rtp_extension import pack_one_byte
from voice.tones import DigitDetector

logger = logging.getLogger(__name__)

Samples = NDArray[np.int16]

# RFC 6464's flag for voice; the noise of an empty line is softer
VOICE = 45  # -dBov


@dataclass(slots=True, eq=False)
class DownLeg:
    """One browser as the batch needs it.

    `encode` is of the browser's codec at the rate of the frames; `failed` is to be called when
    serving this leg raised; `on_tone` gets digits that are found in the sound, None where nobody
    looks for them. `concealer` has made up what was lost just now, and makes what follows join to
    it. `decoded` is what it looks back on where a codec has state, and cannot be decoded again.
    """

    encode: Callable[[Samples], bytes]
    send: Callable[[bytes], None]
    failed: Callable[[], None]
    ssrc: int
    payload_type: int = 0
    level_extension: int | None = None
    on_tone: Callable[[str], None] | None = None
    concealer: PcmConcealer | None = None
    decoded: deque[Samples] = field(default_factory=lambda: deque(maxlen=HISTORY))
    level: int = 127
    packets_sent: int = 0
    octets_sent: int = 0
    timestamp: int = 0
    _extensions: list[bytes] = field(default_factory=list)

    def extension(self, level: int) -> bytes:
        """Return the header extension that tells a frame's level (RFC 6464)."""
        if self.level_extension is None:
            return b""
        if not self._extensions:
            self._extensions = [
                pack_one_byte([(self.level_extension, pack(AudioLevel(each, each <= VOICE)))])
                for each in range(128)
            ]
        return self._extensions[level]

    def put(self, frame: Frame, payload: bytes, extension: bytes = b"") -> None:
        """Send a payload under a frame's header."""
        header = pack_header(
            self.payload_type,
            frame.sequence,
            frame.timestamp,
            self.ssrc,
            marker=frame.marker,
            extension=extension,
        )
        self.send(header + payload)
        self.packets_sent += 1
        self.octets_sent += len(payload)
        self.timestamp = frame.timestamp


Entry = tuple[DownLeg, Frame]


class DownBatch:
    """Collects the frames of a tick and serves them together."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._coded: dict[PayloadCodec, list[Entry]] = {}
        self._rows: dict[int, list[tuple[DownLeg, Frame, Samples]]] = {}
        self._waiting: set[DownLeg] = set()  # have a frame in one of the two that was not made up
        self._detectors: dict[int, ToneFinder] = {}

    def add(self, leg: DownLeg, codec: PayloadCodec, frame: Frame) -> None:
        """Take a frame for this tick's batch."""
        if not frame.codes:
            history = [codec.decode(np.frombuffer(codes, np.uint8)) for codes in frame.history]
            self._make_up(leg, codec.sample_rate, frame, history)
            return
        self._waiting.add(leg)
        self._coded.setdefault(codec, []).append((leg, frame))

    def add_coded(
        self, leg: DownLeg, codec: StreamCodec, decoder: StreamDecoder, frame: Frame
    ) -> None:
        """Take a frame of a codec that keeps state per stream."""
        rate = codec.sample_rate
        if not frame.codes:
            history = [*leg.decoded][-len(frame.history) :]
            self._make_up(leg, rate, frame, [each for each in history if len(each) * 50 == rate])
            return
        pcm = np.zeros(rate // FRAMES_PER_SECOND, np.int16)
        decoder.decode(frame.codes, pcm)
        leg.decoded.append(pcm)
        self.add_samples(leg, rate, frame, pcm)

    def add_samples(self, leg: DownLeg, rate: int, frame: Frame, pcm: Samples) -> None:
        """Take a frame that is decoded already."""
        self._waiting.add(leg)
        self._rows.setdefault(rate, []).append((leg, frame, pcm))

    def _make_up(self, leg: DownLeg, rate: int, frame: Frame, history: list[Samples]) -> None:
        """Take what may have been said in a lost packet, from what was before it."""
        if leg in self._waiting:
            self.serve()  # its encoder has to hear what came before the loss first
        if leg.concealer is None or leg.concealer.rate != rate:
            leg.concealer = PcmConcealer(rate)
            for samples in history:
                leg.concealer.heard(samples)
        out: Samples = np.zeros(rate // FRAMES_PER_SECOND, np.int16)
        leg.concealer.conceal(out)
        self._rows.setdefault(rate, []).append((leg, frame, out))

    def serve(self) -> None:
        """Decode all that waits with one call for each codec, encode and send each frame."""
        self._waiting.clear()
        # What was made up for lost packets first: encoders hear it before what follows
        if self._rows:
            rows, self._rows = self._rows, {}
            for rate, entries in rows.items():
                pcm = np.stack([samples for _, _, samples in entries])
                self._serve([(leg, frame) for leg, frame, _ in entries], pcm, rate)
        if not self._coded:
            return
        coded, self._coded = self._coded, {}
        for codec, pairs in coded.items():
            codes = np.frombuffer(b"".join([frame.codes for _, frame in pairs]), np.uint8)
            frame_size = codec.sample_rate // FRAMES_PER_SECOND
            self._serve(pairs, codec.decode(codes).reshape(-1, frame_size), codec.sample_rate)

    def _serve(self, entries: list[Entry], pcm: Samples, rate: int) -> None:
        levels = measure(pcm).tolist()
        tones = [row for row, (leg, _) in enumerate(entries) if leg.on_tone is not None]
        if tones:
            self._finder(rate).find([entries[row][0] for row in tones], pcm[tones])
        for (leg, frame), row, level in zip(entries, pcm, levels, strict=True):
            try:
                if frame.history:  # made up for the encoder's sake
                    leg.encode(row)
                    self._counters["trunk_frames_concealed"] += 1
                    continue
                if leg.concealer is not None:
                    if leg.concealer.rate == rate:
                        leg.concealer.heard(row)
                    leg.concealer = None
                payload = leg.encode(row)
                leg.level = level
                leg.put(frame, payload, leg.extension(level))
            except Exception:  # one call's fault is its own
                logger.exception("a frame could not be sent to a browser")
                leg.failed()

    def _finder(self, rate: int) -> ToneFinder:
        found = self._detectors.get(rate)
        if found is None:
            found = self._detectors[rate] = ToneFinder(rate)
        return found

    def forget(self, leg: DownLeg) -> None:
        """Give the leg's place in the detectors back."""
        for finder in self._detectors.values():
            finder.forget(leg)


class ToneFinder:
    """In-band digits of every leg whose trunk sends no telephone events."""

    def __init__(self, rate: int) -> None:
        self._detector = DigitDetector(0, rate)
        self._rows: dict[DownLeg, int] = {}
        self._free: list[int] = []  # rows of legs that are gone

    def find(self, legs: list[DownLeg], pcm: Samples) -> None:
        """Look at one frame of each leg, and tell it the digits that are new."""
        rows = np.array([self._row(leg) for leg in legs])
        owners = dict(zip(rows.tolist(), legs, strict=True))
        # A leg may have several frames in a tick, and a detector takes one of each at a time
        while rows.size:
            _, first = np.unique(rows, return_index=True)
            for row, digit in self._detector.detect(pcm[first], rows[first]):
                on_tone = owners[row].on_tone
                if on_tone is not None:
                    on_tone(digit)
            rest = np.setdiff1d(np.arange(rows.size), first)
            rows, pcm = rows[rest], pcm[rest]

    def _row(self, leg: DownLeg) -> int:
        row = self._rows.get(leg)
        if row is None:
            row = self._rows[leg] = self._free.pop() if self._free else self._detector.streams
            self._detector.grow(row + 1)
            self._detector.clear(row)
        return row

    def forget(self, leg: DownLeg) -> None:
        """Give the leg's row to another."""
        row = self._rows.pop(leg, None)
        if row is not None:
            self._free.append(row)
