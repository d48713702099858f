"""Answers with one odd thing each, as carriers and PBXs write them: none costs the call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sdp import (
    Codec,
    Direction,
    RtpAddress,
    TrunkPolicy,
    make_trunk_offer,
    parse,
    read,
    read_trunk_answer,
)
from tests.sdp.agreements import ALL, G722, OFFER, PCMU, event, media
from tests.sdp.descriptions import ADDRESS, TRUNK_ANSWER, changed

# One odd thing of the trunk each, and what is other than in `BASE`
BASE = media("203.0.113.1", 5000, PCMU, telephone_event=event())
ODD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "nothing": ("a=", "a=", {}),
    "ssrc alone": ("a=ptime:20", "a=ptime:20\na=ssrc:123456789", {}),
    "fmtp of nobody": ("a=ptime:20", "a=ptime:20\na=fmtp:107", {}),
    "fmtp empty": ("a=ptime:20", "a=fmtp:101", {}),
    "fmtp with a blank": (
        "a=ptime:20",
        "a=fmtp: 101 0-15",
        {"telephone_event": event(101, "0-15")},
    ),
    "rtpmap with a blank": ("a=rtpmap:0 ", "a=rtpmap: 0 ", {}),
    "events without clock": ("telephone-event/8000", "telephone-event", {}),
    "rtpmap of nobody": ("a=ptime:20", "a=rtpmap:96", {}),
    "ptime empty": ("a=ptime:20", "a=ptime:", {}),
    "ptime in words": ("a=ptime:20", "a=ptime:long", {}),
    "b= empty": ("t=0 0", "b=AS:\nt=0 0", {}),
    "empty lines": ("\n", "\n\n", {}),
    "blanks at the ends": ("\n", " \n", {}),
    "s= empty": ("s=-", "s=", {}),
    "o= without user": ("o=- ", "o= ", {}),
    "o= below zero": ("o=- 1 1", "o=- -1 -1", {}),
    "no o=, s= or t=": ("o=- 1 1 IN IP4 203.0.113.1\ns=-\n", "", {}),
    "no rtpmap": (
        "a=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n",
        "",
        {},
    ),
    "a number that is no payload type": ("0 101\n", "0 101 255\n", {}),
    "AVPF": ("RTP/AVP", "RTP/AVPF", {}),
    "in small letters": ("m=audio 5000 RTP/AVP", "m=AUDIO 5000 rtp/avp", {}),
    "a port count": ("5000 RTP", "5000/1 RTP", {}),
    "video beside it": ("a=sendrecv\n", "a=sendrecv\nm=video 0 RTP/AVP 96\n", {}),
    "fax beside it": ("a=sendrecv\n", "a=sendrecv\nm=image 0 udptl t38\n", {}),
    "fax that is not even refused": ("a=sendrecv\n", "a=sendrecv\nm=image 6000 udptl t38\n", {}),
    "video before it": ("m=audio", "m=video 0 RTP/AVP 96\nm=audio", {}),
    "refused audio before it": ("m=audio", "m=audio 0 RTP/SAVP 0\nm=audio", {}),
    "audio with keys before it": ("m=audio", "m=audio 9 RTP/SAVP 0\nm=audio", {}),
    "audio twice": ("a=sendrecv\n", "a=sendrecv\nm=audio 6000 RTP/AVP 8\n", {}),
    "a section that cannot be read": ("a=sendrecv\n", "a=sendrecv\nm=video x y\n", {}),
    "events at another clock": ("telephone-event/8000", "telephone-event/16000", {}),
    "events with channels": ("telephone-event/8000", "telephone-event/8000/2", {}),
    "a name": (
        "c=IN IP4 203.0.113.1",
        "c=IN IP4 media.example.net",
        {"address": RtpAddress("media.example.net", 5000)},
    ),
    "hold without rtpmap": (
        "c=IN IP4 203.0.113.1\nt=0 0\nm=audio 5000 RTP/AVP 0 101\n"
        "a=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n",
        "c=IN IP4 0.0.0.0\nm=audio 5000 RTP/AVP 0 101\n",
        {"address": RtpAddress("0.0.0.0", 5000), "direction": Direction.RECVONLY},
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_line_costs_nothing(name: str) -> None:
    old, new, other = ODD[name]
    assert old in TRUNK_ANSWER
    answer = read(TRUNK_ANSWER.replace(old, new)).description
    assert read_trunk_answer(OFFER, answer) == replace(BASE, **other)


def test_formats_at_the_sessions_level() -> None:
    maps = "a=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n"
    text = TRUNK_ANSWER.replace(maps, "").replace("m=audio", maps + "m=audio")
    assert read_trunk_answer(OFFER, read(text).description) == BASE


@pytest.mark.parametrize("line", ["opus/48000", "opus/48000/1", "OPUS/48000/2", "opus"])
def test_opus_has_two_channels_however_it_is_written(line: str) -> None:
    offer = make_trunk_offer(policy=ALL, address=ADDRESS, session_id=5, version=1)
    text = TRUNK_ANSWER.replace("0 101\n", "107 101\n").replace("0 PCMU/8000", f"107 {line}")
    codec = read_trunk_answer(offer, read(text).description).codec
    assert (codec.payload_type, codec.clock_rate, codec.channels) == (107, 48000, 2)


def test_g722_is_at_8000_however_it_is_written() -> None:
    text = TRUNK_ANSWER.replace("0 101\n", "9 101\n").replace("0 PCMU/8000", "9 G722/16000")
    assert read_trunk_answer(OFFER, parse(text)).codec == G722


def test_numbers_without_rtpmap_are_what_our_offer_made_of_them() -> None:
    offer = make_trunk_offer(policy=ALL, address=ADDRESS, session_id=5, version=1)
    text = changed(TRUNK_ANSWER, "0 101\n", "107 118 103 96\n")
    agreed = read_trunk_answer(offer, text)
    assert agreed.codec == Codec(107, "opus", 48000, 2)
    assert agreed.telephone_event == Codec(103, "telephone-event", 48000)


def test_events_that_we_never_offered_are_none() -> None:
    silent = TrunkPolicy(("PCMU",), telephone_event=False)
    offer = make_trunk_offer(policy=silent, address=ADDRESS, session_id=5, version=1)
    agreed = read_trunk_answer(offer, parse(TRUNK_ANSWER))
    assert (agreed.telephone_event, agreed.event_payload_types) == (None, ())
