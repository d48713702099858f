"""What a trunk has agreed to, from its answer to our offer."""

from __future__ import annotations

import pytest

from sdp import (
    Direction,
    RtpAddress,
    SdpError,
    TrunkPolicy,
    make_trunk_offer,
    parse,
    read,
    read_trunk_answer,
    render,
)
from tests.sdp.agreements import ALL, G722, OFFER, PCMA, PCMU, WIDE, event, media
from tests.sdp.descriptions import ADDRESS, TRUNK_ANSWER, changed, facts, load

ANSWERS = {
    "asterisk-22-answer": media(
        "127.0.0.1", 24000, PCMU, codecs=(PCMU, PCMA, G722), telephone_event=event(events="0-16")
    ),
    "freeswitch-1.10-answer": media("198.51.100.20", 27342, PCMU, rtcp=27343),
    "rtpengine-10.5-answer-relayed": media("192.0.2.10", 31030, PCMA, rtcp=31031),
    "carrier-minimal-answer": media("203.0.113.9", 16402, PCMA, telephone_event=event()),
    "carrier-answer-renumbered-events": media(
        "203.0.113.41",
        42610,
        PCMU,
        telephone_event=event(96, "0-11,16"),
        ptime=30,
        event_payload_types=(96, 101),
    ),
    "carrier-answer-media-connection": media(
        "203.0.113.77", 21880, PCMA, rtcp=21900, telephone_event=event()
    ),
    "carrier-answer-hold-zero-address": media("0.0.0.0", 24576, PCMU, direction=Direction.RECVONLY),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_trunk_answers(name: str) -> None:
    assert read_trunk_answer(OFFER, load(name)) == ANSWERS[name]


def test_an_answer_speaks_the_ip_of_the_offer() -> None:
    offer = make_trunk_offer(
        policy=WIDE, address=RtpAddress("2001:db8::7", 40000), session_id=5, version=1
    )
    answer = load("carrier-answer-ipv6")
    assert read_trunk_answer(offer, answer) == media("2001:db8:40::9", 10504, PCMA)
    for ours, theirs, word in ((OFFER, answer, "IPv4"), (offer, parse(TRUNK_ANSWER), "IPv6")):
        with pytest.raises(SdpError) as raised:
            read_trunk_answer(ours, theirs)
        assert raised.value.rule == "RFC 6157 section 4"
        assert word in raised.value.problem


def test_ipv4_in_the_clothes_of_ipv6_is_ipv4() -> None:
    answer = changed(TRUNK_ANSWER, "c=IN IP4 203", "c=IN IP6 ::ffff:203")
    assert read_trunk_answer(OFFER, answer).address.host == "203.0.113.1"


def test_the_trunks_order_decides() -> None:
    opus = TrunkPolicy(("G722", "PCMA", "PCMU", "opus"))
    offer = make_trunk_offer(policy=opus, address=ADDRESS, session_id=5, version=1)
    agreed = read_trunk_answer(offer, load("asterisk-22-answer-early-wideband"))
    assert agreed.codec == PCMU
    assert [codec.name for codec in agreed.codecs] == ["PCMU", "PCMA", "G722", "opus"]


def test_refused_sections_beside_the_audio_do_not_matter() -> None:
    offer = parse(render(OFFER) + "m=video 30010 RTP/AVP 96\nm=image 30020 udptl t38\n")
    agreed = read_trunk_answer(offer, load("asterisk-22-answer-audio-video-t38"))
    assert agreed.address == RtpAddress("127.0.0.1", 24030)


def test_the_audio_is_where_the_offer_has_it() -> None:
    head, _, audio = render(OFFER).partition("m=audio")
    others = "m=text 0 RTP/AVP 98\r\nm=audio 0 RTP/AVP 0\r\n"
    offer = parse(f"{head}{others}m=audio{audio}")
    answer = changed(TRUNK_ANSWER, "m=audio", others + "m=audio")
    assert read_trunk_answer(offer, answer).address == RtpAddress("203.0.113.1", 5000)


# RFC 3264 section 6.1, as the gateway sees it: what we offered, what is answered, what holds
DIRECTIONS = [
    ("sendrecv", "sendrecv", "sendrecv"),
    ("sendrecv", "sendonly", "recvonly"),
    ("sendrecv", "recvonly", "sendonly"),
    ("sendrecv", "inactive", "inactive"),
    ("sendonly", "recvonly", "sendonly"),
    ("sendonly", "inactive", "inactive"),
    ("recvonly", "sendonly", "recvonly"),
    # an answer that allows more than was offered changes nothing
    ("sendonly", "sendrecv", "sendonly"),
    ("inactive", "sendrecv", "inactive"),
]


@pytest.mark.parametrize(("offered", "answered", "ours"), DIRECTIONS)
def test_the_direction_is_the_gateways(offered: str, answered: str, ours: str) -> None:
    offer = make_trunk_offer(
        policy=WIDE, address=ADDRESS, session_id=5, version=1, direction=Direction(offered)
    )
    answer = changed(TRUNK_ANSWER, "a=sendrecv", f"a={answered}")
    assert read_trunk_answer(offer, answer).direction == ours


@pytest.mark.parametrize(
    ("answered", "ours"),
    [("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive")],
)
@pytest.mark.parametrize("host", ["IP4 0.0.0.0", "IP6 ::"])
def test_hold_by_address_stops_sending(host: str, answered: str, ours: str) -> None:
    text = TRUNK_ANSWER.replace("c=IN IP4 203.0.113.1", f"c=IN {host}")
    answer = changed(text, "a=sendrecv", f"a={answered}")
    assert read_trunk_answer(OFFER, answer).direction == ours


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ("a=ptime:30", 30),
        ("a=ptime:20.0", 20),
        ("a=ptime:0", 20),
        ("a=x", 20),
        ("a=maxptime:10", 10),
        ("a=ptime:60\na=maxptime:40", 40),
    ],
)
def test_packet_time(lines: str, ptime: int) -> None:
    assert read_trunk_answer(OFFER, changed(TRUNK_ANSWER, "a=ptime:20", lines)).ptime == ptime


