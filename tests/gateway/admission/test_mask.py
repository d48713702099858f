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
        ("+44 (0)20\u20117946.0000", "+4402*******00"),
        ("12.34.56.78", "12****78"),
        ("6-0 0", "6*0"),
        ("-", "-"),
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
        ("from 10.0.0.1 and 10.0.0.2.", "from 10.0.0.1 and 10.0.0.2."),
        ("10.0.0.1 10.0.0.2, 100.64.0.0/10", "10.0.0.1 10.0.0.2, 100.64.0.0/10"),
        ("[::ffff:192.168.100.200]:5060", "[::ffff:192.168.100.200]:5060"),
        ("port 5060. 192.168.100.200", "port 5060. 192.168.100.200"),
        ("+1.202.555.01.23 x22", "+1202*****23 x22"),
        ("call 202.555.0123.", "call 2025****23."),
        ("call 01.23.45.67.89", "call 0123****89"),
        ("+192.168.100.200", "+1921******00"),
        ("192.168.100.300", "1921******00"),
        ("'+44\u2011(0)20\u20137946\u22120000x'", "'+4402*******00x'"),
        ("+1\u200b202\u200b555\u200b0123 x2", "+1202*****23 x2"),
        (repr("+1\u200b202\u00a0555\u200b0123 x2"), "'+1202*****23 x2'"),
        ("\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff12\uff13", "1202*****23"),
        ("\u0660\u0662\u0660\u0667\u0669\u0664\u0666\u0660", "02****60"),
        ("caf\u00e9 at 12:30, \u20112\u2011", "caf\u00e9 at 12:30, \u20112\u2011"),
        ("call 2026-13-0123", "call 2026****23"),
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
