from __future__ import annotations

from typing import Any

import pytest

from sdp import Attribute, Direction, Extension, Fingerprint, SdpError, Setup, parse, read_candidate
from sdp.attributes import (
    CANDIDATE,
    EXTMAP,
    FINGERPRINT,
    FMTP,
    GROUP,
    ICE_OPTIONS,
    ICE_PWD,
    ICE_UFRAG,
    MAXPTIME,
    MID,
    MSID,
    PTIME,
    RTCP,
    RTPMAP,
    SETUP,
    SSRC,
    AttributeType,
    FormatParameters,
    Group,
    RtcpPort,
    RtpMap,
    Source,
    direction,
)
from tests.sdp.descriptions import facts

GOOD: list[tuple[AttributeType[Any], str, object]] = [
    (RTPMAP, "111 opus/48000/2", RtpMap(111, "opus", 48000, 2)),
    (RTPMAP, "0 PCMU/8000", RtpMap(0, "PCMU", 8000)),
    (
        FMTP,
        "111 minptime=10; useinbandfec=1",
        FormatParameters("111", "minptime=10; useinbandfec=1"),
    ),
    (FINGERPRINT, "sha-256 AB:01", Fingerprint("sha-256", "AB:01")),
    (EXTMAP, "1 urn:a", Extension(1, "urn:a")),
    (EXTMAP, "2/recvonly urn:b x y", Extension(2, "urn:b", Direction.RECVONLY, "x y")),
    (PTIME, "20", 20),
    (MAXPTIME, "120", 120),
    (RTCP, "5001", RtcpPort(5001)),
    (RTCP, "5001 IN IP4 192.0.2.1", RtcpPort(5001, "192.0.2.1")),
    (RTCP, "5001 IN IP6 2001:db8::1", RtcpPort(5001, "2001:db8::1")),
    (MID, "audio-1", "audio-1"),
    (GROUP, "BUNDLE 0 1", Group("BUNDLE", ("0", "1"))),
    (GROUP, "BUNDLE", Group("BUNDLE", ())),
    (SETUP, "actpass", Setup.ACTPASS),
    (ICE_UFRAG, "aB+/", "aB+/"),
    (ICE_PWD, "x" * 22, "x" * 22),
    (ICE_OPTIONS, "trickle renomination", ("trickle", "renomination")),
    (SSRC, "1234 cname:a b", Source(1234, "cname:a b")),
    (MSID, "- track", "- track"),
    (
        CANDIDATE,
        "1 1 UDP 2122252543 4f1d.local 9 typ host generation 0",
        "1 1 UDP 2122252543 4f1d.local 9 typ host generation 0",
    ),
]


@pytest.mark.parametrize(("row", "text", "value"), GOOD, ids=[f"{r.name} {t}" for r, t, _ in GOOD])
def test_a_row_reads_and_writes(row: AttributeType[Any], text: str, value: object) -> None:
    assert row.value(Attribute(row.name, text)) == value
    assert row.make(value) == Attribute(row.name, text)


BAD: list[tuple[AttributeType[Any], str | None, str]] = [
    (RTPMAP, "111 opus", "RFC 8866 section 6.6"),
    (RTPMAP, "128 opus/48000", "RFC 8866 section 6.6"),
    (RTPMAP, "111 opus/0", "RFC 8866 section 6.6"),
    (FMTP, "111", "RFC 8866 section 6.15"),
    (PTIME, "soon", "RFC 8866 section 6.4"),
    (MAXPTIME, "-20", "RFC 8866 section 6.5"),
    (RTCP, "65536", "RFC 3605 section 2.1"),
    (RTCP, "5001 192.0.2.1", "RFC 3605 section 2.1"),
    (MID, "a b", "RFC 5888 section 4"),
    (MID, None, "RFC 5888 section 4"),
    (GROUP, "", "RFC 5888 section 5"),
    (FINGERPRINT, "sha-256 ABC", "RFC 8122 section 5"),
    (SETUP, "maybe", "RFC 4145 section 4"),
    (ICE_UFRAG, "abc", "RFC 8839 section 5.4"),
    (ICE_UFRAG, "a" * 257, "RFC 8839 section 5.4"),
    (ICE_UFRAG, "ab=d", "RFC 8839 section 5.4"),
    (ICE_PWD, "x" * 21, "RFC 8839 section 5.4"),
    (ICE_PWD, "x" * 257, "RFC 8839 section 5.4"),
    (ICE_OPTIONS, "", "RFC 8839 section 5.6"),
    (CANDIDATE, "1 1 UDP 1 host 9", "RFC 8839 section 5.1"),
    (EXTMAP, "1/both urn:a", "RFC 8285 section 5"),
    (SSRC, "x cname:a", "RFC 5576 section 4.1"),
    (MSID, "a b c", "RFC 8830 section 2"),
]


