"""All sockets are read once a tick: each gets its turn, and any may go at any time."""

from __future__ import annotations

import pytest

from tests.gateway.media.engine.rig import OPUS_TYPE, Browser, Rig, Talker, Trunk, join, udp
from voice.rtp import RtpPacket

PASSES = 8  # datagrams of one trunk's socket that are read in a tick
MANY = 300  # more sockets than the kernel is asked about in one tick


def relay(rig: Rig) -> tuple[Trunk, Trunk]:
    """Return two trunks that hear each other's packets as they are."""
    trunks = Trunk(rig), Trunk(rig)
    join(rig, *(trunk.leg for trunk in trunks))
    return trunks


def count(trunk: Trunk) -> int:
    """Return how many packets a leg has taken."""
    return trunk.leg.receiver.reception.snapshot().present.received


def say(trunk: Trunk, packets: int) -> None:
    for _ in range(packets):
        trunk.say(b"\xff" * 160)


def numbers(packets: list[RtpPacket]) -> list[int]:
    return [int.from_bytes(packet.payload[:2], "big") for packet in packets]


def test_all_that_has_come_is_read_in_order(rig: Rig) -> None:
    browsers = [Browser(rig, "PCMU", 0) for _ in range(3)]
    trunks = [Trunk(rig) for _ in browsers]
    for browser, trunk in zip(browsers, trunks, strict=True):
        join(rig, browser.leg, trunk.leg)
        for number in range(5):
            trunk.say(number.to_bytes(2, "big") + bytes(158))
    rig.tick()
    for browser in browsers:
        assert numbers(browser.heard()) == [*range(5)]


def test_nothing_to_read_is_soon_done(rig: Rig) -> None:
    trunk = Trunk(rig)
    rig.tick()
    assert count(trunk) == 0


def test_a_flood_does_not_starve_the_others(rig: Rig) -> None:
    flooded, *others = (Trunk(rig) for _ in range(4))
    say(flooded, 10 * PASSES)
    for trunk in others:
        say(trunk, PASSES)
    rig.tick()
    assert count(flooded) == PASSES
    assert [count(trunk) for trunk in others] == [PASSES] * 3


def test_a_flood_is_read_to_its_end_over_ticks(rig: Rig) -> None:
    trunk = Trunk(rig)
    say(trunk, 3 * PASSES)
    rig.tick(3)
    assert count(trunk) == 3 * PASSES


def test_a_flood_of_reports_does_not_starve_audio(rig: Rig) -> None:
    trunk = Trunk(rig)
    host, _ = trunk.address
    for _ in range(10 * PASSES):
        trunk.rtcp.sendto(bytes([0x80, 201, 0, 1, 0, 0, 0, 1]), (host, trunk_rtcp(trunk)))
    say(trunk, PASSES)
    rig.tick()
    assert count(trunk) == PASSES
    assert len(trunk.owner.rtcp) == PASSES


def trunk_rtcp(trunk: Trunk) -> int:
    port: int = trunk.leg.port.rtcp.getsockname()[1]
    return port


def test_more_sockets_than_one_question_are_all_read(rig: Rig) -> None:
    trunks = [Trunk(rig) for _ in range(MANY)]
    for trunk in trunks:
        say(trunk, 1)
    rig.tick(3)
    assert [count(trunk) for trunk in trunks] == [1] * MANY


def test_a_leg_may_go_while_packets_wait_for_it(rig: Rig) -> None:
    """A packet may end a call, its own or another: what waits for that is nobody's."""
    trunks = [Trunk(rig) for _ in range(3)]
    for trunk in trunks:
        say(trunk, 3)
    rig.engine.post(rig.engine.remove, trunks[1].leg)
    rig.tick()
    assert [count(trunk) for trunk in trunks] == [3, 0, 3]


def test_its_sockets_may_be_closed_before_it_goes(rig: Rig) -> None:
    trunk, other = Trunk(rig), Trunk(rig)
    say(trunk, 3)
    trunk.leg.port.rtp.close()
    trunk.leg.port.rtcp.close()
    say(other, 1)
    rig.tick()
    rig.engine.remove(trunk.leg)
    rig.tick()
    assert (count(trunk), count(other)) == (0, 1)


def test_a_leg_may_come_while_others_are_read(rig: Rig) -> None:
    first = Trunk(rig)
    say(first, 1)
    rig.tick()
    late = Trunk(rig)
    say(late, 2)
    rig.tick()
    assert (count(first), count(late)) == (1, 2)


def test_a_leg_that_is_not_served_can_be_removed_again(rig: Rig) -> None:
    trunk = Trunk(rig)
    rig.engine.remove(trunk.leg)
    rig.engine.remove(trunk.leg)
    say(trunk, 1)
    rig.tick()
    assert count(trunk) == 0
    assert rig.engine.count == 0


def test_a_leg_that_is_served_already_is_served_once(rig: Rig) -> None:
    trunk = Trunk(rig)
    rig.engine.add(trunk.leg)
    assert rig.engine.count == 1
    say(trunk, 2)
    rig.tick()
    assert count(trunk) == 2


def test_a_descriptor_that_the_system_gives_again_is_the_new_legs(rig: Rig) -> None:
    first = Trunk(rig)
    sockets = first.leg.port.rtp, first.leg.port.rtcp
    descriptors = {sock.fileno() for sock in sockets}
    rig.engine.remove(first.leg)
    for sock in (*sockets, first.sock, first.rtcp):
        sock.close()
    second = Trunk(rig)
    again = {second.leg.port.rtp.fileno(), second.leg.port.rtcp.fileno()}
    assert descriptors & again
    say(second, 2)
    rig.tick()
    assert (count(first), count(second)) == (0, 2)


def test_removing_one_keeps_the_others(rig: Rig) -> None:
    trunks = [Trunk(rig) for _ in range(8)]
    for gone in (3, 0, 7):
        rig.engine.remove(trunks[gone].leg)
    for trunk in trunks:
        say(trunk, 1)
    rig.tick()
    assert [count(trunk) for trunk in trunks] == [0, 1, 1, 0, 1, 1, 1, 0]


def test_a_browsers_port_that_is_flooded_does_not_stop_the_clock(rig: Rig) -> None:
    """A stranger sends most of what comes; the trunk has its frames all the same."""
    trunk = Trunk(rig)
    join(rig, Talker(rig, 440).leg, trunk.leg)
    browser = Browser(rig)
    stranger = udp()
    for _ in range(20):
        for _ in range(100):
            stranger.sendto(b"\x80" * 200, rig.socket.getsockname())
        browser.say(b"\x08\x00", payload_type=OPUS_TYPE)
        rig.tick(4)
    assert len(trunk.heard()) == 20
    assert rig.engine.browsers.counters["rejected_stranger"] > 0
    assert browser.leg.receiver.reception.snapshot().present.received == 20
    stranger.close()


@pytest.mark.parametrize("size", [0, 1, 11, 1501, 4000])
def test_datagrams_of_no_sensible_length(rig: Rig, size: int) -> None:
    trunk, other = relay(rig)
    trunk.sock.sendto(b"\x80" * size, trunk.address)
    say(trunk, 1)
    rig.tick()
    assert count(trunk) == 1
    assert len(other.heard()) <= 4
