"""Numbers as people type and copy them, and the one spelling that goes on from here.

What looks alike is made alike first: a number copied from a page or a chat holds marks that nobody
sees, dashes that no keyboard has, and digits that are wider than ours. Then what separates digits
goes. What is left is digits, perhaps with + before them or * and # among them.

Nothing here guesses: a spelling that could be two numbers is refused with the way to write it.
"""

from __future__ import annotations

import re
import unicodedata

from gateway.admission import numbering
from gateway.errors import TargetError

_SEPARATORS = str.maketrans("", "", " \t.-()[]/")
_NUMBER_LIKE = re.compile(r"[+0-9*#\t .\-()\[\]/]*[0-9][+0-9*#\t .\-()\[\]/]*", re.ASCII)
_E164 = re.compile(r"\+[1-9][0-9]{2,14}", re.ASCII)  # ITU-T E.164 section 6: at most 15 digits
_DIALLED = re.compile(r"[0-9]{1,32}", re.ASCII)  # extensions, national numbers, dial-out prefixes
_FEATURE_CODE = re.compile(r"[0-9*#]{1,32}", re.ASCII)

# In "+44 (0)20" the zero is dialled inside the country only
_OPTIONAL_ZERO = re.compile(r"[(\[][ \t]*0[ \t]*[)\]]", re.ASCII)
_ZERO = "\0"  # stands for it, once the parentheses are gone
_AFTER_A_CODE = re.compile(r"(?P<abroad>\+|00|011|)(?P<code>[1-9][0-9]{0,2})\0(?P<rest>[0-9]+)")

_LOOKALIKES = {
    "\u2212": "-",  # minus sign
    "\u02d7": "-",  # modifier letter minus sign
    "\u2043": "-",  # hyphen bullet
    "\u30fc": "-",  # what a Japanese keyboard types for a hyphen
    "\uff70": "-",  # and its half-width form
    "\u00b7": ".",  # middle dot
    "\u2022": ".",  # bullet
    "\u2027": ".",  # hyphenation point
    "\u2219": ".",  # bullet operator
    "\u2044": "/",  # fraction slash
    "\u2215": "/",  # division slash
    "\u2795": "+",  # heavy plus sign
    "\ufe62": "+",  # small plus sign
}
_FULL_WIDTH = range(0xFF01, 0xFF5F)  # ! to ~, in their order
_FULL_WIDTH_OFFSET = 0xFF01 - ord("!")
# Marks without a width that are not in category Cf: joiners, and what chooses a glyph
_WITHOUT_WIDTH = {"\u034f", *map(chr, range(0xFE00, 0xFE10))}


def tidy(text: str) -> str:
    """Return `text` without what nobody sees, and in ASCII where it only looks different.

    Raises
    ------
    TargetError
        It has digits of another script. Some look like other digits of ours (Arabic five is a
        circle), so whoever wrote them may not mean what a reader sees.
    """
    return "".join(map(_plain, text)).strip(" \t")


def _plain(character: str) -> str:
    if character.isascii():
        return character
    if ord(character) in _FULL_WIDTH:
        return chr(ord(character) - _FULL_WIDTH_OFFSET)
    if character in _LOOKALIKES:
        return _LOOKALIKES[character]
    category = unicodedata.category(character)
    if category == "Cf" or character in _WITHOUT_WIDTH:
        return ""
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    if category == "Nd" or unicodedata.digit(character, None) is not None:
        raise TargetError(
            f"`to` has {character!r}, one of the {_script(character)} digits: write 0 to 9"
        )
    return character


def _script(digit: str) -> str:
    name = unicodedata.name(digit, "unnamed digit").removesuffix(" SIGN")
    return re.split(" DIGIT ", name)[0].title() if " DIGIT " in name else name.split()[0].title()


def looks_like_number(text: str) -> bool:
    """Whether a tidy text can only be meant as a number."""
    return _NUMBER_LIKE.fullmatch(text) is not None


