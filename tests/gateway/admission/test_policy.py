from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.policy import Policy, matches
from gateway.admission.target import parse_target
from gateway.errors import ForbiddenError, TargetError

NO_PREFIX = "no prefix in admission.allow"
STARS = "codes with * and # need admission.feature_codes = true"


def policy(**settings: Any) -> Policy:
    return Policy(**{"allow": ("*",), **settings})


def check(admission: Policy, to: str, refusal: str | None) -> None:
    """Whether a target passes, or is refused with these words."""
    if refusal is None:
        admission.admit(to)
        return
    with pytest.raises(ForbiddenError) as refused:
        admission.admit(to)
    assert refusal in str(refused.value)
    assert to in str(refused.value)
    assert refused.value.sip_code == 403


@pytest.mark.parametrize(
    ("admission", "to", "refusal"),
    [
        (Policy(), "600", "admission.allow is empty"),
        (Policy(allow=("+1",)), "+15551234567", None),
        (Policy(allow=("+1",)), "+4420123456", NO_PREFIX),
        (Policy(allow=("+1",)), "15551234567", NO_PREFIX),
        (Policy(allow=("+1",)), "0015551234567", NO_PREFIX),
        (Policy(allow=("*",)), "anyone", None),
        (Policy(allow=("+44 (0)20",)), "+442079460000", None),
        (Policy(allow=("+44*",)), "+442079460000", None),
        (Policy(allow=("+4420*",)), "+441612345678", NO_PREFIX),
        (Policy(allow=("\u0661",)), "+442079460000", NO_PREFIX),
        (Policy(allow=("*9",)), "98", NO_PREFIX),
        (Policy(allow=("*9",)), "*98", STARS),
        (Policy(allow=("*9",), feature_codes=True), "*98", None),
        (Policy(allow=("*8",), feature_codes=True), "*98", NO_PREFIX),
        (Policy(allow=("*",), feature_codes=True), "##1#", None),
        (Policy(allow=("*",)), "600#", STARS),
        (Policy(allow=("*",), deny=("+1202",)), "+12025550123", "'+1202'"),
        (Policy(allow=("*",), deny=("+1202*",)), "+12025550123", "'+1202*'"),
        (Policy(allow=("*",), deny=("+1 (202)",)), "0012025550123", "'+1 (202)'"),
        (Policy(allow=("*",), deny=("+1202",)), "01112025550123", "'+1202'"),
        (Policy(allow=("*",), deny=("+1202",)), "12025550123", "'+1202'"),
        (Policy(allow=("*",), deny=("+1202",), country="US"), "2025550123", "'+1202'"),
        (Policy(allow=("*",), deny=("600",)), "600", "'600'"),
        (Policy(allow=("*",), deny=("*",)), "600", "admission.deny"),
        (Policy(allow=("+44",), country="GB"), "02079460000", None),
        (Policy(allow=("+44",), country="GB"), "00442079460000", None),
        (Policy(allow=("+44",), country="GB"), "0012025550123", NO_PREFIX),
        (Policy(allow=("0",), country="GB"), "02079460000", None),
    ],
)
def test_dial_plan(admission: Policy, to: str, refusal: str | None) -> None:
    check(admission, to, refusal)


@given(
    st.lists(st.text("+*0123", max_size=4)),
    st.lists(st.text("+*0123", max_size=4)),
    st.text("+0123"),
)
def test_a_denial_always_wins(allow: list[str], deny: list[str], to: str) -> None:
    admission = Policy(tuple(allow), (*deny, to[:3] or "*"))
    with pytest.raises(ForbiddenError):
        admission.admit(to)


@pytest.mark.parametrize(
    ("settings", "to", "refusal"),
    [
        ({}, "+19005551234", "a premium-rate number, which needs admission.premium = true"),
        ({"premium": True}, "+19005551234", None),
        ({"premium": True, "allow": ("+44",)}, "+19005551234", NO_PREFIX),
        ({"satellite": True}, "+19005551234", "admission.premium"),
        ({}, "+881612345678", "a satellite number, which needs admission.satellite = true"),
        ({"satellite": True}, "+881612345678", None),
        ({"premium": True}, "+881612345678", "admission.satellite"),
        ({}, "+448450000000", "a shared-cost number, which needs admission.shared_cost = true"),
        ({"shared_cost": True}, "+448450000000", None),
        ({}, "+447012345678", "a personal number, billed as its owner likes"),
        ({"premium": True}, "+447012345678", None),
        ({}, "+18005551234", None),
        ({"country": "GB"}, "09012345678", "read as +449012345678 it is a premium-rate number"),
        ({"country": "JP"}, "09012345678", None),
        ({}, "09012345678", "or set admission.country"),
        ({"emergency": False}, "911", "use a phone (admission.emergency = true would"),
        ({"allow": ("911",)}, "911", "use a phone"),
        ({"allow": (), "emergency": True}, "911", None),
        ({"emergency": True, "deny": ("911",)}, "911", "admission.deny"),
        ({"feature_codes": True}, "*911", "use a phone"),
        ({}, "+1911", "use a phone"),
        ({"country": "DE"}, "110", "use a phone"),
        ({}, "110", None),
        ({"country": "US"}, "9111", None),
        ({"country": "US"}, "411", "admission.short_codes does not list it"),
        ({"country": "US", "allow": (), "short_codes": ("411",)}, "411", None),
        ({"short_codes": ("411",)}, "118118", "admission.short_codes does not list it"),
        ({"short_codes": ("+44118118",)}, "+44118118", None),
        ({"country": "US"}, "600", None),
        ({"feature_codes": True}, "*6719005551234", "read as +19005551234"),
        ({"feature_codes": True}, "*67*19005551234#", "read as +19005551234"),
        ({"feature_codes": True}, "#31#0088161234567", "satellite"),
    ],
)
def test_what_has_to_be_allowed_by_name(
    settings: dict[str, Any], to: str, refusal: str | None
) -> None:
    check(policy(**settings), to, refusal)


