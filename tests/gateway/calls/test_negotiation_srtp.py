"""Keys of SRTP through a call: offered, agreed, kept while they are the same."""

from __future__ import annotations

import base64

import pytest

import sdp
from gateway import trunk
from gateway.calls.browser_description import read_offer
from gateway.calls.endings import refused_encryption
from gateway.calls.negotiation import Negotiation
from gateway.media.parameters import TrunkRemote
from gateway.media.srtp_keys import PROFILES
from sdp import SdpError, Srtp
from sdp.crypto import SUITES, read_keys
from tests.gateway.calls.descriptions import ANSWER, fixture, negotiation, reoffer
from tests.gateway.calls.fakes import LOCAL

GCM, GCM_256, SHA_80, SHA_32 = SUITES


def encrypted(srtp: Srtp = Srtp.REQUIRED) -> Negotiation:
    return Negotiation(
        read_offer(fixture("chrome-156-audio.sdp")), LOCAL, ("PCMU", "PCMA"), srtp=srtp
    )


def described(
    suite: str = SHA_80,
    *,
    fill: int = 7,
    version: int = 1,
    tag: int = 3,
    protocol: str = "RTP/SAVP",
) -> str:
    """What a trunk says whose key is so many times one byte."""
    key = base64.b64encode(bytes([fill]) * SUITES[suite]).decode()
    text = ANSWER.replace("1 1 IN", f"1 {version} IN").replace("RTP/AVP", protocol)
    return f"{text}a=crypto:{tag} {suite} inline:{key}\r\n"


def keys_of(text: str) -> dict[str, bytes]:
    return {each.suite: each.key for each in read_keys(sdp.parse(text).media[0])[0]}


def receive_key(remote: TrunkRemote | None) -> bytes:
    assert remote is not None
    assert remote.keys is not None
    return remote.keys.receive[:1]


def test_both_packages_know_the_same_suites() -> None:
    assert {name: profile.key_size for name, profile in PROFILES.items()} == SUITES


def test_without_srtp_nothing_is_offered_or_agreed() -> None:
    made = negotiation()
    assert "crypto" not in made.trunk_offer
    assert made.trunk_answered(ANSWER).keys is None
    assert made.cipher == ""
    assert not made.requires_encryption


@pytest.mark.parametrize(
    ("srtp", "protocol"), [(Srtp.OPTIONAL, "RTP/AVP"), (Srtp.REQUIRED, "RTP/SAVP")]
)
def test_what_is_offered_and_agreed(srtp: Srtp, protocol: str) -> None:
    made = encrypted(srtp)
    offered = keys_of(made.trunk_offer)
    assert sdp.parse(made.trunk_offer).media[0].protocol == protocol
    assert offered.keys() == SUITES.keys()
    remote = made.trunk_answered(described(protocol=protocol))
    assert remote.keys is not None
    assert remote.keys.suite == made.cipher == SHA_80
    assert (remote.keys.send, remote.keys.receive) == (offered[SHA_80], bytes([7]) * 30)


def test_no_two_calls_have_a_key_in_common() -> None:
    first, second = (set(keys_of(encrypted().trunk_offer).values()) for _ in range(2))
    assert not first & second


@pytest.mark.parametrize("text", [ANSWER, described(SHA_80).replace("inline:", "uri:")])
def test_an_answer_that_is_not_encrypted_is_refused_where_it_must_be(text: str) -> None:
    with pytest.raises(SdpError) as raised:
        encrypted().trunk_answered(text)
    assert "must be encrypted" in str(raised.value) or "none of the trunk's keys" in str(
        raised.value
    )
    assert "BwcH" not in str(raised.value)


def test_optional_takes_whatever_comes() -> None:
    made = encrypted(Srtp.OPTIONAL)
    assert made.trunk_answered(ANSWER).keys is None
    assert receive_key(made.trunk_answered(described(protocol="RTP/AVP"))) == b"\7"
    assert reoffer(made, ANSWER.replace("1 1 IN", "1 9 IN")).keys is None
    assert made.cipher == ""


