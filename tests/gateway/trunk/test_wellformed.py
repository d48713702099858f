"""Requests of strangers that are malformed beyond use; most are taken from RFC 4475."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import read
from gateway.trunk.wellformed import malformed

LINE = "OPTIONS sip:a@b SIP/2.0"
CSEQ = "CSeq: 7 OPTIONS"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (LINE, 0),
        ("OPTIONS  sip:a@b  SIP/2.0", 0),  # section 3.1.2.8: two blanks, and clear all the same
        ("OPTIONS sip:a@b SIP/2.0  ", 0),
        ("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", 0),
        ("OPTIONS sip:a?b@c SIP/2.0", 0),  # "?" may stand in a user
        ("OPTIONS sip:a@b SIP/7.0", 505),  # section 3.1.2.16
        ("OPTIONS sip:a@b; lr SIP/2.0", 400),  # section 3.1.2.7
        ("OPTIONS <sip:a@b> SIP/2.0", 400),  # section 3.1.2.6
        ("OPTIONS sip:a@b?Route=%3Csip:c%3E SIP/2.0", 400),  # section 3.1.2.11
        ("OPTIONS sip:a@b", 400),
        ("OPTIONS sip:a@b HTTP/1.1", 400),
        ("OPTIONS", 400),
        ("", 400),
    ],
)
def test_request_line(line: str, code: int) -> None:
    assert malformed(read(f"{line}\r\n{CSEQ}\r\n\r\n")) == code


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ((CSEQ,), "", 0),
        (("CSeq: 2147483647  options",), "", 0),
        (("CSeq: 2147483648 OPTIONS",), "", 400),
        (("CSeq: 36893488147419103232 OPTIONS",), "", 400),  # section 3.1.2.4
        (("CSeq: 7 INVITE",), "", 400),  # section 3.1.2.17
        (("CSeq: OPTIONS",), "", 400),
        ((), "", 400),
        ((CSEQ, "CSeq: 8 OPTIONS"), "", 400),  # section 3.3.8
        ((CSEQ, "To: <sip:a@b>", "t: <sip:c@d>"), "", 400),
        ((CSEQ, CSEQ, "Via: a", "Via: b"), "", 0),
        ((CSEQ, "Content-Length: 0", "l: 0"), "", 0),
        ((CSEQ, "Content-Length: 13", "Content-Length: 5"), "there", 400),  # section 3.3.9
        ((CSEQ, "Content-Length: 5"), "there", 0),
        ((CSEQ, "Content-Length: 6"), "there", 400),  # section 3.1.2.2
        ((CSEQ, "Content-Length: -999"), "there", 400),  # section 3.1.2.3
        ((CSEQ, "Content-Length: 3"), "\udc80\udc81\udc82", 0),  # bytes that are no UTF-8
    ],
)
def test_headers(headers: tuple[str, ...], body: str, code: int) -> None:
    assert malformed(read("\r\n".join([LINE, *headers]) + f"\r\n\r\n{body}")) == code


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_judged(text: str) -> None:
    assert malformed(read(text)) in (0, 400, 505)


@given(st.binary())
def test_no_body_of_the_right_length_is_too_short(body: bytes) -> None:
    text = body.decode("utf-8", "surrogateescape")
    message = read(f"{LINE}\r\n{CSEQ}\r\nContent-Length: {len(body)}\r\n\r\n{text}")
    assert malformed(message) == 0
