"""What a set of calls sends: both streams of each, spread evenly over a packet's time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import time

import numpy as np

from gateway.bench.calls import BenchCall
from gateway.bench.material import Coding, Samples, asked, encode, encode_speech
from gateway.bench.player import Leg, Packet, PlainLeg, Stream, rtp_packets
from gateway.bench.schedule import CLEAN, Impairment, departures
from voice import rtcp
from voice.rtp_extension import pack_one_byte

REPORTS = 5.0  # seconds between two RTCP reports of a browser's audio

_LOUD = bytes([0x80 | 30])  # voice at -30 dBov (RFC 6464 section 3)


def _any_source() -> int:
    return secrets.randbits(32)


@dataclass(frozen=True, slots=True)
class End:
    """One end of a call: its leg, and how and under which payload type it speaks.

    `extension` stands in the header of each packet. `wire_rtcp` encrypts RTCP for the same socket;
    without it the end sends no reports.
    """

    leg: Leg
    coding: Coding
    payload_type: int
    ssrc: int = field(default_factory=_any_source)
    extension: bytes = b""
    wire_rtcp: Callable[[bytes], bytes] | None = None


class _Reporter(PlainLeg):
    """Sends RTCP on the socket of a leg (RFC 5761)."""

    def __init__(self, leg: Leg, wire_rtcp: Callable[[bytes], bytes]) -> None:
        super().__init__(leg.socket)
        self._wire_rtcp = wire_rtcp

    def wire(self, packet: bytes) -> bytes:
        """Encrypt it as RTCP."""
        return self._wire_rtcp(packet)


@dataclass(frozen=True, slots=True)
class Voice:
    """What is said into a leg: its payloads in the order of sending, and where to find it.

    `stream` and `leg` are numbers among those of the load.
    """

    coding: Coding
    payloads: list[bytes]
    stream: int
    leg: int


@dataclass(frozen=True, slots=True)
class CallLoad:
    """One call's voices; `down` is None where somebody else is the trunk."""

    up: Voice
    down: Voice | None


@dataclass(frozen=True, slots=True)
class Load:
    """All legs and streams of a run, and which of them belong to which call."""

    legs: list[Leg]
    streams: list[Stream]
    calls: list[CallLoad]

    def legs_of(self, count: int) -> list[int]:
        """Return the numbers of the legs of `count` calls, spread over all of them."""
        chosen = self.calls[:: max(1, len(self.calls) // max(count, 1))][:count]
        voices = [voice for each in chosen for voice in (each.up, each.down) if voice is not None]
        return [voice.leg for voice in voices]


def ends_of(
    call: BenchCall, *, coding: Coding | None = None, ptime: int = 20
) -> tuple[End, End | None]:
    """Return both ends of a call that is up, or rings, and take its sockets for the player.

    `coding` is what the browser sends; what the gateway's answer asks for, if None.

    Raises
    ------
    ValueError
        The call is not up.
    """
    if call.wanted is None or call.failure is not None:
        raise ValueError(f"the call to {call.number} is not up: {call.failure}")
    call.browser.take()
    said = coding or asked(call.wanted, ptime)
    browser = End(
        call.browser,
        said,
        call.wanted.payload_type,
        call.browser.ssrc,
        # No look at the sound: a level costs the same to read, whatever it says
        b"" if call.wanted.level is None else pack_one_byte([(call.wanted.level, _LOUD)]),
        call.browser.wire_rtcp,
    )
    if call.trunk is None or call.trunk.media is None:
        return browser, None
    codec = call.trunk.media.codec
    return browser, End(call.trunk, Coding(codec.name.upper()), codec.payload_type, call.trunk.ssrc)


def make_load(
    ends: Sequence[tuple[End, End | None]],
    *,
    seconds: float,
    up: Impairment = CLEAN,
    down: Impairment = CLEAN,
    seed: int = 1,
    sound: Samples | None = None,
) -> Load:
    """Make a load of calls, each the browser's end and the trunk's.

    `up` is what the network does to browsers' packets, `down` to the trunk's. `sound` is said
    (int16 at 8 kHz, a whole number of `material.BLOCK`) instead of the speech that we bring.
    """
    rng = np.random.default_rng(seed)
    load = Load([], [], [])
    encoded: dict[Coding, Sequence[bytes]] = {}

    def payloads(coding: Coding) -> Sequence[bytes]:
        if coding not in encoded:
            encoded[coding] = encode_speech(coding) if sound is None else encode(sound, coding)
        return encoded[coding]

    for number, (browser, trunk) in enumerate(ends):
        offset = number * browser.coding.ptime / 1000 / len(ends)
        said = _speak(load, browser, payloads(browser.coding), seconds, offset, up, rng)
        heard = None
        if trunk is not None:
            heard = _speak(load, trunk, payloads(trunk.coding), seconds, offset, down, rng)
        load.calls.append(CallLoad(said, heard))
    return load


def _speak(
    load: Load,
    end: End,
    payloads: Sequence[bytes],
    seconds: float,
    offset: float,
    impairment: Impairment,
    rng: np.random.Generator,
) -> Voice:
    """Add an end's leg and its stream, which begins somewhere in the payloads."""
    coding = end.coding
    count = round(seconds * 1000 / coding.ptime)
    first = int(rng.integers(len(payloads)))
    order = [payloads[(first + number) % len(payloads)] for number in range(count)]
    began = secrets.randbits(32)  # random, as the sequence (RFC 3550 section 5.1)
    packet = rtp_packets(
        order,
        payload_type=end.payload_type,
        step=coding.step,
        ssrc=end.ssrc,
        sequence=secrets.randbits(16),
        timestamp=began,
        extension=end.extension,
    )
    times = departures(count, coding.ptime, impairment, rng)
    voice = Voice(coding, order, len(load.streams), len(load.legs))
    load.legs.append(end.leg)
    load.streams.append(Stream(end.leg, packet, times, offset))
    if end.wire_rtcp is not None:
        first_report = offset + REPORTS * float(rng.random())
        due = np.arange(first_report, seconds, REPORTS).tolist()
        reports = _reports(end, began, due, offset)
        reporter = _Reporter(end.leg, end.wire_rtcp)
        load.streams.append(Stream(reporter, reports, due, ahead=False))
    return voice


def _reports(end: End, began: int, due: Sequence[float], offset: float) -> Packet:
    """Return the reports of a browser that has sent each of its packets in time."""
    ptime = end.coding.ptime / 1000

    def packet(number: int) -> bytes:
        count = round((due[number] - offset) / ptime)
        timestamp = (began + count * end.coding.step) & 0xFFFFFFFF
        report = rtcp.SenderReport(end.ssrc, rtcp.ntp_time(time()), timestamp, count, 60 * count)
        return rtcp.pack(report, rtcp.describe(end.ssrc, "bench"))

    return packet
