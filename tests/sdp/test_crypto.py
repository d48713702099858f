"""Keys of SRTP: read from anybody's lines, written, agreed on, and told to nobody."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdp import (
    Attribute,
    Crypto,
    Encryption,
    Media,
    SdpError,
    SessionDescription,
    Srtp,
    TrunkMedia,
    TrunkPolicy,
    answer_trunk,
    make_keys,
    make_trunk_offer,
    mirror,
    parse,
    read,
    read_trunk_answer,
    render,
    without_keys,
)
from sdp.crypto import SUITES, read_keys, write_keys
from tests.sdp.descriptions import ADDRESS, TRUNK_ANSWER

GCM, GCM_256, SHA_80, SHA_32 = SUITES

# The line of RFC 4568 section 9.1
EXAMPLE = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4"
EXAMPLE_KEY = b"YS___semctl () {\t220;}\n}\nunles"


def line(suite: str = SHA_80, *, fill: int = 7, tag: int = 1, rest: str = "") -> str:
    """A line of the trunk's, whose key is so many times one byte."""
    key = base64.b64encode(bytes([fill]) * SUITES[suite]).decode()
    return f"{tag} {suite} inline:{key}{rest}"


def section(*lines: str, protocol: str = "RTP/SAVP") -> Media:
    return Media(
        "audio", 5000, protocol, ("0",), attributes=tuple(Attribute("crypto", x) for x in lines)
    )


def counting() -> Callable[[int], bytes]:
    """Bytes that are another in each key."""
    numbers = itertools.count(100)
    return lambda size: bytes([next(numbers)]) * size


def test_the_line_of_the_standard() -> None:
    keys, refused = read_keys(section(EXAMPLE))
    assert keys == (Crypto(1, SHA_80, EXAMPLE_KEY, mki=b"\0\0\0\1"),)
    assert not refused


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_written_is_read(suite: str) -> None:
    ours = make_keys([suite], counting())
    media = Media("audio", 1, "RTP/SAVP", ("0",), attributes=write_keys(ours))
    assert read_keys(media) == (ours, ())
    assert len(ours[0].key) == SUITES[suite]


@pytest.mark.parametrize(
    "text",
    [
        line(rest="|2^31"),
        line(rest="|1048576"),
        line(rest="|1:4"),
        line(rest="|2^48|1:4"),
        line(rest=" WSH=1024"),
        line(rest=" KDR=0 -extension=1"),
        line() + "  ",
        line().replace("inline", "INLINE").replace("AES_CM", "aes_cm"),
        line(GCM),  # 28 bytes: padded
        line(GCM).rstrip("="),
        "007 " + line().partition(" ")[2],
    ],
)
def test_lines_of_use(text: str) -> None:
    keys, refused = read_keys(section(text))
    assert len(keys) == 1, refused


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "<tag> <suite>"),
        ("1", "<tag> <suite>"),
        (f"x {line()[2:]}", "<tag> <suite>"),
        (f"1234567890 {line()[2:]}", "<tag> <suite>"),
        (line()[2:], "<tag> <suite>"),
        (f"1 AES_256_CM_HMAC_SHA1_80 {line().split()[2]}", "AES_256_CM_HMAC_SHA1_80"),
        (f"1 F8_128_HMAC_SHA1_80 {line().split()[2]}", "F8_128_HMAC_SHA1_80"),
        (f"1 {line().split()[2]} {SHA_80}", "something else"),
        (line(rest=" UNENCRYPTED_SRTP"), "UNENCRYPTED_SRTP"),
        (line(rest=" UNENCRYPTED_SRTCP"), "UNENCRYPTED_SRTCP"),
        (line(rest=" UNAUTHENTICATED_SRTP"), "UNAUTHENTICATED_SRTP"),
        (line(rest=" KDR=1"), "KDR"),
        (line(rest=" FEC_ORDER=FEC_SRTP"), "FEC_ORDER"),
        (line(rest=" FEC_KEY=inline:c2VjcmV0"), "FEC_KEY"),
        (line(rest=" WSH=many"), "WSH"),
        (line(rest=" Qc2VjBwcHQk0123456789=="), "something else"),
        (line(rest=f"|1:4;{line().split()[2]}|2:4"), "several keys"),
        (line().replace("inline:", "uri:"), "no inline key"),
        (line().replace("BwcH", "Bw*H", 1), "no inline key"),
        (line()[:-4], "30 bytes"),
        (line() + "AAAA", "30 bytes"),
        (line()[:-3], "30 bytes"),
        (line(GCM).replace(GCM, GCM_256), "44 bytes"),
        (line(rest="|0"), "lifetime"),
        (line(rest="|2^49"), "lifetime"),
        (line(rest="|2^999999999999999"), "lifetime"),
        (line(rest="|1:0"), "MKI"),
        (line(rest="|1:129"), "MKI"),
        (line(rest="|256:1"), "MKI"),
        (line(rest="|2^20|2^20|1:4"), "no inline key"),
    ],
)
def test_lines_of_no_use(text: str, why: str) -> None:
    keys, refused = read_keys(section(text, line(GCM, tag=2)))
    assert [each.tag for each in keys] == [2], "the next line counts"
    assert why in refused[0].problem
    assert "BwcH" not in str(refused[0])
    assert "c2Vj" not in str(refused[0])