PREMIUM_SPELLINGS = [
    *("+19005551234", "+1 (900) 555-1234", "+1.900.555.1234", "tel:+1-900-555-1234"),
    *("\uff0b\uff11\uff19\uff10\uff10\uff15\uff15\uff15\uff11\uff12\uff13\uff14",),
    *("\u202a+1\u00a0900\u2011555\u20111234\u202c", "19005551234", "1-900-555-1234"),
    *("9005551234", "(900) 555-1234", "0019005551234", "00 1 900/555/1234", "01119005551234"),
    *("001119005551234", "81019005551234", "01019005551234", "00719005551234"),
    *("0119005551234", "919005551234", "819005551234", "+190055512349", "0019005551234999"),
    *("1-900-CALL-NOW", "1900CALLNOW", "900-CALL-NOW", "*6719005551234", "*67*19005551234"),
    *("#31#19005551234", "tel:900-555-1234;phone-context=+1", "+101119005551234"),
]


@pytest.mark.parametrize("country", [None, "US", "CA"])
@pytest.mark.parametrize("text", PREMIUM_SPELLINGS)
def test_a_premium_number_is_one_in_every_spelling(text: str, country: str | None) -> None:
    admission = policy(country=country, feature_codes=True)
    check(admission, parse_target(text), "a premium-rate number")


def test_a_premium_number_behind_a_code_is_one_as_dialled_at_home() -> None:
    admission = policy(country="US", feature_codes=True)
    check(admission, "*679005551234", "read as +19005551234")


@pytest.mark.parametrize("text", ["0900 1123456", "+49 (0)900 1123456", "0049 (0)900 1123456"])
def test_a_german_premium_number_is_one_in_germany(text: str) -> None:
    check(policy(country="DE"), parse_target(text), "a premium-rate number")
    check(policy(), parse_target(text), "a premium-rate number")


@pytest.mark.parametrize(
    ("patterns", "to", "expected"),
    [
        ((), "+15551234567", False),
        (("+15551234567",), "+15551234567", True),
        (("+1 (555) 123-4567",), "+15551234567", True),
        (("+15551234567",), "+155512345678", False),
        (("+1555*",), "+15551234567", True),
        (("+1 555 *",), "+15551234567", True),
        (("+1555",), "+15551234567", False),
        (("+44 (0)20*",), "+442079460000", True),
        (("+44 (0)20 7946 0000",), "+442079460000", True),
        (("*",), "anyone", True),
        (("alice",), "alice", True),
        (("alice",), "alice2", False),
        (("alice.*",), "alice.smith", True),
        (("alice.*",), "alicesmith", False),
        (("*72",), "*72", True),
        (("*72",), "*721", False),
        (("", "\u0661*", "600 (0)*"), "600", False),
        (("+15551234567", "600"), "600", True),
        (("+15551234567",), "0015551234567", False),
    ],
)
def test_patterns_of_a_token(patterns: tuple[str, ...], to: str, expected: bool) -> None:
    assert matches(patterns, to) is expected


# What a switch dials that takes the code off, and who is called then
BEHIND_A_CODE = [
    ("+1 011 252 61 234567", "+1", "+25261234567"),
    ("+1 00 252 61 234567", "+1", "+25261234567"),
    ("+1 01 252 61 234567", "+1", "+25261234567"),
    ("+1 1 011 252 6123456", "+1", "+2526123456"),
    ("+1 00 252 61 2345678", "+1", "+252612345678"),
    ("+1 011 7 011 2526123", "+1", "+7"),
    ("+7 810 252 61 234567", "+7", "+25261234567"),
    ("+39 00 252 61 234567", "+39", "+25261234567"),
    ("1 011 252 61 234567", "1", "+25261234567"),
    ("00 1 011 252 61 234567", "00", "+25261234567"),
    ("011 1 011 252 61 234567", "0", "+25261234567"),
]


