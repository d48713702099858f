from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.fields import parse_caller, parse_display_name, parse_headers
from gateway.errors import RequestError


def test_caller_follows_the_rules_of_to_under_its_own_name() -> None:
    assert parse_caller("+1 555 0001") == "+15550001"
    with pytest.raises(RequestError, match="`from` is 'sip:a@b'"):
        parse_caller("sip:a@b")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Alice", "Alice"),
        ("  Alice  ", "Alice"),
        ("", None),
        ("   ", None),
        ('Bob "Bud" O\'Neil \\', 'Bob "Bud" O\'Neil \\'),
        ("Zoë 张伟 🙂", "Zoë 张伟 🙂"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_any_printable_display_name_passes(text: str, name: str | None) -> None:
    assert parse_display_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "A\rB",
        "A\nB",
        "A\r\nX-Evil: 1",
        "A\x00",
        "A\x7f",
        "A<sip:x>",
        "A\u2028B",
        "A\u202eB",
        "\ud800",
    ],
)
def test_line_ends_controls_and_brackets_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"at position \d+: control characters, line ends"):
        parse_display_name(text)
    with pytest.raises(RequestError, match=r"`headers.X-A` has"):
        parse_headers({"X-A": text})


def test_display_name_has_a_limit() -> None:
    with pytest.raises(RequestError, match="65 characters: at most 64"):
        parse_display_name("a" * 65)


def test_headers_keep_their_order() -> None:
    assert parse_headers({"X-B": " 1 ", "x-a": "two words"}) == (("X-B", "1"), ("x-a", "two words"))


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({"Via": "x"}, "a name is X-"),
        ({"X-": "x"}, "a name is X-"),
        ({"X-A: b\r\nY": "x"}, "a name is X-"),
        ({"X-A\n": "x"}, "a name is X-"),
        ({"X-Ä": "x"}, "a name is X-"),
        ({"X-A": "1", "x-a": "2"}, "given twice"),
        ({f"X-{i}": "" for i in range(17)}, "at most 16"),
        ({"X-A": "é" * 511, "X-B": ""}, "1028 bytes: at most 1024"),
    ],
)
def test_other_headers_are_refused(headers: dict[str, str], rule: str) -> None:
    with pytest.raises(RequestError, match=re.escape(rule)):
        parse_headers(headers)


def test_an_endless_header_name_is_cut() -> None:
    with pytest.raises(RequestError) as refused:
        parse_headers({"Y" * 60_000: "x"})
    assert f"header {'Y' * 80!r}: a name is X-" in str(refused.value)


@given(st.dictionaries(st.text(max_size=70) | st.just("X-Id"), st.text(max_size=300), max_size=20))
def test_whatever_passes_cannot_start_a_header(headers: dict[str, str]) -> None:
    try:
        passed = parse_headers(headers)
    except RequestError:
        return
    assert not re.search(r"[\x00-\x1f\x7f<>]", "".join(name + value for name, value in passed))
