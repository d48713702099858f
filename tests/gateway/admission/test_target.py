from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.target import MAX_CHARACTERS, MAX_TYPED, parse_target
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
        ("callto:+15551234567", "a URI or a host is not accepted"),
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
        ("12~3", "is needed"),  # neither a number nor anybody's name
        ("_100", "is needed"),
        ("a" * (MAX_CHARACTERS + 1), "at most 64"),
        ("\u200b" * (MAX_TYPED + 1), "at most 256"),
    ],
)
def test_anything_else_is_refused_with_the_rule(text: str, rule: str) -> None:
    with pytest.raises(TargetError, match=re.escape(rule)):
        parse_target(text)


def test_the_error_shows_the_value() -> None:
    with pytest.raises(TargetError, match=re.escape(r"'6\r\n00'")):
        parse_target("6\r\n00")


SAFE = re.compile(
    r"\+[1-9][0-9]{2,14}|[0-9*#]{1,32}|[A-Za-z0-9*_][A-Za-z0-9*_+.!~-]{0,63}", re.ASCII
)

# What people's spellings are made of, and what stands in a URI
PIECES = st.sampled_from(
    [
        *("+", "00", "011", "44", "39", "1", "7", "(0)", "(8)", "0", "20", "7946", "0000", "911"),
        *(" ", "-", ".", "/", "(", ")", "[", "]", "\u00a0", "\u2011", "\u202c", "\u200f", "\ufeff"),
        *("\uff0b", "\uff11", "\uff08", "\u0661", "*", "#", "%23", "%2b", "%", "tel:", "TEL:"),
        *(
            ";phone-context=+44",
            ";ext=1",
            ";",
            "@",
            ":",
            "x",
            "ext",
            "alice",
            "_",
            "!",
            "~",
            "\r\n",
        ),
    ]
)
SPELLINGS = st.lists(PIECES, max_size=12).map("".join)


@given(st.text(max_size=80) | SPELLINGS)
def test_what_passes_is_safe_in_a_uri(text: str) -> None:
    try:
        target = parse_target(text)
    except TargetError:
        return
    assert SAFE.fullmatch(target)
    assert parse_target(target) == target
