"""What a trunk may understand by digits: the numbers that one dialled text can reach.

A page may write a number without its +, or as it is dialled abroad, or with too many digits. A
premium number is one in each of these spellings, so all of them are looked at. With the operator's
country there is one plan to read by; without it every common one counts, in doubt against the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.admission import numbering
from gateway.admission.numbering import Kind

# What is dialled before a country's code. There are others (0011, 810, 010, a carrier's own) and a
# PBX wants a digit for an outside line: what is left without the first few digits is looked at too.
ABROAD = ("00", "011")
LONGEST_PREFIX = 5  # digits, as 00700 in Korea
# Whose national spelling of premium numbers is looked for where no country is set
GUESSED = ("US", "GB", "DE", "FR")

SHORTEST = 7  # digits; what is shorter is an extension or a short code

_CODE_LENGTHS = (2, 3)  # digits, as in *67 and *310


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that may be meant.

    Parameters
    ----------
    number
        In E.164, with its +.
    sure
        The spelling says so; else it counts only if the number exists.
    guessed
        Little speaks for it: it counts only if the number is a dear one.
    """

    number: str
    sure: bool
    guessed: bool = False


def as_e164(to: str, country: str | None) -> str | None:
    """Return a parsed target in E.164, None for an extension, a user or what nobody can tell.

    Whoever counts or prices numbers does so by this: else one number has many names.
    """
    if to.startswith("+"):
        return to
    if not to.isdigit():
        return None
    if country is not None:
        plan = numbering.look_up_dialled(to, country)
        return plan.number if plan is not None and plan.valid else None
    return next((each.number for each in _from_abroad(to) if _exists(each.number)), None)


def readings(to: str, country: str | None) -> list[Reading]:
    """Return what a parsed target may mean, the likeliest first; nothing for an extension."""
    if to.startswith("+"):
        return [Reading(to, sure=True), *_dialled_after_a_code(to)]
    if to.isdigit():
        return _of_digits(to, country)
    return [each for run in _runs(to) for each in _of_digits(run, country)]


def _of_digits(digits: str, country: str | None) -> list[Reading]:
    here = None if country is None else numbering.look_up_dialled(digits, country)
    if here is not None and here.valid:
        return [Reading(here.number, sure=True)]
    if len(digits) < SHORTEST:
        return []
    abroad = list(_from_abroad(digits))
    if country is None and any(_exists(each.number) for each in abroad):
        return abroad
    found = [] if here is None else [Reading(here.number, sure=True)]
    return [*found, *abroad, *_guesses(digits, country)]


def _from_abroad(digits: str) -> Iterator[Reading]:
    for prefix in ABROAD:
        rest = digits.removeprefix(prefix)
        if digits.startswith(prefix) and len(rest) >= SHORTEST and rest[0] != "0":
            yield Reading(f"+{rest}", sure=True)


def _guesses(digits: str, country: str | None) -> Iterator[Reading]:
    for length in range(LONGEST_PREFIX + 1):
        rest = digits[length:]
        if len(rest) >= SHORTEST and rest[0] != "0":
            yield Reading(f"+{rest}", sure=False, guessed=length > 0)
    for guessed in GUESSED if country is None else ():
        # Without 0 before it a number of the same digits is somebody's in many countries
        if guessed == "US" or digits[0] == "0":
            plan = numbering.look_up_dialled(digits, guessed)
            if plan is not None and plan.kind is Kind.PREMIUM:
                yield Reading(plan.number, sure=False, guessed=True)


def _exists(number: str) -> bool:
    plan = numbering.look_up(number)
    return plan is not None and plan.valid


def _dialled_after_a_code(number: str) -> list[Reading]:
    """Return what a switch makes of +1 011 …, which takes the code off and dials what is left."""
    code = numbering.country_code(number[1:])
    return [] if code is None else list(_from_abroad(number[1 + len(code) :]))


def _runs(to: str) -> Iterator[str]:
    """Return the numbers in a feature code or in a user that begins with digits.

    `*67` before a number hides the caller, and the number is called all the same. Letters after
    digits are those of the keys, as in 1-900-CALL-NOW.
    """
    if re.search("[A-Za-z]", to):
        if to[0].isdigit():
            yield re.sub("[^0-9]", "", numbering.vanity(to))
        return
    for run in re.findall("[0-9]+", to):
        yield run
        yield from (run[length:] for length in _CODE_LENGTHS if len(run) > length)