def test_each_answer_of_a_forked_call_has_its_own_key() -> None:
    made = encrypted()
    early = made.trunk_answered(described(fill=1))
    final = made.trunk_answered(described(GCM, fill=2, tag=1))
    assert (receive_key(early), receive_key(final)) == (b"\1", b"\2")
    assert early.keys is not None
    assert final.keys is not None
    assert early.keys.send != final.keys.send


def test_a_hold_keeps_the_keys() -> None:
    made = encrypted()
    before = made.trunk_answered(described()).keys
    held = reoffer(made, described(version=2) + "a=sendonly\r\n")
    assert (held.receives, held.keys) == (False, before)
    assert reoffer(made, described(version=3)).keys == before


def test_a_refresh_gets_the_same_key_again() -> None:
    made = encrypted()
    made.trunk_answered(described())
    first = made.answer_offer(described(fill=8, version=2))
    made.settled("")
    assert made.answer_offer(described(fill=8, version=2)) == first


def test_a_new_key_of_the_trunk_s_gets_a_new_one_of_ours() -> None:
    made = encrypted()
    before = made.trunk_answered(described()).keys
    answer = made.answer_offer(described(fill=8, version=2))
    after = made.settled("")
    assert before is not None
    assert receive_key(after) == b"\x08"
    assert after is not None
    assert after.keys is not None
    assert after.keys.send == keys_of(answer)[SHA_80] != before.send


def test_a_change_that_does_not_stand_changes_no_key() -> None:
    made = encrypted()
    before = made.trunk_answered(described()).keys
    made.answer_offer(described(fill=8, version=2))
    made.withdrawn()
    assert reoffer(made, described(version=3)).keys == before


def test_an_offer_that_the_trunk_asks_for_has_the_key_in_use_and_others() -> None:
    made = encrypted()
    first = made.trunk_answered(described()).keys
    offered = keys_of(made.answer_offer(""))
    assert first is not None
    assert next(iter(offered)) == SHA_80
    assert offered[SHA_80] == first.send
    assert offered[GCM] != keys_of(made.trunk_offer)[GCM], "no key is offered twice"
    agreed = made.settled(described(GCM, fill=5, version=2, tag=2))
    assert agreed is not None
    assert agreed.keys is not None
    assert (agreed.keys.suite, agreed.keys.send) == (GCM, offered[GCM])


@pytest.mark.parametrize(
    ("srtp", "text"),
    [(Srtp.OFF, described(version=2)), (Srtp.REQUIRED, ANSWER.replace("1 1 IN", "1 2 IN"))],
)
def test_an_offer_that_cannot_be_taken_leaves_all_as_it_was(srtp: Srtp, text: str) -> None:
    made = encrypted(srtp)
    first = made.trunk_answered(ANSWER if srtp is Srtp.OFF else described())
    with pytest.raises(SdpError, match=r"srtp is off|must be encrypted"):
        made.answer_offer(text)
    assert made.trunk_answered("") == first


@pytest.mark.parametrize("code", [415, 488, 606])
def test_a_trunk_that_takes_no_encrypted_audio(code: int) -> None:
    cause, sentence = "incompatible-media", "The other side cannot use the offered audio formats."
    ended = trunk.Ended(trunk.Origin.REMOTE, code, "Not Acceptable Here", cause, None, sentence)
    end = refused_encryption(ended)
    assert end is not None
    assert (end.cause, end.sip_code) == (cause, code)
    assert end.message.startswith(sentence)
    assert "encrypted audio only" in end.message


def test_a_trunk_that_is_busy_says_nothing_of_encryption() -> None:
    ended = trunk.Ended(trunk.Origin.REMOTE, 486, "Busy Here", "busy", 17, "The line is busy.")
    end = refused_encryption(ended)
    assert end is not None
    assert end.message == "The line is busy."


def test_a_refresh_of_the_engines_own_is_answered_to_our_last_description() -> None:
    """That is an answer here, which has brought another key of ours than the offer before it."""
    made = encrypted()
    made.trunk_answered(described())
    changed = reoffer(made, described(fill=8, version=2)).keys
    refreshed = made.settled(described(fill=8, version=2))
    assert refreshed is not None
    assert refreshed.keys == changed
