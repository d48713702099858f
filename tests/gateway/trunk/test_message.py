"""Reading SIP messages: what trunks send, and anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import Message, name_address, read, redact, request_user

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
    assert message.q850 == 17
    assert message.sdp == ""


def test_request() -> None:
    message = read("BYE sip:a@b SIP/2.0\r\nReason: Q.850;cause=16\r\n\r\n")
    assert (message.code, message.reason, message.method) == (0, "", "BYE")
    assert message.q850 == 16


@pytest.mark.parametrize("value", ["Q.850", "Q.850;cause=x", "Q.850;cause=999", "SIP;cause=200"])
def test_no_isup_cause(value: str) -> None:
    assert read(f"BYE sip:a SIP/2.0\r\nReason: {value}\r\n\r\n").q850 is None


def test_two_reasons_in_one_header() -> None:
    message = read("BYE sip:a SIP/2.0\r\nReason: SIP;cause=200, q.850;cause=31\r\n\r\n")
    assert message.q850 == 31


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
        ("application/dtmf-relay", "Signal=16", None),
        ("application/dtmf-relay", "Duration=160", None),
        ("text/plain", "Signal=5", None),
    ],
)
def test_digit(kind: str, body: str, digit: tuple[str, int] | None) -> None:
    assert read(f"INFO sip:a SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}").digit == digit


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"Ana Lima" <sip:+1555@a.example;user=phone>;tag=1', ("Ana Lima", "+1555")),
        ("Ana <sip:ana@a.example>;tag=1", ("Ana", "ana")),
        ("sip:bob@a.example;tag=1", ("", "bob")),
        ("<sips:a%20b:secret@h>", ("", "a b")),
        ("<sip:host.example>", ("", "")),
        ("<tel:+1555>", ("", "")),
        ("", ("", "")),
    ],
)
def test_name_address(value: str, expected: tuple[str, str]) -> None:
    assert name_address(value) == expected


def test_request_user() -> None:
    assert request_user("INVITE sip:600@127.0.0.1:5060;transport=udp SIP/2.0") == "600"
    assert request_user("INVITE") == ""


def test_redacted() -> None:
    text = (
        "INVITE sip:a SIP/2.0\r\n"
        'Authorization: Digest username="u",\r\n response="0123"\r\n'
        'Proxy-authorization : Digest response="4567"\r\n'
        "To: <sip:a>\r\n"
    )
    clean = redact(text)
    assert "0123" not in clean
    assert "4567" not in clean
    assert clean.endswith("To: <sip:a>\r\n")


PIECES = st.sampled_from(
    [
        *("SIP/2.0 ", "200", " OK", "\r\n", "\r\n\r\n", " ", "\t", ":", ";", "=", ",", '"', "--x"),
        *("Content-Type", "c", "application/sdp", "multipart/mixed;boundary=x", "Reason", "Q.850"),
        *("cause", "17", "application/dtmf-relay", "Signal", "Duration", "<sip:", "@", ">"),
    ]
)


ANY_CHARACTER = st.characters(exclude_categories=())  # surrogates too: bytes that are no UTF-8


@given(st.one_of(st.text(ANY_CHARACTER), st.lists(PIECES).map("".join)))
def test_any_text_reads(text: str) -> None:
    message = read(text)
    assert isinstance(message, Message)
    assert message.code == 0 or 100 <= message.code < 700
    assert message.q850 is None or 1 <= message.q850 <= 127
    assert message.digit is None or message.digit[0] in "0123456789*#ABCD"
    assert isinstance(message.sdp, str)
    assert all(isinstance(part, str) for part in (*name_address(text), request_user(text)))
    assert message.body.encode() is not None
    assert redact(text).encode() is not None


@pytest.mark.parametrize(
    ("source", "host"),
    [("192.0.2.1:5060", "192.0.2.1"), ("[2001:db8::1]:5060", "2001:db8::1"), ("", "")],
)
def test_where_a_message_came_from(source: str, host: str) -> None:
    assert read("SIP/2.0 200 OK\r\n\r\n", source).source == host