def test_a_tag_that_comes_twice_is_its_first_line() -> None:
    keys, _ = read_keys(section(line(fill=1), line(fill=2)))
    assert [each.key[0] for each in keys] == [1]


@given(st.lists(st.text() | st.sampled_from([EXAMPLE, line(), SHA_80, " ", "|", ";", ":", "2^"])))
def test_any_text_is_read_or_refused(parts: list[str]) -> None:
    for text in ("".join(parts), f"1 {SHA_80} inline:{''.join(parts)}"):
        keys, refused = read_keys(section(text))
        assert len(keys) + len(refused) == 1
        for each in keys:
            assert len(each.key) == SUITES[each.suite]


# Keys in no message


def test_no_key_stands_in_a_value_s_text() -> None:
    shown = repr((*read_keys(section(EXAMPLE))[0], Encryption(SHA_80, EXAMPLE_KEY, EXAMPLE_KEY)))
    assert "semctl" not in shown
    assert "WVNf" not in shown


def test_keys_are_cut_out_of_any_text() -> None:
    text = f"INVITE sip:x\r\n\r\na=crypto:{EXAMPLE}\r\na=crypto:2 X InLine:abc;inline:def WSH=1\r\n"
    shown = without_keys(text)
    for secret in ("WVNf", "abc", "def"):
        assert secret not in shown
    assert shown.endswith("WSH=1\r\n")
    assert "|2^20|1:4" in shown


def test_a_line_that_nobody_can_read_is_quoted_without_its_key() -> None:
    reading = read(TRUNK_ANSWER + f"acrypto:{EXAMPLE}\na =crypto:{EXAMPLE}\n")
    assert reading.dropped
    assert "WVNf" not in "".join(map(str, reading.dropped))


# Offers of ours


def offer(srtp: Srtp, in_use: Encryption | None = None) -> SessionDescription:
    return make_trunk_offer(
        policy=TrunkPolicy(srtp=srtp),
        address=ADDRESS,
        session_id=5,
        version=1,
        keys=make_keys(SUITES, counting(), in_use) if srtp is not Srtp.OFF else (),
    )


@pytest.mark.parametrize(
    ("srtp", "protocol"), [(Srtp.OPTIONAL, "RTP/AVP"), (Srtp.REQUIRED, "RTP/SAVP")]
)
def test_an_offer_has_a_key_for_each_suite(srtp: Srtp, protocol: str) -> None:
    media = parse(render(offer(srtp))).media[0]
    keys, _ = read_keys(media)
    assert media.protocol == protocol
    assert [(each.tag, each.suite) for each in keys] == list(enumerate(SUITES, 1))
    assert len({each.key for each in keys}) == len(SUITES)


def test_an_offer_without_encryption_has_none() -> None:
    text = render(offer(Srtp.OFF))
    assert "RTP/AVP " in text
    assert "crypto" not in text


@pytest.mark.parametrize("srtp", Srtp)
def test_keys_and_policy_go_together(srtp: Srtp) -> None:
    keys = make_keys(SUITES, counting()) if srtp is Srtp.OFF else ()
    with pytest.raises(ValueError, match="keys"):
        make_trunk_offer(
            policy=TrunkPolicy(srtp=srtp), address=ADDRESS, session_id=5, version=1, keys=keys
        )


def test_the_suite_in_use_comes_first_and_keeps_its_key() -> None:
    in_use = Encryption(SHA_80, b"s" * 30, b"r" * 30)
    keys = make_keys(SUITES, counting(), in_use)
    assert (keys[0].suite, keys[0].key) == (SHA_80, b"s" * 30)
    assert {each.suite for each in keys} == set(SUITES)


