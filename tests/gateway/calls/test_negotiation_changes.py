"""What follows the first answer: the trunk's offers, asked-for ones, names, and what is refused."""

from __future__ import annotations

import contextlib

import pytest

import sdp
from gateway.calls.browser_description import read_offer
from gateway.calls.negotiation import Negotiation
from gateway.calls.own_sockets import OwnSockets
from gateway.calls.trunk_negotiation import UnlocatedError
from gateway.media.parameters import EventFormat, TrunkRemote
from sdp import SdpError
from tests.gateway.calls.descriptions import (
    ANSWER,
    HOLD,
    fixture,
    negotiation,
    reoffer,
)
from tests.gateway.calls.fakes import LOCAL


@pytest.mark.parametrize(
    ("direction", "receives", "sends"),
    [
        ("sendrecv", True, True),
        ("sendonly", False, True),
        ("recvonly", True, False),
        ("inactive", False, False),
    ],
)
def test_hold_is_of_each_direction(direction: str, receives: bool, sends: bool) -> None:
    made = negotiation()
    made.trunk_answered(ANSWER)
    remote = reoffer(made, HOLD.replace("sendonly", direction))
    assert (remote.receives, remote.sends) == (receives, sends)


CHANGED = ANSWER.replace("8 101", "9 96").replace("8 PCMA", "9 G722").replace(":101 ", ":96 ")


def test_a_codec_and_a_number_of_events_that_change_in_mid_call() -> None:
    made = negotiation(codecs=("PCMA", "G722"))
    made.trunk_answered(ANSWER)
    remote = reoffer(made, CHANGED)
    assert (remote.codec, remote.payload_type) == ("G722", 9)
    assert remote.event == EventFormat(96, 8000)
    assert remote.event_payload_types == (96, 101), "old packets are on their way"
    assert remote.codecs == ((9, "G722"), (8, "PCMA"))


def test_a_number_that_means_something_else_now_is_not_the_old_codecs() -> None:
    made = negotiation(codecs=("L16", "PCMU"))
    answer = ANSWER.replace("8 101", "96 101").replace("8 PCMA/8000", "96 L16/16000")
    assert made.trunk_answered(answer).codecs == ((96, "L16"), (118, "L16"), (0, "PCMU"))
    later = ANSWER.replace("8 101", "0 96").replace("8 PCMA", "0 PCMU").replace(":101 ", ":96 ")
    remote = reoffer(made, later)
    assert remote.codecs == ((0, "PCMU"), (118, "L16")), "96 is of events now"
    assert remote.event_payload_types == (96, 101, 102)


def test_a_hold_is_answered_and_followed_with_a_new_version() -> None:
    made = negotiation()
    made.trunk_answered(ANSWER)
    first = sdp.parse(made.answer_offer(ANSWER.replace("1 1 IN", "1 2 IN")))
    second = sdp.parse(made.answer_offer(HOLD.replace("1 2 IN", "1 3 IN")))
    assert first.origin.session_id == sdp.parse(made.trunk_offer).origin.session_id
    assert second.origin.version == first.origin.version + 1
    assert first.media[0].formats[0] == "8"
    remote = made.settled("")
    assert remote is not None
    assert not remote.receives, "the second agreement has replaced the first"
    assert made.settled("") is None, "it is told once"


def test_a_refresh_gets_the_same_description_again() -> None:
    """Nothing has changed while the version of `o=` has not (RFC 3264 section 8)."""
    made = negotiation()
    made.trunk_answered(ANSWER)
    first = made.answer_offer(HOLD)
    made.settled("")
    assert made.answer_offer(HOLD) == first
    assert made.settled("") is not None
    assert made.answer_offer(HOLD.replace("1 2 IN", "1 3 IN")) != first


def test_what_was_agreed_is_followed_even_before_the_first_answer_was_read() -> None:
    """A re-INVITE right behind the ACK may be answered before its 200 has been looked at."""
    made = negotiation()
    both = HOLD.replace("RTP/AVP 8 101", "RTP/AVP 0 8 101").replace("sendonly", "sendrecv")
    answer = made.answer_offer(both)
    made.trunk_answered(ANSWER)
    remote = made.settled("")
    assert remote is not None
    assert str(remote.payload_type) == sdp.parse(answer).media[0].formats[0]


@pytest.mark.parametrize("offer", ["v=0\r\nnonsense", HOLD.replace("m=audio", "m=video")])
def test_a_bad_offer_from_the_trunk_is_refused(offer: str) -> None:
    """The call goes on as it was."""
    made = negotiation()
    before = made.trunk_answered(ANSWER)
    with pytest.raises(SdpError):
        made.answer_offer(offer)
    assert made.settled("") is None
    assert made.trunk_answered("") == before


