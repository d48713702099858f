"""Parties that say a tone each, and keep what they hear together with the tick that it came in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from gateway.media.engine.bridge import Bridge
from gateway.media.engine.clock import SLOTS
from gateway.media.engine.leg import FrameLeg, Leg
from tests.gateway.media.engine.rig import KEY, Browser, Owner, Rig, Talker, Trunk
from tests.tones import assert_tone, make_tone
from voice.codec import CODECS, PayloadCodec
from voice.rtp import RtpPacket

Samples = NDArray[np.int16]

TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9, "L16": 97, "OPUS": 107}  # payload types
LONGEST_GAP = 8  # ticks: 40 ms
LONGEST_TONE = 12  # seconds


class Arrival(NamedTuple):
    tick: int
    packet: RtpPacket


class Party(Protocol):
    """Somebody in a call."""

    leg: Leg
    tone: float

    def speak(self) -> None:
        """Say the next 20 ms."""
        ...

    def collect(self) -> None:
        """Take what has come."""
        ...

    def forget(self) -> None:
        """Let what was heard so far go."""
        ...

    def sound(self) -> tuple[Samples, int]:
        """Return what was heard, and its sample rate in Hz."""
        ...


class Caller:
    """A party with a codec.

    Attributes
    ----------
    arrivals
        What has come, since the last `forget`.
    everything
        What has come since the beginning.
    said
        The payloads that were sent.
    """

    def __init__(self, far_end: Trunk | Browser, codec: str, tone: float) -> None:
        self.far_end = far_end
        self.leg: Leg = far_end.leg
        self.codec, self.tone = codec, tone
        self._saying = codec
        self.silent = False
        self.arrivals: list[Arrival] = []
        self.everything: list[Arrival] = []
        self.said: list[bytes] = []
        self._payloads = encode(codec, tone)
        self._forgotten: list[bytes] = []

    def speak(self) -> None:
        if self.silent:
            return
        payload = next(self._payloads)
        self.said.append(payload)
        if isinstance(self.far_end, Browser):
            self.far_end.say(payload)
        else:
            units = CODECS[self._saying].units_per_frame
            self.far_end.say(payload, payload_type=TYPES[self._saying], units=units)

    def collect(self) -> None:
        number = self.far_end.rig.number
        arrivals = [Arrival(number, packet) for packet in self.far_end.heard()]
        self.arrivals += arrivals
        self.everything += arrivals

    def forget(self) -> None:
        self._forgotten += self.heard
        self.arrivals.clear()

    @property
    def heard(self) -> list[bytes]:
        """The payloads that have come."""
        return [arrival.packet.payload for arrival in self.arrivals]

    def sound(self) -> tuple[Samples, int]:
        # A decoder needs the stream from its beginning
        samples, rate = decode(self.codec, [*self._forgotten, *self.heard])
        return samples[len(self._forgotten) * rate // 50 :], rate

    def change_codec(self, codec: str) -> None:
        """Send another codec from now on, without a word."""
        self._saying, self._payloads = codec, encode(codec, self.tone)


def phone(rig: Rig, codec: str, tone: float) -> Caller:
    """Return a party behind a trunk that takes any codec and is sent this one."""
    formats = {TYPES[codec]: codec} | {number: name for name, number in TYPES.items()}
    return Caller(Trunk(rig, codec, TYPES[codec], formats=formats), codec, tone)


def browser(rig: Rig, tone: float, codec: str = "OPUS", key: bytes = KEY) -> Caller:
    """Return a party with a browser."""
    return Caller(Browser(rig, codec, TYPES[codec], level=None, key=key), codec, tone)


class Frames:
    """A party without a port."""

    def __init__(self, rig: Rig, tone: float) -> None:
        self._talker = Talker(rig, tone)
        self.leg: Leg = self._talker.leg
        self.tone = tone

    def speak(self) -> None:
        """It is asked to."""

    def collect(self) -> None:
        """It is given."""

    def forget(self) -> None:
        self._talker.frames.clear()

    def sound(self) -> tuple[Samples, int]:
        return self._talker.heard, 50 * len(self._talker.frames[0])


def listener(rig: Rig) -> tuple[FrameLeg, list[Samples]]:
    """Return a leg that says nothing, and the list of the frames that it hears."""
    frames: list[Samples] = []
    engine = rig.engine
    leg = FrameLeg(Owner(), engine.frame_counters, engine.narrow, engine.wide, take=frames.append)
    engine.add(leg)
    return leg, frames


class Room:
    """Parties, and the time."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.rig = Rig(host)
        self.parties: list[Party] = []

    def phone(self, codec: str, tone: float) -> Caller:
        return self._in(phone(self.rig, codec, tone))

    def browser(self, tone: float, codec: str = "OPUS", key: bytes = KEY) -> Caller:
        return self._in(browser(self.rig, tone, codec, key))

    def frames(self, tone: float) -> Frames:
        party = Frames(self.rig, tone)
        self.parties.append(party)
        return party

    def _in(self, party: Caller) -> Caller:
        self.parties.append(party)
        return party

    def bridge(self, *parties: Party) -> Bridge:
        bridge = Bridge(self.rig.engine)
        for party in parties:
            bridge.join(party.leg)
        return bridge

    def run(self, frames: int) -> None:
        """Let frames pass, in each of which everybody says something."""
        for _ in range(frames):
            for party in self.parties:
                party.speak()
            for _ in range(SLOTS):
                self.rig.tick()
                for party in self.parties:
                    party.collect()

    def forget(self) -> None:
        """Let what was heard so far go, before a second to be listened to."""
        for party in self.parties:
            party.forget()

    def remove(self, party: Party) -> None:
        """Have the engine serve a party no longer."""
        self.parties.remove(party)
        self.rig.engine.remove(party.leg)


