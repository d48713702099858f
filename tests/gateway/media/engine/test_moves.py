"""Legs that are moved between bridges in mid-call: no gap for those who stay."""

from __future__ import annotations

import pytest

from gateway.media.engine.bridge import BridgeKind
from tests.gateway.media.engine.parties import (
    Caller,
    Party,
    Room,
    assert_hears,
    assert_steady,
)
from tests.gateway.media.engine.rig import Trunk
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


@pytest.mark.parametrize(("codec", "kind"), [("PCMU", BridgeKind.PAIR), ("OPUS", BridgeKind.RELAY)])
def test_one_browser_in_the_place_of_another(room: Room, codec: str, kind: BridgeKind) -> None:
    """The trunk hears one stream, and no pause."""
    person, trunk, other = room.browser(LOW), room.phone(codec, HIGH), room.browser(MIDDLE)
    bridge = room.bridge(person, trunk)
    listen(room)
    assert_hears(trunk, person)
    heard: list[int] = []
    bridge.tap(person.leg, lambda frame: heard.append(len(frame)))

    bridge.replace(person.leg, other.leg)
    assert person.leg.bridge is None
    assert bridge.legs == [other.leg, trunk.leg]
    room.run(WARM_UP)
    room.forget()
    heard.clear()
    room.run(LISTENED)
    assert_hears(trunk, other, absent=(LOW,))
    assert_hears(other, trunk)
    assert not person.arrivals
    assert heard, "who listens to the one listens to the other"
    assert bridge.kind is BridgeKind.PAIR, "what is listened to has to be decoded"
    for tap in tuple(other.leg.taps):
        bridge.untap(other.leg, tap)
    assert_kind(bridge, kind)


def test_only_who_is_there_is_replaced_and_only_by_who_is_not(room: Room) -> None:
    person, trunk, other = room.browser(LOW), room.phone("PCMU", HIGH), room.browser(MIDDLE)
    bridge = room.bridge(person, trunk)
    with pytest.raises(ValueError, match="this bridge"):
        bridge.replace(other.leg, person.leg)
    with pytest.raises(ValueError, match="this bridge"):
        bridge.replace(person.leg, trunk.leg)
    assert bridge.legs == [person.leg, trunk.leg]
