"""Recorded speech through calls, both ways at once, and what arrives at either end.

The same for the gateway and for a peer: all that is known of a call is its two legs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.bench.player import Arrival as Datagram
from gateway.bench.player import Leg, Packet, Recording, Stream, rtp_packets
from gateway.bench.schedule import Impairment, departures
from tests.bench.receivers import FRAME, RATE, Arrival, Samples, ideal
from voice.rtp import RtpError, RtpPacket, parse

PTIME = 20.0  # ms
TAIL = 1.0  # seconds that a buffer may hold back the end
OPUS_STEP = 960
SEED = 7
LATE_UNTIL = 1.0  # seconds: by then a stream that began late has caught up
_PCMU = 0  # payload type, RFC 3551

Departures = list[float | None]
Play = Callable[[Sequence[Leg], Sequence[Stream]], Recording]


@dataclass(frozen=True)
class Ends:
    """A call as the player sees it; `payload_type` is Opus's, the trunk's leg is PCMU.

    `ssrc` is the browser's, if it has announced one.
    """

    browser: Leg
    trunk: Leg
    payload_type: int
    ssrc: int = 1


@dataclass(frozen=True)
class Network:
    """What one condition does to the packets of each call, the same for whatever is measured.

    `skipped` packets are sent before those that are listened to.
    """

    up: list[Departures]
    down: list[Departures]
    skipped: int = 0


@dataclass(frozen=True)
class Said:
    """What one call says: the browser's packets, the trunk's mu-law."""

    up: Sequence[bytes]
    down: Sequence[bytes]


class Clock(NamedTuple):
    """How steady a trunk's stream was; all but `packets` are 0 in a perfect one.

    `gaps` counts places where the sequence number did not grow by one, `jumps` those where the
    timestamp did not grow by what was played.
    """

    packets: int
    gaps: int
    jumps: int


@dataclass(frozen=True)
class Take:
    """What came: per call, the packets at the trunk, and what a browser plays of what it got.

    `sent` is when each of the browser's packets left, in seconds of the arrivals' clock.
    """

    trunk: list[list[Arrival]]
    browser: list[Samples]
    sent: list[NDArray[np.float64]]
    generator_late_ms: float  # the 99th percentile


def plan(
    calls: int,
    frames: int,
    up: Impairment,
    down: Impairment,
    *,
    skipped: int = 0,
    late: float = 0.0,
    seed: int = SEED,
) -> Network:
    """Draw when every packet of every call leaves, `skipped` and then `frames` of them.

    The browsers' first packets are `late` by so many seconds, see `delay_start`.
    """
    rng = np.random.default_rng(seed)
    return Network(
        [delay_start(departures(skipped + frames, PTIME, up, rng), late) for _ in range(calls)],
        [departures(skipped + frames, PTIME, down, rng) for _ in range(calls)],
        skipped,
    )


def delay_start(times: Departures, late: float) -> Departures:
    """Have a stream begin late and catch up, as where a browser is busy with the call's start.

    The first packet is late by so many seconds (less than `LATE_UNTIL`, or packets would overtake
    each other), the next ones by less and less, and none of those after `LATE_UNTIL`.
    """
    return [
        None if time is None else time + late * max(0.0, 1 - time / LATE_UNTIL) for time in times
    ]


def converse(calls: Sequence[Ends], said: Sequence[Said], network: Network, play: Play) -> Take:
    """Say it all at once, in real time."""
    legs: list[Leg] = []
    streams: list[Stream] = []
    for number, (ends, words) in enumerate(zip(calls, said, strict=True)):
        offset = number * PTIME / 1000 / len(calls)
        up = _stream(words.up, ends.payload_type, OPUS_STEP, ends.ssrc)
        down = _stream(words.down, _PCMU, FRAME, number + 2)
        legs += [ends.browser, ends.trunk]
        streams += [
            Stream(ends.browser, up, network.up[number], offset),
            Stream(ends.trunk, down, network.down[number], offset),
        ]
    recording = play(legs, streams)
    trunk = [
        _at_trunk(
            recording.arrivals[2 * number + 1], _since(recording.sent[2 * number], network.skipped)
        )
        for number in range(len(calls))
    ]
    browser = [
        _at_browser(
            _unwired(ends.browser, recording.arrivals[2 * number]),
            _since(recording.sent[2 * number + 1], network.skipped),
        )
        for number, ends in enumerate(calls)
    ]
    sent = [
        recording.sent[2 * number][network.skipped :].astype(np.float64) / 1e9
        for number in range(len(calls))
    ]
    late = float(np.percentile(recording.lateness, 99)) * 1000
    return Take(trunk, browser, sent, late)


def _stream(payloads: Sequence[bytes], payload_type: int, step: int, ssrc: int) -> Packet:
    """Return a stream's packets; their counters begin anywhere (RFC 3550 section 5.1)."""
    return rtp_packets(
        payloads,
        payload_type=payload_type,
        step=step,
        ssrc=ssrc,
        sequence=secrets.randbits(16),
        timestamp=secrets.randbits(32),
    )