def test_the_engine_is_shown_no_key() -> None:
    shown = mirror(render(offer(Srtp.REQUIRED)))
    assert "RTP/SAVP" in shown
    assert "crypto" not in shown
    parse(shown)


# Answers of the trunk


def answer(*lines: str, protocol: str = "RTP/SAVP") -> SessionDescription:
    text = TRUNK_ANSWER.replace("RTP/AVP", protocol)
    return parse(text + "".join(f"a=crypto:{each}\n" for each in lines))


@pytest.mark.parametrize(("tag", "suite"), list(enumerate(SUITES, 1)))
@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/AVP", "RTP/SAVPF"])
@pytest.mark.parametrize("srtp", [Srtp.OPTIONAL, Srtp.REQUIRED])
def test_an_answer_agrees_two_keys(srtp: Srtp, protocol: str, tag: int, suite: str) -> None:
    sent = offer(srtp)
    agreed = read_trunk_answer(sent, answer(line(suite, tag=tag), protocol=protocol), srtp)
    ours = read_keys(sent.media[0])[0][tag - 1].key
    assert agreed.encryption == Encryption(suite, ours, bytes([7]) * SUITES[suite])


def test_a_tag_of_another_line_is_forgiven() -> None:
    sent = offer(Srtp.REQUIRED)
    agreed = read_trunk_answer(sent, answer(line(SHA_80, tag=9)), Srtp.REQUIRED)
    assert agreed.encryption is not None
    assert agreed.encryption.send_key == read_keys(sent.media[0])[0][2].key


def test_an_answer_with_an_mki_tells_it() -> None:
    agreed = read_trunk_answer(offer(Srtp.REQUIRED), answer(EXAMPLE), Srtp.REQUIRED)
    assert agreed.encryption is not None
    assert agreed.encryption.receive_mki == b"\0\0\0\1"


def test_optional_takes_an_answer_without_a_key() -> None:
    agreed = read_trunk_answer(offer(Srtp.OPTIONAL), answer(protocol="RTP/AVP"), Srtp.OPTIONAL)
    assert agreed.encryption is None


def test_a_key_that_nobody_asked_for_is_passed_over() -> None:
    agreed = read_trunk_answer(offer(Srtp.OFF), answer(line(), protocol="RTP/AVP"))
    assert agreed.encryption is None


@pytest.mark.parametrize(
    ("srtp", "lines", "protocol", "why"),
    [
        (Srtp.OFF, [line()], "RTP/SAVP", "answered with"),
        (Srtp.REQUIRED, [], "RTP/AVP", "must be encrypted"),
        (Srtp.REQUIRED, [], "RTP/SAVP", "must be encrypted"),
        (Srtp.OPTIONAL, [], "RTP/SAVP", "must be encrypted"),
        (Srtp.OPTIONAL, ["1 F8_128_HMAC_SHA1_80 inline:AAAA"], "RTP/AVP", "F8_128_HMAC_SHA1_80"),
        (Srtp.REQUIRED, [line(rest=" UNENCRYPTED_SRTP")], "RTP/SAVP", "UNENCRYPTED_SRTP"),
        (Srtp.REQUIRED, [line(GCM, fill=100)], "RTP/SAVP", "answers none of ours"),  # our own key
    ],
)
def test_the_reason_that_an_answer_is_refused(
    srtp: Srtp, lines: list[str], protocol: str, why: str
) -> None:
    with pytest.raises(SdpError) as raised:
        read_trunk_answer(offer(srtp), answer(*lines, protocol=protocol), srtp)
    assert why in raised.value.problem


# Offers of the trunk


def answered(
    description: SessionDescription, srtp: Srtp, in_use: Encryption | None = None
) -> tuple[Media, TrunkMedia]:
    ours, agreed = answer_trunk(
        description,
        policy=TrunkPolicy(srtp=srtp),
        address=ADDRESS,
        session_id=5,
        version=7,
        current=None,
        keys=make_keys(SUITES, counting()),
        in_use=in_use,
    )
    return next(each for each in parse(render(ours)).media if each.port), agreed


@pytest.mark.parametrize("srtp", [Srtp.OPTIONAL, Srtp.REQUIRED])
@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"])
def test_the_first_line_of_use_is_taken(srtp: Srtp, protocol: str) -> None:
    lines = ("3 F8_128_HMAC_SHA1_80 inline:AAAA", line(SHA_32, tag=4), line(GCM, tag=5))
    ours, agreed = answered(answer(*lines, protocol=protocol), srtp)
    keys, _ = read_keys(ours)
    assert (ours.protocol, [(each.tag, each.suite) for each in keys]) == (protocol, [(4, SHA_32)])
    assert agreed.encryption == Encryption(SHA_32, keys[0].key, bytes([7]) * 30)