@pytest.mark.parametrize("country", [None, "US", "GB"])
@pytest.mark.parametrize(("text", "allowed", "number"), BEHIND_A_CODE)
def test_a_number_behind_a_code_is_allowed_by_itself(
    text: str, allowed: str, number: str, country: str | None
) -> None:
    to = parse_target(text)
    check(policy(allow=(allowed,), country=country), to, NO_PREFIX)
    check(policy(allow=(allowed, "+44"), country=country), to, NO_PREFIX)
    assert not matches((f"{allowed}*", "+44*", to), to, country)
    check(policy(allow=("*",), country=country), to, None)
    assert matches(("*",), to, country)
    check(policy(allow=("*",), deny=(number,), country=country), to, "admission.deny")


@pytest.mark.parametrize("country", [None, "US"])
def test_a_refusal_says_what_a_number_is_read_as(country: str | None) -> None:
    check(policy(allow=("+1",), country=country), "+101125261234567", "read as +25261234567")
    check(policy(allow=("+1", "+252"), country=country), "+101125261234567", None)
    assert matches(("+1*", "+252*"), "+101125261234567", country)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("+39 011 5612345", "+39"),  # Turin
        ("+39 011 5612345", "+39011"),
        ("+225 01 12 34 56 78", "+225"),  # a mobile telephone in Ivory Coast
        ("+1 202 555 0123", "+1"),
        ("1001234567", "100"),
        ("0012025550123", "00"),
        ("011 44 20 7946 0000", "011"),
    ],
)
def test_what_a_plan_has_hides_nothing(text: str, allowed: str) -> None:
    to = parse_target(text)
    check(policy(allow=(allowed,), deny=("+56",)), to, None)
    assert matches((f"{allowed}*",), to)


@pytest.mark.parametrize(
    ("to", "refusal"),
    [
        ("*67", None),
        ("*671234", None),
        ("*6712025550123", None),
        ("*670012025550123", None),
        ("*6700252612345678", "read as +252612345678"),
        ("*67011442079460000", "read as +442079460000"),
        ("*67*00442079460000#", "read as +442079460000"),
    ],
)
def test_a_number_behind_a_feature_code_is_allowed_by_itself(to: str, refusal: str | None) -> None:
    check(policy(allow=("*67", "+1"), feature_codes=True), to, refusal)
    assert matches(("*67*", "+1*"), to) is (refusal is None)
    assert matches(("*67*", "+*"), to)


def test_a_denial_holds_for_a_zero_of_home_and_for_digits_too_many() -> None:
    for to in ("004402079460000", "00440207946000012", "+44207946000012"):
        check(policy(deny=("+44207",)), to, "admission.deny")


@pytest.mark.parametrize(
    "pattern", [" *", "\u200b*", "\t*", "\u00a0 *", "()*", ".*", "- *", "", " ", "(0) (0)*"]
)
def test_a_pattern_of_which_nothing_is_left_matches_nothing(pattern: str) -> None:
    for to in ("+19005551234", "600", "alice", "*72", "0012025550123"):
        assert not matches((pattern,), to)
        check(policy(allow=(pattern,), premium=True, feature_codes=True), to, NO_PREFIX)
        check(policy(deny=(pattern,), premium=True, feature_codes=True), to, None)


def test_patterns_match_what_is_dialled_in_the_country() -> None:
    assert matches(("+442079460000",), "02079460000", "GB")
    assert matches(("+44*",), "00442079460000", "GB")
    assert not matches(("+44*",), "0012025550123", "GB")
    assert not matches(("+44*",), "600", "GB")


@given(st.text("+0123456789*#", max_size=34), st.sampled_from([None, "US", "GB", "IT", "RU"]))
def test_any_number_is_admitted_or_refused_with_a_key(text: str, country: str | None) -> None:
    try:
        to = parse_target(text)
    except TargetError:
        return
    matches((to, f"{to[:3]}*"), to, country)
    with suppress(ForbiddenError):
        policy(country=country, feature_codes=True).admit(to)
    with pytest.raises(ForbiddenError, match=r"admission\.\w+"):
        policy(allow=(), country=country).admit(to)


@pytest.mark.parametrize(
    ("policy", "to"),
    [
        (Policy(), "+15551234567"),
        (Policy(allow=("+44",)), "+15551234567"),
        (Policy(allow=("+1",), deny=("+1555",)), "+15551234567"),
        (Policy(allow=("*",), country="US"), "411"),
        (Policy(allow=("*",), country="US"), "911"),
        (Policy(allow=("*",)), "+19005550123"),
        (Policy(allow=("*",)), "*72"),
    ],
)
def test_no_browser_is_told_our_settings(policy: Policy, to: str) -> None:
    with pytest.raises(ForbiddenError) as refused:
        policy.admit(to)
    assert "admission." in str(refused.value)
    assert to in refused.value.said
    assert "admission" not in refused.value.said
