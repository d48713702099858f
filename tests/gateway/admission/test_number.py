"""What people type and copy, and the number that is dialled for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from gateway.admission.number import parse_prefix
from gateway.admission.target import parse_target
from gateway.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONDON = "+442079460000"


@pytest.mark.parametrize(
    "text",
    [
        "+44 20 7946 0000",
        "+44-20-7946-0000",
        "+44.20.7946.0000",
        "+44 (20) 7946/0000",
        "+44 [20] 7946 0000",
        "(+44) 20 7946 0000",
        "\t+44 20 7946 0000 ",
        "+44\u00a020\u00a07946\u00a00000",  # no-break spaces
        "+44\u202f20\u20097946\u30000000",  # narrow, thin and ideographic ones
        "+44\u201120\u20107946\u20130000",  # no-break hyphen, hyphen, en dash
        "+44\u201420\u22127946\u30fc0000",  # em dash, minus, the Japanese keyboard's
        "+44\u00b720\u20227946\u20270000",  # dots in the middle
        "+44 20 7946\u20440000",
        "\u202a+44 20 7946 0000\u202c",  # as Windows' contacts give it to the clipboard
        "\u200e+44 20 7946 0000\u200f",
        "\u2066+44\u00ad20\u200b7946\u200d0000\u2069",
        "\ufeff+44\u206020\u061c7946\ufe0f0000",
        "\uff0b\uff14\uff14\u3000\uff08\uff12\uff10\uff09\uff17\uff19\uff14\uff16\uff0d0000",
        "\ufe6244 20 7946 0000",
        "+44 (0)20 7946 0000",
        "+44(0)2079460000",
        "+44 ( 0 ) 20 7946 0000",
        "+44 [0] 20 7946 0000",
        "+44\u00a0\uff080\uff09\u00a020 7946 0000",
        "(+44) (0)20 7946 0000",
        "\u202d+44 (0) 20 7946\u20110000\u202c",
    ],
)
def test_a_number_has_one_spelling(text: str) -> None:
    assert parse_target(text) == LONDON


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0044 20 7946 0000", "00442079460000"),
        ("0044 (0)20 7946 0000", "00442079460000"),
        ("011 44 (0)20 7946 0000", "011442079460000"),
        ("44 (0)20 7946 0000", "442079460000"),
        ("(0)20 7946 0000", "02079460000"),
        ("020/7946/0000", "02079460000"),
        ("+49 (0) 30 / 1234-567", "+49301234567"),
        ("+49 (0)30 12", "+493012"),  # no number of the library's, but a country with 0 before all
        ("+34 (0)91 123 4567", "+34911234567"),
        ("+39 (0)6 12345678", "+390612345678"),  # Italy's numbers have their zero
        ("+39 (0)2 1234567", "+39021234567"),
        ("+39 06 12345678", "+390612345678"),
        ("+39 (0)347 1234567", "+393471234567"),  # but not its mobiles
        ("+378 (0)549 886377", "+3780549886377"),  # San Marino
    ],
)
def test_a_zero_in_parentheses_goes_where_it_is_not_dialled(text: str, number: str) -> None:
    assert parse_target(text) == number


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("+4402079460000", "dialled inside the country only; write +442079460000"),
        ("+44 020 7946 0000", "write +442079460000"),
        ("+44 02 07", "write +44207"),
        ("+44 (0)(0)20 7946 0000", "(0) belongs after a country's code alone"),
        ("+44 (0)020 7946 0000", "write +442079460000"),
        ("0044 (0)020 7946 0000", "write +442079460000"),
        ("+44 20 (0) 7946 0000", "(0) belongs after a country's code alone"),
        ("600 (0) 1", "(0) belongs after a country's code alone"),
        ("99 (0) 1234567", "(0) belongs after a country's code alone"),
        ("+39 (0)312 345 6789", "write +393123456789 or +3903123456789"),  # a mobile, and a line
        ("44 (0) 1", "whether (0) is dialled is not clear"),
        ("+1 (0) 555 123 4567", "write +15551234567 or +105551234567"),
        ("+7 (8) 495 123-45-67", "write +74951234567"),
        ("+7 8 495 123-45-67", "write +74951234567"),
        ("+36 (06) 1 234 5678", "write +3612345678"),
        ("+370 8 612 34567", "write +37061234567"),
        ("+1 1 202 555 0123", "write +12025550123"),
        ("+1 202 555 0123 x22", "send '22' as digits once it is answered"),
        ("+1 202 555 0123 ext. 22", "send '22' as digits"),
        ("+12025550123;ext=22", "send '22' as digits"),
        ("+12025550123,,22", "send '22' as digits"),
    ],
)
def test_what_could_be_a_wrong_number_is_refused_with_the_right_one(
    text: str, sentence: str
) -> None:
    with pytest.raises(TargetError, match=re.escape(sentence)):
        parse_target(text)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("\u0661\u0662\u0663", "Arabic-Indic"),
        ("+\u06f1\u06f2\u06f3", "Extended Arabic-Indic"),
        ("+1 555 \u0967\u0968\u0969", "Devanagari"),
        ("\u0e51\u0e52", "Thai"),
        ("\U0001d7ce1", "Mathematical Bold"),
        ("+1\u00b2", "Superscript"),
        ("+1\u2461", "Circled"),
        ("bob\u0662", "Arabic-Indic"),
    ],
)
def test_digits_of_other_scripts_are_refused_by_name(text: str, script: str) -> None:
    with pytest.raises(TargetError, match=f"one of the {script} digits: write 0 to 9"):
        parse_target(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("*72", "*72"),
        ("##1#", "##1#"),
        ("#31# 555 1234", "#31#5551234"),
        ("\uff0a98", "*98"),
        ("*21*600\uff03", "*21*600#"),
    ],
)
def test_feature_codes_pass(text: str, code: str) -> None:
    assert parse_target(text) == code


@pytest.mark.parametrize("text", ["*", "#", "**##", "+*72", "*67+12025550123", "1" * 32 + "#"])
def test_other_stars_and_hashes_do_not(text: str) -> None:
    with pytest.raises(TargetError):
        parse_target(text)


def examples() -> Iterator[str]:
    """A number of each type of each country, and of what is no country's."""
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in PhoneNumberType.values():
            if found := phonenumbers.example_number_for_type(region, kind):
                yield phonenumbers.format_number(found, PhoneNumberFormat.E164)
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        if found := phonenumbers.example_number_for_non_geo_entity(code):
            yield phonenumbers.format_number(found, PhoneNumberFormat.E164)


