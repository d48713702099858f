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
from gateway.admission.numbering import Kind, Plan

# Beside 00 and 011 there are others (0011, 810, 010, a carrier's own), and a PBX wants a digit for
# an outside line: what is left without the first few digits is looked at too.
LONGEST_PREFIX = 5  # digits, as 00700 in Korea
# Whose national spelling of premium numbers is looked for where no country is set
GUESSED = ("US", "GB", "DE", "FR")

SHORTEST = 7  # digits; what is shorter is an extension or a short code
LONGEST_E164 = 15  # digits (ITU-T E.164 section 6)

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
    hidden
        It is dialled behind the code of another country, as in +1 011 44 20 7946 0000.
    """

    number: str
    sure: bool
    guessed: bool = False
    hidden: bool = False


def as_e164(to: str, country: str | None) -> str | None:
    """Return a parsed target in E.164, None for an extension, a user or what nobody can tell."""
    if to.startswith("+"):
        return to
    if not to.isdigit():
        return None
    if country is not None:
        plan = numbering.look_up_dialled(to, country)
        return plan.number if plan is not None and plan.valid else None
    return next((each.number for each in _from_abroad(to) if exists(each.number)), None)


def readings(to: str, country: str | None) -> list[Reading]:
    """Return what a parsed target may mean, the likeliest first; nothing for an extension."""
    if to.startswith("+"):
        return [Reading(to, sure=True), *_behind_a_code(to, sure=True)]
    if to.isdigit():
        return _of_digits(to, country)
    return [each for run in _runs(to) for each in _of_digits(run, country)]


def reached(to: str, country: str | None) -> list[tuple[str, ...]]:
    """Return all that a parsed target surely reaches, each by the names that may allow it.

    A switch takes the code off +1 011 …, and connects a country that +1 does not allow; behind *67
    there may be any number. So each of these has to be allowed.
    """
    number = as_e164(to, country) if country is not None else None
    found: list[tuple[str, ...]] = [(to,) if number is None else (to, number)]
    found += [(each.number,) for each in readings(to, country) if each.hidden]
    if not re.search("[+A-Za-z]", to) and not to.isdigit():
        for run in _runs(to):
            known = as_e164(run, country)
            numbers = [each.number for each in _from_abroad(run)] if known is None else [known]
            found += [(run, number) for number in numbers]
    return found


def names_of(to: str, country: str | None) -> list[str]:
    """Return the numbers as which a call may be counted and priced, the likeliest first.

    That is what is sure, and what is less so as long as nothing likelier exists. What may mean no
    number at all, as an extension, has its own name only.
    """
    found = readings(to, country)
    sure = [each.number for each in found if each.sure]
    likely = [each.number for each in found if not each.sure and not each.guessed]
    guessed = [each.number for each in found if each.guessed]
    exist: list[str] = []
    # A feature code has its number at one of several places: what is sure of one says little
    tiers = (sure, likely) if to.startswith("+") or to.isdigit() else ([*sure, *likely],)
    for numbers in (*tiers, [*_at_home(to, country), *guessed]):
        exist += [whole for whole in map(without_excess, numbers) if exists(whole)]
        if any(map(exists, numbers)):
            break
    rest = [each for each in sure if not exists(without_excess(each))]
    names = [*exist, *rest] or [*likely, *guessed] or [to]
    return list(dict.fromkeys(names))


def without_excess(number: str) -> str:
    """Return a number without the digits at its end that are too many: switches ignore these."""
    code = numbering.country_code(number[1:])
    if code is None or exists(number):
        return _canonical(number)
    rest, lengths = number[1 + len(code) :], numbering.lengths(code)
    if not lengths or len(rest) <= lengths[0]:
        return number
    for digits in (rest, rest.removeprefix(numbering.national_prefix(code) or "")):
        for length in lengths:
            if exists(whole := f"+{code}{digits[:length]}"):
                return _canonical(whole)
    return f"+{code}{rest[: lengths[0]]}"


def spellings(number: str, country: str | None) -> list[str]:
    """Return how a number with its + is dialled without it, at home by the country's own plan."""
    digits = number[1:]
    written = [digits, *(prefix + digits for prefix in numbering.ABROAD)]
    home = numbering.dialled_at_home(number)
    if home is None or (country is not None and as_e164(home, country) != number):
        return written
    return [*written, home]


