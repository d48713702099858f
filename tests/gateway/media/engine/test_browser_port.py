"""One UDP port for all browsers: each datagram finds its leg, or is dropped for a reason."""

from __future__ import annotations

import gc
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy

from gateway.media.engine.address import KeyTable
from gateway.media.engine.browser_port import DEPARTED, Binding
from gateway.media.engine.leg import BrowserLeg
from tests.gateway.media.engine.parties import Caller, assert_hears, assert_steady, open_room
from tests.gateway.media.engine.rig import Browser, Owner, Rig, Trunk, join, srtp, udp
from voice.rtp import pack_header

REQUEST, INDICATION, RESPONSE, ERROR = 0x0001, 0x0011, 0x0101, 0x0111  # STUN Binding
USERNAME, PRIORITY = 0x0006, 0x0024
COOKIE = 0x2112A442
MINE, OTHER = "abcd", "efgh"  # user name fragments
LOW, HIGH = 440.0, 1000.0  # Hz

DTLS = bytes([22, 254, 253]) + bytes(30)
SRTP = bytes([0x80, 111]) + bytes(40)
SRTCP = bytes([0x80, 200]) + bytes(40)


def attribute(kind: int, value: bytes, *, size: int | None = None) -> bytes:
    """Return an attribute, with a length that may lie."""
    length = len(value) if size is None else size
    return struct.pack("!HH", kind, length) + value + bytes(-len(value) % 4)


def message(kind: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI12s", kind, len(body), COOKIE, b"transaction!") + body


def check(fragment: str, *before: bytes) -> bytes:
    """Return a connectivity check for one of our user name fragments."""
    return message(REQUEST, *before, attribute(USERNAME, f"{fragment}:theirs".encode()))


def binding_of(party: Caller) -> Binding:
    """Return the binding of a party that has a browser."""
    assert isinstance(party.far_end, Browser)
    return party.far_end.leg.binding


class Port:
    """A port with two legs, the first of them at its browser, and a stranger."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.first = Browser(rig)
        self.second = Browser(rig, connected=False)
        self.first.leg.binding.open(MINE)
        self.second.leg.binding.open(OTHER)
        self.stranger = rig.far_end()

    def send(self, datagram: bytes, sock: socket.socket | None = None) -> None:
        """Have a datagram come, from the stranger by default."""
        (sock or self.stranger).sendto(datagram, self.rig.socket.getsockname()[:2])

    def send_now(self, datagram: bytes, sock: socket.socket | None = None) -> None:
        self.send(datagram, sock)
        self.rig.tick()

    @property
    def told(self) -> list[list[bytes]]:
        """What the owners of both legs have been told."""
        return [[data for data, _ in each.owner.datagrams] for each in (self.first, self.second)]

    @property
    def counted(self) -> dict[str, int]:
        counted: dict[str, int] = self.rig.engine.browsers.counters.counted()
        return counted


@pytest.fixture
def port() -> Iterator[Port]:
    rig = Rig()
    yield Port(rig)
    rig.close()


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


# The table of keys

KEYS = st.binary(min_size=1, max_size=31).map(lambda key: key + b"!")  # their ends are not zeros
STEPS = st.lists(st.tuples(st.sampled_from(["give", "take"]), st.integers(0, 400)), max_size=1500)
OWNERS = [object() for _ in range(7)]


@given(
    keys=st.lists(KEYS, min_size=1, max_size=60, unique_by=lambda key: key.ljust(32, b"\0")),
    steps=STEPS,
)
def test_the_table_is_like_a_dict(keys: list[bytes], steps: list[tuple[str, int]]) -> None:
    table, model = KeyTable(), {}
    for place, (step, number) in enumerate(steps):
        key = keys[number % len(keys)] if number < 200 else number.to_bytes(4, "big")
        if step == "give":
            owner = OWNERS[place % len(OWNERS)]
            table.give(key, owner)
            model[key] = id(owner)
        else:
            table.take(key)
            model.pop(key, None)
        assert table.owner_id(key) == model.get(key)
    assert len(table) == len(model)
    for key in (*keys, *model):
        assert table.owner_id(key) == model.get(key)


def test_ten_thousand_keys() -> None:
    table = KeyTable()
    for number in range(10000):
        table.give(number.to_bytes(20, "big"), OWNERS[number % 7])
    assert len(table) == 10000
    for number in range(10000):
        assert table.owner_id(number.to_bytes(20, "big")) == id(OWNERS[number % 7])
    assert table.owner_id(bytes(21)) == id(OWNERS[0])  # shorter keys end with zeros
    for number in range(0, 10000, 2):
        table.take(number.to_bytes(20, "big"))
    assert len(table) == 5000
    for number in range(10000):
        expected = id(OWNERS[number % 7]) if number % 2 else None
        assert table.owner_id(number.to_bytes(20, "big")) == expected


def test_keys_that_come_and_go_take_no_room_for_ever() -> None:
    table = KeyTable()
    for number in range(100_000):
        table.give(number.to_bytes(4, "big"), OWNERS[0])
        if number >= 10:
            table.take((number - 10).to_bytes(4, "big"))
    assert len(table) == 10


def test_a_key_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="32"):
        KeyTable().give(bytes(33), OWNERS[0])
