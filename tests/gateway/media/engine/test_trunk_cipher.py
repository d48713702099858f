"""SRTP with a trunk: what has its key is taken, nothing else is; RTCP goes the same way."""

from __future__ import annotations

import pytest
from pylibsrtp import Policy, Session

from gateway.media.engine.srtp import TRAILER, SrtpSession
from gateway.media.engine.trunk_cipher import FORMER, Inbound, TrunkCipher
from gateway.media.parameters import TrunkKeys
from gateway.media.srtp_keys import PROFILES, open_inbound, open_outbound, usable_suites
from tests.gateway.media.engine.rig import Rig, Trunk, drain, udp
from tests.gateway.media.engine.srtp_phone import GCM, SHA_80, Phone, make_keys
from voice.rtcp import ReceiverReport, describe
from voice.rtcp import pack as pack_rtcp
from voice.rtp import pack_header

REPORT = pack_rtcp(ReceiverReport(77), describe(77, "cname"))
LONGEST = 1500  # bytes
SOURCES = 8  # that are known at a time


class Line:
    """A trunk's leg whose port is encrypted, and the phone."""

    def __init__(self, rig: Rig, keys: TrunkKeys) -> None:
        self.rig = rig
        self.trunk = Trunk(rig)
        self.port = self.trunk.leg.port
        self.phone = Phone(keys)
        self.port.cipher = TrunkCipher(open_outbound(keys), open_inbound(keys))
        self.sequence = 1

    def change(self, keys: TrunkKeys) -> Phone:
        assert self.port.cipher is not None
        self.port.cipher.change(open_outbound(keys), open_inbound(keys), self.rig.now)
        return Phone(keys)

    def packet(self, ssrc: int = 77, size: int = 160) -> bytes:
        """Return the next packet, as it is before it is encrypted."""
        header = pack_header(0, self.sequence & 0xFFFF, 160 * self.sequence & 0xFFFFFFFF, ssrc)
        self.sequence += 1
        return header + bytes([self.sequence & 0xFF]) * size

    def send(self, datagram: bytes, *, rtcp: bool = False) -> None:
        to = self.port.rtcp if rtcp else self.port.rtp
        (self.trunk.rtcp if rtcp else self.trunk.sock).sendto(datagram, to.getsockname())
        self.rig.tick()

    def speak(self, count: int = 1, ssrc: int = 77, phone: Phone | None = None) -> None:
        for _ in range(count):
            self.send((phone or self.phone).protect(self.packet(ssrc)))

    @property
    def taken(self) -> int:
        return self.trunk.leg.statistics(self.rig.now).reception.present.received

    @property
    def ssrc(self) -> int | None:
        return self.trunk.leg.statistics(self.rig.now).reception.ssrc

    @property
    def rejected(self) -> dict[str, int]:
        counted = self.rig.engine.trunk_counters.counted()
        return {name: n for name, n in counted.items() if name.startswith("rejected_")}


@pytest.fixture(params=usable_suites())
def keys(request: pytest.FixtureRequest) -> TrunkKeys:
    return make_keys(request.param)


@pytest.fixture
def line(rig: Rig) -> Line:
    return Line(rig, make_keys())


def test_this_machine_has_all_suites() -> None:
    assert usable_suites() == tuple(PROFILES)


def test_what_the_trunk_encrypts_is_taken(rig: Rig, keys: TrunkKeys) -> None:
    line = Line(rig, keys)
    line.sequence = 65530  # the number begins anew
    line.speak(20)
    assert (line.taken, line.ssrc, line.rejected) == (20, 77, {})


def test_what_goes_to_the_trunk_is_encrypted(rig: Rig, keys: TrunkKeys) -> None:
    line = Line(rig, keys)
    line.trunk.leg.send_digits("5")
    rig.tick(40)
    wire = drain(line.trunk.sock)
    assert len(wire) > 5
    packets = line.phone.read(wire)
    assert {packet.payload_type for packet in packets} == {101}
    for packet, datagram in zip(packets, wire, strict=True):
        assert packet.payload not in datagram


