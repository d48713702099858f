"""Our answers to a trunk's offers: an incoming call, and changes in mid-call."""

from __future__ import annotations

import pytest

from sdp import (
    Codec,
    Direction,
    RtpAddress,
    SdpError,
    SessionDescription,
    TrunkMedia,
    TrunkPolicy,
    answer_trunk,
    make_trunk_offer,
    parse,
    read,
    read_trunk_answer,
    render,
)
from tests.sdp.agreements import ALL, G722, PCMA, PCMU, WIDE, event, media
from tests.sdp.descriptions import ADDRESS, TRUNK_ANSWER, changed, facts, load


def answered(
    offer: SessionDescription, policy: TrunkPolicy = WIDE, current: Codec | None = None
) -> tuple[list[str], TrunkMedia]:
    answer, agreed = answer_trunk(
        offer, policy=policy, address=ADDRESS, session_id=5, version=7, current=current
    )
    return render(answer).split("\r\n"), agreed


def test_an_answer_to_the_trunk_in_full() -> None:
    lines, agreed = answered(load("carrier-offer-audio-video-text"))
    assert lines == [
        "v=0",
        "o=- 5 7 IN IP4 198.51.100.7",
        "s=-",
        "c=IN IP4 198.51.100.7",
        "t=0 0",
        "m=text 0 RTP/AVP 98",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "m=audio 40000 RTP/AVP 0 97",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:97 telephone-event/8000",
        "a=fmtp:97 0-15",
        "a=ptime:20",
        "a=inactive",
        "m=video 0 RTP/AVP 34",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "",
    ]
    assert agreed == media(
        "203.0.113.80",
        11002,
        PCMU,
        codecs=(PCMU,),
        telephone_event=event(97, "0-15,66,70"),
        direction=Direction.INACTIVE,
        event_payload_types=(97,),
    )


@pytest.mark.parametrize(
    ("name", "line", "ours"),
    [
        ("asterisk-22-offer-hold", "a=recvonly", Direction.RECVONLY),
        ("asterisk-22-offer-resume", "a=sendrecv", Direction.SENDRECV),
        ("freeswitch-1.10-offer-hold", "a=recvonly", Direction.RECVONLY),
        ("carrier-answer-hold-zero-address", "a=recvonly", Direction.RECVONLY),
    ],
)
def test_hold_and_resume(name: str, line: str, ours: Direction) -> None:
    lines, agreed = answered(load(name))
    assert line in lines
    assert agreed.direction is ours


@pytest.mark.parametrize(
    ("policy", "current", "chosen"),
    [
        (("PCMA", "PCMU"), None, "PCMA"),
        (("PCMA", "PCMU"), PCMU, "PCMU"),
        (("PCMA", "PCMU"), Codec(3, "GSM", 8000), "PCMA"),
        (("opus",), None, "opus"),
        (("G722", "opus"), None, "G722"),
    ],
)
def test_the_codec_in_use_goes_before_policy(
    policy: tuple[str, ...], current: Codec | None, chosen: str
) -> None:
    _, agreed = answered(load("freeswitch-1.10-offer"), TrunkPolicy(policy), current)
    assert agreed.codec.name == chosen


def test_the_codec_changes_when_the_trunk_leaves_no_choice() -> None:
    lines, agreed = answered(load("asterisk-22-offer-alaw"), current=PCMU)
    assert agreed.codec == PCMA
    assert "m=audio 40000 RTP/AVP 8 101" in lines


def test_numbers_are_the_trunks_and_parameters_are_ours() -> None:
    lines, agreed = answered(load("freeswitch-1.10-offer"), TrunkPolicy(("opus",)))
    assert "m=audio 40000 RTP/AVP 102 103" in lines
    assert "a=fmtp:102 useinbandfec=1" in lines
    assert agreed.codec.parameters == "useinbandfec=1; usedtx=1; maxaveragebitrate=30000"


L16 = Codec(96, "L16", 16000)
OPUS = Codec(97, "OPUS", 48000, 2, "stereo=1;useinbandfec=1")


