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
from tests.sdp.descriptions import ADDRESS, TRUNK_ANSWER, changed, facts, load

WIDE = TrunkPolicy(("G722", "PCMU", "PCMA"))
OFFER = make_trunk_offer(policy=WIDE, address=ADDRESS, session_id=5, version=1)

PCMU, PCMA, G722 = Codec(0, "PCMU", 8000), Codec(8, "PCMA", 8000), Codec(9, "G722", 8000)


def event(number: int = 101, events: str = "") -> Codec:
    return Codec(number, "telephone-event", 8000, 1, events)


def media(host: str, port: int, codec: Codec, **rest: object) -> TrunkMedia:
    rtcp = rest.pop("rtcp", None)
    others = (each for each in (G722, PCMU, PCMA) if each != codec)  # of `OFFER`
    values: dict[str, object] = {
        "telephone_event": event(101, "0-15"),
        "ptime": 20,
        "direction": Direction.SENDRECV,
        "codecs": (codec, *others),
        "event_payload_types": (101,),
    }
    address = RtpAddress(host, port, rtcp)  # type: ignore[arg-type]
    return TrunkMedia(address=address, codec=codec, **{**values, **rest})  # type: ignore[arg-type]


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


ALL = TrunkPolicy(("L16", "opus", "G722", "PCMU"))
L16, OPUS = Codec(96, "L16", 16000), Codec(97, "OPUS", 48000, 2, "stereo=1;useinbandfec=1")


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
        ("m=audio 5000 RTP/AVP", "m=audio 5000 RTP/SAVP", 'only "audio RTP/SAVP 5000"'),
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