@contextmanager
def open_room(host: str = "127.0.0.1") -> Iterator[Room]:
    """A room on an engine of its own."""
    room = Room(host)
    try:
        yield room
        assert not room.rig.engine.trunk_counters["faults"]
    finally:
        room.rig.close()


def encode(codec: str, tone: float) -> Iterator[bytes]:
    """Yield frames of a tone."""
    kind = CODECS[codec]
    rows = make_tone(tone, seconds=LONGEST_TONE, rate=kind.sample_rate)
    frames = rows.reshape(50 * LONGEST_TONE, -1)
    if isinstance(kind, PayloadCodec):
        yield from (kind.encode(frame).tobytes() for frame in frames)
        return
    encoder = kind.encoder()
    yield from (encoder.encode(frame) for frame in frames)


def decode(codec: str, payloads: Iterable[bytes]) -> tuple[Samples, int]:
    """Return the sound of payloads of 20 ms, and its sample rate in Hz."""
    kind = CODECS[codec]
    rate = 16000 if kind.highest_rate > 8000 else 8000
    decoder = kind.decoder(rate)
    frames = []
    for payload in payloads:
        out: Samples = np.zeros(rate // 50, np.int16)
        decoder.decode(payload, out)
        frames.append(out)
    return np.concatenate(frames), rate


def assert_hears(party: Party, *others: Party, absent: tuple[float, ...] = ()) -> None:
    """Fail unless a party hears the others' tones, and neither its own nor those in `absent`."""
    sound, rate = party.sound()
    present = [other.tone for other in others]
    assert_tone(sound, rate, present=present, absent=(party.tone, *absent))


def assert_steady(arrivals: list[Arrival], *, gap: int = LONGEST_GAP) -> None:
    """Fail unless packets are one stream whose time goes on, with no gap of more than `gap` ticks.

    Their timestamps never go back, and their sequence numbers have no hole.
    """
    assert len({each.packet.ssrc for each in arrivals}) == 1
    for before, after in pairwise(arrivals):
        assert (after.packet.sequence - before.packet.sequence) & 0xFFFF == 1
        step = (after.packet.timestamp - before.packet.timestamp) & 0xFFFFFFFF
        assert 0 < step < 1 << 31, f"a step of {step} at tick {after.tick}"
        assert after.tick - before.tick <= gap, f"a gap at tick {before.tick} to {after.tick}"