@pytest.mark.parametrize(
    ("formats", "codec", "events"),
    [
        ("96 102", L16, 102),
        ("97 103", OPUS, 103),
        ("97 101", OPUS, 101),
        ("9 101", G722, 101),
    ],
)
def test_each_codec_has_the_events_of_its_clock(formats: str, codec: Codec, events: int) -> None:
    """A trunk may number dynamic formats as it likes: name and clock rate decide."""
    lines = (
        "a=rtpmap:96 L16/16000\na=rtpmap:97 OPUS/48000/2\na=fmtp:97 stereo=1;useinbandfec=1\n"
        "a=rtpmap:102 telephone-event/16000\na=rtpmap:103 telephone-event/48000\na=ptime:20"
    )
    offer = make_trunk_offer(policy=ALL, address=ADDRESS, session_id=5, version=1)
    text = TRUNK_ANSWER.replace("a=ptime:20", lines)
    description = changed(text, "0 101\n", f"{formats}\n")
    agreed = read_trunk_answer(offer, description)
    assert agreed.codec == codec
    assert agreed.telephone_event is not None
    assert agreed.telephone_event.payload_type == events
    _, taken = answered(description, ALL)
    assert taken.codec == codec
    assert taken.event_payload_types == (events,)


def test_a_number_of_our_events_may_be_a_codecs() -> None:
    text = TRUNK_ANSWER.replace("RTP/AVP 0 101", "RTP/AVP 101 96").replace("0 PCMU", "96 x")
    text = text.replace(
        "101 telephone-event/8000", "101 L16/16000\na=rtpmap:96 telephone-event/8000"
    )
    offer = make_trunk_offer(policy=ALL, address=ADDRESS, session_id=5, version=1)
    agreed = read_trunk_answer(offer, changed(text, "a=rtpmap:96 x/8000\n", ""))
    assert (agreed.codec.payload_type, agreed.codec.name) == (101, "L16")
    assert agreed.event_payload_types == (96, 102, 103)


def test_l16_at_another_rate_is_another_codec() -> None:
    """Payload types 10 and 11 are L16 at 44.1 kHz (RFC 3551 section 4.5.11)."""
    with pytest.raises(SdpError) as raised:
        answered(changed(TRUNK_ANSWER, "RTP/AVP 0", "RTP/AVP 11"), TrunkPolicy(("L16",)))
    assert facts(raised.value) == (6, "RFC 3264 section 6.1")


def test_events_only_where_policy_and_offer_have_them() -> None:
    offer = load("rtpengine-10.5-offer-from-chrome")
    assert answered(offer)[1].event_payload_types == (126,)
    assert answered(offer, TrunkPolicy(telephone_event=False))[1].telephone_event is None


ALTERNATIVES = TRUNK_ANSWER.replace(
    "m=audio",
    "m=audio 4998 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n"
    "m=audio 4996 RTP/AVPF 0\nm=audio",
)


def test_of_alternatives_the_plain_one_is_taken() -> None:
    lines, agreed = answered(read(ALTERNATIVES).description)
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 0 RTP/SAVP 0",
        "m=audio 0 RTP/AVPF 0",
        "m=audio 40000 RTP/AVP 0 101",
    ]
    assert agreed.address.port == 5000


def test_an_offer_with_feedback_is_answered_in_kind() -> None:
    text = changed(ALTERNATIVES, "m=audio 5000 RTP/AVP ", "m=audio 0 RTP/AVP ")
    lines, agreed = answered(text)
    assert "m=audio 40000 RTP/AVPF 0" in lines
    assert agreed.address.port == 4996


NO_MAPS = TRUNK_ANSWER.replace("a=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n", "")


def test_hold_by_address_without_rtpmap() -> None:
    lines, agreed = answered(read(NO_MAPS.replace("4 203.0.113.1\nt", "4 0.0.0.0\nt")).description)
    assert "m=audio 40000 RTP/AVP 0 101" in lines
    assert "a=recvonly" in lines
    assert agreed.direction is Direction.RECVONLY
    assert (agreed.codec, agreed.telephone_event) == (PCMU, event())


