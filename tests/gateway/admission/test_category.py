"""What the library says of numbers, and where its word is not the last one."""

from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from gateway.admission import numbering
from gateway.admission.category import Category, categories, category_of
from gateway.admission.dialing import as_e164, names_of, readings

ORDINARY, TOLL_FREE = Category.ORDINARY, Category.TOLL_FREE
PREMIUM, SATELLITE, SHARED = Category.PREMIUM, Category.SATELLITE, Category.SHARED_COST
PERSONAL, SHORT, HELP = Category.PERSONAL, Category.SHORT_CODE, Category.EMERGENCY


@pytest.mark.parametrize(
    ("number", "category"),
    [
        ("+442079460000", ORDINARY),
        ("+443001234567", ORDINARY),  # UAN: a line's price, by Ofcom's rule
        ("+12025550123", ORDINARY),
        ("+18705551234", ORDINARY),  # Arkansas, and not +870
        ("+18085551234", ORDINARY),  # Hawaii
        ("+15551234567", None),
        ("+999123456789", None),
        ("+18005551234", TOLL_FREE),
        ("+80012345678", TOLL_FREE),
        ("+19005551234", PREMIUM),
        ("+1900555", PREMIUM),  # however long
        ("+190055512349", PREMIUM),
        ("+12129761234", PREMIUM),  # a 976 exchange
        ("+979123456789", PREMIUM),
        ("+9791234", PREMIUM),
        ("+449012345678", PREMIUM),
        ("+4490123456789", PREMIUM),  # a digit too many, which a switch ignores
        ("+448712345678", PREMIUM),
        ("+447640123456", PREMIUM),  # a pager
        ("+499001123456", PREMIUM),
        ("+33899123456", PREMIUM),
        ("+881612345678", SATELLITE),
        ("+8816123456", SATELLITE),
        ("+870773111234", SATELLITE),
        ("+871123456789", SATELLITE),
        ("+882161234567", SATELLITE),
        ("+883510012345678", SATELLITE),
        ("+16005551234", SATELLITE),
        ("+448450000000", SHARED),
        ("+448430000000", SHARED),
        ("+80812345678", SHARED),
        ("+491801234567", SHARED),
        ("+33810123456", SHARED),
        ("+15005551234", PERSONAL),
        ("+447012345678", PERSONAL),
        ("+8781012345678", PERSONAL),
        ("+1911", HELP),
        ("+49112", HELP),
        ("+44999", HELP),
        ("+44118118", SHORT),
        ("+1411", SHORT),
    ],
)
def test_what_a_number_is(number: str, category: Category | None) -> None:
    assert category_of(number) is category


def test_the_library_says_what_our_exceptions_are_made_for() -> None:
    """An exception that the library has come to share can go."""

    def kind(number: str) -> int:
        return phonenumbers.number_type(phonenumbers.parse(number))

    assert kind("+881612345678") == PhoneNumberType.MOBILE
    assert kind("+882161234567") == PhoneNumberType.VOIP
    assert kind("+16005551234") == PhoneNumberType.VOIP
    assert kind("+448450000000") == PhoneNumberType.PREMIUM_RATE
    assert kind("+12129761234") == PhoneNumberType.FIXED_LINE_OR_MOBILE
    assert kind("+4490123456789") == PhoneNumberType.UNKNOWN
    assert phonenumbers.connects_to_emergency_number("9111", "US")
    assert phonenumbers.is_valid_short_number_for_region(phonenumbers.parse("2000", "US"), "US")


@pytest.mark.parametrize(
    ("to", "country", "category"),
    [
        ("911", None, HELP),
        ("112", None, HELP),
        ("110", None, None),  # an extension, as long as nobody says where
        ("110", "DE", HELP),
        ("112", "DE", HELP),
        ("911", "US", HELP),
        ("*911", "US", HELP),
        ("911#", "US", HELP),
        ("999", "GB", HELP),
        ("911", "DE", None),
        ("9111", "US", None),  # one number that begins so
        ("9111", None, None),
        ("9112", "US", None),
        ("1124", "DE", None),
        ("112233", "GB", None),
        ("411", "US", SHORT),
        ("511", "US", SHORT),
        ("2000", "US", None),  # some carrier's service; a PBX has it as an extension
        ("22000", "US", None),  # for text messages
        ("118118", "GB", SHORT),
        ("118118", None, SHORT),
        ("11833", None, SHORT),
        ("118", None, None),
        ("3900", "FR", SHORT),
        ("600", None, None),
        ("600", "US", None),
        ("alice", "US", None),
        ("*72", "US", None),
    ],
)
def test_short_numbers(to: str, country: str | None, category: Category | None) -> None:
    assert list(categories(to, country)) == ([] if category is None else [category])


