"""What the world's numbering plans say, as the library phonenumbers knows them.

One place asks the library, and only once a number is there: a process that places no call never
loads it. Importing it takes some 30 ms, and each country's plan a few more on its first number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from phonenumbers import PhoneNumber

NOWHERE = "001"  # the library's region of codes that belong to no country, such as +800

# What is dialled before a country's code nearly everywhere, whatever that country's plan says
ABROAD = ("00", "011")
NORTH_AMERICA = "1"
# The US and its territories, and Canada: most carriers have one price for all of them
_NORTH_AMERICAN_PRICE = frozenset({"US", "CA", "PR", "VI", "GU", "MP", "AS"})
_REMEMBERED = 4096  # numbers; one call asks several times for each of its readings


class Kind(Enum):
    """What the library says of a number."""

    ORDINARY = auto()
    TOLL_FREE = auto()
    PREMIUM = auto()
    SHARED_COST = auto()
    PERSONAL = auto()
    PAGER = auto()


@dataclass(frozen=True, slots=True)
class Plan:
    """A number as a plan reads it: `number` in E.164, `kind` None where the plan has no such."""

    number: str
    kind: Kind | None
    region: str

    @property
    def valid(self) -> bool:
        return self.kind is not None


@cache
def _library() -> ModuleType:
    import phonenumbers

    return phonenumbers


@cache
def _kinds() -> dict[int, Kind]:
    types = _library().PhoneNumberType
    return {
        types.TOLL_FREE: Kind.TOLL_FREE,
        types.PREMIUM_RATE: Kind.PREMIUM,
        types.SHARED_COST: Kind.SHARED_COST,
        types.PERSONAL_NUMBER: Kind.PERSONAL,
        types.PAGER: Kind.PAGER,
    }


def prepare() -> None:
    """Load what the first number would wait for; a server does so before it takes calls."""
    for number in ("+12025550123", "+442079460000"):
        look_up(number)


def country_code(digits: str) -> str | None:
    """Return the country code that E.164 digits begin with."""
    if not digits.isdigit() or digits.startswith("0"):
        return None
    codes = _library().COUNTRY_CODE_TO_REGION_CODE
    return next((digits[:n] for n in (1, 2, 3) if int(digits[:n]) in codes), None)


def national_prefix(code: str) -> str | None:
    """Return what is dialled before national numbers in the country of a code, such as 0."""
    region = _region(int(code))
    if region == NOWHERE:
        return None
    metadata = _library().PhoneMetadata.metadata_for_region(region)
    prefix: str | None = metadata and metadata.national_prefix
    return prefix


@cache
def _abroad_of(code: str) -> tuple[re.Pattern[str], ...]:
    library = _library()
    patterns = set(ABROAD)
    for region in library.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()):
        metadata = library.PhoneMetadata.metadata_for_region(region)
        if metadata is not None and metadata.international_prefix is not None:
            patterns.add(metadata.international_prefix)
    if code == NORTH_AMERICA:
        patterns.add("01")  # by way of an operator
    return tuple(re.compile(pattern) for pattern in sorted(patterns))


def after_prefix_for_abroad(code: str, digits: str) -> Iterator[str]:
    """Return what is left of digits without what is dialled before a country's code.

    Parameters
    ----------
    code
        Of the country in which they are dialled. Some have a prefix of their own (810 in Russia).
    """
    for pattern in _abroad_of(code):
        found = pattern.match(digits)
        if found is not None:
            yield digits[found.end() :]


@cache
def lengths(code: str) -> tuple[int, ...]:
    """Return how many digits may follow a country's code, the most first."""
    library, region = _library(), _region(int(code))
    metadata = (
        library.PhoneMetadata.metadata_for_nongeo_region(int(code))
        if region == NOWHERE
        else library.PhoneMetadata.metadata_for_region(region)
    )
    return tuple(sorted(metadata.general_desc.possible_length, reverse=True))


def dialled_at_home(number: str) -> str | None:
    """Return how a number that exists is dialled within its country, None where it has none."""
    library = _library()
    plan = look_up(number)
    if plan is None or not plan.valid or plan.region == NOWHERE:
        return None
    written = library.format_number(library.parse(number, None), library.PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, written))


@cache
def dear_north_american_areas() -> tuple[str, ...]:
    """Return the area codes of +1 that are abroad for all who dial them from North America."""
    library = _library()
    areas = []
    for region in library.COUNTRY_CODE_TO_REGION_CODE[int(NORTH_AMERICA)]:
        metadata = library.PhoneMetadata.metadata_for_region(region)
        if region not in _NORTH_AMERICAN_PRICE and metadata.leading_digits is not None:
            codes = re.compile(metadata.leading_digits)
            areas += [str(area) for area in range(200, 1000) if codes.fullmatch(str(area))]
    return tuple(sorted(areas))


def look_up(number: str) -> Plan | None:
    """Read a number with its +; None when it begins with no country's code or is far too short."""
    return _read(number, None)


def look_up_dialled(digits: str, country: str) -> Plan | None:
    """Read what is dialled in a country: national, or with its prefix for abroad."""
    return _read(digits, country)


@lru_cache(_REMEMBERED)
def _read(text: str, country: str | None) -> Plan | None:
    library = _library()
    try:
        parsed = library.parse(text, country)
    except library.NumberParseException:
        return None
    kind = None
    if library.is_valid_number(parsed):
        kind = _kinds().get(library.number_type(parsed), Kind.ORDINARY)
    written = library.format_number(parsed, library.PhoneNumberFormat.E164)
    return Plan(written, kind, _region(parsed.country_code))


def _region(code: int) -> str:
    region: str = _library().region_code_for_country_code(code)
    return region


def is_emergency(digits: str, country: str) -> bool:
    """Whether these digits, as they stand, call for help in a country.

    A call is sent en bloc, so 9111 is a number of its own; `connects_to_emergency_number` would
    have it be 911, as a telephone line does that listens to one digit after the other.
    """
    result: bool = _library().is_emergency_number(digits, country)
    return result


def is_short(digits: str, country: str) -> bool:
    """Whether these digits are a short code that one can call in a country.

    Left out are codes of text messages, and longer ones that only some carriers serve: in the US
    that is nearly every number of four or five digits, which a PBX has as extensions.
    """
    library = _library()
    try:
        parsed: PhoneNumber = library.parse(digits, country)
    except library.NumberParseException:
        return False
    if not library.is_valid_short_number_for_region(parsed, country):
        return False
    if library.is_sms_service_for_region(parsed, country):
        return False
    few = library.shortnumberinfo.is_carrier_specific_for_region(parsed, country)
    return len(digits) == 3 or not few


def vanity(text: str) -> str:
    """Return text with the digits of a telephone's keys in place of letters."""
    digits: str = _library().convert_alpha_characters_in_number(text)
    return digits
