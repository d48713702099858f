"""Joins legs: one to one, or three and more so that everybody hears the sum less themselves.

Two legs of the same codec are *relayed*: their packets pass undecoded. Two of different codecs are
a *pair*, more are a *mix*. Which of the three it is follows from who has joined. Legs join and
leave while the call goes on: hold, transfer, conference and resume are moves of legs between
bridges. A tap listens to one leg and is no party; it goes with its leg from bridge to bridge.

Everything here runs on the engine's thread (`Engine.post`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from gateway.media.engine.engine import Engine
from gateway.media.engine.leg import FrameLeg, Leg
from voice.codec import CODECS

NARROW, WIDE = 8000, 16000  # Hz of frames

Tap = Callable[[NDArray[np.int16]], None]


class BridgeKind(StrEnum):
    """What a bridge does with the legs that have joined."""

    IDLE = "idle"  # nobody is heard by anybody
    RELAY = "relay"
    PAIR = "pair"
    MIX = "mix"


class Bridge:
    """Legs of one engine that hear each other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.legs: list[Leg] = []

    @property
    def kind(self) -> BridgeKind:
        """What the bridge is now."""
        if len(self.legs) < 2:
            return BridgeKind.IDLE
        if len(self.legs) > 2:
            return BridgeKind.MIX
        relayed = all(_relays(*pair) for pair in (self.legs, self.legs[::-1]))
        return BridgeKind.RELAY if relayed else BridgeKind.PAIR

    def join(self, leg: Leg) -> None:
        """Add a leg; it leaves the bridge that it was in."""
        if leg.bridge is self:
            return
        if leg.bridge is not None:
            leg.bridge.leave(leg)
        leg.bridge = self
        self.legs.append(leg)
        self.route()

    def leave(self, leg: Leg) -> None:
        """Take a leg out; harmless when it is not here."""
        if leg.bridge is not self:
            return
        leg.bridge = None
        self.legs.remove(leg)
        self._part(leg)
        self.route()

    def replace(self, leg: Leg, other: Leg) -> None:
        """Put another leg in the place of one, in the same moment; the rest hear no pause."""
        if leg.bridge is not self or other.bridge is not None:
            raise ValueError("one leg has to be on this bridge, and the other one on none")
        leg.bridge, other.bridge = None, self
        self.legs[self.legs.index(leg)] = other
        other.taps.extend(leg.taps)
        leg.taps.clear()
        self._part(leg)
        self.route()

    def tap(self, leg: Leg, tap: Tap) -> None:
        """Give a copy of each of a leg's frames to `tap`, on the engine's thread."""
        leg.taps.append(tap)
        self.route()

    def untap(self, leg: Leg, tap: Tap) -> None:
        """Listen no longer; harmless when nobody does."""
        if tap in leg.taps:
            leg.taps.remove(tap)
        self.route()

    def route(self) -> None:
        """Say anew who hears whom; to be called when a codec or a hold has changed, too."""
        mixed = self.legs if len(self.legs) > 2 else []
        self._engine.set_mix(self, mixed)
        for leg in self.legs:
            self._listen(leg)
        if mixed:
            rate = max(_rate_of(leg) for leg in mixed)
            for leg in mixed:
                leg.feed(None, _mode_of(leg), rate=rate)
                leg.fed = True
        elif len(self.legs) == 2:
            _pair(*self.legs)
            _pair(*self.legs[::-1])
        else:
            for leg in self.legs:
                self._part(leg)

    def _part(self, leg: Leg) -> None:
        """Let nobody hear a leg but those who listen to it, and let it hear nobody."""
        self._listen(leg)
        leg.feed(None, _mode_of(leg) if leg.taps else "idle", rate=_rate_of(leg))
        leg.fed = False

    def _listen(self, leg: Leg) -> None:
        self._engine.listen(leg, _all_of(leg.taps) if leg.taps else None)


def _pair(source: Leg, sink: Leg) -> None:
    """Have one leg hear another by the shortest way there is."""
    sink.fed = True
    relays = _relays(source, sink)
    if isinstance(source, FrameLeg):
        source.feed(sink, "given", rate=_rate_of(sink))
    elif sink.kind == "browser" and (relays or _decodes_at_once(source)):
        # It has a jitter buffer of its own; packets of its codec pass as they are
        source.feed(sink, "direct", relay=not source.taps)
    elif relays:
        source.feed(sink, "relayed", relay=True)
    else:
        rate = _rate_of(source) if isinstance(sink, FrameLeg) else _rate_of(sink)
        source.feed(sink, "buffered", rate=rate)


def _relays(source: Leg, sink: Leg) -> bool:
    """Whether a leg's packets go to another one as they are."""
    codec = source.receiver.codec
    return codec is not None and codec == sink.codec and not sink.silenced and not source.taps


def _mode_of(leg: Leg) -> str:
    """Return how frames come from a leg by the clock."""
    return "given" if isinstance(leg, FrameLeg) else "buffered"


def _decodes_at_once(leg: Leg) -> bool:
    """Whether a leg's packets can be decoded as they come; Opus wants its losses repaired."""
    codec = leg.receiver.codec
    return codec is not None and CODECS[codec].bytes_per_unit is not None


def _rate_of(leg: Leg) -> int:
    """Return the sample rate that a leg's codec asks for."""
    if leg.codec is None:
        return NARROW
    return WIDE if CODECS[leg.codec].sample_rate > NARROW else NARROW


def _all_of(taps: Sequence[Tap]) -> Tap:
    def listen(frame: NDArray[np.int16]) -> None:
        for tap in tuple(taps):
            tap(frame)

    return listen
