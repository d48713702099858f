"""What a number costs or reaches, as far as its digits tell.

The library phonenumbers decides, except where it names a thing by another name than those who pay
for it; each exception says why.
"""

from __future__ import annotations

import re
from enum import Enum

from gateway.admission import numbering
from gateway.admission.dialing import SHORTEST, readings
from gateway.admission.numbering import Kind


class Category(Enum):
    """Each with the words that a refusal says."""

    ORDINARY = "an ordinary number"
    TOLL_FREE = "a toll-free number"
    PREMIUM = "a premium-rate number"
    SATELLITE = "a satellite number"
    SHARED_COST = "a shared-cost number"
    PERSONAL = "a personal number, billed as its owner likes"
    SHORT_CODE = "a short code"
    EMERGENCY = "an emergency number"


DEAR = frozenset({Category.PREMIUM, Category.SATELLITE})
"""What a page is not given the benefit of the doubt about."""

# Networks that are no country's: Inmarsat (its old codes 871 to 874 as well), GMSS (Iridium,
# Globalstar), and the shared codes 882 and 883 of Thuraya, ships and aircraft. Not all behind the
# latter is a satellite, but all is billed like one. The library has +881 as MOBILE, +882 as VOIP.
_SATELLITE = re.compile(r"\+(?:87[0-4]|88[1-3])")
# Canada's 600 reaches satellite telephones, at the caller's cost; the library has it as VOIP
_SATELLITE_IN_CANADA = re.compile(r"\+16(?:00|22|33|44|55|77|88)[2-9][0-9]{6}")
_PREMIUM = re.compile(r"\+979|\+1900")  # however many digits follow
_PREMIUM_SURELY = re.compile(r"\+1900[2-9][0-9]{6}")  # and more, which a switch ignores
# Information services of the North American plan: any area's 976. To the library they are lines.
_PREMIUM_EXCHANGE = re.compile(r"\+1[2-9][0-9]{2}976[0-9]{4}")
_UNIVERSAL_PERSONAL = re.compile(r"\+878")
_SHARED_COST_ABROAD = re.compile(r"\+808")
# Ofcom calls 084 and 087 "business rate". 084 costs at most 7 p a minute: that is shared, though
# the library says PREMIUM_RATE. 087 goes up to 13 p, and stays premium.
_SHARED_COST_IN_BRITAIN = re.compile(r"\+4484")

_BY_PREFIX = (
    (_SATELLITE, Category.SATELLITE),
    (_SATELLITE_IN_CANADA, Category.SATELLITE),
    (_PREMIUM, Category.PREMIUM),
    (_PREMIUM_EXCHANGE, Category.PREMIUM),
    (_SHARED_COST_ABROAD, Category.SHARED_COST),
    (_UNIVERSAL_PERSONAL, Category.PERSONAL),
)

_OF_KIND = {
    Kind.ORDINARY: Category.ORDINARY,
    Kind.TOLL_FREE: Category.TOLL_FREE,
    Kind.PREMIUM: Category.PREMIUM,
    Kind.PAGER: Category.PREMIUM,  # whoever carries a pager does not pay for it
    Kind.SHARED_COST: Category.SHARED_COST,
    Kind.PERSONAL: Category.PERSONAL,
}

# Where no country is set: what calls for help in most of the world
_HELP = frozenset({"112", "911", "999", "000"})
# And the directories of Europe, 118 and two or three digits (Commission decision 2007/116/EC has
# the free ones, 116): some cost more than any premium number
_DIRECTORY = re.compile(r"118[0-9]{2,3}")


def categories(to: str, country: str | None) -> dict[Category, str]:
    """Return all that a parsed target may be, each with the number by which it is.

    Parameters
    ----------
    to
        What `parse_target` has passed.
    country
        Two letters: whose numbers are dialled; None where nobody has said.
    """
    found: dict[Category, str] = {}
    alone = to.strip("*#")
    if _is_emergency(alone, country):
        found[Category.EMERGENCY] = to
    elif _is_short(alone, country):
        found[Category.SHORT_CODE] = to
    for reading in readings(to, country):
        category = category_of(reading.number, sure=reading.sure)
        if category is not None and (category in DEAR or not reading.guessed):
            found.setdefault(category, reading.number)
    return found


def category_of(number: str, *, sure: bool = True) -> Category | None:
    """Return what a number in E.164 is, None where there is no such number.

    Parameters
    ----------
    sure
        Its spelling leaves no doubt. Then a beginning is enough, and digits at the end that are too
        many do not count: switches ignore these.
    """
    if _PREMIUM_SURELY.match(number):
        return Category.PREMIUM
    plan = numbering.look_up(number)
    exists = plan is not None and plan.valid
    if exists or (sure and len(number) > SHORTEST):
        for pattern, category in _BY_PREFIX:
            if pattern.match(number):
                return category
    if plan is None or not (exists or sure):
        return None
    if plan.kind is None:
        return _of_national_code(number) or _without_what_is_too_much(number)
    if plan.kind is Kind.PREMIUM and _SHARED_COST_IN_BRITAIN.match(number):
        return Category.SHARED_COST
    return _OF_KIND[plan.kind]


def _of_national_code(number: str) -> Category | None:
    """Return what a short code behind a country's code is, such as +1 911 and +44 118 118."""
    code = numbering.country_code(number[1:])
    plan = numbering.look_up(number)
    if code is None or plan is None or plan.region == numbering.NOWHERE:
        return None
    rest = number[1 + len(code) :]
    if numbering.is_emergency(rest, plan.region):
        return Category.EMERGENCY
    return Category.SHORT_CODE if numbering.is_short(rest, plan.region) else None


def _without_what_is_too_much(number: str) -> Category | None:
    for length in range(len(number) - 1, SHORTEST, -1):
        plan = numbering.look_up(number[:length])
        if plan is not None and plan.valid:
            return category_of(number[:length])
    return None


def _is_emergency(digits: str, country: str | None) -> bool:
    if not digits.isdigit():
        return False
    return digits in _HELP if country is None else numbering.is_emergency(digits, country)


def _is_short(digits: str, country: str | None) -> bool:
    if not digits.isdigit():
        return False
    if country is None:
        return _DIRECTORY.fullmatch(digits) is not None
    return numbering.is_short(digits, country)
