"""Legs that are joined hear each other, whatever they speak, and wherever they are moved."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.engine.bridge import Bridge, BridgeKind
from gateway.media.engine.leg import FrameLeg, Leg
from tests.gateway.media.engine.parties import (
    TYPES,
    Caller,
    Party,
    Room,
    assert_hears,
    assert_steady,
    listener,
    open_room,
)
from tests.gateway.media.engine.rig import Owner, Trunk
from tests.tones import assert_tone

Samples = NDArray[np.int16]

WARM_UP = 25  # frames until everybody is heard
LISTENED = 40  # frames that are looked at
LOW, MIDDLE, HIGH, HIGHER = 440.0, 700.0, 1000.0, 1600.0  # Hz
WIDE_TONE = 5200.0  # Hz, which no narrowband codec can carry


@pytest.fixture
def room() -> Iterator[Room]:
    with open_room() as room:
        yield room


def listen(room: Room) -> None:
    """Let all get used to each other, and then keep what they hear."""
    room.run(WARM_UP)
    room.forget()
    room.run(LISTENED)


def assert_kind(bridge: Bridge, kind: BridgeKind) -> None:
    assert bridge.kind is kind


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


# Taps


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


def test_the_others_go_on_when_one_is_removed(room: Room) -> None:
    parties = [room.phone("PCMU", LOW), room.phone("G722", MIDDLE), room.browser(HIGH)]
    bridge = room.bridge(*parties)
    room.run(WARM_UP)
    gone = parties.pop()
    room.remove(gone)
    assert_kind(bridge, BridgeKind.PAIR)
    listen(room)
    assert_hears(parties[0], parties[1], absent=(HIGH,))
    assert_hears(parties[1], parties[0], absent=(HIGH,))


# Moves while the call goes on


@pytest.mark.parametrize("codec", ["PCMU", "G722", "OPUS"])
def test_hold_transfer_and_resume(room: Room, codec: str) -> None:
    person, trunk, music = room.browser(LOW), room.phone(codec, HIGH), room.frames(MIDDLE)
    call, waiting = room.bridge(person, trunk), room.bridge(music)
    listen(room)
    assert_hears(trunk, person)

    waiting.join(trunk.leg)  # on hold
    listen(room)
    assert_hears(trunk, music, absent=(LOW,))
    assert not person.arrivals

    colleague = room.phone("PCMU", HIGHER)
    transfer = room.bridge(colleague)
    transfer.join(trunk.leg)
    listen(room)
    assert_hears(trunk, colleague, absent=(LOW, MIDDLE))
    assert_hears(colleague, trunk)

    room.remove(person)  # its page was reloaded: another address, other keys
    again = room.browser(LOW, key=bytes(range(30, 60)))
    call.join(again.leg)
    call.join(trunk.leg)
    listen(room)
    assert_hears(trunk, again, absent=(MIDDLE, HIGHER))
    assert_hears(again, trunk)
    assert_steady(trunk.everything)


MOVERS = ["PCMU", "G722", "L16", "OPUS", "browser", "browser PCMU"]


def mover(room: Room, kind: str, tone: float) -> Caller:
    if kind.startswith("browser"):
        return room.browser(tone, kind.partition(" ")[2] or "OPUS")
    return room.phone(kind, tone)


@pytest.mark.parametrize("kind", MOVERS)
def test_who_is_moved_hears_no_gap(room: Room, kind: str) -> None:
    moved = mover(room, kind, LOW)
    opus, trunk, wide = room.browser(HIGH), room.phone("PCMU", MIDDLE), room.phone("G722", HIGHER)
    others: list[Party] = [opus, trunk, room.frames(MIDDLE), wide]
    bridges = [room.bridge(other) for other in others]
    for bridge in bridges * 2:
        bridge.join(moved.leg)
        room.run(13)
    assert_steady(moved.arrivals)
    seconds = 0.005 * (moved.arrivals[-1].tick - moved.arrivals[0].tick)
    clock_rate = 48000 if moved.codec == "OPUS" else 16000 if moved.codec == "L16" else 8000
    units = (moved.arrivals[-1].packet.timestamp - moved.arrivals[0].packet.timestamp) & 0xFFFFFFFF
    assert abs(units / clock_rate - seconds) < 0.1


@pytest.mark.parametrize("one", MOVERS)
@pytest.mark.parametrize("other", ["PCMU", "G722", "browser"])
def test_who_stays_hears_no_gap_when_others_join_and_leave(
    room: Room, one: str, other: str
) -> None:
    first, second = mover(room, one, LOW), mover(room, other, HIGH)
    bridge = room.bridge(first, second)
    guests: list[Party] = [
        room.phone("PCMA", MIDDLE),
        room.browser(HIGHER),
        room.frames(MIDDLE),
        room.phone("L16", HIGHER),
    ]
    room.run(WARM_UP)
    for guest in guests:
        bridge.join(guest.leg)
        room.run(9)
        bridge.leave(guest.leg)
        room.run(8)
    for party in (first, second):
        assert_steady(party.arrivals)
    room.forget()
    room.run(LISTENED)
    assert_hears(first, second, absent=(MIDDLE, HIGHER))
    assert_hears(second, first, absent=(MIDDLE, HIGHER))


def test_a_stream_stays_in_time_however_often_it_is_moved(room: Room) -> None:
    first, second, third = room.phone("PCMU", LOW), room.phone("PCMU", HIGH), room.browser(MIDDLE)
    bridge = room.bridge(first, second)
    room.run(WARM_UP)
    for _ in range(40):
        bridge.join(third.leg)
        room.run(3)
        bridge.leave(third.leg)
        room.run(3)
    for party in (first, second):
        assert_steady(party.arrivals)
        begin, end = party.arrivals[0], party.arrivals[-1]
        units = (end.packet.timestamp - begin.packet.timestamp) & 0xFFFFFFFF
        assert abs(units / 8000 - 0.005 * (end.tick - begin.tick)) < 0.1


def test_a_clock_of_many_months(room: Room) -> None:
    room.rig.number = (1 << 31) - 100
    room.rig.start -= 0.005 * room.rig.number
    person = room.browser(LOW)
    trunk = Caller(Trunk(room.rig, ptime=30), "PCMU", HIGH)
    room.parties.append(trunk)
    room.bridge(person, trunk)
    room.run(60)
    for party, count in ((person, 60), (trunk, 39)):
        assert len(party.arrivals) >= count
        assert_steady(party.arrivals)


def test_a_trunk_that_has_gone_sends_nothing_by_a_socket_that_may_be_anothers(room: Room) -> None:
    far_end, second = Trunk(room.rig), room.phone("PCMA", HIGH)
    first = Caller(far_end, "PCMU", LOW)
    room.parties.append(first)
    bridge = room.bridge(first, second)
    room.run(5)
    room.remove(first)
    far_end.leg.port.send_rtcp(bytes(8))
    bridge.join(first.leg)  # too late, and no harm
    room.run(5)
    first.collect()
    assert len(first.arrivals) == 5
    with pytest.raises(BlockingIOError):
        far_end.rtcp.recv(100)


def test_a_leg_joins_once_and_leaves_once(room: Room) -> None:
    first, second = room.phone("PCMU", LOW), room.phone("PCMA", HIGH)
    bridge, other = room.bridge(first, second), room.bridge()
    bridge.join(first.leg)
    assert bridge.legs == [first.leg, second.leg]
    other.leave(first.leg)
    assert bridge.legs == [first.leg, second.leg]
    bridge.leave(first.leg)
    bridge.leave(first.leg)
    assert first.leg.bridge is None
    assert bridge.legs == [second.leg]