def test_what_is_in_use_goes_on() -> None:
    in_use = Encryption(SHA_80, b"s" * 30, bytes([7]) * 30)
    offered = answer(line(GCM, tag=1), line(SHA_80, tag=2))
    ours, agreed = answered(offered, Srtp.REQUIRED, in_use)
    assert agreed.encryption == in_use
    assert read_keys(ours)[0] == (Crypto(2, SHA_80, b"s" * 30),)


def test_a_new_key_of_the_trunk_s_gets_a_new_one_of_ours() -> None:
    in_use = Encryption(SHA_80, b"s" * 30, bytes([7]) * 30)
    _, agreed = answered(answer(line(fill=8)), Srtp.REQUIRED, in_use)
    assert agreed.encryption is not None
    assert agreed.encryption.receive_key == bytes([8]) * 30
    assert agreed.encryption.send_key != in_use.send_key


def test_encrypted_audio_goes_before_other() -> None:
    text = render(answer(protocol="RTP/AVP")) + "m=audio 6000 RTP/SAVP 0\na=crypto:" + line() + "\n"
    _, agreed = answered(parse(text), Srtp.OPTIONAL)
    assert agreed.address.port == 6000
    assert agreed.encryption is not None
    _, agreed = answered(parse(text), Srtp.OFF)
    assert (agreed.address.port, agreed.encryption) == (5000, None)


def test_other_audio_is_taken_where_no_cipher_is_shared() -> None:
    text = render(answer(protocol="RTP/AVP"))
    text += "m=audio 6000 RTP/SAVP 0\na=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA\n"
    _, agreed = answered(parse(text), Srtp.OPTIONAL)
    assert (agreed.address.port, agreed.encryption) == (5000, None)


@pytest.mark.parametrize("lines", [[], ["1 F8_128_HMAC_SHA1_80 inline:AAAA"]])
def test_optional_takes_an_offer_without_a_key_of_use(lines: list[str]) -> None:
    ours, agreed = answered(answer(*lines, protocol="RTP/AVP"), Srtp.OPTIONAL)
    assert agreed.encryption is None
    assert "crypto" not in [each.name for each in ours.attributes]


@pytest.mark.parametrize(
    ("srtp", "lines", "protocol", "why"),
    [
        (Srtp.OFF, [line()], "RTP/SAVP", "srtp is off"),
        (Srtp.OPTIONAL, [], "RTP/SAVP", "must be encrypted"),
        (Srtp.REQUIRED, [], "RTP/AVP", "must be encrypted"),
        (Srtp.REQUIRED, ["1 F8_128_HMAC_SHA1_80 inline:AAAA"], "RTP/SAVP", "F8_128_HMAC_SHA1_80"),
        (Srtp.REQUIRED, ["1 F8_128_HMAC_SHA1_80 inline:AAAA"], "RTP/AVP", "F8_128_HMAC_SHA1_80"),
        (Srtp.REQUIRED, [line()], "UDP/TLS/RTP/SAVP", "no RTP/AVP audio"),
    ],
)
def test_the_reason_that_an_offer_is_refused(
    srtp: Srtp, lines: list[str], protocol: str, why: str
) -> None:
    with pytest.raises(SdpError) as raised:
        answered(answer(*lines, protocol=protocol), srtp)
    assert why in raised.value.problem


def test_an_offer_after_an_answer_keeps_its_protocol() -> None:
    ours, agreed = answer_trunk(
        answer(line()),
        policy=TrunkPolicy(srtp=Srtp.OPTIONAL),
        address=ADDRESS,
        session_id=5,
        version=1,
        current=None,
        keys=make_keys(SUITES, counting()),
    )
    again = make_trunk_offer(
        policy=TrunkPolicy(srtp=Srtp.OPTIONAL),
        address=ADDRESS,
        session_id=5,
        version=2,
        keys=make_keys(SUITES, counting(), agreed.encryption),
        after=ours,
    )
    assert again.media[0].protocol == "RTP/SAVP"
    first = read_keys(again.media[0])[0][0]
    assert (first.suite, first.key) == (SHA_80, read_keys(ours.media[0])[0][0].key)
