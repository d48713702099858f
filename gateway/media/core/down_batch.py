"""Trunk → browser, all packets of a tick at once: G.711 for all, then Opus row by row."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.down import FRAME_SAMPLES, Frame
from voice.codec import PayloadCodec
from voice.opus import OpusEncoder
from voice.rtp import pack_header

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class DownLeg:
    """One browser as the batch needs it."""

    encoder: OpusEncoder
    send: Callable[[bytes], None]
    failed: Callable[[], None]  # to be called when serving this leg raised
    ssrc: int
    payload_type: int = 0


class DownBatch:
    """Collects the frames of a tick and serves them together."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._waiting: dict[PayloadCodec, list[tuple[DownLeg, Frame]]] = {}

    def add(self, leg: DownLeg, codec: PayloadCodec, frame: Frame) -> None:
        """Take a frame for this tick's batch."""
        self._waiting.setdefault(codec, []).append((leg, frame))

    def serve(self) -> None:
        """Decode all that waits with one call for each codec, encode and send each frame."""
        waiting, self._waiting = self._waiting, {}
        for codec, frames in waiting.items():
            codes = np.frombuffer(b"".join(frame.codes for _, frame in frames), np.uint8)
            pcm: NDArray[np.int16] = codec.decode(codes).reshape(-1, FRAME_SAMPLES)
            for (leg, frame), row in zip(frames, pcm, strict=True):
                try:
                    self._send(leg, frame, row)
                except Exception:  # one call's fault is its own
                    logger.exception("a frame could not be sent to a browser")
                    leg.failed()

    def _send(self, leg: DownLeg, frame: Frame, pcm: NDArray[np.int16]) -> None:
        header = pack_header(
            leg.payload_type, frame.sequence, frame.timestamp, leg.ssrc, marker=frame.marker
        )
        leg.send(header + leg.encoder.encode(pcm))
        self._counters["browser_packets_sent"] += 1
