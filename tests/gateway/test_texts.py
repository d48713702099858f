"""Admission and the trunk agree: what a page may write can always be sent."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.admission.fields import (
    MAX_HEADER_BYTES,
    parse_caller,
    parse_display_name,
    parse_headers,
)
from gateway.admission.target import parse_target
from gateway.errors import RequestError, TargetError
from gateway.trunk.address import TrunkUri, from_uri, plain_headers, request_uri

TRUNK = TrunkUri("192.0.2.1", 5060, "udp")
USERS = st.from_regex(r"[A-Za-z0-9*#_+.!~ ()-]{1,64}", fullmatch=True) | st.text(max_size=64)
NAMES = st.from_regex(r"[Xx]-[A-Za-z0-9-]{1,62}", fullmatch=True)
TEXTS = st.text() | st.text('"\\%;,=@\u200dé ')


@given(USERS)
@example("+1 (555) 123-4567")
@example("#31#600")
def test_an_admitted_target_and_caller_can_be_sent(text: str) -> None:
    try:
        to, caller = parse_target(text), parse_caller(text)
    except (TargetError, RequestError):
        return
    escaped = to.replace("#", "%23")  # nothing else needs it, RFC 3261 section 25.1
    assert f"sip:{escaped}@" in request_uri(to, TRUNK)
    assert f"sip:{escaped}@" in from_uri(caller, None, TRUNK)


@given(TEXTS)
@example('Bob "Bud" \\')
def test_an_admitted_display_name_can_be_sent(text: str) -> None:
    try:
        name = parse_display_name(text)
    except RequestError:
        return
    assert from_uri("100", name, TRUNK).endswith("<sip:100@192.0.2.1>")


@given(st.dictionaries(NAMES, TEXTS, max_size=16))
@example({"X-A": "x" * (MAX_HEADER_BYTES - 3)})
@example({"X-Json": '{"a": "b"}'})
def test_admitted_headers_can_be_sent(headers: dict[str, str]) -> None:
    try:
        admitted = parse_headers(headers)
    except RequestError:
        return
    assert plain_headers(admitted) == admitted