@pytest.mark.parametrize(
    ("lines", "rtcp_port"),
    [
        ("a=x", None),
        ("a=rtcp:5003", 5003),
        ("a=rtcp:5003 IN IP4 203.0.113.1", 5003),
        ("a=rtcp:0", None),
    ],
)
def test_rtcp_port(lines: str, rtcp_port: int | None) -> None:
    answer = changed(TRUNK_ANSWER, "a=ptime:20", lines)
    assert read_trunk_answer(OFFER, answer).address.rtcp_port == rtcp_port


def test_events_may_be_missing_or_first() -> None:
    """Those that come all the same, by the number that we have offered, are understood."""
    agreed = read_trunk_answer(OFFER, changed(TRUNK_ANSWER, "0 101\n", "0\n"))
    assert (agreed.telephone_event, agreed.event_payload_types) == (None, (101,))
    first = read_trunk_answer(OFFER, changed(TRUNK_ANSWER, "0 101\n", "101 0\n"))
    assert (first.codec, first.telephone_event) == (PCMU, event())


def test_what_we_offered_comes_by_our_numbers() -> None:
    """A number of the answer is what the trunk receives (RFC 3264 section 5.1): ours hold here."""
    offer = make_trunk_offer(policy=ALL, address=ADDRESS, session_id=5, version=1)
    text = TRUNK_ANSWER.replace("0 101\n", "96 97\n").replace("0 PCMU/8000", "96 opus/48000/2")
    agreed = read_trunk_answer(offer, parse(text.replace("101 tel", "97 tel")))
    numbers = {each.payload_type: each.name for each in agreed.codecs}
    assert agreed.codecs[0] == agreed.codec
    assert numbers == {96: "opus", 107: "opus", 0: "PCMU", 9: "G722", 118: "L16"}
    assert agreed.event_payload_types == (97, 101, 102, 103)


