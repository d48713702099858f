"""The other way round: the trunk's offer answered, from the INVITE of a call that has come in."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings

import sdp
from gateway.calls.trunk_negotiation import UnlocatedError
from gateway.media.parameters import EventFormat
from sdp import SdpError
from tests.gateway.calls.descriptions import ANSWER, negotiation
from tests.sdp.strategies import damaged

PEER = "198.51.100.7"
OFFER = (
    "v=0\r\no=trunk 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 8 0 98\r\na=rtpmap:98 telephone-event/8000\r\na=ptime:30\r\n"
)


def test_the_offer_is_answered_and_says_where_to_send() -> None:
    made = negotiation()
    (audio,) = sdp.parse(made.answer_call(OFFER, PEER)).media
    assert (audio.port, audio.formats) == (20000, ("0", "98"))
    remote = made.settled("")
    assert remote is not None
    assert (remote.host, remote.port, remote.codec) == ("198.51.100.7", 4000, "PCMU")
    assert (remote.event, remote.ptime) == (EventFormat(98, 8000), 30)
    assert remote.receives
    assert remote.sends
    assert made.settled("") is None
    assert made.trunk_answered("") == remote  # the ACK of the 200


def test_without_an_offer_ours_goes_out_and_the_ack_answers_it() -> None:
    made = negotiation()
    assert made.answer_call("", PEER) == made.answer_call(" \r\n", PEER) == made.trunk_offer
    assert made.settled("") is None
    assert made.trunk_answered(ANSWER).port == 4000


def test_a_change_follows_the_answer() -> None:
    made = negotiation()
    made.answer_call(OFFER, PEER)
    made.settled("")
    (audio,) = sdp.parse(made.answer_offer(OFFER + "a=sendonly\r\n")).media
    assert audio.formats == ("0", "98")
    held = made.settled("")
    assert held is not None
    assert (held.receives, held.sends) == (False, True)


def test_a_format_without_rtpmap_is_none_of_our_own_numbers() -> None:
    """In an offer of ours 101 is telephone-event; the trunk has not seen one."""
    made = negotiation()
    offer = OFFER.replace("8 0 98", "0 102")
    (audio,) = sdp.parse(made.answer_call(offer, PEER)).media
    assert audio.formats == ("0",)


@pytest.mark.parametrize(
    ("peer", "host"), [(PEER, "127.0.0.1"), (PEER, "169.254.169.254"), ("", "127.0.0.1")]
)
def test_media_is_not_sent_everywhere(peer: str, host: str) -> None:
    with pytest.raises(SdpError):
        negotiation().answer_call(OFFER.replace("198.51.100.7", host), peer)


def test_a_host_by_name_is_looked_for() -> None:
    made = negotiation()
    offer = OFFER.replace("IN IP4 198.51.100.7\r\nt", "IN IP4 sbc.example\r\nt")
    with pytest.raises(UnlocatedError):
        made.answer_call(offer, PEER)
    made.located("sbc.example", "198.51.100.9")
    made.answer_call(offer, PEER)
    remote = made.settled("")
    assert remote is not None
    assert remote.host == "198.51.100.9"


@pytest.mark.parametrize(
    "offer",
    [
        "nonsense",
        OFFER.replace("audio", "video"),
        OFFER.replace("RTP/AVP", "RTP/SAVP"),
        OFFER.replace("4000", "0"),
        OFFER.replace("8 0 98", "18 98"),
        OFFER.partition("m=")[0],
    ],
)
def test_an_offer_without_audio_of_ours(offer: str) -> None:
    with pytest.raises(SdpError):
        negotiation().answer_call(offer, PEER)


@settings(max_examples=200)
@given(damaged((OFFER,)))
def test_any_offer_is_answered_or_refused(text: str) -> None:
    made = negotiation()
    with contextlib.suppress(SdpError, UnlocatedError):
        made.answer_call(text, PEER)
        made.settled("")
