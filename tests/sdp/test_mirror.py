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
    answer = mirror(offer)
    assert parse(render(answer)) == answer
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
    offer = mirror(answer)
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
    assert render(mirror(parse(text))) == (
        "v=0\r\no=- 5 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n"
        "m=audio 9 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendonly\r\n"
    )