def test_our_numbers_begin_anew(line: Line) -> None:
    """Eleven minutes of a call at the least, and the far end has counted along."""
    numbers = []
    for count in range(70_000):
        line.trunk.leg.sender.send_event(b"\1\0\0\0", 160 * count & 0xFFFFFFFF, False)
        if count % 50 == 49:
            numbers += [packet.sequence for packet in line.phone.read(drain(line.trunk.sock))]
    assert numbers[0] < 1 << 15, "half of the numbers are left to be heard before they begin anew"
    assert len(numbers) == 70_000
    assert numbers[-1] == (numbers[0] + 69_999) % (1 << 16)


def test_reports_go_the_same_way(rig: Rig, keys: TrunkKeys) -> None:
    line = Line(rig, keys)
    line.speak()
    line.send(line.phone.protect_rtcp(REPORT), rtcp=True)
    assert line.trunk.owner.rtcp == [REPORT]
    line.port.send_rtcp(REPORT)
    (datagram,) = drain(line.trunk.rtcp)
    assert line.phone.read_rtcp(datagram) == REPORT
    assert REPORT[8:] not in datagram


def test_reports_on_the_port_of_rtp(line: Line) -> None:
    line.send(line.phone.protect_rtcp(REPORT))
    assert line.trunk.owner.rtcp == [REPORT]


@pytest.mark.parametrize("mki", [b"\1", b"\0\0\0\1", bytes(range(128))])
def test_the_name_of_a_key_is_cut_out(rig: Rig, keys: TrunkKeys, mki: bytes) -> None:
    named = TrunkKeys(keys.suite, keys.send, keys.receive, mki)
    line = Line(rig, named)
    line.speak(20)
    line.send(line.phone.protect_rtcp(REPORT), rtcp=True)
    assert (line.taken, line.rejected) == (20, {})
    assert line.trunk.owner.rtcp == [REPORT]


def test_a_trunk_that_says_it_names_its_key_and_does_not(rig: Rig) -> None:
    keys = make_keys(mki=b"\0\0\0\1")
    line = Line(rig, keys)
    line.speak(20, phone=Phone(TrunkKeys(keys.suite, keys.send, keys.receive)))
    assert line.taken == 20


@pytest.mark.parametrize("size", [0, 1, 7, 8, 11, 12, 20])
@pytest.mark.parametrize("mki", [b"", b"\0\0\0\1", bytes(128)])
def test_whatever_is_too_short(rig: Rig, keys: TrunkKeys, size: int, mki: bytes) -> None:
    line = Line(rig, TrunkKeys(keys.suite, keys.send, keys.receive, mki))
    for rtcp in (False, True):
        line.send(bytes(size), rtcp=rtcp)
    assert line.taken == 0
    assert not line.trunk.owner.rtcp
    line.speak()
    assert line.taken == 1


def test_a_packet_of_the_greatest_length(rig: Rig, keys: TrunkKeys) -> None:
    line = Line(rig, keys)
    trailer = len(line.phone.protect(line.packet())) - 172
    plain = line.packet(size=LONGEST - 12 - trailer)
    swapped = TrunkKeys(keys.suite, keys.receive, keys.send)
    buffer = bytearray(plain) + bytes(TRAILER)  # pylibsrtp's own methods refuse so long a packet
    size = open_outbound(swapped).protect(buffer, len(plain))
    assert size == LONGEST
    line.send(bytes(buffer[:size]))
    assert line.rejected == {}
    assert line.port.cipher is not None
    assert line.port.cipher.taken == 1


def test_rtp_as_it_is_is_not_taken(line: Line) -> None:
    line.send(line.packet())
    line.send(REPORT, rtcp=True)
    assert (line.taken, line.trunk.owner.rtcp) == (0, [])
    assert line.rejected == {"rejected_srtp": 2}


