"""Our lean calls of libsrtp against pylibsrtp's own: the same bytes, and the same refusals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Error, Policy, Session

from gateway.media.webrtc import srtp
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


def open_session(*, inbound: bool, profile: int = PROFILES[0], key: int = 7) -> Session:
    kind = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
    return Session(Policy(key=bytes([key]) * 48, ssrc_type=kind, srtp_profile=profile))


def rtp(sequence: int, size: int = 160) -> bytes:
    return pack_header(111, sequence, sequence * 960, SSRC) + bytes([sequence & 0xFF]) * size


@pytest.mark.parametrize("profile", PROFILES)
class TestAgreement:
    def test_pylibsrtp_reads_what_we_write(self, profile: int) -> None:
        sender = open_session(inbound=False, profile=profile)
        protect, protect_rtcp = srtp.protect(sender), srtp.protect_rtcp(sender)
        receiver = open_session(inbound=True, profile=profile)
        for sequence in range(65530, 65540):
            packet = rtp(sequence, 10 * (sequence % 7))
            wire = protect(packet)
            assert packet[12:] not in wire or len(packet) == 12
            assert receiver.unprotect(wire) == packet
            assert receiver.unprotect_rtcp(protect_rtcp(REPORT)) == REPORT

    def test_we_read_what_pylibsrtp_writes(self, profile: int) -> None:
        sender = open_session(inbound=False, profile=profile)
        receiver = open_session(inbound=True, profile=profile)
        unprotect, unprotect_rtcp = srtp.unprotect(receiver), srtp.unprotect_rtcp(receiver)
        for sequence in range(65530, 65540):
            assert unprotect(sender.protect(rtp(sequence))) == rtp(sequence)
            assert unprotect_rtcp(sender.protect_rtcp(REPORT)) == REPORT

    def test_the_bytes_are_the_same(self, profile: int) -> None:
        ours = srtp.protect(open_session(inbound=False, profile=profile))
        theirs = open_session(inbound=False, profile=profile)
        assert [ours(rtp(n)) for n in range(5)] == [theirs.protect(rtp(n)) for n in range(5)]


def test_sessions_do_not_get_into_each_others_way() -> None:
    """All share one buffer."""
    senders = [srtp.protect(open_session(inbound=False, key=key)) for key in range(5)]
    receivers = [srtp.unprotect(open_session(inbound=True, key=key)) for key in range(5)]
    wires = [[protect(rtp(n, 20 + n)) for protect in senders] for n in range(10)]
    for n, row in enumerate(wires):
        assert [take(wire) for take, wire in zip(receivers, row, strict=True)] == [
            rtp(n, 20 + n)
        ] * 5


def test_the_longest_packet_fits_with_its_trailer() -> None:
    protect = srtp.protect(open_session(inbound=False, profile=PROFILES[3]))
    wire = protect(rtp(1, srtp.LONGEST - 12))
    assert len(wire) == srtp.LONGEST + 16


class TestRefusal:
    @pytest.mark.parametrize("place", [0, 1, 3, 11, 12, 100, -1])
    def test_what_was_tampered_with(self, place: int) -> None:
        sender = open_session(inbound=False)
        unprotect = srtp.unprotect(open_session(inbound=True))
        wire = bytearray(sender.protect(rtp(5)))
        wire[place] ^= 1
        with pytest.raises(Error):
            unprotect(bytes(wire))
        wire[place] ^= 1
        assert unprotect(bytes(wire)) == rtp(5)

    @pytest.mark.parametrize("place", [1, 4, 8, -1])
    def test_a_report_that_was_tampered_with(self, place: int) -> None:
        unprotect = srtp.unprotect_rtcp(open_session(inbound=True))
        wire = bytearray(open_session(inbound=False).protect_rtcp(REPORT))
        wire[place] ^= 1
        with pytest.raises(Error):
            unprotect(bytes(wire))

    def test_what_came_before(self) -> None:
        unprotect = srtp.unprotect(open_session(inbound=True))
        wire = open_session(inbound=False).protect(rtp(5))
        unprotect(wire)
        with pytest.raises(Error):
            unprotect(wire)

    def test_another_key(self) -> None:
        unprotect = srtp.unprotect(open_session(inbound=True, key=8))
        with pytest.raises(Error):
            unprotect(open_session(inbound=False).protect(rtp(5)))

    @pytest.mark.parametrize(
        "make", [srtp.protect, srtp.unprotect, srtp.protect_rtcp, srtp.unprotect_rtcp]
    )
    def test_what_is_too_long(self, make: Callable[[Session], srtp.Cipher]) -> None:
        process = make(open_session(inbound=make in (srtp.unprotect, srtp.unprotect_rtcp)))
        with pytest.raises(Error, match="1501 bytes"):
            process(bytes(1501))


SESSION = open_session(inbound=True)


@given(st.binary(max_size=1500), st.booleans())
def test_whatever_comes_is_refused(datagram: bytes, control: bool) -> None:
    make = srtp.unprotect_rtcp if control else srtp.unprotect
    with pytest.raises(Error):
        make(SESSION)(datagram)
