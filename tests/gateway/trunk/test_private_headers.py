"""Which X- headers pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.message import read
from gateway.trunk.private_headers import (
    EVERY,
    LONGEST,
    MOST,
    allowed,
    headers_for_page,
    headers_for_trunk,
)

SHOP = ("X-CustomerID", "X-Shop-*")


def for_page(patterns: tuple[str, ...], *lines: str) -> dict[str, str]:
    invite = read("\r\n".join(("INVITE sip:600@h SIP/2.0", *lines, "", "")))
    return dict(headers_for_page(invite, patterns))


@pytest.mark.parametrize(
    ("patterns", "passing"),
    [
        (EVERY, {"X-Customer-Id", "x-shop-floor", "X-Other"}),
        (SHOP, {"x-shop-floor"}),
        (("x-customer-id",), {"X-Customer-Id"}),
        (("X-O*",), {"X-Other"}),
        ((), set()),
        (("Via", "Subject"), set()),
    ],
)
def test_what_is_allowed(patterns: tuple[str, ...], passing: set[str]) -> None:
    headers = (("X-Customer-Id", "1"), ("x-shop-floor", "2"), ("X-Other", "3"), ("Via", "4"))
    assert {name for name, _ in allowed(headers, patterns)} == passing


def test_what_a_program_adds_by_itself_is_no_page_s() -> None:
    given = (("Subject", "1"), ("X-Shop-A", "2"), ("x-other", "3"))
    assert headers_for_trunk(given, SHOP) == given[:2]
    assert headers_for_trunk(given, ()) == given[:1]


def test_a_page_gets_the_names_as_the_list_has_them() -> None:
    lines = ("x-customerid: 7", "X-SHOP-FLOOR: 2", "X-Other: 3", "Subject: 4", "From: <sip:a@b>")
    assert for_page(SHOP, *lines) == {"X-CustomerID": "7", "X-Shop-Floor": "2"}
    assert for_page((), *lines) == {}


def test_of_two_headers_the_first_counts() -> None:
    assert for_page(EVERY, "X-A: 1", "x-a: 2") == {"X-A": "1"}


def test_a_trunk_sends_a_page_no_more_than_a_page_may_send() -> None:
    assert len(for_page(EVERY, *(f"X-{number}: 1" for number in range(100)))) == MOST
    found = for_page(EVERY, "X-Long: " + "é" * LONGEST, "X-Short: 1")
    assert found == {"X-Short": "1"}


def test_no_control_character_comes_through() -> None:
    assert for_page(EVERY, "X-A: a\x00b\x1b[31m\u2028c") == {"X-A": "ab[31mc"}


@given(st.text(max_size=200))
def test_any_message_is_read(text: str) -> None:
    for name, value in headers_for_page(read(f"INVITE sip:a SIP/2.0\r\nX-{text}"), EVERY):
        assert name.lower().startswith("x-")
        assert value.encode() is not None