def parse_number(text: str) -> str:
    """Return a tidy text that looks like a number in the one spelling of it.

    Raises
    ------
    TargetError
        It is no number, or not clearly one.
    """
    marked = _OPTIONAL_ZERO.sub(_ZERO, text).translate(_SEPARATORS)
    number = _decide_zero(text, marked) if _ZERO in marked else marked
    if _E164.fullmatch(number):
        return _check_abroad(text, number)
    if _DIALLED.fullmatch(number) or _FEATURE_CODE.fullmatch(number):
        return number
    raise TargetError(
        f"`to` is {text!r}: a number is + and 3 to 15 digits, the first not 0, "
        "or 1 to 32 digits without +, of which some may be * and #"
    )


def parse_prefix(text: str) -> str | None:
    """Return the beginning of a number, as the dial plan and tokens name it; None for no such.

    What stands here is compared with numbers that `parse_number` has passed.
    """
    try:
        tidied = tidy(text)
    except TargetError:
        return None
    if not looks_like_number(tidied):
        return tidied
    marked = _OPTIONAL_ZERO.sub(_ZERO, tidied).translate(_SEPARATORS)
    before, zero, rest = marked.partition(_ZERO)
    if not zero:
        return marked
    code = before.removeprefix("+").removeprefix("00")
    if _ZERO in rest or (code and numbering.country_code(code) != code):
        return None
    at_home = "0" if not code or numbering.national_prefix(code) != "0" else ""
    return f"{before}{at_home}{rest}"


def _decide_zero(text: str, marked: str) -> str:
    """Leave a zero in parentheses out, or keep it where the country's numbers have it."""
    if marked.startswith(_ZERO):  # "(0)20 7946 0000": all of it is dialled inside the country
        marked = "0" + marked[1:]
        if _ZERO not in marked:
            return marked
    found = _AFTER_A_CODE.fullmatch(marked)
    if found is None or numbering.country_code(found["code"]) != found["code"]:
        raise TargetError(
            f"`to` is {text!r}: (0) belongs after a country's code alone, "
            "as in +44 (0)20 7946 0000; leave it out, or write 0"
        )
    international = f"+{found['code']}"
    kept, dropped = f"{international}0{found['rest']}", f"{international}{found['rest']}"
    number = _choose(kept, dropped, sure=bool(found["abroad"]))
    if number is None:
        raise TargetError(
            f"`to` is {text!r}: whether (0) is dialled is not clear in numbers of "
            f"{international}; write {dropped} or {kept}"
        )
    return found["abroad"] + _check_abroad(text, number)[1:]


def _choose(kept: str, dropped: str, *, sure: bool) -> str | None:
    """Return which of both is the number, None if both or neither may be.

    Parameters
    ----------
    sure
        What comes first is a country's code; else only a number that exists shows that it is.
    """
    with_zero = numbering.look_up(kept)
    without = numbering.look_up(dropped)
    zero_stays = with_zero is not None and with_zero.valid and with_zero.number == kept
    exists = without is not None and without.valid
    if zero_stays:
        return None if exists else kept
    code = numbering.country_code(kept[1:]) or ""
    if exists or (sure and numbering.national_prefix(code) == "0"):
        return dropped
    return None


def _check_abroad(text: str, number: str) -> str:
    """Refuse a prefix that is dialled inside a country, after the country's code.

    Raises
    ------
    TargetError
        The number has one, so that it is nobody's, or another's.
    """
    code = numbering.country_code(number[1:])
    if code is None:
        return number
    rest = number[1 + len(code) :]
    plan = numbering.look_up(number)
    prefix = numbering.national_prefix(code)
    if plan is not None and plan.valid:
        right = plan.number
    elif prefix and rest.startswith(prefix) and (prefix == "0" or _exists(code, rest, prefix)):
        right = f"+{code}{rest.removeprefix(prefix)}"
    else:
        return number
    if right == number:
        return number
    raise TargetError(
        f"`to` is {text!r}: +{code} is followed by what is dialled inside the country only; "
        f"write {right}"
    )


def _exists(code: str, rest: str, prefix: str) -> bool:
    plan = numbering.look_up(f"+{code}{rest.removeprefix(prefix)}")
    return plan is not None and plan.valid
