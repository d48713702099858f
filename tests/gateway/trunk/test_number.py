"""How a trunk's numbers become E.164."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trunk.number import Rules, incoming_number

GERMAN = (("00", "+"), ("0", "+49"))
BARE = (("011", "+"), ("", "+"))


@pytest.mark.parametrize(
    ("rules", "written", "meant"),
    [
        (GERMAN, "0049301234", "+49301234"),
        (GERMAN, "0301234", "+49301234"),
        (GERMAN, "+15550100", "+15550100"),
        (GERMAN, "1001", "1001"),
        (GERMAN, "00", "+"),
        (GERMAN, "anonymous", "anonymous"),
        (GERMAN, "0ana", "0ana"),
        (GERMAN, "", ""),
        (GERMAN, "+1 (555) 010-0", "+15550100"),
        (GERMAN, "030-1234", "030-1234"),
        (BARE, "15550100", "+15550100"),
        (BARE, "+15550100", "+15550100"),
        (BARE, "01149301234", "+49301234"),
        ((("+", "00"),), "+15550100", "0015550100"),
        ((("0", ""),), "0", "0"),
        ((), "0301234", "0301234"),
        ((("0", "+49"), ("00", "+")), "0049301234", "+49049301234"),  # the first that fits
    ],
)
def test_incoming_number(rules: Rules, written: str, meant: str) -> None:
    assert incoming_number(rules, written) == meant


@given(st.text(max_size=40), st.sampled_from([(), GERMAN, BARE]))
def test_any_text_is_taken_and_none_gets_lost(written: str, rules: Rules) -> None:
    assert bool(incoming_number(rules, written)) == bool(written)


@given(st.from_regex(r"[0-9*#]{1,20}", fullmatch=True))
def test_no_rule_makes_a_second_plus(digits: str) -> None:
    assert incoming_number(BARE, digits).count("+") == 1
    assert incoming_number(BARE, f"+{digits}") == f"+{digits}"
