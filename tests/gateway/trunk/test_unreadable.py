"""Requests that the engine cannot read: what is said to them, and to which of them nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import read
from gateway.trunk.unreadable import LONGEST, MARGIN, answer_unreadable

LINE = "OPTIONS sip:a@b SIP/2.0"
VIA = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"
REST = ("From: <sip:c@d>;tag=1", "To: <sip:a@b>", "Call-ID: x", "CSeq: 7 OPTIONS")


def text_of(*headers: str, line: str = LINE) -> str:
    return "\r\n".join((line, *headers, "", ""))


def refused(whole: str) -> int:
    answer = answer_unreadable(whole)
    return answer.code if answer else 0


def test_an_answer_in_full() -> None:
    """All Via lines, in their order; the tag is the same for a repetition of the request."""
    whole = text_of("v: SIP/2.0/UDP proxy;\r\n branch=z9hG4bKb", VIA, *REST, "Max-Forwards: 70")
    answer = answer_unreadable(whole, "192.0.2.1:5060")
    assert answer is not None
    tag = read(answer.text).to_tag
    assert len(tag) == 8
    assert answer.text.split("\r\n") == [
        "SIP/2.0 400 Bad Request",
        "Via: SIP/2.0/UDP proxy; branch=z9hG4bKb",
        VIA,
        REST[0],
        f"{REST[1]};tag={tag}",
        *REST[2:],
        "Content-Length: 0",
        "",
        "",
    ]
    assert answer_unreadable(whole) == answer
    assert f"tag={tag}" not in str(answer_unreadable(whole.replace("Call-ID: x", "Call-ID: y")))


def test_a_tag_stays() -> None:
    answer = answer_unreadable(text_of(VIA, *REST).replace("<sip:a@b>", "<sip:a@b>;tag=ours"))
    assert answer is not None
    assert "To: <sip:a@b>;tag=ours\r\n" in answer.text


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (LINE, 400),
        ("OPTIONS <sip:a@b> SIP/2.0", 400),
        ("OPTIONS sip:a@b SIP/7.0", 505),
        ("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", 416),
        ("SIP/2.0 200 OK", 0),
        ("SIP/2.0 4294967301 better not break the receiver", 0),
        ("SIP/7.0 200 OK", 0),
        ("ACK sip:a@b SIP/2.0", 0),
        ("ack <sip:a@b> SIP/2.0", 0),
        ("{GET} / HTTP/1.1", 0),
        ("", 0),
    ],
)
def test_what_is_said(line: str, code: int) -> None:
    assert refused(text_of(VIA, *REST, line=line)) == code


@pytest.mark.parametrize("missing", [VIA, *REST])
def test_without_a_header_that_an_answer_has_there_is_none(missing: str) -> None:
    lines = [each for each in (VIA, *REST) if each != missing]
    assert refused(text_of(*lines)) == 0


def test_no_control_character_is_repeated() -> None:
    answer = answer_unreadable(text_of(VIA, *REST).replace("Call-ID: x", "Call-ID: x\rVia: y\0z"))
    assert answer is not None
    assert "Call-ID: x Via: y z\r\n" in answer.text


def test_a_long_answer_is_none() -> None:
    assert refused(text_of(VIA, *REST, f"Subject: {'s' * LONGEST}")) == 400
    assert refused(text_of(VIA, *REST, f"Via: {'s' * LONGEST}")) == 0


PIECES = st.sampled_from(["SIP/2.0", "INVITE", " ", ":", "\r\n", "\n", "\r\n\r\n", VIA, *REST])


@given(
    st.lists(PIECES | st.binary(max_size=40).map(lambda b: b.decode("utf-8", "surrogateescape")))
)
def test_any_bytes_get_a_short_answer_or_none(pieces: list[str]) -> None:
    whole = text_of(VIA, *REST) + "".join(pieces)
    for text in (whole, "".join(pieces), whole[::-1], "\r\n".join(pieces) + whole):
        answer = answer_unreadable(text)
        if answer is not None:
            size = len(text.encode("utf-8", "surrogateescape"))
            assert len(answer.text.encode()) <= min(size + MARGIN, LONGEST)
            assert read(answer.text).code == answer.code
