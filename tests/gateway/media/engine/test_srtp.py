"""Encryption in place against pylibsrtp's own: the same bytes, the same refusals, within bounds."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from gateway.media.engine.srtp import TRAILER, SrtpSession
from voice.rtcp import ReceiverReport, describe
from voice.rtcp import pack as pack_rtcp
from voice.rtp import pack_header

SSRC = 0x1234
PROFILES = [
    Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
]
REPORT = pack_rtcp(ReceiverReport(SSRC), describe(SSRC, "cname"))
REFUSED = -1
BEHIND = 0xA5  # what stands behind a packet in its buffer
LONGEST = 1500  # bytes


def open_session(*, inbound: bool, profile: int = PROFILES[0], key: int = 7) -> Session:
    kind = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
    return Session(Policy(key=bytes([key]) * 48, ssrc_type=kind, srtp_profile=profile))


def rtp(sequence: int, size: int = 160) -> bytes:
    return pack_header(111, sequence, sequence * 960, SSRC) + bytes([sequence & 0xFF]) * size


class Box:
    """One direction, and a buffer with something behind the packet."""

    def __init__(self, session: Session, room: int = TRAILER) -> None:
        self.session = SrtpSession(session)
        self._room = room

    def protect(self, packet: bytes, *, rtcp: bool = False) -> bytes | None:
        method = self.session.protect_rtcp if rtcp else self.session.protect
        buffer = bytearray(packet) + bytes([BEHIND]) * (self._room + 8)
        size = method(memoryview(buffer)[: len(packet) + self._room], len(packet))  # type: ignore[arg-type]
        assert buffer[-8:] == bytes([BEHIND]) * 8, "nothing is written past the buffer's end"
        return None if size < 0 else bytes(buffer[:size])

    def unprotect(self, wire: bytes, *, rtcp: bool = False) -> bytes | None:
        method = self.session.unprotect_rtcp if rtcp else self.session.unprotect
        buffer = bytearray(wire) + bytes([BEHIND]) * 8
        size = method(memoryview(buffer)[: len(wire)], len(wire))  # type: ignore[arg-type]
        assert buffer[-8:] == bytes([BEHIND]) * 8
        assert size <= len(wire)
        return None if size < 0 else bytes(buffer[:size])


@pytest.mark.parametrize("profile", PROFILES)
class TestAgreement:
    def test_pylibsrtp_reads_what_we_write(self, profile: int) -> None:
        sender = Box(open_session(inbound=False, profile=profile))
        receiver = open_session(inbound=True, profile=profile)
        for sequence in range(65530, 65540):
            packet = rtp(sequence, 10 * (sequence % 7))
            wire = sender.protect(packet)
            assert wire is not None
            assert packet[12:] not in wire or len(packet) == 12
            assert receiver.unprotect(wire) == packet
            report = sender.protect(REPORT, rtcp=True)
            assert report is not None
            assert receiver.unprotect_rtcp(report) == REPORT

    def test_we_read_what_pylibsrtp_writes(self, profile: int) -> None:
        sender = open_session(inbound=False, profile=profile)
        receiver = Box(open_session(inbound=True, profile=profile))
        for sequence in range(65530, 65540):
            assert receiver.unprotect(sender.protect(rtp(sequence))) == rtp(sequence)
            assert receiver.unprotect(sender.protect_rtcp(REPORT), rtcp=True) == REPORT

    def test_the_bytes_are_the_same(self, profile: int) -> None:
        ours = Box(open_session(inbound=False, profile=profile))
        theirs = open_session(inbound=False, profile=profile)
        assert [ours.protect(rtp(n)) for n in range(5)] == [
            theirs.protect(rtp(n)) for n in range(5)
        ]

    def test_the_longest_packet_fits_with_its_trailer(self, profile: int) -> None:
        packet = rtp(1, LONGEST - 12)
        wire = Box(open_session(inbound=False, profile=profile)).protect(packet)
        assert wire is not None
        assert len(packet) < len(wire) <= len(packet) + TRAILER
        assert Box(open_session(inbound=True, profile=profile)).unprotect(wire) == packet


class TestRefusal:
    @pytest.mark.parametrize("place", [0, 1, 3, 11, 12, 100, -1])
    def test_what_was_tampered_with(self, place: int) -> None:
        receiver = Box(open_session(inbound=True))
        wire = bytearray(open_session(inbound=False).protect(rtp(5)))
        wire[place] ^= 1
        assert receiver.unprotect(bytes(wire)) is None
        wire[place] ^= 1
        assert receiver.unprotect(bytes(wire)) == rtp(5), "the true one is not taken for a replay"

    @pytest.mark.parametrize("place", [1, 4, 8, -1])
    def test_a_report_that_was_tampered_with(self, place: int) -> None:
        wire = bytearray(open_session(inbound=False).protect_rtcp(REPORT))
        wire[place] ^= 1
        assert Box(open_session(inbound=True)).unprotect(bytes(wire), rtcp=True) is None

    def test_what_came_before(self) -> None:
        receiver = Box(open_session(inbound=True))
        wire = open_session(inbound=False).protect(rtp(5))
        assert receiver.unprotect(wire) == rtp(5)
        assert receiver.unprotect(wire) is None

    def test_another_key(self) -> None:
        receiver = Box(open_session(inbound=True, key=8))
        assert receiver.unprotect(open_session(inbound=False).protect(rtp(5))) is None

    @pytest.mark.parametrize("profile", PROFILES)
    @pytest.mark.parametrize("rtcp", [False, True])
    def test_what_is_cut_off_anywhere(self, profile: int, rtcp: bool) -> None:
        sender = open_session(inbound=False, profile=profile)
        wire = sender.protect_rtcp(REPORT) if rtcp else sender.protect(rtp(5, 20))
        receiver = Box(open_session(inbound=True, profile=profile))
        for size in range(len(wire)):
            assert receiver.unprotect(wire[:size], rtcp=rtcp) is None
        assert receiver.unprotect(wire, rtcp=rtcp) is not None

    @pytest.mark.parametrize("size", [-1, 0, 7, 11])
    def test_what_is_too_short_for_a_header(self, size: int) -> None:
        buffer = bytearray(rtp(5))
        for session in (open_session(inbound=False), open_session(inbound=True)):
            ours = SrtpSession(session)
            methods = [ours.protect, ours.unprotect, ours.protect_rtcp, ours.unprotect_rtcp]
            for method in methods[:2] if size > 7 else methods:
                assert method(buffer, size) == REFUSED
        assert buffer == rtp(5)

    @pytest.mark.parametrize("missing", [1, 10, TRAILER, TRAILER + 50])
    def test_a_buffer_without_room_for_the_trailer(self, missing: int) -> None:
        packet = rtp(5)
        buffer = bytearray(packet) + bytes(max(0, TRAILER - missing))
        ours = SrtpSession(open_session(inbound=False))
        size = len(packet)
        assert ours.protect(buffer, size) == REFUSED
        assert ours.protect_rtcp(buffer, size) == REFUSED
        assert buffer[: len(packet)] == packet, "it is as it was"

    @pytest.mark.parametrize("size", [173, 2**31 - 1])
    def test_a_size_past_the_buffers_end(self, size: int) -> None:
        buffer = bytearray(rtp(5))
        ours = SrtpSession(open_session(inbound=True))
        assert ours.unprotect(buffer, size) == REFUSED
        assert ours.unprotect_rtcp(buffer, size) == REFUSED

    def test_an_empty_buffer(self) -> None:
        assert SrtpSession(open_session(inbound=True)).unprotect(bytearray(), 0) == REFUSED

    def test_a_contributing_source_or_an_extension_that_is_not_there(self) -> None:
        """The header says more than the packet holds."""
        receiver = Box(open_session(inbound=True))
        for first in (0x8F, 0x90, 0x9F):
            assert receiver.unprotect(bytes([first]) + rtp(5, 0)[1:]) is None


def test_the_session_lives_as_long_as_its_user() -> None:
    """libsrtp's own is freed with pylibsrtp's."""
    session = open_session(inbound=False)
    alive = weakref.ref(session)
    box = Box(session)
    del session
    gc.collect()
    assert alive() is not None
    wire = box.protect(rtp(5))
    assert wire is not None
    assert open_session(inbound=True).unprotect(wire) == rtp(5)
    del box
    assert alive() is None


def test_sessions_do_not_get_into_each_others_way() -> None:
    senders = [Box(open_session(inbound=False, key=key)) for key in range(5)]
    receivers = [Box(open_session(inbound=True, key=key)) for key in range(5)]
    for n in range(10):
        wires = [sender.protect(rtp(n, 20 + n)) for sender in senders]
        for receiver, wire in zip(receivers, wires, strict=True):
            assert wire is not None
            assert receiver.unprotect(wire) == rtp(n, 20 + n)


SESSION = Box(open_session(inbound=True))


@given(st.binary(max_size=1500), st.booleans())
def test_whatever_comes_is_refused(datagram: bytes, rtcp: bool) -> None:
    assert SESSION.unprotect(datagram, rtcp=rtcp) is None