@pytest.mark.parametrize("meaning", ["iLBC/8000", "telephone-event/16000", "PCMA/8000"])
def test_a_number_with_another_meaning_is_ours_no_more(meaning: str) -> None:
    text = TRUNK_ANSWER.replace("0 101\n", "0 9 101\n").replace(
        "a=ptime", f"a=rtpmap:9 {meaning}\na=ptime"
    )
    agreed = read_trunk_answer(OFFER, parse(text))
    assert "G722" not in {each.name for each in agreed.codecs}
    assert agreed.event_payload_types == (101,)


# what is changed, into what, line, rule, a word of the message
REFUSED = [
    ("m=audio 5000", "m=audio 0", 6, "RFC 3264 section 6", "refused"),
    ("m=audio 5000 RTP/AVP 0 101", "m=audio 0 RTP/AVP", 6, "RFC 3264 section 6", "refused"),
    ("RTP/AVP", "UDP/TLS/RTP/SAVPF", 6, "RFC 3264 section 6", "UDP/TLS/RTP/SAVPF"),
    ("RTP/AVP", "RTP/SAVP", 6, "RFC 3264 section 6", "RTP/SAVP"),
    ("m=audio", "m=video", 6, "RFC 3264 section 6", "video"),
    ("m=audio", "m=image 0 udptl t38\nm=text", 6, "RFC 3264 section 6", "image, text"),
    ("RTP/AVP 0 101", "RTP/AVP 18 4", 6, "RFC 3264 section 6.1", "18 4"),
    ("RTP/AVP 0 101", "RTP/AVP 101", 6, "RFC 3264 section 6.1", "101"),
    ("PCMU/8000", "PCMU/16000", 6, "RFC 3264 section 6.1", "0 101"),
    ("PCMU/8000", "PCMU", 7, "RFC 8866 section 6.6", "PCMU"),
    ("a=ptime:20", "a=ptime:long", 9, "RFC 8866 section 6.4", "long"),
    ("a=ptime:20", "a=rtcp:99999", 9, "RFC 3605 section 2.1", "99999"),
    ("c=IN IP4 203.0.113.1\n", "", 5, "RFC 8866 section 5.7", "no"),
    ("c=IN IP4 203.0.113.1", "c=IN IP4 media_.example", 4, "RFC 8866 section 5.7", "media_"),
    ("c=IN IP4 203.0.113.1", "c=IN IP4 203.0.113.256", 4, "RFC 8866 section 5.7", "203.0.113.256"),
    ("c=IN IP4 203.0.113.1", "c=IN IP6 203.0.113.1", 4, "RFC 8866 section 5.7", "IP6"),
    ("c=IN IP4 203.0.113.1", "c=IN IP4 224.2.1.1", 4, "RFC 3264 section 5", "multicast"),
    ("c=IN IP4 203.0.113.1", "c=IN IP4 224.2.1.1/127", 4, "RFC 8866 section 5.7", "/127"),
]


@pytest.mark.parametrize(("old", "new", "line", "rule", "word"), REFUSED)
def test_an_answer_that_does_not_fit(
    old: str, new: str, line: int | None, rule: str, word: str
) -> None:
    with pytest.raises(SdpError) as raised:
        read_trunk_answer(OFFER, changed(TRUNK_ANSWER, old, new))
    assert facts(raised.value) == (line, rule)
    assert word in raised.value.problem


def test_a_description_without_media_answers_nothing() -> None:
    empty = parse("v=0\no=- 1 1 IN IP4 192.0.2.1\n")
    with pytest.raises(SdpError) as raised:
        read_trunk_answer(empty, empty)
    assert facts(raised.value) == (None, "RFC 3264 section 6")
    with pytest.raises(SdpError) as refusal:
        read_trunk_answer(OFFER, load("carrier-answer-refused"))
    assert facts(refusal.value) == (6, "RFC 3264 section 6")


def test_an_answer_of_no_streams() -> None:
    with pytest.raises(SdpError) as raised:
        read_trunk_answer(OFFER, read("v=0\no=- 1 1 IN IP4 192.0.2.1\n").description)
    assert facts(raised.value) == (None, "RFC 3264 section 6")
    assert "no m= lines" in raised.value.problem