def test_an_offer_that_the_trunk_asks_for_is_full_again() -> None:
    """After a hold, too: what it then answers decides (RFC 6337 section 5.2.5)."""
    made = negotiation()
    made.trunk_answered(ANSWER)
    reoffer(made, HOLD)
    offer = sdp.parse(made.answer_offer(""))
    first = sdp.parse(made.trunk_offer)
    assert offer.media[0].formats == ("8", "0", "101"), "the codec in use comes first"
    assert set(offer.media[0].attributes) == set(first.media[0].attributes)
    assert offer.origin.version == first.origin.version + 2
    moved = ANSWER.replace("1 1 IN", "1 3 IN").replace("4000", "5000")
    moved = moved.replace("101", "96") + "a=recvonly\r\n"
    remote = made.settled(moved)
    assert remote is not None
    assert (remote.port, remote.event) == (5000, EventFormat(96, 8000))
    assert (remote.receives, remote.sends) == (True, False)


def test_an_answer_to_a_refresh_of_the_engines_own_counts() -> None:
    made = negotiation()
    made.trunk_answered(ANSWER)
    remote = made.settled(ANSWER.replace("4000", "4008"))
    assert remote is not None
    assert remote.port == 4008


def test_no_description_after_an_agreement_leaves_it_standing() -> None:
    made = negotiation()
    before = made.trunk_answered(ANSWER)
    assert made.trunk_answered("") == before


NAMED_HOST = ANSWER.replace("c=IN IP4 198.51.100.7", "c=IN IP4 media.example.net")


@pytest.mark.parametrize("change", [False, True])
def test_a_host_with_a_name_waits_for_its_address(change: bool) -> None:
    made = negotiation()
    made.trunk_answered(ANSWER)

    def follow() -> TrunkRemote | None:
        if not change:
            return made.trunk_answered(NAMED_HOST)
        made.answer_offer(NAMED_HOST.replace("1 1 IN", "1 2 IN"))
        return made.settled("")

    with pytest.raises(UnlocatedError) as caught:
        follow()
    made.located(caught.value.name, "198.51.100.9")
    remote = follow()
    assert remote is not None
    assert remote.host == "198.51.100.9"


@pytest.mark.parametrize("host", ["127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_audio_is_sent_to_no_host_that_a_trunk_has_no_business_with(host: str) -> None:
    made = negotiation()
    with pytest.raises(SdpError, match=host):
        made.trunk_answered(ANSWER.replace("198.51.100.7", host), "198.51.100.1")
    made.trunk_answered(ANSWER)
    with pytest.raises(SdpError, match=host):
        made.answer_offer(HOLD.replace("198.51.100.7", host))


@pytest.mark.parametrize(
    ("port", "peer", "refused"),
    [
        (20002, "198.51.100.1", True),
        (4000, "198.51.100.1", True),  # what should a trunk elsewhere have here?
        (20002, LOCAL.trunk_host, True),
        (4000, LOCAL.trunk_host, False),  # a trunk on this machine
    ],
)
def test_audio_is_not_sent_to_the_gateway_itself(port: int, peer: str, refused: bool) -> None:
    offer = read_offer(fixture("chrome-156-audio.sdp"))
    own = OwnSockets(frozenset({LOCAL.trunk_host}), frozenset(range(20000, 30000)))
    made = Negotiation(offer, LOCAL, ("PCMA",), own=own)
    ours = ANSWER.replace("198.51.100.7", LOCAL.trunk_host).replace("4000", str(port))
    with pytest.raises(SdpError, match="own address") if refused else contextlib.nullcontext():
        assert made.trunk_answered(ours, peer).port == port


def test_lines_that_nobody_can_read_are_counted_and_cost_nothing() -> None:
    made = negotiation()
    odd = f"{ANSWER}a=ssrc:123456789\r\na=fmtp:101\r\nb=AS:\r\n"
    assert made.trunk_answered(odd) == negotiation().trunk_answered(ANSWER)
    assert made.dropped_count == len(made.dropped) >= 2


def test_of_many_lines_a_few_are_kept() -> None:
    made = negotiation()
    for number in range(100):
        made.trunk_answered(ANSWER + f"a=ssrc:{number}\r\n" * 20)
    assert (made.dropped_count, len(made.dropped)) == (2000, 5)


def test_lines_count_once_though_a_name_is_waited_for() -> None:
    made = negotiation()
    odd = f"{NAMED_HOST}a=ssrc:123456789\r\n"
    with pytest.raises(UnlocatedError):
        made.trunk_answered(odd)
    made.located("media.example.net", "198.51.100.9")
    made.trunk_answered(odd)
    assert made.dropped_count == 1


def test_an_answer_to_a_refresh_is_no_word_about_a_change_that_waits() -> None:
    made = negotiation()
    made.trunk_answered(ANSWER)
    made.answer_offer(HOLD.replace("198.51.100.7", "203.0.113.9"))
    remote = made.settled(ANSWER)
    assert remote is not None
    assert (remote.host, remote.receives) == ("198.51.100.7", True)
    made.withdrawn()
    assert made.settled("") is None
