"""What a set of calls sends: both streams of each, spread evenly over a packet's time."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.bench.calls import BenchCall
from gateway.bench.material import Coding, asked, encode_speech
from gateway.bench.player import Leg, Packet, Stream, rtp_packets
from gateway.bench.schedule import CLEAN, Impairment, departures


@dataclass(frozen=True, slots=True)
class Voice:
    """What is said into a leg: which of the encoded speech, from which packet on."""

    coding: Coding
    first: int
    stream: int  # its number among the streams
    leg: int  # the number of the leg where it enters


@dataclass(frozen=True, slots=True)
class CallLoad:
    """One call's voices; `down` and its leg are None where somebody else is the trunk."""

    call: BenchCall
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


def make_load(
    calls: Sequence[BenchCall],
    *,
    seconds: float,
    ptime: int = 20,
    coding: Coding | None = None,
    impairment: Impairment = CLEAN,
    down: Impairment = CLEAN,
    seed: int = 1,
) -> Load:
    """Make a load of calls that are up, and take their sockets for the player.

    `coding` is what browsers send; what each call's answer asks for, if None. `impairment` is what
    the network does on its way up; `down` what the trunk's network does.
    """
    rng = np.random.default_rng(seed)
    load = Load([], [], [])
    for number, call in enumerate(calls):
        if call.wanted is None or not call.up:
            continue
        offset = number * ptime / 1000 / len(calls)
        call.browser.take()
        said = coding or asked(call.wanted, ptime)
        packet_type = call.wanted.payload_type
        up = _add(load, call.browser, call.browser.ssrc, said, packet_type, rng)
        _stream(load, up, seconds, offset, impairment, rng)
        heard = None
        if call.trunk is not None and call.trunk.media is not None:
            codec = call.trunk.media.codec
            said = Coding(codec.name.upper())
            packets = _add(load, call.trunk, call.trunk.ssrc, said, codec.payload_type, rng)
            _stream(load, packets, seconds, offset, down, rng)
            heard = packets.voice
        load.calls.append(CallLoad(call, up.voice, heard))
    return load


@dataclass(frozen=True, slots=True)
class _Added:
    voice: Voice
    leg: Leg
    packet: Packet


def _add(
    load: Load, leg: Leg, ssrc: int, coding: Coding, payload_type: int, rng: np.random.Generator
) -> _Added:
    payloads = encode_speech(coding)
    first = int(rng.integers(len(payloads)))
    packet = rtp_packets(
        payloads,
        payload_type=payload_type,
        step=coding.step,
        ssrc=ssrc,
        first=first,
        # Numbers of the first packet are random (RFC 3550 section 5.1); small enough to see wraps
        sequence=secrets.randbits(15),
        timestamp=secrets.randbits(31),
    )
    voice = Voice(coding, first, len(load.streams), len(load.legs))
    load.legs.append(leg)
    return _Added(voice, leg, packet)


def _stream(
    load: Load,
    added: _Added,
    seconds: float,
    offset: float,
    impairment: Impairment,
    rng: np.random.Generator,
) -> None:
    ptime = added.voice.coding.ptime
    times = departures(round(seconds * 1000 / ptime), ptime, impairment, rng)
    load.streams.append(Stream(added.leg, added.packet, times, offset))
