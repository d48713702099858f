"""One UDP port for all browsers: each datagram finds its leg, or is dropped for a reason."""

from __future__ import annotations

import gc
import struct

import pytest
from pylibsrtp import Policy

from gateway.media.engine.browser_port import DEPARTED, Binding
from gateway.media.engine.leg import BrowserLeg
from tests.gateway.media.engine.datagrams import (
    DTLS,
    ERROR,
    HIGH,
    INDICATION,
    LOW,
    MINE,
    OTHER,
    PRIORITY,
    RESPONSE,
    SRTCP,
    SRTP,
    Port,
    attribute,
    binding_of,
    check,
    message,
)
from tests.gateway.media.engine.parties import assert_hears, assert_steady, open_room
from tests.gateway.media.engine.rig import Browser, Owner, Trunk, join, srtp, udp
from voice.rtp import pack_header

# Whose is it


def test_a_check_is_told_apart_by_its_user_name(port: Port) -> None:
    datagram = check(OTHER)
    port.send_now(datagram)
    assert port.told == [[], [datagram]]
    assert port.second.owner.datagrams[0][1] == port.stranger.getsockname()
    port.send_now(check(MINE, attribute(PRIORITY, bytes(4))))
    assert [len(each) for each in port.told] == [1, 1]
    assert not port.counted


def test_a_check_from_a_known_address_still_goes_by_its_user_name(port: Port) -> None:
    port.send_now(check(OTHER), port.first.sock)
    assert [len(each) for each in port.told] == [0, 1]


@pytest.mark.parametrize("datagram", [DTLS, message(RESPONSE), message(ERROR), message(INDICATION)])
def test_anything_else_goes_by_its_source(port: Port, datagram: bytes) -> None:
    port.send_now(datagram, port.first.sock)
    assert port.told == [[datagram], []]


def test_an_admitted_address_may_shake_hands(port: Port) -> None:
    port.send_now(DTLS)
    assert port.counted == {"rejected_stranger": 1}
    port.second.leg.binding.admit(*port.stranger.getsockname())
    port.send_now(DTLS)
    assert port.told == [[], [DTLS]]
    port.second.leg.binding.dismiss(*port.stranger.getsockname())
    port.send_now(DTLS)
    assert port.counted == {"rejected_stranger": 2}


def test_a_nominated_address_is_the_only_one_for_dtls_and_media(port: Port) -> None:
    port.first.leg.binding.admit(*port.stranger.getsockname())
    port.send_now(DTLS)
    port.send_now(SRTP)
    assert port.told == [[], []]
    assert port.counted == {"rejected_stranger": 2}
    port.send_now(message(RESPONSE))  # of a check of ours, from where the browser may move to
    assert port.told == [[message(RESPONSE)], []]


@pytest.mark.parametrize("taker", [True, False], ids=["nominated", "admitted"])
def test_an_address_is_taken_from_another_leg_by_nomination_only(port: Port, taker: bool) -> None:
    address = port.first.sock.getsockname()
    binding = port.second.leg.binding
    (binding.set_remote if taker else binding.admit)(*address)
    port.send_now(DTLS, port.first.sock)
    assert port.told == ([[], [DTLS]] if taker else [[DTLS], []])
    # The one that lost it, or never had it, takes nothing along when it goes
    (port.first if taker else port.second).leg.binding.close()
    port.send_now(DTLS, port.first.sock)
    assert port.told == ([[], [DTLS] * 2] if taker else [[DTLS] * 2, []])


def test_a_browser_that_has_moved(port: Port) -> None:
    moved = port.rig.far_end()
    port.first.leg.binding.set_remote(*moved.getsockname())
    old, port.first.sock = port.first.sock, moved
    port.first.say(b"\x08")
    port.rig.tick()
    assert port.counted == {"packets_received": 1}
    port.first.sock = old
    port.first.say(b"\x08")
    port.rig.tick()
    assert port.counted["rejected_stranger"] == 1
    assert port.counted["packets_received"] == 1


def test_what_comes_from_the_browsers_own_address_is_a_sign_of_life(port: Port) -> None:
    port.first.leg.binding.admit(*port.stranger.getsockname())
    assert not port.first.leg.take_heard()
    port.send_now(check(MINE))
    assert not port.first.leg.take_heard()
    for datagram in (check(MINE), DTLS, SRTCP):
        port.send_now(datagram, port.first.sock)
        assert port.first.leg.take_heard()
        assert not port.first.leg.take_heard()


def test_many_browsers_each_hear_their_own_trunk() -> None:
    with open_room() as room:
        calls = []
        for place in range(20):
            person, trunk = (
                room.browser(300 + 100.0 * place),
                room.phone("PCMU", 350 + 100.0 * place),
            )
            room.bridge(person, trunk)
            calls.append((person, trunk))
        room.run(20)
        room.forget()
        room.run(30)
        for person, trunk in calls:
            assert_hears(person, trunk)
            assert_hears(trunk, person)


# The end


def test_a_closed_leg_gives_everything_back(port: Port) -> None:
    assert port.rig.engine.browsers.known == (2, 1)
    for number in range(1, 50):
        port.first.leg.binding.admit("192.0.2.1", number)
    assert port.rig.engine.browsers.known == (2, 50)
    for each in (port.first, port.second):
        port.rig.engine.remove(each.leg)
    assert port.rig.engine.browsers.known == (0, 1)  # where the browser may still send from
    port.send_now(DTLS, port.first.sock)
    port.send_now(SRTP, port.first.sock)
    port.send_now(check(MINE), port.first.sock)
    assert port.counted == {"packets_after_end": 3}
    port.rig.engine.browsers.forget_departed(port.rig.now + DEPARTED)
    assert port.rig.engine.browsers.known == (0, 0)
    port.send_now(DTLS, port.first.sock)
    assert port.counted == {"packets_after_end": 3, "rejected_stranger": 1}


