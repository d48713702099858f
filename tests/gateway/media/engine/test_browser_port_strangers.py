"""What strangers send to the browsers' port, and what the browsers' own send that is no good."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack

import pytest
from pylibsrtp import Policy

from tests.gateway.media.engine.datagrams import (
    DTLS,
    ERROR,
    HIGH,
    INDICATION,
    LOW,
    MINE,
    OTHER,
    PRIORITY,
    REQUEST,
    RESPONSE,
    SRTCP,
    SRTP,
    USERNAME,
    Port,
    attribute,
    binding_of,
    check,
    message,
)
from tests.gateway.media.engine.parties import assert_hears, assert_steady, open_room
from tests.gateway.media.engine.rig import srtp, udp
from voice.rtp import pack_header

# What is dropped

LYING = {
    "longer than the message": message(REQUEST, attribute(USERNAME, b"abcd:x", size=5000)),
    "as long as it can be": message(REQUEST, attribute(USERNAME, b"abcd:x", size=0xFFFF)),
    "before the user name": message(
        REQUEST, attribute(PRIORITY, bytes(4), size=0xFFF0), attribute(USERNAME, b"abcd:x")
    ),
    "over the user name": message(
        REQUEST, attribute(PRIORITY, bytes(4), size=12), attribute(USERNAME, b"abcd:x")
    ),
    "no colon": message(REQUEST, attribute(USERNAME, b"abcd")),
    "a colon behind its end": message(REQUEST, attribute(USERNAME, b"abcd:x", size=4)),
    "no user name": message(REQUEST, attribute(PRIORITY, bytes(4))),
    "an empty one": message(REQUEST, attribute(USERNAME, b"")),
    "a colon alone": message(REQUEST, attribute(USERNAME, b":")),
    "too long": message(REQUEST, attribute(USERNAME, b"abcd" * 20 + b":x")),
    "longer by one": message(REQUEST, attribute(USERNAME, b"a" * 33 + b":x")),
    "nobody's": check("abce"),
    "a part of one": check("abc"),
    "more than one": check("abcde"),
    "with a zero": message(REQUEST, attribute(USERNAME, b"abcd\0:x")),
    "no attributes": message(REQUEST),
    "half an attribute": message(REQUEST, b"\0\x06"),
    "only its head": message(REQUEST, b"\0\x06\0\x04"),
}


@pytest.mark.parametrize("datagram", LYING.values(), ids=LYING)
def test_a_check_that_is_nobodys(port: Port, datagram: bytes) -> None:
    port.send_now(datagram)
    assert port.told == [[], []]
    assert port.counted == {"rejected_ufrag": 1}


def test_a_user_name_that_ends_with_the_datagram(port: Port) -> None:
    datagram = message(REQUEST, attribute(USERNAME, b"abcd:"))[:-3]
    port.send_now(datagram)
    assert port.told == [[datagram], []]
    port.send_now(datagram[:-1])
    assert port.counted == {"rejected_ufrag": 1}


def test_a_user_name_as_long_as_it_may_be(port: Port) -> None:
    fragment = "a" * 32
    port.second.leg.binding.open(fragment)
    port.send_now(check(fragment))
    assert port.told == [[], [check(fragment)]]
    port.send_now(check(OTHER))  # it has another one now
    assert port.counted == {"rejected_ufrag": 1}
    for wrong in ("a" * 33, ""):
        with pytest.raises(ValueError, match=r"32|one"):
            port.second.leg.binding.open(wrong)


DROPPED = {
    "empty": (b"", "rejected_length"),
    "short": (DTLS[:12], "rejected_length"),
    "long": (DTLS + bytes(1500), "rejected_length"),
    "as long as a datagram can be": (DTLS + bytes(60000), "rejected_length"),
    "half a header": (message(REQUEST)[:19], "rejected_stun"),
    "an answer": (message(RESPONSE), "rejected_stranger"),
    "an error": (message(ERROR), "rejected_stranger"),
    "an indication": (message(INDICATION), "rejected_stranger"),
    "DTLS": (DTLS, "rejected_stranger"),
    "SRTP": (SRTP, "rejected_stranger"),
    "SRTCP": (SRTCP, "rejected_stranger"),
    "ZRTP": (bytes([16]) + bytes(30), "rejected_unknown"),
    "TURN": (bytes([64]) + bytes(30), "rejected_unknown"),
    "QUIC": (bytes([192]) + bytes(30), "rejected_unknown"),
}


@pytest.mark.parametrize(("datagram", "reason"), DROPPED.values(), ids=DROPPED)
def test_a_strangers_datagram(port: Port, datagram: bytes, reason: str) -> None:
    port.send_now(datagram)
    assert port.told == [[], []]
    assert port.counted == {reason: 1}


@pytest.mark.parametrize("datagram", [SRTP, SRTP[:13], SRTCP, SRTCP[:13], SRTP + bytes(1458)])
def test_the_browsers_own_packets_that_do_not_decrypt(port: Port, datagram: bytes) -> None:
    port.send_now(datagram, port.first.sock)
    assert port.counted == {"rejected_srtp": 1}


def test_a_packet_that_comes_again(port: Port) -> None:
    sender = srtp(Policy.SSRC_ANY_OUTBOUND)
    packet = sender.protect(pack_header(111, 1, 960, 5) + b"\x08")
    report = sender.protect_rtcp(struct.pack("!BBHI", 0x80, 201, 1, 5))
    for datagram in (packet, report, packet, report):
        port.send_now(datagram, port.first.sock)
    assert port.counted == {"packets_received": 1, "rtcp_packets": 1, "rejected_srtp": 2}
    assert port.first.owner.rtcp == [struct.pack("!BBHI", 0x80, 201, 1, 5)]


def test_keys_of_another_call(port: Port) -> None:
    wrong = srtp(Policy.SSRC_ANY_OUTBOUND, bytes(range(100, 130)))
    port.send_now(wrong.protect(pack_header(111, 1, 960, 5) + b"\x08"), port.first.sock)
    assert port.counted == {"rejected_srtp": 1}


def test_media_before_its_keys_waits_for_them(port: Port) -> None:
    address = port.second.sock.getsockname()
    port.second.leg.binding.set_remote(*address)
    for _ in range(10):
        port.second.say(b"\x08")
    port.rig.tick()
    assert port.second.leg.binding.held == 8
    assert port.counted == {"rejected_early": 2}
    port.rig.engine.start_media(
        port.second.leg, srtp(Policy.SSRC_ANY_INBOUND), srtp(Policy.SSRC_ANY_OUTBOUND)
    )
    assert port.counted == {"rejected_early": 2, "packets_received": 8}
    assert not port.second.leg.binding.held


def test_no_more_than_eight_streams_have_state(port: Port) -> None:
    for ssrc in range(20):
        port.first.say(b"\x08", ssrc=1000 + ssrc)
        port.rig.tick()
    # The receiver refuses most of the first eight: one stream is heard at a time
    assert port.counted["packets_received"] == 8
    assert port.counted["rejected_ssrc"] >= 12
    port.first.say(b"\x08", ssrc=1003)  # one of those that are known
    port.rig.tick()
    assert port.counted["packets_received"] == 9


def test_streams_that_are_not_authentic_take_no_place(port: Port) -> None:
    for ssrc in range(20):
        packet = pack_header(111, 1, 960, ssrc) + bytes(20)
        port.send_now(packet, port.first.sock)
    assert port.counted == {"rejected_srtp": 20}
    for _ in range(3):
        port.first.say(b"\x08")
    port.rig.tick()
    assert port.counted["packets_received"] == 3


def test_no_more_than_eight_streams_of_reports_have_state(port: Port) -> None:
    sender = srtp(Policy.SSRC_ANY_OUTBOUND)
    for ssrc in range(20):
        report = struct.pack("!BBHI", 0x80, 201, 1, ssrc)
        port.send_now(sender.protect_rtcp(report), port.first.sock)
    assert port.counted == {"rtcp_packets": 8, "rejected_ssrc": 12}
    # With other keys all begins anew
    keys = bytes(range(50, 80))
    port.first.leg.binding.start_media(
        srtp(Policy.SSRC_ANY_INBOUND, keys), srtp(Policy.SSRC_ANY_OUTBOUND, keys)
    )
    sender = srtp(Policy.SSRC_ANY_OUTBOUND, keys)
    report = struct.pack("!BBHI", 0x80, 201, 1, 19)
    port.send_now(sender.protect_rtcp(report), port.first.sock)
    assert port.counted == {"rtcp_packets": 9, "rejected_ssrc": 12}


# Floods


def test_a_flood_of_checks_is_cut_off_for_one_leg_alone(port: Port) -> None:
    for _ in range(20):
        for _ in range(50):
            port.send(check(MINE))
        port.rig.tick()
    assert len(port.told[0]) in range(300, 315)  # at once, and 100 a second
    assert port.counted["rejected_stun-flood"] == 1000 - len(port.told[0])
    port.send_now(check(OTHER))
    assert len(port.told[1]) == 1


def test_a_flood_of_checks_from_elsewhere_leaves_the_browsers_own_alone(port: Port) -> None:
    for _ in range(10):
        for _ in range(50):
            port.send(check(MINE))
        port.rig.tick()
    before = len(port.told[0])
    for datagram in (check(MINE), DTLS, message(RESPONSE)):
        port.send_now(datagram, port.first.sock)
    assert port.told[0][before:] == [check(MINE), DTLS, message(RESPONSE)]


def test_more_news_than_there_is_room_for(port: Port) -> None:
    port.rig.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 20)  # SO_RCVBUFFORCE
    for _ in range(150):
        port.send(check(MINE))
        port.send(check(OTHER))
    port.first.say(b"\x08")
    port.rig.tick()
    assert sum(len(each) for each in port.told) == 256
    assert port.counted == {"rejected_queue": 44, "packets_received": 1}
    port.send_now(check(OTHER))
    assert sum(len(each) for each in port.told) == 257


def test_the_others_do_not_notice_what_strangers_send() -> None:
    with open_room() as room, ExitStack() as stack:
        person, trunk = room.browser(LOW), room.phone("PCMU", HIGH)
        room.bridge(person, trunk)
        binding_of(person).open(MINE)
        strangers = [stack.enter_context(udp()) for _ in range(150)]
        garbage = [
            DTLS,
            SRTP,
            SRTCP,
            message(REQUEST),
            check("nobody"),
            message(RESPONSE),
            b"\xc0" * 99,
        ]
        sent = 0
        for _ in range(60):
            person.speak()
            trunk.speak()
            for _ in range(4):
                for place, sock in enumerate(strangers):
                    sock.sendto(garbage[(place + sent) % 7], room.rig.socket.getsockname())
                sent += len(strangers)
                room.rig.tick()
                person.collect()
                trunk.collect()
        counted = room.rig.engine.browsers.counters.counted()
        assert counted["packets_received"] == len(person.said) == 60
        rejected = sum(count for name, count in counted.items() if name.startswith("rejected"))
        assert rejected == sent
        assert len(person.arrivals) == 60
        for party, other in ((person, trunk), (trunk, person)):
            assert_hears(party, other)
            assert_steady(party.arrivals)
