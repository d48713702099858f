"""Reading SIP messages: what trunks send, and anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import Message, read, redact

BUSY = (
    "SIP/2.0 486 Busy Here\r\n"
    "v: SIP/2.0/UDP 127.0.0.1:5060\r\n"
    "i: abc@host\r\n"
    "Reason: SIP;cause=486\r\n"
    'Reason: Q.850 ;cause=17 ;text="User\r\n busy"\r\n'
    "l: 0\r\n\r\n"
)
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"


def test_response() -> None:
    message = read(BUSY)
    assert (message.code, message.reason, message.method) == (486, "Busy Here", "")
    assert message.header("call-id") == "abc@host"
    assert message.header("via") == "SIP/2.0/UDP 127.0.0.1:5060"
    assert message.header("reason") == "SIP;cause=486"
    assert message.sdp == ""


def test_request() -> None:
    message = read("BYE sip:a@b SIP/2.0\r\nReason: Q.850;cause=16\r\n\r\n")
    assert (message.code, message.reason, message.method) == (0, "", "BYE")


@pytest.mark.parametrize(
    "kind", ["application/sdp", "Application/SDP;charset=utf-8", "application/sdp "]
)
def test_description(kind: str) -> None:
    assert read(f"SIP/2.0 200 OK\r\nc: {kind}\r\n\r\n{SDP}").sdp == SDP


def test_description_in_a_multipart() -> None:
    body = (
        "--xx\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n"
        f"--xx\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--xx--\r\n"
    )
    head = 'SIP/2.0 183 Session Progress\r\nContent-Type: multipart/mixed; boundary="xx"\r\n\r\n'
    assert read(head + body).sdp == SDP


ISUP = "\x01\x11\udc80\udcff\0\x0a\x03\r\n\r\n\x02\udce9"
PARTS = {
    "bare": (
        'multipart/mixed;boundary="a b"',
        f"--a b\r\nContent-Type: application/sdp\r\n\r\n{SDP}--a b--",
    ),
    "isup first": (
        "multipart/mixed; boundary=unique-boundary-1",
        "--unique-boundary-1\r\nContent-Type: application/isup; version=nxv3; base=etsi121\r\n"
        f"Content-Disposition: signal; handling=optional\r\n\r\n{ISUP}\r\n"
        "--unique-boundary-1\r\nContent-Disposition: session;\r\n handling=required\r\n"
        f"CONTENT-TYPE : Application/SDP;charset=x\r\nContent-ID: <a@b>\r\n\r\n{SDP}\r\n"
        "--unique-boundary-1--\r\n",
    ),
    "folded type": (
        "multipart/mixed; BOUNDARY = zz ; x=y",
        f"--zz\r\nContent-Type:\r\n\tapplication/sdp\r\n\r\n{SDP}\r\n--zz--",
    ),
    "preamble and epilogue": (
        'multipart/mixed; charset=utf-8; boundary="zz"',
        "preamble\r\n--zzz\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n--zz  \r\n"
        f"c: application/sdp\r\n\r\n{SDP}\r\n--zz--\r\n\r\n--zz\r\nepilogue",
    ),
    "nested": (
        "multipart/mixed;boundary=out",
        "--out\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        "--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n"
        f"--in\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--in--\r\n--out--",
    ),
    "no end": (
        "multipart/related;boundary=zz",
        f"\r\n--zz\r\nContent-Type: application/sdp\r\n\r\n{SDP}",
    ),
    "no headers": ("multipart/mixed;boundary=zz", f"--zz\r\n\r\n{SDP}\r\n--zz--"),
    "not even a blank line": ("multipart/mixed;boundary=zz", f"--zz\r\n{SDP}\r\n--zz--"),
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_the_description_of_a_multipart(name: str, end: str) -> None:
    kind, body = PARTS[name]
    text = f"SIP/2.0 183 Progress\r\nContent-Type: {kind}\r\n\r\n{body}"
    assert read(text.replace("\r\n", end)).sdp == SDP.replace("\r\n", end)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/mixed", f"--zz\r\nContent-Type: application/sdp\r\n\r\n{SDP}"),
        ("multipart/mixed;boundary=y", f"--zz\r\nContent-Type: application/sdp\r\n\r\n{SDP}"),
        ("multipart/mixed;boundary=zz", f"--zz\r\nContent-Type: text/plain\r\n\r\n{SDP}"),
        ("multipart/mixed;boundary=zz", f"--zz--\r\nContent-Type: application/sdp\r\n\r\n{SDP}"),
    ],
)
def test_no_description_in_a_multipart(kind: str, body: str) -> None:
    assert read(f"SIP/2.0 200 OK\r\nContent-Type: {kind}\r\n\r\n{body}").sdp == ""


@pytest.mark.parametrize(
    ("length", "body", "complete"),
    [
        ("Content-Length: 6", "v=0\r\no", True),
        ("l: 0", "", True),
        ("CONTENT-LENGTH :5 ", "v=0\r\n", True),
        ("X: y", "v=0\r\no=\r\nmore", True),
        ("Content-Length: many", "v=0\r\no=\r\nmore", True),
        ("Content-Length: -1", "v=0\r\no=\r\nmore", True),
        ("Content-Length: 13", "v=0\r\no=\r\nmore", True),
        ("Content-Length: 14", "v=0\r\no=\r\nmore", False),
        ("Content-Length: 5\r\nContent-Length: 0", "v=0\r\n", True),
    ],
)
def test_a_body_is_as_long_as_its_header_says(length: str, body: str, complete: bool) -> None:
    text = "v=0\r\no=\r\nmore"
    message = read(f"SIP/2.0 200 OK\r\n{length}\r\nc: application/sdp\r\n\r\n{text}")
    assert (message.body, message.sdp, message.complete) == (body, body, complete)


def test_a_bodys_length_is_in_bytes() -> None:
    """Two for a letter with an accent in UTF-8, and one for each byte that is none of UTF-8."""
    head = "SIP/2.0 200 OK\r\nContent-Length: 7\r\n\r\n"
    assert read(head + "s=\u00e9\u00e9\n|rest").body == "s=\u00e9\u00e9\n"
    assert read(head + "s=\udce9\udce9\n12|rest").body == "s=\ufffd\ufffd\n12"
    assert read(head + "s=\u00e9\u00e9\n").complete
    assert not read(head + "s=\udce9\udce9\n1").complete


def test_lines_that_end_in_line_feeds_alone() -> None:
    message = read(BUSY.replace("\r\n", "\n"))
    assert (message.code, message.call_id) == (486, "abc@host")
    text = f"SIP/2.0 200 OK\nc: application/sdp\nl: {len(SDP)}\n\n{SDP}rest"
    assert read(text).sdp == SDP
    assert read(f"\r\n\r\n{text}").sdp == SDP


def test_a_dialog_is_known_by_its_names() -> None:
    message = read(
        "UPDATE sip:a@b SIP/2.0\r\n"
        'f: "a>;tag=no" <sip:a@b;tag=no>;x=y ; Tag = from-1;z=1\r\n'
        "t: sip:c@d;tag=to-1\r\ni: 17@b\r\nCSeq: 31  update\r\n\r\n"
    )
    assert (message.call_id, message.from_tag, message.to_tag) == ("17@b", "from-1", "to-1")
    assert message.cseq == (31, "UPDATE")
    nothing = read("OPTIONS sip:a SIP/2.0\r\nTo: <sip:a;tag=1>\r\nCSeq: x\r\n\r\n")
    assert (nothing.call_id, nothing.to_tag, nothing.cseq) == ("", "", (0, ""))


@pytest.mark.parametrize(
    "kind",
    [
        *("", "sdp", "application", "application/sdp;", "application / SDP", "application/sdp,"),
        *('"application/sdp"', "application/sdp;charset=utf-8", "application/sdp, application/sdp"),
    ],
)
def test_a_description_whose_type_is_written_oddly(kind: str) -> None:
    assert read(f"SIP/2.0 200 OK\r\nContent-Type: {kind}\r\n\r\n{SDP}").sdp == SDP


def test_other_bodies_are_no_description() -> None:
    assert read(f"SIP/2.0 200 OK\r\nContent-Type: text/plain\r\n\r\n{SDP}").sdp == ""
    assert read(f"SIP/2.0 200 OK\r\n\r\n{SDP}").sdp == ""


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", ("5", 160)),
        ("application/dtmf-relay", "Signal= #\r\nDuration= 90", ("#", 90)),
        ("application/dtmf-relay", "signal=11", ("#", 160)),
        ("application/dtmf-relay", "Signal=a\nDuration=99999", ("A", 60_000)),
        ("application/dtmf", "10", ("*", 160)),
        ("application/dtmf", "7\r\n", ("7", 160)),
        ("application/dtmf-relay", "Signal= 5\r\nDuration = 250", ("5", 250)),
        ("application/dtmf-relay", "\r\n signal : *\nDURATION=100 ms\n", ("*", 100)),
        ("Application/DTMF-Relay;x=y", "Signal=d\r\nd=80", ("D", 80)),
        ("application/dtmf-relay", "s=3\r\nd=160", ("3", 160)),
        ("application/dtmf-relay", 'Signal="7"\r\nDuration=0', ("7", 160)),
        ("application/dtmf-relay", "Signal=1\r\nDuration=long", ("1", 160)),
        ("application/dtmf", "Signal=4\r\nDuration=90\r\n", ("4", 90)),
        ("application/dtmf", " 9 \r\nd=160", ("9", 160)),
        ("application/dtmf", "d", ("D", 160)),
        ("application/dtmf", "#", ("#", 160)),
        ("application/dtmf", "", None),
        ("application/dtmf-relay", "", None),
        ("application/dtmf-relay", "Signal=", None),
        ("application/dtmf-relay", "Signal=16", None),
        ("application/dtmf-relay", "Duration=160", None),
        ("text/plain", "Signal=5", None),
    ],
)
def test_digit(kind: str, body: str, digit: tuple[str, int] | None) -> None:
    assert read(f"INFO sip:a SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}").digit == digit


def test_redacted() -> None:
    text = (
        "INVITE sip:a SIP/2.0\r\n"
        'Authorization: Digest username="u",\r\n response="0123"\r\n'
        'Proxy-authorization : Digest response="4567"\r\n'
        "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20\r\n"
        "To: <sip:a>\r\n"
    )
    clean = redact(text)
    assert "0123" not in clean
    assert "4567" not in clean
    assert "c2Vj" not in clean
    assert clean.endswith("To: <sip:a>\r\n")


PIECES = st.sampled_from(
    [
        *("SIP/2.0 ", "200", " OK", "\r\n", "\r\n\r\n", " ", "\t", ":", ";", "=", ",", '"', "--x"),
        *("Content-Type", "c", "application/sdp", "multipart/mixed;boundary=x", "Reason", "Q.850"),
        *("multipart/mixed;boundary=x\r\n\r\n", "--x\r\n", "--x--", "v=0\r\n", "Warning", ";text="),
        *(
            "Content-Length: ",
            "tag",
            "CSeq",
            "\n\n",
            "cause",
            "17",
            "application/dtmf-relay",
            "Signal",
            "Duration",
            "<sip:",
            "@",
            ">",
        ),
    ]
)


ANY_CHARACTER = st.characters(exclude_categories=())  # surrogates too: bytes that are no UTF-8


@given(st.one_of(st.text(ANY_CHARACTER), st.lists(PIECES).map("".join)))
def test_any_text_reads(text: str) -> None:
    message = read(text)
    assert isinstance(message, Message)
    assert message.code == 0 or 100 <= message.code < 700
    assert message.digit is None or message.digit[0] in "0123456789*#ABCD"
    assert isinstance(message.sdp, str)
    assert message.sdp in (message.body, "") or message.sdp.rstrip("\r\n") in message.body
    assert message.cseq[0] >= 0
    assert all(isinstance(each, str) for each in (message.from_tag, message.to_tag))
    assert message.body.encode() is not None
    assert redact(text).encode() is not None


@pytest.mark.parametrize(
    ("source", "host"),
    [("192.0.2.1:5060", "192.0.2.1"), ("[2001:db8::1]:5060", "2001:db8::1"), ("", "")],
)
def test_where_a_message_came_from(source: str, host: str) -> None:
    assert read("SIP/2.0 200 OK\r\n\r\n", source).source == host


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 18000;duration=3600", 18000),
        ("5 (I'm in a meeting)", 5),
        ("0", 0),
        ("soon", None),
        ("-1", None),
        ("9" * 11, None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: int | None) -> None:
    message = read(f"SIP/2.0 503 Service Unavailable\r\nRetry-After: {value}\r\n\r\n")
    assert message.retry_after == seconds


def test_no_retry_after() -> None:
    assert read("SIP/2.0 503 Service Unavailable\r\n\r\n").retry_after is None
