"""Taps: they hear one leg of a bridge, and nobody notices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.engine.bridge import BridgeKind
from gateway.media.engine.leg import Leg
from tests.gateway.media.engine.parties import (
    Caller,
    Room,
    assert_hears,
    assert_steady,
)
from tests.gateway.media.engine.tones import (
    HIGH,
    LISTENED,
    LOW,
    MIDDLE,
    WARM_UP,
    assert_kind,
    listen,
)
from tests.tones import assert_tone

# Taps

Samples = NDArray[np.int16]


def tapped(room: Room, party: Caller, leg: Leg) -> list[Samples]:
    frames: list[Samples] = []
    assert leg.bridge is not None
    leg.bridge.tap(leg, frames.append)
    return frames


@pytest.mark.parametrize("codec", ["PCMU", "OPUS"])
def test_a_tap_turns_a_relay_into_a_pair_and_back(room: Room, codec: str) -> None:
    first, second = room.browser(LOW, codec), room.browser(HIGH, codec)
    bridge = room.bridge(first, second)
    room.run(WARM_UP)
    frames: list[Samples] = []
    tap = frames.append
    bridge.tap(first.leg, tap)
    assert_kind(bridge, BridgeKind.PAIR)
    listen(room)
    assert len(frames) >= LISTENED
    assert_tone(
        np.concatenate(frames[-LISTENED:]), 50 * len(frames[-1]), present=[LOW], absent=[HIGH]
    )
    assert_hears(second, first)
    assert first.heard == second.said[-LISTENED:]  # nobody taps this way
    bridge.untap(first.leg, tap)
    assert_kind(bridge, BridgeKind.RELAY)
    count = len(frames)
    room.run(2)
    first.said.clear()
    room.forget()
    room.run(LISTENED)
    assert len(frames) == count
    assert second.heard == first.said
    for party in (first, second):
        assert_steady(party.arrivals)


def test_two_taps_of_one_leg(room: Room) -> None:
    person, trunk = room.browser(LOW), room.phone("PCMU", HIGH)
    bridge = room.bridge(person, trunk)
    one, other = tapped(room, trunk, trunk.leg), tapped(room, trunk, trunk.leg)
    room.run(10)
    assert len(one) == len(other) == 10
    bridge.untap(trunk.leg, one.append)
    room.run(10)
    assert (len(one), len(other)) == (10, 20)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_tap_in_any_bridge(room: Room, count: int) -> None:
    parties = [room.browser(LOW), room.phone("PCMU", HIGH), room.phone("G722", MIDDLE)][:count]
    room.bridge(*parties)
    frames = tapped(room, parties[0], parties[0].leg)
    listen(room)
    sound = np.concatenate(frames[-LISTENED:])
    assert_tone(sound, 50 * len(frames[-1]), present=[LOW], absent=[HIGH, MIDDLE])


def test_a_tap_goes_with_its_leg(room: Room) -> None:
    person, trunk, music = room.browser(LOW), room.phone("PCMU", HIGH), room.frames(MIDDLE)
    bridge = room.bridge(person, trunk)
    frames = tapped(room, trunk, trunk.leg)
    room.run(10)
    other = room.bridge(music, trunk)
    room.run(10)
    other.leave(trunk.leg)
    room.run(10)
    bridge.join(trunk.leg)
    listen(room)
    assert len(frames) >= 25 + WARM_UP + LISTENED
    assert_tone(np.concatenate(frames[-LISTENED:]), 8000, present=[HIGH], absent=[LOW, MIDDLE])


def test_a_tap_that_fails_is_no_harm_to_the_call(room: Room) -> None:
    person, trunk = room.browser(LOW), room.phone("PCMU", HIGH)
    bridge = room.bridge(person, trunk)

    def fail(frame: Samples) -> None:
        raise RuntimeError("a disk is full")

    bridge.tap(trunk.leg, fail)
    listen(room)
    assert_hears(person, trunk)
    assert_hears(trunk, person)
    assert not trunk.far_end.owner.failures