def check_clock(arrivals: Sequence[Arrival]) -> Clock:
    """Look for what an RTP stream with one clock does not do, in the order of arrival."""
    pairs = list(pairwise(arrivals))
    return Clock(
        packets=len(arrivals),
        gaps=sum(after.sequence != before.sequence + 1 for before, after in pairs),
        jumps=sum(
            after.timestamp != before.timestamp + len(before.payload) for before, after in pairs
        ),
    )


def _since(sent: NDArray[np.int64], skipped: int) -> int:
    """Return when the first packet to be listened to was sent."""
    there = sent[skipped:][sent[skipped:] > 0]
    return int(there[0]) if there.size else 0


def _unwired(leg: Leg, datagrams: Sequence[Datagram]) -> list[Datagram]:
    """Decrypt, without what is not the far end's."""
    packets = []
    for stamp, datagram in datagrams:
        try:
            packets.append((stamp, leg.unwire(datagram)))
        except ValueError:
            continue
    return packets


def _read(datagrams: Sequence[Datagram], since: int) -> list[tuple[int, RtpPacket]]:
    """Return the RTP packets that came at or after `since`, in the order of arrival.

    What came before is the silence that a gateway sends until somebody speaks.
    """
    packets = []
    for stamp, datagram in datagrams:
        try:
            packet = parse(datagram)
        except RtpError:
            continue
        if stamp >= since and packet.payload:
            packets.append((stamp, packet))
    return packets


def _at_trunk(datagrams: Sequence[Datagram], since: int) -> list[Arrival]:
    packets = [pair for pair in _read(datagrams, since) if pair[1].payload_type == _PCMU]
    if not packets:
        return []
    first = packets[0][1]
    return [
        Arrival(
            stamp / 1e9,
            _signed(packet.sequence - first.sequence, 16),
            _signed(packet.timestamp - first.timestamp, 32),
            packet.payload,
        )
        for stamp, packet in packets
    ]


def _at_browser(datagrams: Sequence[Datagram], since: int) -> Samples:
    """Play what the best of browsers would: every packet in its place, gaps repaired."""
    packets = [packet for _, packet in _read(datagrams, since)]
    if not packets:
        return np.zeros(RATE, np.int16)
    first = packets[0].timestamp
    slots: dict[int, bytes] = {}
    for packet in packets:
        slots[_signed(packet.timestamp - first, 32) // OPUS_STEP] = packet.payload
    last = min(max(slots), 2 * len(packets))  # a timestamp may claim anything
    row = [slots.get(slot, b"") for slot in range(last + 1)]
    return ideal(row, [bool(payload) for payload in row], ulaw=False)


def _signed(difference: int, bits: int) -> int:
    """Return a difference of counters that wrap, as the nearest one."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
