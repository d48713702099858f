"""Both descriptions of a call, from offers of real browsers and answers of real trunks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings

import sdp
from gateway.calls.browser_description import opus_parameters, read_offer, spelling
from gateway.calls.negotiation import Negotiation
from gateway.calls.trunk_negotiation import UnlocatedError
from gateway.errors import OfferError
from gateway.media.parameters import DtlsRole, EventFormat, TrunkRemote
from sdp import SdpError
from sdp.codecs import parameter
from sdp.model import Connection
from sdp.trunk import TRUNK_CODECS
from tests.gateway.calls.descriptions import (
    ANSWER,
    BROWSERS,
    fixture,
    negotiation,
    reoffer,
)
from tests.gateway.calls.fakes import LOCAL
from tests.sdp.strategies import damaged
from voice.codec import CODECS


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
    assert (remote.receives, remote.sends) == (True, True)
    assert (remote.ptime, remote.rtcp_port) == (20, None)


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ("a=ptime:10", 10),
        ("a=ptime:30", 30),
        ("a=ptime:25", 20),
        ("a=ptime:5", 10),
        ("a=ptime:120", 60),
        ("a=ptime:60\r\na=maxptime:40", 40),
        ("a=maxptime:10", 10),
    ],
)
def test_packets_to_the_trunk_are_as_long_as_it_wants(lines: str, ptime: int) -> None:
    assert negotiation().trunk_answered(f"{ANSWER}{lines}\r\n").ptime == ptime


def test_rtcp_goes_where_the_trunk_says_until_its_media_moves() -> None:
    made = negotiation()
    assert made.trunk_answered(f"{ANSWER}a=rtcp:4010\r\n").rtcp_port == 4010
    assert reoffer(made, ANSWER.replace("1 1 IN", "1 2 IN")).rtcp_port is None


@pytest.mark.parametrize("later", [False, True])
def test_events_that_the_answer_leaves_out_are_understood(later: bool) -> None:
    """They come all the same from some trunks, by the number that we have offered."""
    without = ANSWER.replace(" 8 101", " 8").replace("a=rtpmap:101 telephone-event/8000\r\n", "")
    made = negotiation()
    remote = made.trunk_answered(without)
    if later:
        remote = reoffer(made, without.replace("1 1 IN", "1 2 IN"))
    assert remote.event is None, "what is sent are tones"
    assert remote.event_payload_types == (101,)


def test_codecs_come_by_the_numbers_that_we_have_offered() -> None:
    """An answer may renumber: its numbers are what the trunk receives, ours what it sends."""
    answer = (
        ANSWER.replace("8 101", "96 97")
        .replace("8 PCMA/8000", "96 opus/48000/2")
        .replace("101 telephone-event/8000", "97 telephone-event/48000")
    )
    remote = negotiation(codecs=("opus", "PCMU")).trunk_answered(answer)
    assert (remote.codec, remote.payload_type, remote.event) == ("OPUS", 96, EventFormat(97, 48000))
    assert remote.codecs == ((96, "OPUS"), (107, "OPUS"), (0, "PCMU"))
    assert remote.event_payload_types == (97, 101, 103)


def test_a_number_of_ours_that_the_answer_uses_otherwise() -> None:
    answer = ANSWER.replace("8 101", "8 101 0").replace("101 telephone-event", "101 iLBC")
    remote = negotiation().trunk_answered(answer)
    assert (remote.event, remote.event_payload_types) == (None, ())


@pytest.mark.parametrize("host", ["::1", "2001:db8::10"])
def test_our_media_may_be_ipv6(host: str) -> None:
    local = replace(LOCAL, trunk_host=host, candidates=(f"1 1 udp 1 {host} 20002 typ host",))
    made = Negotiation(read_offer(fixture("chrome-156-audio.sdp")), local, ("PCMA",))
    offer = sdp.parse(made.trunk_offer)
    assert offer.connection == Connection("IP6", host)
    assert offer.origin.address == Connection("IP6", host)
    assert sdp.parse(made.browser_answer).media[0].connections == (Connection("IP6", host),)
    answer = ANSWER.replace("IP4 198.51.100.7", "IP6 2001:db8::7")
    assert made.trunk_answered(answer).host == "2001:db8::7"
    again = sdp.parse(made.answer_offer(answer.replace("1 1 IN", "1 2 IN")))
    assert again.connection == Connection("IP6", host)


@pytest.mark.parametrize("host", ["192.0.2.77", "2001:db8::77"])
def test_each_trunk_is_told_the_address_of_its_route(host: str) -> None:
    """Media is bound to any address, and which one a trunk is told is known once the trunk is."""
    local = replace(LOCAL, trunk_host="::")
    made = Negotiation(
        read_offer(fixture("chrome-156-audio.sdp")), local, ("PCMU", "PCMA"), srtp=sdp.Srtp.OPTIONAL
    )
    made.at(host)
    kind = "IP6" if ":" in host else "IP4"
    offer = sdp.parse(made.trunk_offer)
    assert (offer.connection, offer.origin.address) == (Connection(kind, host),) * 2
    assert offer.media[0].port == LOCAL.trunk_port
    again = made.trunk_offer
    made.at(host)
    assert made.trunk_offer == again, "the keys stay as they are"
    answer = ANSWER if kind == "IP4" else ANSWER.replace("IP4 198.51.100.7", "IP6 2001:db8::7")
    assert made.trunk_answered(answer).own == host
    for later in (made.offer_hold(True), made.answer_offer(answer.replace("1 1 IN", "1 2 IN"))):
        assert sdp.parse(later).connection == Connection(kind, host)


@pytest.mark.parametrize("passthrough", [(), ("PCMU", "PCMA")])
def test_no_comfort_noise_is_asked_of_a_browser(passthrough: tuple[str, ...]) -> None:
    """With CN in the answer Chromium sends one packet in 100 ms of silence, and nothing else."""
    offered = sdp.parse(fixture("chrome-156-audio.sdp")).media[0].formats
    answer = negotiation("chrome-156-audio.sdp", passthrough=passthrough).browser_answer
    answered = sdp.parse(answer).media[0].formats
    assert ("13" in offered, "13" in answered) == (True, False)
    assert ("0" in answered) is bool(passthrough)


@pytest.mark.parametrize(
    ("name", "number", "rtpmap", "event"),
    [
        ("PCMU", 0, "PCMU/8000", 8000),
        ("G722", 9, "G722/8000", 8000),
        ("L16", 118, "L16/16000", 16000),
        ("opus", 107, "opus/48000/2", 48000),
    ],
)
def test_every_codec_of_a_trunk(name: str, number: int, rtpmap: str, event: int) -> None:
    made = negotiation(codecs=(name,))
    assert f"a=rtpmap:{number} {rtpmap}\r\n" in made.trunk_offer
    answer = (
        ANSWER.replace("8 101", f"{number} 101")
        .replace("8 PCMA/8000", f"{number} {rtpmap}")
        .replace("telephone-event/8000", f"telephone-event/{event}")
    )
    remote = made.trunk_answered(answer)
    assert (remote.codec, remote.payload_type) == (name.upper(), number)
    assert remote.codecs == ((number, name.upper()),)
    assert remote.event == EventFormat(101, event)
    assert spelling(remote.codec) == name


def test_sdp_and_voice_know_the_same_codecs_of_trunks() -> None:
    assert {spelling(name.upper()) for name in TRUNK_CODECS} == set(TRUNK_CODECS)


@pytest.mark.parametrize(
    ("codecs", "playback", "bitrate"),
    [
        (("PCMU", "PCMA"), "8000", 32_000),
        (("PCMU", "G722"), "16000", 40_000),
        (("L16",), "16000", 40_000),
        (("PCMA", "opus", "G722"), None, 48_000),
    ],
)
def test_the_browser_is_asked_for_no_more_than_the_trunk_may_get(
    codecs: tuple[str, ...], playback: str | None, bitrate: int
) -> None:
    opus = sdp.read_browser_offer(sdp.parse(negotiation(codecs=codecs).browser_answer)).codecs[0]
    assert parameter(opus, "maxplaybackrate") == playback
    assert parameter(opus, "sprop-maxcapturerate") == playback
    assert parameter(opus, "maxaveragebitrate") == str(bitrate)


def test_the_bitrate_asked_for_is_the_operators() -> None:
    assert "maxaveragebitrate=12000;" in opus_parameters(("PCMU",), 12_000)
    assert "maxaveragebitrate=15000;" in opus_parameters(("G722",), 12_000)


@pytest.mark.parametrize(
    ("codecs", "answered", "codec", "number"),
    [
        (("PCMU", "PCMA"), ["PCMU", "PCMA"], "PCMU", 0),
        (("PCMA", "PCMU"), ["PCMA", "PCMU"], "PCMA", 8),
        (("PCMA",), ["PCMA"], "PCMA", 8),
    ],
)
@pytest.mark.parametrize("name", ["chrome-156-audio.sdp", "firefox-153-audio.sdp"])
def test_g711_goes_through_when_policy_says_so(
    name: str, codecs: tuple[str, ...], answered: list[str], codec: str, number: int
) -> None:
    made = negotiation(name, ("G722", *codecs), codecs)
    answer = sdp.read_browser_offer(sdp.parse(made.browser_answer))
    *audio, event = answer.codecs
    assert [each.name for each in audio] == answered
    assert (event.name, event.clock_rate) == ("telephone-event", 8000)
    assert all(not each.parameters for each in audio)
    assert (made.browser_remote.codec, made.browser_remote.payload_type) == (codec, number)
    assert made.browser_remote.event == EventFormat(event.payload_type, 8000)
    formats = sdp.parse(made.trunk_offer).media[0].formats
    assert formats == (*(str(each.payload_type) for each in audio), "101"), "and no G722"


def test_a_browser_without_g711_keeps_opus() -> None:
    text = fixture("chrome-156-audio.sdp").replace("PCMU/8000", "x/8000").replace("PCMA", "y")
    made = Negotiation(read_offer(text, ("PCMU", "PCMA")), LOCAL, ("G722", "PCMU"))
    assert made.browser_remote.codec == "OPUS"
    assert "maxplaybackrate=16000" in made.browser_answer
    assert sdp.parse(made.trunk_offer).media[0].formats == ("9", "0", "101")


@pytest.mark.parametrize(
    ("name", "level"), [("chrome-156-audio.sdp", 1), ("firefox-153-audio.sdp", 1)]
)
def test_levels_have_the_id_of_the_answer(name: str, level: int) -> None:
    made = negotiation(name)
    assert made.browser_remote.level_extension == level
    answered = sdp.read_browser_offer(sdp.parse(made.browser_answer)).extensions
    assert (level, sdp.AUDIO_LEVEL) in [(each.id, each.uri) for each in answered]


def test_levels_are_not_sent_to_a_browser_that_knows_none() -> None:
    text = fixture("chrome-156-audio.sdp").replace("ssrc-audio-level", "something-else")
    made = Negotiation(read_offer(text), LOCAL, ("PCMU",))
    assert made.browser_remote.level_extension is None


@pytest.mark.parametrize("answer", ["", "  \r\n", "nonsense", ANSWER.replace("4000", "0")])
def test_an_answer_that_cannot_be_used_is_refused(answer: str) -> None:
    with pytest.raises(SdpError):
        negotiation().trunk_answered(answer)


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


@settings(max_examples=50)
@given(damaged())
def test_any_offer_of_a_browser_is_answered_or_refused(text: str) -> None:
    with contextlib.suppress(OfferError):
        offer = read_offer(text, ("PCMA", "PCMU"))
        made = Negotiation(offer, LOCAL, tuple(TRUNK_CODECS))
        assert made.browser_remote.codec in CODECS
        sdp.read_browser_offer(sdp.parse(made.browser_answer))


@settings(max_examples=100)
@given(damaged(), damaged())
def test_any_description_of_a_trunk_is_followed_or_refused(first: str, second: str) -> None:
    made = negotiation(codecs=tuple(TRUNK_CODECS))
    for text in (first, second):
        with contextlib.suppress(SdpError, UnlocatedError):
            check(made.trunk_answered(text))
        with contextlib.suppress(SdpError, UnlocatedError):
            made.answer_offer(text)
            if text.strip():
                check(made.settled(""))
            else:  # it has asked for an offer, and answered nothing
                assert made.settled("") is None


def check(remote: TrunkRemote | None) -> None:
    assert remote is not None
    assert spelling(remote.codec) in TRUNK_CODECS
    assert (remote.payload_type, remote.codec) in remote.codecs
    numbers = [number for number, _ in remote.codecs]
    assert len(set(numbers)) == len(numbers)
    assert not set(numbers) & set(remote.event_payload_types)
    assert {name for _, name in remote.codecs} <= set(CODECS)
    assert remote.ptime in range(10, 70, 10)