@pytest.mark.parametrize(("row", "text", "rule"), BAD, ids=[f"{r.name} {t}" for r, t, _ in BAD])
def test_a_malformed_value_names_its_line_and_rule(
    row: AttributeType[Any], text: str | None, rule: str
) -> None:
    with pytest.raises(SdpError) as raised:
        row.value(Attribute(row.name, text, 17))
    assert facts(raised.value) == (17, rule)
    assert f"a={row.name}" in str(raised.value)


def test_a_password_never_reaches_a_message() -> None:
    with pytest.raises(SdpError) as raised:
        ICE_PWD.value(Attribute("ice-pwd", "secret!"))
    assert "secret" not in str(raised.value)


def test_what_peers_write_otherwise_is_read_the_same() -> None:
    shouted = FINGERPRINT.value(Attribute("fingerprint", "SHA-256 ab:cd"))
    assert shouted == Fingerprint("sha-256", "AB:CD")
    assert PTIME.value(Attribute("ptime", "20.0")) == 20
    assert RTPMAP.value(Attribute("rtpmap", "9 G722/8000/1")) == RtpMap(9, "G722", 8000)
    assert RTPMAP.value(Attribute("rtpmap", "0 PCMU/8000 ")) == RtpMap(0, "PCMU", 8000)


def test_a_long_run_of_spaces_costs_no_time() -> None:
    text = "1 a" + " " * 4000
    assert FMTP.value(Attribute("fmtp", text)) == FormatParameters("1", "a")
    assert EXTMAP.value(Attribute("extmap", text + "b")).attributes == "b"


@pytest.mark.parametrize(
    ("session", "media", "expected"),
    [
        ("", "", Direction.SENDRECV),
        ("a=recvonly\n", "", Direction.RECVONLY),
        ("a=recvonly\n", "a=inactive\n", Direction.INACTIVE),
        ("", "a=sendonly\n", Direction.SENDONLY),
    ],
)
def test_the_section_goes_before_the_session(session: str, media: str, expected: Direction) -> None:
    text = f"v=0\no=- 1 1 IN IP4 0.0.0.0\n{session}m=audio 9 RTP/AVP 0\n{media}"
    description = parse(text)
    assert direction(description.media[0], description) is expected


@pytest.mark.parametrize("one", Direction)
@pytest.mark.parametrize("other", Direction)
def test_directions_turn_and_shrink(one: Direction, other: Direction) -> None:
    assert one.reversed.reversed is one
    assert one.reversed.sends == one.receives
    assert one.within(other).sends == (one.sends and other.sends)
    assert one.within(other) is other.within(one)


CANDIDATE_TEXT = "1 1 udp 2113937151 192.0.2.4 50000 typ host"


@pytest.mark.parametrize("prefix", ["", "candidate:", "a=candidate:"])
def test_a_trickled_candidate_loses_its_prefix(prefix: str) -> None:
    assert read_candidate(prefix + CANDIDATE_TEXT) == CANDIDATE_TEXT


def test_the_empty_candidate_is_the_last() -> None:
    assert read_candidate("") is None
    with pytest.raises(SdpError) as raised:
        read_candidate("candidate:nonsense")
    assert facts(raised.value) == (None, "RFC 8839 section 5.1")
