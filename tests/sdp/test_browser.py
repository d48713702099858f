from __future__ import annotations

from dataclasses import replace

import pytest

from sdp import (
    AUDIO_LEVEL,
    Direction,
    Extension,
    Fingerprint,
    IceParameters,
    SdpError,
    Setup,
    choose_browser_codecs,
    choose_extensions,
    parse,
    read_browser_offer,
)
from tests.sdp.descriptions import (
    BROWSER_OFFER,
    BROWSER_OFFERS,
    FINGERPRINT,
    changed,
    facts,
    load,
)


@pytest.mark.parametrize("name", BROWSER_OFFERS)
def test_every_browser_can_be_answered(name: str) -> None:
    offer = read_browser_offer(load(name))
    assert offer.mid == "0"
    assert offer.setup is Setup.ACTPASS
    assert [each.algorithm for each in offer.fingerprints] == ["sha-256"]
    codec, event = choose_browser_codecs(offer.codecs)
    assert (codec.name, codec.clock_rate, codec.channels) == ("opus", 48000, 2)
    # Firefox paces events by 8000 and offers nothing else
    expected = 8000 if name.startswith("firefox-") else 48000
    assert (event.name, event.clock_rate) == ("telephone-event", expected)
    assert len(choose_extensions(offer.extensions)) == 2


def test_chromes_offer_in_full() -> None:
    offer = read_browser_offer(load("chrome-156-audio-gathered"))
    names = ["opus", "red", "G722", "PCMU", "PCMA", "CN", "telephone-event", "telephone-event"]
    assert [codec.name for codec in offer.codecs] == names
    assert offer.ice == IceParameters("QBBS", "DEHX6nkLSpgge+eg1fLo0ARy")
    assert len(offer.candidates) == 8
    assert offer.candidates[1].startswith("3091242729 1 udp 2122063615 192.0.2.10 41022 typ host")
    assert not offer.end_of_candidates
    assert offer.direction is Direction.SENDRECV
    assert [(each.id, each.uri.split(":")[-1]) for each in offer.extensions][::3] == [
        (1, "ssrc-audio-level"),
        (4, "mid"),
    ]
    assert "DEHX6nkLSpgge" not in repr(offer)


def test_what_differs_between_the_fixtures() -> None:
    timed = changed(BROWSER_OFFER, "a=rtcp-mux", "a=rtcp-mux\na=ptime:40\na=maxptime:60")
    for text, times in ((timed, (40, 60)), (parse(BROWSER_OFFER), (None, None))):
        assert (read_browser_offer(text).ptime, read_browser_offer(text).max_ptime) == times
    assert read_browser_offer(load("chrome-156-recvonly")).direction is Direction.RECVONLY
    assert read_browser_offer(load("firefox-153-audio-gathered")).end_of_candidates
    assert ".local" in read_browser_offer(load("chrome-156-mdns")).candidates[0]
    assert read_browser_offer(load("chrome-156-audio")).candidates == ()
    # Firefox has its fingerprint at the session's level only
    assert len(read_browser_offer(load("firefox-153-audio")).fingerprints) == 1


def test_transport_may_stand_at_the_sessions_level() -> None:
    lines = ("ice-ufrag:abcd", "ice-pwd:0123456789abcdefghijkl", f"fingerprint:{FINGERPRINT}")
    text = BROWSER_OFFER
    for line in (*lines, "setup:actpass"):
        text = text.replace(f"a={line}\n", "").replace("t=0 0\n", f"t=0 0\na={line}\n")
    assert read_browser_offer(parse(text)) == read_browser_offer(parse(BROWSER_OFFER))


def test_the_sections_own_transport_goes_first() -> None:
    offer = changed(BROWSER_OFFER, "t=0 0\n", "t=0 0\na=ice-ufrag:other\na=setup:active\n")
    assert read_browser_offer(offer).ice.ufrag == "abcd"
    assert read_browser_offer(offer).setup is Setup.ACTPASS


def test_a_bundle_only_section_takes_the_bundles_transport() -> None:
    head, _, audio = BROWSER_OFFER.replace("BUNDLE 0", "BUNDLE v 0").partition("m=audio")
    transport = "".join(line + "\n" for line in audio.split("\n")[2:6])
    bare = audio.replace(transport, "a=bundle-only\n").replace(" 9 UDP", " 0 UDP")
    video = f"m=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:v\n{transport}"
    groups = "a=group:LS 0\na=group:FID v 0\na=group:BUNDLE"
    text = f"{head}{video}m=audio{bare}".replace("a=setup:actpass\n", "")
    offer = changed(text.replace("a=group:BUNDLE", groups), "FID v 0", "FID 0 v")
    assert read_browser_offer(offer).ice == IceParameters("abcd", "0123456789abcdefghijkl")


def test_a_refused_audio_section_is_passed_over() -> None:
    offer = changed(BROWSER_OFFER, "m=audio 9", "m=audio 0 UDP/TLS/RTP/SAVPF 0\na=mid:x\nm=audio 9")
    assert read_browser_offer(offer).mid == "0"


def test_without_trickle_all_candidates_are_there() -> None:
    assert read_browser_offer(
        changed(BROWSER_OFFER, "a=ice-options:trickle\n", "")
    ).end_of_candidates
    assert not read_browser_offer(parse(BROWSER_OFFER)).end_of_candidates


@pytest.mark.parametrize("protocol", ["RTP/SAVPF", "UDP/TLS/RTP/SAVP"])
def test_older_names_of_the_protocol_are_taken(protocol: str) -> None:
    read_browser_offer(changed(BROWSER_OFFER, "UDP/TLS/RTP/SAVPF", protocol))


