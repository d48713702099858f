from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sdp import (
    Codec,
    Direction,
    Extension,
    SdpError,
    Setup,
    answer_browser,
    parse,
    read_browser_offer,
    render,
)
from sdp.attributes import GROUP, MID, direction, has
from tests.sdp.descriptions import (
    BROWSER_OFFER,
    BROWSER_OFFERS,
    OUR_OPUS,
    changed,
    facts,
    load,
    our_answer,
)


def test_an_answer_in_full() -> None:
    offer = load("chrome-156-audio-video-data")
    answer = render(answer_browser(read_browser_offer(offer), our_answer(offer))).split("\r\n")
    formats = [" ".join(media.formats) for media in offer.media]
    assert answer == [
        "v=0",
        "o=- 77 3 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=extmap-allow-mixed",
        "m=audio 50000 UDP/TLS/RTP/SAVPF 111 110",
        "c=IN IP4 198.51.100.7",
        "a=mid:0",
        "a=sendrecv",
        "a=msid:gateway audio",
        "a=rtcp-mux",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=ssrc:4711 cname:gateway",
        "a=rtpmap:111 opus/48000/2",
        f"a=fmtp:111 {OUR_OPUS}",
        "a=rtpmap:110 telephone-event/48000",
        "a=ptime:20",
        "a=maxptime:20",
        "a=ice-ufrag:efgh",
        "a=ice-pwd:lkjihgfedcba9876543210",
        "a=ice-options:trickle",
        "a=candidate:9 1 udp 2113937151 4f1d9a52.local 50001 typ host",
        "a=candidate:1 1 UDP 2130706431 198.51.100.7 50000 typ host",
        "a=end-of-candidates",
        "a=fingerprint:sha-256 " + ":".join(["CD"] * 32),
        "a=setup:passive",
        f"m=video 0 UDP/TLS/RTP/SAVPF {formats[1]}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "a=mid:1",
        f"m=application 0 UDP/DTLS/SCTP {formats[2]}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        "a=mid:2",
        "",
    ]


@pytest.mark.parametrize("name", BROWSER_OFFERS)
def test_sections_keep_their_order_and_only_one_is_taken(name: str) -> None:
    offer = load(name)
    answer = answer_browser(read_browser_offer(offer), our_answer(offer))
    assert [(m.kind, m.protocol) for m in answer.media] == [
        (m.kind, m.protocol) for m in offer.media
    ]
    assert [MID.first(m) for m in answer.media] == [MID.first(m) for m in offer.media]
    assert [m.port for m in answer.media] == [50000] + [0] * (len(offer.media) - 1)
    assert [group.mids for group in GROUP.all(answer)] == [("0",)]
    assert parse(render(answer)) == answer


@pytest.mark.parametrize("name", BROWSER_OFFERS)
def test_mixed_header_extensions_are_allowed_where_the_offer_does(name: str) -> None:
    offer = load(name)
    answer = answer_browser(read_browser_offer(offer), our_answer(offer))
    for ours, theirs in ((answer, offer), (answer.media[0], offer.media[0])):
        assert has("extmap-allow-mixed", ours) == has("extmap-allow-mixed", theirs)


# RFC 3264 section 6.1: what is offered, what we want, what is answered
DIRECTIONS = [
    ("sendrecv", "sendrecv", "sendrecv"),
    ("sendonly", "sendrecv", "recvonly"),
    ("recvonly", "sendrecv", "sendonly"),
    ("inactive", "sendrecv", "inactive"),
    ("sendrecv", "sendonly", "sendonly"),
    ("sendonly", "sendonly", "inactive"),
    ("recvonly", "recvonly", "inactive"),
    ("sendrecv", "inactive", "inactive"),
]


@pytest.mark.parametrize(("offered", "wanted", "answered"), DIRECTIONS)
def test_direction_is_mirrored_and_cut_down(offered: str, wanted: str, answered: str) -> None:
    offer = changed(BROWSER_OFFER, "a=rtcp-mux", f"a=rtcp-mux\na={offered}")
    ours = replace(our_answer(offer), direction=Direction(wanted))
    media = answer_browser(read_browser_offer(offer), ours).media[0]
    assert direction(media, offer) == answered
    assert ("msid" in {a.name for a in media.attributes}) == (answered in ("sendrecv", "sendonly"))


def test_without_mid_there_is_no_bundle() -> None:
    offer = changed(BROWSER_OFFER, "a=mid:0\n", "")
    answer = answer_browser(read_browser_offer(offer), our_answer(offer))
    assert GROUP.all(answer) == ()
    assert MID.first(answer.media[0]) is None


def test_without_a_usable_candidate_the_port_is_9() -> None:
    offer = parse(BROWSER_OFFER)
    ours = replace(our_answer(offer), candidates=("1 1 tcp 5 192.0.2.1 9 typ host",))
    media = answer_browser(read_browser_offer(offer), ours).media[0]
    assert (media.port, media.connections[0].host) == (9, "0.0.0.0")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"codecs": ()}, "RFC 3264 section 6.1"),
        ({"codecs": (Codec(112, "opus", 48000, 2),)}, "RFC 3264 section 6.1"),
        ({"codecs": (Codec(111, "opus", 48000, 1),)}, "RFC 3264 section 6.1"),
        ({"extensions": (Extension(2, "urn:x"),)}, "RFC 8285 section 7"),
        ({"setup": Setup.ACTPASS}, "RFC 4145 section 4.1"),
        ({"candidates": ("nonsense",)}, "RFC 8839 section 5.1"),
        ({"candidates": ("1 1 udp 1 host.example 5 typ host",)}, "RFC 8866 section 5.7"),
    ],
)
def test_an_answer_must_fit_the_offer(change: dict[str, Any], rule: str) -> None:
    offer = parse(f"{BROWSER_OFFER}a=extmap:1 urn:x\na=extmap:2 urn:y\n")
    with pytest.raises(SdpError) as raised:
        answer_browser(read_browser_offer(offer), replace(our_answer(offer), **change))
    assert facts(raised.value) == (None, rule)


@pytest.mark.parametrize(("offered", "role"), [("active", "active"), ("passive", "passive")])
def test_two_of_one_dtls_role_never_meet(offered: str, role: str) -> None:
    offer = changed(BROWSER_OFFER, "setup:actpass", f"setup:{offered}")
    with pytest.raises(SdpError) as raised:
        answer_browser(read_browser_offer(offer), replace(our_answer(offer), setup=Setup(role)))
    assert raised.value.rule == "RFC 4145 section 4.1"