def test_premium_numbers_of_every_country_are_premium_as_dialled_there_and_abroad() -> None:
    """Shared cost in Britain (084), and the personal numbers that some plans have among them."""
    missed = []
    for region in phonenumbers.SUPPORTED_REGIONS:
        number = phonenumbers.example_number_for_type(region, PhoneNumberType.PREMIUM_RATE)
        if number is None:
            continue
        abroad = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        written = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        home = "".join(filter(str.isdigit, written))
        spellings: list[tuple[str, str | None]]
        spellings = [(abroad, None), (f"00{abroad[1:]}", None), (f"011{abroad[1:]}", None)]
        spellings += [(abroad[1:], None), (home, region)]
        for to, country in spellings:
            if PREMIUM not in categories(to, country):
                missed.append((region, to, country))
    assert missed == []


@pytest.mark.parametrize(
    ("to", "country", "number"),
    [
        ("+442079460000", None, "+442079460000"),
        ("00442079460000", None, "+442079460000"),
        ("011442079460000", None, "+442079460000"),
        ("02079460000", "GB", "+442079460000"),
        ("2079460000", "GB", "+442079460000"),
        ("02079460000", None, None),
        ("2025550123", "US", "+12025550123"),
        ("12025550123", "US", "+12025550123"),
        ("600", "US", None),
        ("alice", "US", None),
        ("*72", "US", None),
    ],
)
def test_one_name_for_a_number(to: str, country: str | None, number: str | None) -> None:
    assert as_e164(to, country) == number


@pytest.mark.parametrize(
    ("to", "country", "names"),
    [
        ("+442079460000", None, ["+442079460000"]),
        ("442079460000", None, ["+442079460000"]),
        ("00442079460000", None, ["+442079460000"]),
        ("004402079460000", None, ["+442079460000"]),
        ("02079460000", "GB", ["+442079460000"]),
        ("02079460000", None, ["+442079460000"]),
        ("+4420794600001", None, ["+442079460000"]),
        ("00442079460000123", "GB", ["+442079460000"]),
        ("9442079460000", None, ["+442079460000"]),
        ("9011442079460000", None, ["+442079460000"]),
        ("*67442079460000", None, ["+442079460000"]),
        ("12025550123", None, ["+12025550123"]),
        ("2025550123", "US", ["+12025550123"]),
        ("+390115612345", None, ["+390115612345"]),  # 011 is Turin
        ("+99912345678", None, ["+99912345678"]),
        ("600", None, ["600"]),
        ("alice", None, ["alice"]),
        ("*72", "US", ["*72"]),
    ],
)
def test_names_under_which_a_number_counts(to: str, country: str | None, names: list[str]) -> None:
    assert names_of(to, country) == names


@pytest.mark.parametrize("country", [None, "US", "GB"])
def test_a_number_behind_a_code_counts_as_well(country: str | None) -> None:
    first, *others = names_of("+1011442079460000", country)
    assert first == "+442079460000"
    assert "+1011442079460000" in others


@pytest.mark.parametrize("to", ["7001234567", "0998001234567", "55512345678901"])
def test_digits_that_may_be_a_number_are_none_of_the_house(to: str) -> None:
    assert all(name.startswith("+") for name in names_of(to, None))


def test_a_number_that_the_country_has_is_no_other() -> None:
    assert [each.number for each in readings("09012345678", "JP")] == ["+819012345678"]
    assert PREMIUM in categories("09012345678", None)  # in Britain
    assert PREMIUM in categories("9005551234", None)  # in the US
    assert list(categories("9005551234", "IN")) == [ORDINARY]


@pytest.mark.parametrize(
    ("to", "category"),
    [
        ("8705551234", PREMIUM),  # 0870 in Britain, but without the 0
        ("004955500123456", PREMIUM),  # Germany's, and Brazil's without 0049
        ("980812345678", SHARED),  # +808 behind a 9: that is not dear enough to guess at
    ],
)
def test_what_little_speaks_for_does_not_count(to: str, category: Category) -> None:
    assert category not in categories(to, None)


def test_prepare_loads_plans() -> None:
    numbering.prepare()
    assert numbering.country_code("442079460000") == "44"


def test_extensions_have_no_readings() -> None:
    assert readings("600", None) == readings("190055", "US") == readings("alice", None) == []
