"""Legs that are joined hear each other, whatever they speak, and wherever they are moved."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.engine.bridge import BridgeKind
from gateway.media.engine.leg import FrameLeg
from tests.gateway.media.engine.parties import (
    TYPES,
    Caller,
    Room,
    assert_hears,
    assert_steady,
    listener,
)
from tests.gateway.media.engine.rig import Owner, join
from tests.gateway.media.engine.tones import (
    HIGH,
    HIGHER,
    LISTENED,
    LOW,
    MIDDLE,
    WARM_UP,
    assert_kind,
    listen,
)
from tests.tones import assert_tone

Samples = NDArray[np.int16]
WIDE_TONE = 5200.0  # Hz, which no narrowband codec can carry


# Relay


def make(room: Room, kind: str, codec: str, tone: float) -> Caller:
    return room.browser(tone, codec) if kind == "browser" else room.phone(codec, tone)


@pytest.mark.parametrize(
    ("one", "other", "codec"),
    [
        ("browser", "browser", "OPUS"),
        ("browser", "browser", "G722"),
        ("phone", "browser", "PCMU"),
        ("phone", "browser", "OPUS"),
        ("phone", "phone", "PCMU"),
        ("phone", "phone", "G722"),
        ("phone", "phone", "L16"),
        ("phone", "phone", "OPUS"),
    ],
)
def test_packets_of_one_codec_pass_as_they_are(
    room: Room, one: str, other: str, codec: str
) -> None:
    first, second = make(room, one, codec, LOW), make(room, other, codec, HIGH)
    bridge = room.bridge(first, second)
    room.run(LISTENED)
    assert_kind(bridge, BridgeKind.RELAY)
    assert second.heard == first.said
    assert first.heard == second.said
    for party in (first, second):
        assert_steady(party.arrivals)
        assert {each.packet.payload_type for each in party.arrivals} == {TYPES[codec]}


def test_a_relayed_packet_is_on_its_way_at_once(room: Room) -> None:
    first, second = room.phone("PCMU", LOW), room.phone("PCMU", HIGH)
    room.bridge(first, second)
    first.speak()
    room.rig.tick()
    second.collect()
    assert second.heard == first.said


def test_a_codec_that_nobody_has_announced_is_heard_all_the_same(room: Room) -> None:
    first, second = room.phone("PCMU", LOW), room.phone("PCMU", HIGH)
    bridge = room.bridge(first, second)
    room.run(10)
    first.change_codec("PCMA")
    listen(room)
    assert_kind(bridge, BridgeKind.PAIR)
    assert_hears(second, first)
    assert first.heard == second.said[-LISTENED:]  # this way it still is a relay
    first.change_codec("PCMU")
    room.run(2)
    first.said.clear()
    room.forget()
    room.run(LISTENED)
    assert_kind(bridge, BridgeKind.RELAY)
    assert second.heard == first.said


def test_a_pause_between_relayed_packets_and_ours_is_time_that_passes(room: Room) -> None:
    first, second = room.phone("PCMU", LOW), room.phone("PCMU", HIGH)
    bridge = room.bridge(first, second)
    room.run(10)
    first.silent = True
    room.run(100)  # two seconds without a packet
    bridge.tap(first.leg, lambda frame: None)  # what comes is decoded now, and sent by the clock
    room.run(10)
    steps = [
        (after.packet.timestamp - before.packet.timestamp, after.tick - before.tick)
        for before, after in pairwise(second.arrivals)
    ]
    assert max(ticks for _, ticks in steps) >= 400
    for units, ticks in steps:
        assert abs(units - 40 * ticks) <= 2 * 160


# Pair


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "L16"])
def test_a_browser_and_a_trunk(room: Room, codec: str) -> None:
    person, trunk = room.browser(LOW), room.phone(codec, HIGH)
    bridge = room.bridge(person, trunk)
    listen(room)
    assert_kind(bridge, BridgeKind.PAIR)
    assert_hears(person, trunk)
    assert_hears(trunk, person)
    assert_steady(person.arrivals)
    assert_steady(trunk.arrivals)


@pytest.mark.parametrize(("theirs", "ours"), [("G722", "PCMU"), ("PCMU", "PCMA"), ("PCMU", "G722")])
def test_a_browser_without_opus(room: Room, theirs: str, ours: str) -> None:
    person, trunk = room.browser(LOW, ours), room.phone(theirs, HIGH)
    room.bridge(person, trunk)
    listen(room)
    assert_hears(person, trunk)
    assert_hears(trunk, person)


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(TYPES, 2)))
def test_two_trunks(room: Room, one: str, other: str) -> None:
    first, second = room.phone(one, LOW), room.phone(other, HIGH)
    bridge = room.bridge(first, second)
    listen(room)
    assert_kind(bridge, (BridgeKind.RELAY if one == other else BridgeKind.PAIR))
    for party, heard in ((first, second), (second, first)):
        assert_hears(party, heard)
        assert_steady(party.arrivals)
        assert len(party.arrivals) == LISTENED


def test_frames_and_a_trunk(room: Room) -> None:
    bot, trunk = room.frames(LOW), room.phone("G722", HIGH)
    bridge = room.bridge(bot, trunk)
    listen(room)
    assert_kind(bridge, BridgeKind.PAIR)
    assert_hears(bot, trunk)
    assert_hears(trunk, bot)


def test_frames_and_a_browser(room: Room) -> None:
    bot, person = room.frames(LOW), room.browser(HIGH)
    room.bridge(bot, person)
    listen(room)
    assert_hears(bot, person)
    assert_hears(person, bot)
    assert_steady(person.arrivals)


def test_two_that_have_no_port(room: Room) -> None:
    first, second = room.frames(LOW), room.frames(HIGH)
    room.bridge(first, second)
    listen(room)
    assert_hears(first, second)
    assert_hears(second, first)


# Mix

MIXES = {
    "three of one kind": ["PCMU", "PCMU", "PCMU"],
    "narrow": ["PCMU", "PCMA", "browser"],
    "wide": ["L16", "G722", "G722"],
    "of all": ["PCMU", "G722", "browser", "frames"],
}


@pytest.mark.parametrize("kinds", MIXES.values(), ids=MIXES)
def test_everybody_hears_all_others(room: Room, kinds: list[str]) -> None:
    parties = [
        room.browser(tone)
        if kind == "browser"
        else room.frames(tone)
        if kind == "frames"
        else room.phone(kind, tone)
        for kind, tone in zip(kinds, (LOW, MIDDLE, HIGH, HIGHER), strict=False)
    ]
    bridge = room.bridge(*parties)
    listen(room)
    assert_kind(bridge, BridgeKind.MIX)
    for party in parties:
        assert_hears(party, *[each for each in parties if each is not party])
        if isinstance(party, Caller):
            assert_steady(party.arrivals)
            assert len(party.arrivals) == LISTENED


def test_a_mix_is_as_wide_as_its_widest_party(room: Room) -> None:
    wide, other, narrow = (
        room.phone("L16", WIDE_TONE),
        room.phone("G722", LOW),
        room.phone("PCMU", HIGH),
    )
    room.bridge(wide, other, narrow)
    listen(room)
    assert_hears(other, wide, narrow)


def test_a_mix_of_narrow_parties_is_narrow(room: Room) -> None:
    bot, first, second = room.frames(LOW), room.phone("PCMU", MIDDLE), room.browser(HIGH)
    room.bridge(bot, first, second)
    listen(room)
    assert bot.sound()[1] == 8000


def test_loud_parties_are_clipped_and_not_wrapped(room: Room) -> None:
    parties = [room.phone("L16", LOW) for _ in range(6)]
    room.bridge(*parties)
    listen(room)
    sound, _ = parties[0].sound()
    assert sound.max() == 32767
    assert np.abs(np.diff(sound.astype(int))).max() < 20000


def test_one_that_may_hear_nobody_yet_hears_nobody_in_a_mix(room: Room) -> None:
    early, first, second = room.phone("PCMU", LOW), room.phone("PCMU", MIDDLE), room.browser(HIGH)
    early.leg.silence(True)
    bridge = room.bridge(early, first, second)
    listen(room)
    assert not early.sound()[0].any()
    assert_hears(first, early, second)
    early.leg.silence(False)
    bridge.route()
    listen(room)
    assert_hears(early, first, second)


def test_a_party_on_hold_in_a_mix_is_sent_nothing(room: Room) -> None:
    parties = [room.phone("PCMU", tone) for tone in (LOW, MIDDLE, HIGH)]
    bridge = room.bridge(*parties)
    room.run(WARM_UP)
    parties[0].leg.hold(True)
    bridge.route()
    room.forget()
    room.run(LISTENED)
    assert not parties[0].arrivals
    assert_hears(parties[1], parties[0], parties[2])
    parties[0].leg.hold(False)
    bridge.route()
    listen(room)
    assert_hears(parties[0], parties[1], parties[2])


def test_who_says_nothing_is_silent_for_the_others(room: Room) -> None:
    first, second = room.phone("PCMU", LOW), room.phone("G722", MIDDLE)
    third, heard = listener(room.rig)
    second.silent = True
    bridge = room.bridge(first, second)
    bridge.join(third)
    listen(room)
    assert_hears(second, first)
    sound, rate = first.sound()
    assert_tone(sound, rate, absent=(LOW, MIDDLE))
    assert_tone(np.concatenate(heard), 50 * len(heard[0]), present=[LOW])


# Legs without a port


def test_silence_where_a_leg_has_nothing_to_say(room: Room) -> None:
    leg, heard = listener(room.rig)
    trunk = room.phone("PCMU", HIGH)
    bridge = room.bridge(trunk)
    bridge.join(leg)
    room.run(LISTENED)
    assert not trunk.sound()[0].any()
    assert_steady(trunk.arrivals)
    assert_tone(np.concatenate(heard[WARM_UP:]), 8000, present=[HIGH])


def test_a_browser_is_sent_nothing_where_there_is_nothing_to_say(room: Room) -> None:
    leg, heard = listener(room.rig)
    person = room.browser(HIGH)
    room.bridge(person).join(leg)
    room.run(LISTENED)
    assert not person.arrivals
    assert_tone(np.concatenate(heard[WARM_UP:]), 8000, present=[HIGH])


def test_a_listener_is_given_nothing_where_there_is_nothing_to_say(room: Room) -> None:
    """Whatever else is handed over in the same tick."""
    silent, _ = listener(room.rig)
    leg, heard = listener(room.rig)
    join(room.rig, silent, leg)
    first, second = room.frames(LOW), room.frames(HIGH)
    room.bridge(first, second)
    silent.slot = first.leg.slot = second.leg.slot
    listen(room)
    assert_hears(first, second)
    assert heard == []


def test_a_leg_that_fails_to_give_is_told_to_its_owner_once(room: Room) -> None:
    engine, owner, trunk = room.rig.engine, Owner(), room.phone("PCMU", HIGH)

    def give(frame: Samples) -> bool:
        raise RuntimeError("a file is gone")

    leg = FrameLeg(owner, engine.frame_counters, engine.narrow, engine.wide, give=give)
    engine.add(leg)
    room.bridge(trunk).join(leg)
    room.run(10)
    assert owner.failures == 1
    assert not trunk.sound()[0].any()


def test_a_leg_may_go_while_it_is_asked_for_a_frame(room: Room) -> None:
    engine = room.rig.engine
    trunk, person = room.phone("PCMU", HIGH), room.browser(LOW)
    bridge = room.bridge(trunk)
    legs: list[FrameLeg] = []

    def give(frame: Samples) -> bool:
        engine.remove(legs.pop())
        bridge.join(person.leg)
        return True

    legs.append(FrameLeg(Owner(), engine.frame_counters, engine.narrow, engine.wide, give=give))
    engine.add(legs[0])
    bridge.join(legs[0])
    listen(room)
    assert_hears(trunk, person)
    assert_hears(person, trunk)


# Nobody to talk to


def test_a_trunk_alone_is_sent_nothing_and_its_time_passes(room: Room) -> None:
    trunk, person = room.phone("PCMU", HIGH), room.browser(LOW)
    bridge = room.bridge(trunk, person)
    room.run(10)
    bridge.leave(person.leg)
    assert_kind(bridge, BridgeKind.IDLE)
    room.run(1)
    count = len(trunk.arrivals)
    room.run(50)
    assert len(trunk.arrivals) == count
    bridge.join(person.leg)
    room.run(10)
    before, after = trunk.arrivals[count - 1], trunk.arrivals[count]
    units = (after.packet.timestamp - before.packet.timestamp) & 0xFFFFFFFF
    assert abs(units - 40 * (after.tick - before.tick)) <= 160
    assert (after.packet.sequence - before.packet.sequence) & 0xFFFF == 1
    assert after.packet.marker


def test_legs_in_no_bridge_are_counted_all_the_same(room: Room) -> None:
    trunk, person = room.phone("PCMU", HIGH), room.browser(LOW)
    room.run(10)
    assert not trunk.arrivals
    assert not person.arrivals
    engine = room.rig.engine
    assert engine.trunk_counters["packets_received"] == 10
    assert engine.browsers.counters["packets_received"] == 10
    assert trunk.leg.receiver.reception.snapshot().present.received == 10


def test_what_came_while_nobody_listened_is_no_loss(room: Room) -> None:
    trunk, person = room.phone("PCMU", HIGH), room.browser(LOW)
    bridge = room.bridge(trunk, person)
    room.run(WARM_UP)
    bridge.leave(person.leg)
    room.run(200)
    bridge.join(person.leg)
    listen(room)
    assert_hears(trunk, person)
    counters = room.rig.engine.browsers.counters
    assert not counters["packets_lost"]
    assert not counters["frames_concealed"]
