from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.target import MAX_CHARACTERS, parse_target
from gateway.errors import TargetError


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("+15551234567", "+15551234567"),
        ("+1 (555) 123-45.67", "+15551234567"),
        ("+1\u00a0555\u00a01234567", "+15551234567"),
        ("600", "600"),
        ("0", "0"),
        ("0049 30 123456", "004930123456"),
        ("alice", "alice"),
        ("Alice.Smith-2", "Alice.Smith-2"),
        ("*98", "*98"),
        ("12*3", "12*3"),
        ("1" * 32, "1" * 32),
    ],
)
def test_numbers_and_users_pass(text: str, target: str) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "is needed"),
        ("+", "is needed"),
        ("+0123456", "the first not 0"),
        ("++1555123", "the first not 0"),
        ("+" + "1" * 16, "3 to 15 digits"),
        ("1" * 33, "1 to 32 digits"),
        ("sip:alice@example.com", "a URI or a host is not accepted"),
        ("alice@example.com", "a URI or a host is not accepted"),
        ("tel:+15551234567", "a URI or a host is not accepted"),
        ("600;transport=tcp", "is needed"),
        ("600?X-A=b", "is needed"),
        ("%2b15551234567", "is needed"),
        ("600\r\nX-Evil: 1", "a URI or a host is not accepted"),
        ("600\r\n", "is needed"),
        ("600\n", "is needed"),
        ("<600>", "is needed"),
        ('"600"', "is needed"),
        ("alice bob", "is needed"),
        ("ålice", "is needed"),
        ("\u0661\u0662\u0663", "is needed"),  # Arabic digits are digits to Python, not to a trunk
        ("a" * (MAX_CHARACTERS + 1), "at most 64"),
    ],
)
def test_anything_else_is_refused_with_the_rule(text: str, rule: str) -> None:
    with pytest.raises(TargetError, match=re.escape(rule)):
        parse_target(text)


def test_the_error_shows_the_value() -> None:
    with pytest.raises(TargetError, match=re.escape(r"'6\r\n00'")):
        parse_target("6\r\n00")


@given(st.text(max_size=80))
def test_what_passes_is_safe_in_a_uri(text: str) -> None:
    try:
        target = parse_target(text)
    except TargetError:
        return
    assert re.fullmatch(r"[A-Za-z0-9*_+.!~-]{1,64}", target, re.ASCII)
    assert parse_target(target) == target


@given(st.from_regex(r"\+[1-9][0-9]{2,14}", fullmatch=True), st.data())
def test_separators_change_nothing(number: str, data: st.DataObject) -> None:
    gaps = data.draw(
        st.lists(st.sampled_from(["", " ", ".", "-", "(", ")"]), min_size=16, max_size=16)
    )
    written = "".join(digit + gap for digit, gap in zip(number, gaps, strict=False))
    assert parse_target(written) == number
