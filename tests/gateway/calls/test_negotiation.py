"""Both descriptions of a call, from offers of real browsers and answers of real trunks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import sdp
from gateway.calls.negotiation import Negotiation, read_offer
from gateway.errors import OfferError
from gateway.media.parameters import DtlsRole, EventFormat
from sdp import SdpError
from tests.gateway.calls.fakes import LOCAL

DATA = Path(__file__).parents[2] / "sdp" / "data"
BROWSERS = sorted(
    path.name
    for path in DATA.glob("*.sdp")
    if path.name.startswith(("chrome", "firefox", "safari"))
)
ANSWER = "\r\n".join(
    (
        "v=0",
        "o=- 1 1 IN IP4 198.51.100.7",
        "s=-",
        "c=IN IP4 198.51.100.7",
        "t=0 0",
        "m=audio 4000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "",
    )
)
HOLD = ANSWER.replace("1 1 IN", "1 2 IN") + "a=sendonly\r\n"


def fixture(name: str) -> str:
    return (DATA / name).read_bytes().decode()


def negotiation(name: str = "chrome-156-audio.sdp") -> Negotiation:
    return Negotiation(read_offer(fixture(name)), LOCAL, ("PCMU", "PCMA"))


@pytest.mark.parametrize("name", BROWSERS)
def test_every_browser_gets_an_answer_and_every_trunk_an_offer(name: str) -> None:
    made = negotiation(name)
    answer = sdp.read_browser_offer(sdp.parse(made.browser_answer))
    opus = answer.codecs[0]
    assert opus.name == "opus"
    assert "useinbandfec=1" in opus.parameters
    assert "stereo=0" in opus.parameters
    assert (answer.ice.ufrag, answer.setup) == (LOCAL.ice_ufrag, sdp.Setup.PASSIVE)
    assert answer.candidates == LOCAL.candidates
    assert made.browser_remote.dtls_role is DtlsRole.SERVER
    (audio,) = sdp.parse(made.trunk_offer).media
    assert (audio.protocol, audio.port) == ("RTP/AVP", LOCAL.trunk_port)
    assert audio.formats[:2] == ("0", "8")


def test_nothing_of_the_browser_reaches_the_trunk() -> None:
    text = fixture("chrome-156-audio-gathered.sdp")
    browser = read_offer(text).browser
    offer = negotiation("chrome-156-audio-gathered.sdp").trunk_offer
    for secret in (browser.ice.ufrag, browser.ice.password, browser.fingerprints[0].value):
        assert secret not in offer
    assert str(sdp.parse(text).origin.session_id) not in offer


def test_the_trunks_answer_says_where_and_how_to_send() -> None:
    remote = negotiation().trunk_answered(ANSWER)
    assert (remote.host, remote.port) == ("198.51.100.7", 4000)
    assert (remote.codec, remote.payload_type) == ("PCMA", 8)
    assert remote.event == EventFormat(101, 8000)
    assert remote.receives


@pytest.mark.parametrize("answer", ["", "  \r\n", "nonsense", ANSWER.replace("4000", "0")])
def test_an_answer_that_cannot_be_used_is_refused(answer: str) -> None:
    with pytest.raises(SdpError):
        negotiation().trunk_answered(answer)


def test_a_hold_is_answered_and_followed_with_a_new_version() -> None:
    made = negotiation()
    made.trunk_answered(ANSWER)
    answers = [made.answer_reoffer(HOLD) for _ in range(2)]
    first, second = map(sdp.parse, answers)
    assert first.origin.session_id == sdp.parse(made.trunk_offer).origin.session_id
    assert second.origin.version == first.origin.version + 1
    assert first.media[0].formats[0] == "8"
    assert made.reoffered(answers[0]) is None, "the second agreement has replaced the first"
    remote = made.reoffered(answers[1])
    assert remote is not None
    assert not remote.receives


def test_what_was_agreed_is_followed_even_before_the_first_answer_was_read() -> None:
    """A re-INVITE right behind the ACK may be answered before its 200 has been looked at."""
    made = negotiation()
    both = HOLD.replace("RTP/AVP 8 101", "RTP/AVP 0 8 101").replace("sendonly", "sendrecv")
    answer = made.answer_reoffer(both)
    made.trunk_answered(ANSWER)
    remote = made.reoffered(answer)
    assert remote is not None
    assert str(remote.payload_type) == sdp.parse(answer).media[0].formats[0]


def test_a_bad_offer_from_the_trunk_is_refused() -> None:
    with pytest.raises(SdpError):
        negotiation().answer_reoffer("v=0\r\nnonsense")


def test_media_may_move_by_payload_type_alone() -> None:
    made = negotiation()
    assert made.remapped("198.51.100.8", 5000, 0) is None, "nothing agreed yet"
    made.trunk_answered(ANSWER)
    remote = made.remapped("198.51.100.8", 5000, 0)
    assert remote is not None
    assert (remote.host, remote.port, remote.codec) == ("198.51.100.8", 5000, "PCMU")
    assert made.remapped("198.51.100.8", 5000, 96) is None
    assert made.remapped("example.com", 5000, 0) is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace("m=audio", "m=video"), "audio"),
        (lambda text: text.replace("a=fingerprint", "a=nothing"), "fingerprint"),
        (lambda text: text.replace("opus/48000/2", "speex/48000/2"), "opus"),
        (lambda text: text.replace("a=ice-pwd", "a=nothing"), "ice-pwd"),
        (lambda text: text[:40], ""),
        (lambda text: "", ""),
    ],
)
def test_an_offer_that_cannot_be_answered_says_why(change: Callable[[str], str], word: str) -> None:
    with pytest.raises(OfferError) as caught:
        read_offer(change(fixture("chrome-156-audio.sdp")))
    assert word in str(caught.value)