def test_what_has_come_before_is_not_taken(line: Line) -> None:
    datagram = line.phone.protect(line.packet())
    line.send(datagram)
    line.send(datagram)
    assert (line.taken, line.rejected) == (1, {"rejected_srtp": 1})


def test_nobody_without_the_key_moves_the_stream(line: Line) -> None:
    """Not even from the trunk's own host, and before the trunk has said a word."""
    intruder = line.rig.far_end()
    other = Phone(make_keys())
    for _ in range(5):
        for datagram in (line.packet(ssrc=66), other.protect(line.packet(ssrc=66))):
            intruder.sendto(datagram, line.port.rtp.getsockname())
        line.rig.tick()
    assert line.port.latch.source is None
    line.speak()
    assert (line.taken, line.ssrc) == (1, 77)
    assert line.port.latch.source == line.trunk.sock.getsockname()


def test_a_stranger_costs_no_cipher(line: Line) -> None:
    with udp("127.0.0.2") as stranger:
        stranger.sendto(line.packet(), line.port.rtp.getsockname())
        stranger.sendto(REPORT, line.port.rtcp.getsockname())
        line.rig.tick()
    assert line.rejected == {"rejected_stranger": 1, "rejected_rtcp-stranger": 1}
    assert line.port.cipher is not None
    assert line.port.cipher.refused == 0


def test_another_source_under_the_same_key(line: Line) -> None:
    line.speak(3)
    line.rig.tick(40)
    line.speak(3, ssrc=78)
    assert (line.ssrc, line.rejected) == (78, {})


def test_many_sources_are_not_kept_for_ever(line: Line) -> None:
    """The stream that is heard stays known; of the others the oldest is forgotten."""
    first = line.phone.protect(line.packet(ssrc=1000))
    line.send(first)
    line.speak(ssrc=77)
    for ssrc in range(1001, 1000 + SOURCES):
        line.speak(ssrc=ssrc)
        line.speak(ssrc=77)
    assert line.port.cipher is not None
    refused = line.port.cipher.refused
    line.send(line.phone.protect(line.packet(ssrc=77)))
    assert line.port.cipher.refused == refused
    line.send(first)  # forgotten, and so no repetition
    assert line.port.cipher.refused == refused


@pytest.mark.parametrize("suite", [SHA_80, GCM])
def test_another_key(rig: Rig, suite: str) -> None:
    """What was on its way under the former one is taken for a while; ours is new at once."""
    line = Line(rig, make_keys())
    line.speak(3)
    late = [line.phone.protect(line.packet()) for _ in range(2)]
    phone = line.change(make_keys(suite))
    line.speak(1, phone=phone)
    line.send(late[0])
    line.speak(1, phone=phone)
    assert (line.taken, line.rejected) == (6, {})
    line.port.send_rtcp(REPORT)
    assert phone.read_rtcp(drain(line.trunk.rtcp)[0]) == REPORT
    rig.tick(round(FORMER / 0.005) + 2)
    line.send(late[1])
    line.speak(1, phone=phone)
    assert (line.taken, line.rejected) == (7, {"rejected_srtp": 1})


def test_a_key_that_does_not_change(line: Line) -> None:
    """Only one direction's may."""
    assert line.port.cipher is not None
    line.sequence = 65534
    line.speak(4)
    keys = make_keys()
    line.port.cipher.change(open_outbound(keys), None, line.rig.now)
    line.speak(4)
    assert (line.taken, line.rejected) == (8, {})


def test_an_mki_is_no_longer_than_the_standard_allows() -> None:
    session = SrtpSession(Session(Policy(bytes(30), Policy.SSRC_ANY_INBOUND)))
    with pytest.raises(ValueError, match="129 bytes"):
        Inbound(session, mki=bytes(129))


def test_a_leg_that_is_over_has_no_key(line: Line) -> None:
    line.rig.engine.remove(line.trunk.leg)
    assert line.port.cipher is None