@pytest.mark.parametrize("role", ["active", "passive"])
def test_a_fixed_dtls_role_is_taken(role: str) -> None:
    offer = read_browser_offer(changed(BROWSER_OFFER, "setup:actpass", f"setup:{role}"))
    assert offer.setup == role


def test_a_missing_dtls_role_means_active() -> None:
    offer = read_browser_offer(changed(BROWSER_OFFER, "a=setup:actpass\n", ""))
    assert offer.setup is Setup.ACTIVE


def test_unknown_hashes_are_passed_over() -> None:
    offer = changed(BROWSER_OFFER, "a=setup", "a=fingerprint:sha-1 AB:CD\na=setup")
    known = Fingerprint("sha-256", FINGERPRINT.split()[1])
    assert read_browser_offer(offer).fingerprints == (known,)


# what is changed, into what, line, rule, a word of the message
REFUSED = [
    ("m=audio", "m=video", None, "RFC 8829 section 5.2.1", "microphone"),
    ("m=audio 9", "m=audio 0", None, "RFC 8829 section 5.2.1", "no audio"),
    ("UDP/TLS/RTP/SAVPF", "RTP/AVP", 6, "RFC 8829 section 5.1.2", "RTP/AVP"),
    ("a=rtcp-mux\n", "", 6, "RFC 8834 section 4.5", "rtcp-mux"),
    (f"a=fingerprint:{FINGERPRINT}\n", "", 6, "RFC 8122 section 5", "none"),
    (FINGERPRINT, "md5 AB:CD", 6, "RFC 8122 section 5", "md5"),
    (FINGERPRINT, "sha-256 AB:CD", 6, "RFC 8122 section 5", "2 bytes"),
    (FINGERPRINT, "sha-256 zz", 11, "RFC 8122 section 5", "zz"),
    ("a=ice-ufrag:abcd\n", "", 6, "RFC 8839 section 5.4", "a=ice-ufrag"),
    ("a=ice-pwd:0123456789abcdefghijkl\n", "", 6, "RFC 8839 section 5.4", "a=ice-pwd"),
    ("ice-ufrag:abcd", "ice-ufrag:abc", 8, "RFC 8839 section 5.4", "abc"),
    ("ice-pwd:0123456789abcdefghijkl", "ice-pwd:0123", 9, "RFC 8839 section 5.4", "22 to 256"),
    ("setup:actpass", "setup:holdconn", 6, "RFC 8842 section 5.2", "holdconn"),
    ("setup:actpass", "setup:both", 12, "RFC 4145 section 4", "both"),
    ("SAVPF 111 126", "SAVPF 126", 6, "RFC 3264 section 5.1", "no codec"),
    ("SAVPF 111 126", "SAVPF 96 97", 6, "RFC 3264 section 5.1", "96 97"),
    ("SAVPF 111 126", "SAVPF x", 6, "RFC 3550 section 5.1", "x"),
    ("opus/48000/2", "opus", 15, "RFC 8866 section 6.6", "opus"),
    ("a=mid:0", "a=mid:a b", 13, "RFC 5888 section 4", "a b"),
    ("BUNDLE 0", "", 5, "RFC 5888 section 5", "semantics"),
    ("m=audio", "m=video 9 x 9\na=mid:0\nm=audio", 8, "RFC 5888 section 4", "two sections"),
    ("m=audio", "m=video 9 x 9\na=mid:\nm=audio", 7, "RFC 5888 section 4", "token"),
    ("a=rtcp-mux", "a=candidate:x\na=rtcp-mux", 14, "RFC 8839 section 5.1", "x"),
    ("a=rtcp-mux", "a=extmap:x\na=rtcp-mux", 14, "RFC 8285 section 5", "x"),
    ("a=rtcp-mux", "a=ptime:x\na=rtcp-mux", 14, "RFC 8866 section 6.4", "x"),
]


@pytest.mark.parametrize(("old", "new", "line", "rule", "word"), REFUSED)
def test_an_offer_that_cannot_be_answered(
    old: str, new: str, line: int | None, rule: str, word: str
) -> None:
    with pytest.raises(SdpError) as raised:
        read_browser_offer(changed(BROWSER_OFFER, old, new))
    assert facts(raised.value) == (line, rule)
    assert word in raised.value.problem


def test_codecs_are_chosen_by_our_order() -> None:
    offered = read_browser_offer(load("chrome-156-audio")).codecs
    names = [(each.name, each.clock_rate) for each in choose_browser_codecs(offered, ("PCMA",))]
    assert names == [("PCMA", 8000), ("telephone-event", 8000)]
    assert choose_browser_codecs(offered, ("speex", "G722", "opus"))[0].name == "G722"
    silent = tuple(each for each in offered if each.name != "telephone-event")
    assert len(choose_browser_codecs(silent)) == 1


def test_nothing_in_common_is_an_error() -> None:
    offered = read_browser_offer(changed(BROWSER_OFFER, "opus/48000/2", "ISAC/16000")).codecs
    with pytest.raises(SdpError) as raised:
        choose_browser_codecs(offered)
    assert facts(raised.value) == (None, "RFC 3264 section 6.1")
    assert "ISAC" in str(raised.value)
    assert "opus" in str(raised.value)


def test_extensions_keep_the_browsers_numbers_only() -> None:
    offered = read_browser_offer(load("firefox-153-audio")).extensions
    chosen = choose_extensions([replace(each, direction=Direction.SENDRECV) for each in offered])
    assert [(each.id, each.direction) for each in chosen] == [(1, None), (3, None)]


def test_an_extension_that_is_offered_twice_is_answered_once() -> None:
    offered = (Extension(4, AUDIO_LEVEL), Extension(1, AUDIO_LEVEL), Extension(2, "urn:other"))
    assert choose_extensions(offered) == (Extension(4, AUDIO_LEVEL),)
