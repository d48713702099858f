from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.mask import mask, mask_text


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+15551234567", "+1555*****67"),
        ("15551234567", "1555*****67"),
        ("+442079460000", "+4420******00"),
        ("+1234567", "+12***67"),
        ("123456", "1****6"),
        ("600", "6*0"),
        ("12", "**"),
        ("1", "*"),
        ("", ""),
        ("alice", "alice"),
        ("sales-15551234567", "sales-1555*****67"),
        ("*21*15551234567#", "*21*1555*****67#"),
    ],
)
def test_the_middle_goes(number: str, masked: str) -> None:
    assert mask(number) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("+15551234567 may not be called", "+1555*****67 may not be called"),
        ("`to` is '+1 (555) 123-4567'", "`to` is '+1555*****67'"),
        ("from 192.168.100.200:5060", "from 192.168.100.200:5060"),
        ("blocked until 2026-03-01T12:00:00Z", "blocked until 2026-03-01T12:00:00Z"),
        ("call 2026-03-0112", "call 2026****12"),
        ("at most 20 are allowed in 3600 s", "at most 20 are allowed in 3600 s"),
    ],
)
def test_sentences_keep_all_but_numbers(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@given(st.from_regex(r"\+?[0-9]{7,32}", fullmatch=True))
def test_no_more_than_six_digits_stay(number: str) -> None:
    masked = mask(number)
    assert len(masked) == len(number)
    assert sum(c.isdigit() for c in masked) <= 6
    assert mask_text(f"call {number}!") == f"call {masked}!"
