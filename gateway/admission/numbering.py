"""What the world's numbering plans say, as the library phonenumbers knows them.

One place asks the library, and only once a number is there: a process that places no call never
loads it. Importing it takes some 30 ms, and each country's plan a few more on its first number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from phonenumbers import PhoneNumber

NOWHERE = "001"  # the library's region of codes that belong to no country, such as +800


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


def look_up(number: str) -> Plan | None:
    """Read a number with its +; None when it begins with no country's code or is far too short."""
    return _read(number, None)


def look_up_dialled(digits: str, country: str) -> Plan | None:
    """Read what is dialled in a country: national, or with its prefix for abroad."""
    return _read(digits, country)


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
