from __future__ import annotations

import pytest

from sdp import (
    Direction,
    RtpAddress,
    TrunkPolicy,
    answer_trunk,
    make_trunk_offer,
    mirror,
    parse,
    plain,
    read,
    read_trunk_answer,
    render,
)
from tests.sdp.descriptions import ADDRESS, load

ALL = TrunkPolicy(("PCMU", "PCMA", "G722", "opus", "L16"))


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("host", ["198.51.100.7", "2001:db8::7"])
def test_the_mirror_of_an_offer_answers_it(direction: Direction, host: str) -> None:
    offer = make_trunk_offer(
        policy=ALL,
        address=RtpAddress(host, 40000),
        session_id=5,
        version=3,
        direction=direction,
    )
    answer = parse(mirror(render(offer)))
    agreed = read_trunk_answer(offer, answer)
    assert agreed.codec.name == "PCMU"
    assert agreed.direction is direction
    assert len(agreed.codecs) == 5
    assert agreed.address.host in ("192.0.2.1", "2001:db8::1")
    assert agreed.address.port == 9


@pytest.mark.parametrize(
    "name", ["carrier-offer-audio-video-text", "asterisk-22-offer-hold", "freeswitch-1.10-offer"]
)
def test_the_mirror_of_an_answer_offers_it(name: str) -> None:
    answer, _ = answer_trunk(
        load(name), policy=ALL, address=ADDRESS, session_id=5, version=3, current=None
    )
    offer = parse(mirror(render(answer)))
    again, _ = answer_trunk(
        offer, policy=ALL, address=ADDRESS, session_id=5, version=3, current=None
    )
    assert again == answer
    assert [each.port for each in offer.media] == [9 if each.port else 0 for each in answer.media]


def test_the_whole_mirror() -> None:
    text = (
        "v=0\r\no=- 5 3 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\nm=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=rtcp:40003\r\n"
        "a=recvonly\r\n"
    )
    assert mirror(render(parse(text))) == (
        "v=0\r\no=- 5 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\n"
        "m=audio 9 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendonly\r\n"
    )


def test_a_plain_offer_has_what_a_strict_reader_needs_and_no_more() -> None:
    text = (
        "v=0\r\no=x 7 8 IN IP4 203.0.113.9\r\ns=Call\r\nc=IN IP4 m.example\r\nt=1 2\r\n"
        "a=sendonly\r\nm=audio 5000 RTP/AVP 0 101 96 97\r\na=rtpmap:97 opus/48000/2\r\n"
        "a=fmtp:97 useinbandfec=1\r\na=crypto:1 x inline:y\r\na=ptime:20\r\n"
        "m=image 6000 udptl t38\r\na=T38FaxVersion:0\r\nm=video 0 RTP/AVP 34\r\na=mid:v\r\n"
    )
    assert render(plain(read(text).description)) == (
        "v=0\r\no=- 7 8 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "m=audio 9 RTP/AVP 0 101 96 97\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:96 unknown/8000\r\n"
        "a=rtpmap:97 opus/48000/2\r\na=fmtp:97 useinbandfec=1\r\na=sendonly\r\n"
        "m=image 9 udptl t38\r\na=sendonly\r\n"
        "m=video 0 RTP/AVP 34\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:v\r\n"
    )