def test_numbers_of_every_country_pass_as_they_are() -> None:
    numbers = set(examples())
    assert len(numbers) > 1000
    assert [number for number in numbers if parse_target(number) != number] == []


def test_a_zero_in_parentheses_never_makes_a_wrong_number() -> None:
    """For every country: what is dialled is the number that the zero was put into, or nothing."""
    wrong = []
    for number in examples():
        parsed = phonenumbers.parse(number)
        code, rest = f"+{parsed.country_code}", number[1 + len(str(parsed.country_code)) :]
        written = f"{code} (0){rest.removeprefix('0')}"
        try:
            dialled = parse_target(written)
        except TargetError:
            continue
        if not phonenumbers.is_valid_number(phonenumbers.parse(dialled)):
            wrong.append((written, dialled))
    assert wrong == []


MARKS = "\u200b\u200e\u200f\u202a\u202c\u2066\u2069\ufeff\u00ad"
GAPS = st.text(" .-/\u00a0\u2011" + MARKS, max_size=2)


@given(st.from_regex(r"\+[1-9][0-9]{2,14}", fullmatch=True), st.lists(GAPS, min_size=16))
def test_what_separates_digits_changes_nothing(number: str, gaps: list[str]) -> None:
    written = "".join(digit + gap for digit, gap in zip(number, gaps, strict=False))
    assert result(written) == result(number)


def result(text: str) -> str:
    """What is dialled, or the sentence without what was typed."""
    try:
        return parse_target(text)
    except TargetError as error:
        return str(error).partition(": ")[2]


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("+44 20", "+4420"),
        ("+44 (0)20", "+4420"),
        ("0044 (0)20", "004420"),
        ("+39 (0)6", "+3906"),
        ("(0)20", "020"),
        ("+", "+"),
        ("", ""),
        ("*7", "*7"),
        ("Zoe.sales-", "Zoe.sales-"),
        ("+44\u201120", "+4420"),
        ("+44 (0)(0)", None),
        ("600 (0)", None),
        ("\u0661", None),
    ],
)
def test_prefixes_are_spelled_like_numbers(text: str, prefix: str | None) -> None:
    assert parse_prefix(text) == prefix
