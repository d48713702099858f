"""Browser → trunk, all calls of a slot at once: decode into rows, encode the rows, send."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.core.up import FRAMES_PER_SECOND, Filled
from voice.codec import OPUS, PayloadCodec, StreamCodec
from voice.levels import measure

logger = logging.getLogger(__name__)

FIRST_CAPACITY = 32  # rows; grows to the largest slot there ever was

# An Opus packet of 20 ms of silence (RFC 6716: CELT, fullband, one frame without any energy): what
# a trunk that speaks Opus gets until it may hear the browser
OPUS_SILENCE = b"\xf8\xff\xfe"


class Rows:
    """The frames of one sample rate; the array is made once and reused."""

    def __init__(self, rate: int) -> None:
        self._frame = rate // FRAMES_PER_SECOND
        self.senders: list[TrunkSender] = []
        self._grow(FIRST_CAPACITY)

    def _grow(self, rows: int) -> None:
        self.pcm: NDArray[np.int16] = np.zeros((rows, self._frame), np.int16)
        self.views = list(self.pcm)  # an index into an array costs as much as a dictionary's ten

    def make_room(self, count: int) -> None:
        """See to it that `count` senders find a row each; what is in the rows is lost."""
        if count > len(self.pcm):
            self._grow(2 * count)


class Moves(NamedTuple):
    """Streams that are to be served in the next slot from now on, and in the one before theirs."""

    later: list[TrunkSender]
    earlier: list[TrunkSender]


class UpBatch:
    """Serves one slot's senders."""

    def __init__(self) -> None:
        self._rows: dict[int, Rows] = {}

    def serve(self, senders: Sequence[TrunkSender], now: float, tick: int) -> Moves:
        """Send each sender's frame; return those that want another slot."""
        moves = Moves([], [])
        for rows in self._rows.values():
            rows.make_room(len(senders))
        for sender in senders:
            if sender.relaying and not sender.pressing:
                continue
            rows = self._rows_of(sender, len(senders))
            try:
                filled = sender.fill(rows.views[len(rows.senders)], now)
            except Exception:  # one call's fault is its own
                logger.exception("a frame could not be made")
                sender.failed()
                continue
            if filled is Filled.AUDIO:
                rows.senders.append(sender)
            elif filled is Filled.LATER:
                moves.later.append(sender)
                continue
            if sender.up.playout.earlier:
                moves.earlier.append(sender)
        for rows in self._rows.values():
            if rows.senders:
                self._send(rows, tick)
                rows.senders.clear()
        return moves

    def _rows_of(self, sender: TrunkSender, count: int) -> Rows:
        rate = sender.up.rate
        rows = self._rows.get(rate)
        if rows is None:
            rows = self._rows[rate] = Rows(rate)
            rows.make_room(count)
        return rows

    def _send(self, rows: Rows, tick: int) -> None:
        senders = rows.senders
        levels = measure(rows.pcm[: len(senders)]).tolist()
        for sender, level in zip(senders, levels, strict=True):
            sender.up.loudness.note(level)
        kinds: dict[PayloadCodec | StreamCodec, list[int]] = {}
        for row, sender in enumerate(senders):
            kinds.setdefault(sender.codec, []).append(row)
        for codec, members in kinds.items():
            if isinstance(codec, PayloadCodec):
                self._send_batch(rows, codec, members, tick)
                continue
            for row in members:
                self._send_one(senders[row], codec, rows.views[row], tick)

    def _send_batch(self, rows: Rows, codec: PayloadCodec, members: list[int], tick: int) -> None:
        """Encode with one call for all. Headers are written one by one: below 40 rows, and a slot
        seldom has more, that is cheaper than numpy's way to write them all (codecs/README.md).
        """
        senders = rows.senders
        whole = len(members) == len(senders)
        codes = codec.encode(rows.pcm[: len(members)] if whole else rows.pcm[members])
        size, octets = codes.shape[1], codes.tobytes()
        for place, row in enumerate(members):
            sender, payload = senders[row], octets[place * size : (place + 1) * size]
            if sender.packetizer is None:
                sender.send_payload(payload)
            else:
                sender.packetizer.put(payload, tick)
                sender.send_due(tick)

    def _send_one(
        self, sender: TrunkSender, codec: StreamCodec, pcm: NDArray[np.int16], tick: int
    ) -> None:
        ticks = codec.clock_rate // FRAMES_PER_SECOND  # no size of a payload says them
        if codec is OPUS and not sender.pressing:  # audio is relayed, see UpRelay
            sender.send_payload(OPUS_SILENCE, ticks)
            return
        if sender.encoder is None:
            return
        payload = sender.encoder.encode(pcm)
        if sender.packetizer is None:
            sender.send_payload(payload, ticks)
        else:
            sender.packetizer.put(payload, tick)
            sender.send_due(tick)
