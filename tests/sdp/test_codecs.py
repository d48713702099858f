from __future__ import annotations

import pytest

from sdp import Codec, SdpError, parse
from sdp.codecs import (
    STATIC_PAYLOAD_TYPES,
    codec_attributes,
    event_for,
    is_event,
    named,
    parameter,
    read_codecs,
    same_codec,
)
from sdp.model import Media
from tests.sdp.descriptions import facts

OPUS = Codec(111, "opus", 48000, 2, "minptime=10; UseInbandFEC=1")
PCMU = Codec(0, "PCMU", 8000)


def section(text: str) -> Media:
    return parse(f"v=0\no=- 1 1 IN IP4 0.0.0.0\n{text}").media[0]


def test_the_static_table_is_that_of_rfc_3551() -> None:
    assert [*STATIC_PAYLOAD_TYPES] == [0, *range(3, 19)]
    assert STATIC_PAYLOAD_TYPES[9] == Codec(9, "G722", 8000)
    assert STATIC_PAYLOAD_TYPES[10].channels == 2


def test_codecs_come_in_the_order_of_preference() -> None:
    media = section(
        "m=audio 9 RTP/AVP 111 8 0 96 111\n"
        "a=rtpmap:0 PCMU/8000\na=fmtp:111 minptime=10; UseInbandFEC=1\na=rtpmap:111 opus/48000/2\n"
    )
    assert read_codecs(media) == (OPUS, Codec(8, "PCMA", 8000), PCMU)


def test_127_is_the_last_payload_type() -> None:
    assert read_codecs(section("m=audio 9 RTP/AVP 127\na=rtpmap:127 opus/48000/2\n"))


def test_the_first_of_two_rtpmaps_holds() -> None:
    media = section("m=audio 9 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=rtpmap:96 L16/8000\n")
    assert read_codecs(media)[0].name == "opus"


@pytest.mark.parametrize("text", ["webrtc-datachannel", "128", "0000", "-1", "\u0661"])
def test_a_format_must_be_a_payload_type(text: str) -> None:
    with pytest.raises(SdpError) as raised:
        read_codecs(section(f"m=audio 9 RTP/AVP 0 {text}\n"))
    assert facts(raised.value) == (3, "RFC 3550 section 5.1")


def test_codecs_are_written_with_rtpmap_and_fmtp() -> None:
    lines = [f"{each.name}:{each.value}" for each in codec_attributes([OPUS, PCMU])]
    assert lines == [
        "rtpmap:111 opus/48000/2",
        "fmtp:111 minptime=10; UseInbandFEC=1",
        "rtpmap:0 PCMU/8000",
    ]


def test_names_know_no_case_and_numbers_do_not_count() -> None:
    assert same_codec(OPUS, Codec(96, "OPUS", 48000, 2))
    assert not same_codec(OPUS, Codec(111, "opus", 48000, 1))
    assert not same_codec(PCMU, Codec(0, "PCMU", 16000))
    assert named([PCMU, OPUS], "OPUS") is OPUS
    assert named([PCMU, OPUS], "opus", 8000) is None
    assert is_event(Codec(101, "Telephone-Event", 8000))


EVENT_48, EVENT_16, EVENT_8 = (
    Codec(number, "telephone-event", rate)
    for number, rate in ((110, 48000), (113, 16000), (126, 8000))
)


@pytest.mark.parametrize(
    ("codec", "offered", "expected"),
    [
        (OPUS, [EVENT_48, EVENT_8], EVENT_48),
        (OPUS, [EVENT_8, EVENT_48], EVENT_48),
        (OPUS, [EVENT_16, EVENT_8], EVENT_8),
        (OPUS, [EVENT_16], None),
        (OPUS, [], None),
        (PCMU, [EVENT_48, EVENT_8], EVENT_8),
        (PCMU, [EVENT_48], None),
    ],
)
def test_events_go_by_the_codecs_clock_else_by_8000(
    codec: Codec, offered: list[Codec], expected: Codec | None
) -> None:
    assert event_for(codec, offered) is expected


def test_parameters_are_read_past_spaces_and_case() -> None:
    assert parameter(OPUS, "useinbandfec") == parameter(OPUS, "USEINBANDFEC") == "1"
    assert parameter(OPUS, "stereo") is None
