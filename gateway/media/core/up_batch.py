"""Browser → trunk, all calls of a slot at once: encode, write headers, send."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.core.up import FRAME_SAMPLES, Filled
from voice.codec import PayloadCodec
from voice.rtp import HEADER_SIZE, pack_headers

logger = logging.getLogger(__name__)

FIRST_CAPACITY = 32  # rows; grows to the largest slot there ever was


class UpBatch:
    """Serves one slot's senders; its arrays are made once and reused."""

    def __init__(self) -> None:
        self._grow(FIRST_CAPACITY)

    def _grow(self, rows: int) -> None:
        self._pcm: NDArray[np.int16] = np.zeros((rows, FRAME_SAMPLES), np.int16)
        self._codes: NDArray[np.uint8] = np.zeros((rows, FRAME_SAMPLES), np.uint8)
        self._packets: NDArray[np.uint8] = np.zeros((rows, HEADER_SIZE + FRAME_SAMPLES), np.uint8)

    def serve(self, senders: Sequence[TrunkSender], now: float) -> list[TrunkSender]:
        """Send each sender's frame; return those that want to be asked again in the next slot."""
        if len(senders) > len(self._pcm):
            self._grow(2 * len(senders))
        later: list[TrunkSender] = []
        rows: list[TrunkSender] = []
        for sender in senders:
            try:
                filled = sender.fill(self._pcm[len(rows)], now)
            except Exception:  # one call's fault is its own
                logger.exception("a frame could not be made")
                sender.failed()
                continue
            if filled is Filled.AUDIO:
                rows.append(sender)
            elif filled is Filled.LATER:
                later.append(sender)
        if rows:
            self._send(rows)
        return later

    def _send(self, rows: list[TrunkSender]) -> None:
        count = len(rows)
        packets = self._packets[:count]
        self._encode(rows)
        packets[:, HEADER_SIZE:] = self._codes[:count]
        pack_headers(
            packets,
            payload_type=np.array([sender.payload_type for sender in rows], np.uint8),
            marker=np.array([sender.take_marker() for sender in rows], np.bool_),
            sequence=np.array([sender.sequence for sender in rows], np.uint16),
            timestamp=np.array([sender.timestamp for sender in rows], np.uint32),
            ssrc=np.array([sender.ssrc for sender in rows], np.uint32),
        )
        for sender, packet in zip(rows, packets, strict=True):
            sender.send_frame(packet)

    def _encode(self, rows: list[TrunkSender]) -> None:
        """Fill the codes; one call when all trunks speak the same codec, as they mostly do."""
        kinds: dict[PayloadCodec, list[int]] = {}
        for row, sender in enumerate(rows):
            kinds.setdefault(sender.codec, []).append(row)
        count = len(rows)
        if len(kinds) == 1:
            (codec,) = kinds
            codec.encode(self._pcm[:count], self._codes[:count])
            return
        for codec, members in kinds.items():
            self._codes[members] = codec.encode(self._pcm[members])