def test_an_address_that_had_an_earlier_call_is_remembered_from_its_last_one_on(port: Port) -> None:
    browsers, address = port.rig.engine.browsers, port.first.sock.getsockname()[:2]
    began = port.rig.now
    port.first.leg.binding.close(began)
    again = Browser(port.rig)
    again.leg.binding.set_remote(*address)
    again.leg.binding.close(began + DEPARTED - 1)
    browsers.forget_departed(began + DEPARTED)
    port.send_now(DTLS, port.first.sock)
    assert port.counted == {"packets_after_end": 1}
    browsers.forget_departed(began + 2 * DEPARTED)
    port.send_now(DTLS, port.first.sock)
    assert port.counted == {"packets_after_end": 1, "rejected_stranger": 1}


def test_what_comes_late_from_ice_is_of_no_use_to_a_closed_leg(port: Port) -> None:
    binding = port.first.leg.binding
    port.rig.engine.remove(port.first.leg)
    port.rig.engine.browsers.forget_departed(port.rig.now + DEPARTED)
    binding.open("later")
    binding.admit(*port.stranger.getsockname())
    binding.set_remote(*port.stranger.getsockname())
    binding.start_media(srtp(Policy.SSRC_ANY_INBOUND), srtp(Policy.SSRC_ANY_OUTBOUND))
    binding.send_rtcp(bytes(8))
    binding.close()
    assert port.rig.engine.browsers.known == (1, 0)
    port.send_now(check("later"))
    assert port.counted == {"rejected_ufrag": 1}


def test_a_leg_that_everybody_has_forgotten_stays_until_it_is_closed(port: Port) -> None:
    engine, owner = port.rig.engine, Owner()
    leg = BrowserLeg(owner, engine.browsers, engine.narrow, engine.wide, engine.now)
    leg.binding.open("lost")
    leg.binding.admit(*port.stranger.getsockname())
    del leg
    gc.collect()
    port.send_now(check("lost"))
    port.send_now(DTLS)
    assert [data for data, _ in owner.datagrams] == [check("lost"), DTLS]


def test_media_of_a_leg_that_is_not_served_is_dropped(port: Port) -> None:
    port.rig.engine.remove(port.second.leg)
    engine, sock = port.rig.engine, port.rig.far_end()
    trunk = Trunk(port.rig)
    leg = BrowserLeg(Owner(), engine.browsers, engine.narrow, engine.wide, engine.now)
    leg.binding.set_remote(*sock.getsockname())
    leg.binding.start_media(srtp(Policy.SSRC_ANY_INBOUND), srtp(Policy.SSRC_ANY_OUTBOUND))
    leg.receiver.set_formats({0: "PCMU"})
    leg.sender.set_codec("PCMU", 0)
    join(port.rig, leg, trunk.leg)
    sender = srtp(Policy.SSRC_ANY_OUTBOUND)
    port.send_now(sender.protect(pack_header(0, 1, 160, 5) + bytes(160)), sock)
    assert not trunk.heard()
    leg.binding.close()


def test_a_leg_that_goes_as_soon_as_its_keys_are_there(port: Port) -> None:
    engine = port.rig.engine
    early, hearer = Browser(port.rig, "PCMU", 0, connected=False), Browser(port.rig, "PCMA", 8)
    early.leg.binding.set_remote(*early.sock.getsockname())
    join(port.rig, early.leg, hearer.leg)
    for _ in range(3):
        early.say(bytes(160))
    sender = srtp(Policy.SSRC_ANY_OUTBOUND)
    report = struct.pack("!BBHI", 0x80, 201, 1, 9)
    port.send_now(sender.protect_rtcp(report), early.sock)
    assert early.leg.binding.held == 4
    engine.post(
        engine.start_media,
        early.leg,
        srtp(Policy.SSRC_ANY_INBOUND),
        srtp(Policy.SSRC_ANY_OUTBOUND),
    )
    engine.post(engine.remove, early.leg)
    del early.leg
    engine.post(gc.collect)
    port.rig.tick()
    assert early.owner.rtcp == [report]
    assert not hearer.heard()  # its frames were still to be decoded


def test_a_binding_belongs_to_a_leg(port: Port) -> None:
    binding = Binding(port.rig.engine.browsers, 0.0)
    with pytest.raises(ValueError, match="leg"):
        binding.open("alone")
    assert port.rig.engine.browsers.known == (2, 1)


def test_addresses_that_are_none(port: Port) -> None:
    for host, number in (("example.com", 1), ("127.0.0.1", 65536), ("", 1), ("127.0.0.1", -1)):
        with pytest.raises(ValueError, match=r"port|address"):
            port.first.leg.binding.admit(host, number)


# IPv6


def has_ipv6() -> bool:
    try:
        udp("::1").close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on its loopback interface")
def test_a_call_by_ipv6() -> None:
    with open_room("::1") as room:
        person, trunk = room.browser(LOW), room.phone("PCMU", HIGH)
        room.bridge(person, trunk)
        binding_of(person).open(MINE)
        room.run(25)
        room.forget()
        room.run(30)
        assert_hears(person, trunk)
        assert_hears(trunk, person)
        assert_steady(person.arrivals)
        stranger = room.rig.far_end()
        for datagram in (DTLS, check(MINE)):
            stranger.sendto(datagram, room.rig.socket.getsockname()[:2])
        room.rig.tick()
        assert room.rig.engine.browsers.counters["rejected_stranger"] == 1
        assert person.far_end.owner.datagrams == [(check(MINE), stranger.getsockname()[:2])]
