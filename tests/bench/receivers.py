"""The phones behind the trunk, and the best a browser's packets can sound.

A trunk's far end is not ours to choose, so a stream is scored through two receivers that bracket
what is out there. Both play 100 ms after the first packet, and fill a lost slot by silence or by
repeating the last frame. `queue` only looks at sequence numbers: it forgives a clock that jumps.
`timeline` only looks at timestamps: a stream whose clock slips from what it says goes silent there.

Pure: arrival times are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voice.g711 import decode_ulaw, encode_ulaw
from voice.opus import OpusDecoder

Samples = NDArray[np.int16]

RATE = 8000
FRAME = 160  # samples: 20 ms
FRAME_SECONDS = FRAME / RATE
DELAY = 0.1  # seconds from the first packet to its playout
LONGEST_REPEAT = 3 * FRAME  # what is repeated longer sounds like a machine
_LONGEST = 12 * RATE  # of a recording; a timestamp may claim anything


class Arrival(NamedTuple):
    """One packet at the trunk: when it came (seconds), its place in the stream, its mu-law bytes.

    `sequence` and `timestamp` are unwrapped: they go on past 65535 and 2^32.
    """

    time: float
    sequence: int
    timestamp: int
    payload: bytes


class Conceal(StrEnum):
    """What is played where nothing came."""

    SILENCE = "silence"
    REPEAT = "repeat"


class Played(NamedTuple):
    """What a receiver made of a stream: int16 at 8 kHz, and the share that it had to make up."""

    samples: Samples
    concealed: float


Receiver = Callable[[Sequence[Arrival], Conceal], Played]


def queue(arrivals: Sequence[Arrival], conceal: Conceal = Conceal.SILENCE) -> Played:
    """Play what a receiver without a timeline plays: every 20 ms the next sequence number.

    A missing number is concealed and skipped once a later one is there; with nothing at all in the
    queue it conceals without skipping, so that the stream is stretched.
    """
    if not arrivals:
        return _nothing()
    ordered = sorted(arrivals)
    now, wanted, taken = ordered[0].time + DELAY, ordered[0].sequence, 0
    waiting: dict[int, bytes] = {}
    out: list[Samples] = []
    missed = run = 0
    last: Samples = np.zeros(FRAME, np.int16)
    silence: Samples = np.zeros(FRAME, np.int16)
    while len(out) * FRAME < _LONGEST:
        while taken < len(ordered) and ordered[taken].time <= now:
            if ordered[taken].sequence >= wanted:
                waiting[ordered[taken].sequence] = ordered[taken].payload
            taken += 1
        if wanted in waiting:
            last = _decode(waiting.pop(wanted))
            out.append(last)
            wanted, run = wanted + 1, 0
        elif not waiting and taken == len(ordered):
            break
        else:
            missed, run = missed + 1, run + 1
            repeats = conceal is Conceal.REPEAT and run * FRAME <= LONGEST_REPEAT
            out.append(last if repeats else silence)
            wanted += bool(waiting)
        now += FRAME_SECONDS
    return Played(np.concatenate(out), missed / len(out))


def timeline(arrivals: Sequence[Arrival], conceal: Conceal = Conceal.SILENCE) -> Played:
    """Play what a receiver with a fixed delay plays: each packet at its timestamp, or never."""
    if not arrivals:
        return _nothing()
    start, origin = arrivals[0].time + DELAY, arrivals[0].timestamp
    last = max(packet.timestamp for packet in arrivals) - origin
    length = min(last, _LONGEST) + FRAME
    out: Samples = np.zeros(length, np.int16)
    there = np.zeros(length, bool)
    for packet in arrivals:
        at = packet.timestamp - origin
        samples = _decode(packet.payload)
        fits = 0 <= at <= length - len(samples)
        if fits and packet.time <= start + at / RATE:
            out[at : at + len(samples)] = samples
            there[at : at + len(samples)] = True
    if conceal is Conceal.REPEAT:
        _repeat(out, there)
    return Played(out, float(1 - there.mean()))


RECEIVERS: dict[str, Receiver] = {"queue": queue, "timeline": timeline}


def ideal(
    packets: Sequence[bytes], arrived: Sequence[bool] | NDArray[np.bool_], *, ulaw: bool = True
) -> Samples:
    """Play what no gateway can better: a packet in time or lost, repaired or concealed by libopus.

    Each lost packet is decoded from what its successor carries of it, where that came; otherwise
    libopus conceals. Jitter does not exist. Then mu-law, as on the trunk, unless it is the
    browser that listens.
    """
    out: Samples = np.zeros((len(packets), FRAME), np.int16)
    with OpusDecoder(RATE) as decoder:
        for index, packet in enumerate(packets):
            if arrived[index]:
                decoder.decode(packet, out[index])
            elif index + 1 < len(packets) and arrived[index + 1]:
                decoder.decode_fec(packets[index + 1], out[index], FRAME)
            else:
                decoder.conceal(out[index], FRAME)
    return through_ulaw(out.reshape(-1)) if ulaw else out.reshape(-1)


def through_ulaw(samples: Samples) -> Samples:
    """Return what G.711 leaves of `samples`."""
    return decode_ulaw(encode_ulaw(samples))


def _repeat(out: Samples, there: NDArray[np.bool_]) -> None:
    """Fill each gap with the frame before it, for as long as that is bearable."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], there, [True]]).astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if begin >= FRAME:
            filled = min(end - begin, LONGEST_REPEAT)
            out[begin : begin + filled] = np.resize(out[begin - FRAME : begin], filled)


def _decode(payload: bytes) -> Samples:
    return decode_ulaw(np.frombuffer(payload, np.uint8))


def _nothing() -> Played:
    return Played(np.zeros(RATE, np.int16), 1.0)