def test_numbers_without_rtpmap_are_what_they_were_in_the_dialog() -> None:
    offer = parse(NO_MAPS.replace("0 101\n", "97 98\n"))
    opus, events = Codec(97, "opus", 48000, 2), Codec(98, "telephone-event", 48000)
    _, agreed = answer_trunk(
        offer,
        policy=ALL,
        address=ADDRESS,
        session_id=5,
        version=7,
        current=None,
        known=(opus, events),
    )
    assert (agreed.codec, agreed.telephone_event) == (opus, events)
    assert answered(offer, ALL, current=opus)[1].codec == opus


def test_events_at_another_clock_are_answered_as_they_were_offered() -> None:
    lines, agreed = answered(changed(TRUNK_ANSWER, "event/8000", "event/16000"))
    assert "a=rtpmap:101 telephone-event/16000" in lines
    assert agreed.telephone_event == event()


def test_a_name_in_an_offer_is_told() -> None:
    _, agreed = answered(changed(TRUNK_ANSWER, "4 203.0.113.1\nt", "4 m.example\nt"))
    assert agreed.address == RtpAddress("m.example", 5000)
    assert agreed.address.is_name
    assert not RtpAddress("2001:db8::1", 5000).is_name


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("m=audio 5000 RTP/AVP", "m=image 5000 udptl", 'only "image udptl 5000"'),
        ("m=audio 5000 RTP/AVP", "m=audio 5000 RTP/SAVP", 'only ("audio RTP/SAVP 5000")'),
        ("m=audio 5000", "m=audio 0", 'only "audio RTP/AVP 0"'),
        (TRUNK_ANSWER[TRUNK_ANSWER.index("m=") :], "", "no m= lines"),
        ("c=IN IP4 203.0.113.1", "c=IN IP6 2001:db8::9", "IPv4"),
        ("c=IN IP4 203.0.113.1\n", "", "no"),
    ],
)
def test_the_reason_that_an_offer_is_refused(old: str, new: str, word: str) -> None:
    with pytest.raises(SdpError) as raised:
        answered(read(TRUNK_ANSWER.replace(old, new)).description)
    assert word in raised.value.problem


@pytest.mark.parametrize(
    ("name", "line", "rule"),
    [
        ("carrier-offer-t38", None, "RFC 3264 section 6"),
        ("rtpengine-10.5-answer-webrtc", None, "RFC 3264 section 6"),
        ("carrier-answer-refused", None, "RFC 3264 section 6"),
    ],
)
def test_an_offer_with_nothing_to_take(name: str, line: int | None, rule: str) -> None:
    with pytest.raises(SdpError) as raised:
        answered(load(name))
    assert facts(raised.value) == (line, rule)


def test_an_offer_with_no_codec_to_take() -> None:
    with pytest.raises(SdpError) as raised:
        answered(load("asterisk-22-offer-alaw"), TrunkPolicy(("PCMU",)))
    assert facts(raised.value) == (6, "RFC 3264 section 6.1")
    assert "8 101" in raised.value.problem
    assert "PCMU" in raised.value.problem


@pytest.mark.parametrize("formats", ["100", "80", "3 18"])
def test_of_several_audio_sections_the_first_with_a_codec_of_ours_is_taken(formats: str) -> None:
    text = TRUNK_ANSWER.replace("m=audio", f"m=audio 4998 RTP/AVP {formats}\nm=audio")
    lines, agreed = answered(parse(text))
    assert [line for line in lines if line.startswith("m=")] == [
        f"m=audio 0 RTP/AVP {formats}",
        "m=audio 40000 RTP/AVP 0 101",
    ]
    assert agreed.address.port == 5000


def test_where_none_of_several_shares_a_codec_the_first_is_named() -> None:
    text = TRUNK_ANSWER.replace(
        "m=audio 5000 RTP/AVP 0 101", "m=audio 1 RTP/AVP 3\nm=audio 2 RTP/AVP 4"
    )
    with pytest.raises(SdpError) as raised:
        answered(parse(text))
    assert facts(raised.value) == (6, "RFC 3264 section 6.1")
    assert '"3"' in raised.value.problem