def dialled_in(code: str, to: str) -> Iterator[str]:
    """Return the numbers that digits would mean in a country of this code; they need not exist."""
    prefix = numbering.national_prefix(code)
    for digits in [to] if to.isdigit() else _runs(to):
        if SHORTEST <= len(digits) <= LONGEST_E164:
            yield f"+{code}{digits.removeprefix(prefix or '')}"
            yield f"+{code}{digits}"


def _of_digits(digits: str, country: str | None) -> list[Reading]:
    here = None if country is None else numbering.look_up_dialled(digits, country)
    if here is not None and here.valid:
        return [Reading(here.number, sure=True)]
    if len(digits) < SHORTEST:
        return []
    abroad = list(_from_abroad(digits))
    if country is None and any(exists(each.number) for each in abroad):
        return abroad
    certain = [*([] if here is None else [Reading(here.number, sure=True)]), *abroad]
    hidden = [each for reading in certain for each in _behind_a_code(reading.number, sure=True)]
    hidden += _behind_a_code(f"+{digits}", sure=False)
    return [*certain, *hidden, *_guesses(digits, country)]


def _from_abroad(digits: str) -> Iterator[Reading]:
    for prefix in numbering.ABROAD:
        rest = digits.removeprefix(prefix)
        if digits.startswith(prefix) and len(rest) >= SHORTEST and rest[0] != "0":
            yield Reading(_canonical(f"+{rest}"), sure=True)


def _guesses(digits: str, country: str | None) -> Iterator[Reading]:
    for length in range(LONGEST_PREFIX + 1):
        rest = digits[length:]
        if len(rest) >= SHORTEST and rest[0] != "0":
            yield Reading(_canonical(f"+{rest}"), sure=False, guessed=length > 0)
    for plan in _plans_at_home(digits, country):
        if plan.kind is Kind.PREMIUM:
            yield Reading(plan.number, sure=False, guessed=True)


def _at_home(to: str, country: str | None) -> list[str]:
    if not to.isdigit() or len(to) < SHORTEST:
        return []
    return [plan.number for plan in _plans_at_home(to, country)]


def _plans_at_home(digits: str, country: str | None) -> Iterator[Plan]:
    for guessed in GUESSED if country is None else ():
        # Without 0 before it a number of the same digits is somebody's in many countries
        if guessed == "US" or digits[0] == "0":
            plan = numbering.look_up_dialled(digits, guessed)
            if plan is not None and plan.valid:
                yield plan


def _canonical(number: str) -> str:
    """Write a number that exists without the zero that is dialled inside its country only."""
    plan = numbering.look_up(number)
    return plan.number if plan is not None and plan.valid else number


def exists(number: str) -> bool:
    """Whether a number with its + is one of a country's plan."""
    plan = numbering.look_up(number)
    return plan is not None and plan.valid


def _behind_a_code(number: str, *, sure: bool) -> list[Reading]:
    """Return what a switch makes of +1 011 …, which takes the code off and dials what is left.

    What a country's plan has is no such thing: in Italy 011 is Turin. And +1 011 1 011 … goes on.

    Parameters
    ----------
    sure
        `number` was written with its +, or as it is dialled; else only what exists counts.
    """
    code = numbering.country_code(number[1:])
    if code is None or exists(number):
        return []
    rest = number[1 + len(code) :]
    found: dict[str, Reading] = {}
    for dialled in {rest: None, rest.removeprefix(numbering.national_prefix(code) or ""): None}:
        for left in numbering.after_prefix_for_abroad(code, dialled):
            if len(left) < SHORTEST or left[0] == "0":
                continue
            behind = _canonical(f"+{left}")
            if sure or exists(without_excess(behind)):
                found[behind] = Reading(behind, sure=sure, hidden=True)
            for each in _behind_a_code(behind, sure=sure):
                found[each.number] = each
    return list(found.values())


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
