"""Telephone numbers that nobody can call back: what logs show where they must not hold full ones.

What stays says where a call went and tells two calls apart: the country and some of the area, and
the last two digits.

A number is looked for as `number` reads it: whoever types one with dots, or copies it with marks
that nobody sees, shall not find it in a log.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from gateway.admission.number import tidy
from gateway.errors import TargetError

_NUMBER = re.compile(r"(\+?)([0-9]+)", re.ASCII)
_BETWEEN = r"[ \t.\-()\[\]/]"
_TYPED = re.compile(rf"(?:\+|{_BETWEEN})*[0-9](?:{_BETWEEN}|[0-9])*", re.ASCII)

# An IP address or a network, which is no part of a longer row of digits and dots; and a date
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_NO_NUMBER = (
    rf"(?<![0-9+.])(?:{_OCTET}\.){{3}}{_OCTET}(?:/[0-9]{{1,2}})?(?!\.?[0-9])"
    "|(?<![0-9])[12][0-9]{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
# A number as people write it, inside a sentence
_WRITTEN = re.compile(
    rf"(?P<kept>{_NO_NUMBER})"
    rf"|(?<![0-9])(?:\+{_BETWEEN}{{0,2}})?[0-9](?:{_BETWEEN}{{0,8}}(?!{_NO_NUMBER})[0-9]){{6,}}",
    re.ASCII,
)
# What Python writes in a quoted text for characters that cannot be printed
_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", re.ASCII)

# Digits in a number, and how many of them stay at its start and its end. An extension is short, and
# yet it is somebody's: its middle goes as well
_KEPT = ((10, 4, 2), (7, 2, 2), (3, 1, 1), (0, 0, 0))


def mask(number: str) -> str:
    """Return a number with stars in its middle, "+1555*****67".

    A SIP user is a name and stays, but for a number inside it.
    """
    found = _NUMBER.fullmatch(number)
    if found is None:
        plain, _ = _read(number)
        return _mask_typed(plain) if _TYPED.fullmatch(plain) else mask_text(number)
    plus, digits = found.groups()
    head, tail = next((head, tail) for least, head, tail in _KEPT if len(digits) >= least)
    stars = "*" * (len(digits) - head - tail)
    return f"{plus}{digits[:head]}{stars}{digits[len(digits) - tail :]}"


def mask_text(text: str) -> str:
    """Return a sentence with each number of seven digits or more masked, however it is written."""
    plain, places = _read(text)
    masked, end = [], 0
    for found in _WRITTEN.finditer(plain):
        if found["kept"] is None:
            masked += [text[end : places[found.start()]], _mask_typed(found[0])]
            end = places[found.end() - 1] + 1
    return "".join([*masked, text[end:]])


def _mask_typed(text: str) -> str:
    return mask("+" * ("+" in text) + "".join(filter(str.isdigit, text)))


def _read(text: str) -> tuple[str, Sequence[int]]:
    """Return what a reader sees of a text, in ASCII, and the place of each character in it."""
    if text.isascii() and "\\" not in text:
        return text, range(len(text))
    seen: list[tuple[str, int]] = []
    at = 0
    while at < len(text):
        if found := _ESCAPE.match(text, at):
            character, at = chr(int(found[0][2:], 16) % 0x110000), found.end()
        else:
            character, at = text[at], at + 1
        seen += [(plain, at - 1) for plain in _plain(character)]
    return "".join(plain for plain, _ in seen), [place for _, place in seen]


def _plain(character: str) -> str:
    try:
        # Within two others: alone a space would go
        return tidy(f"|{character}|")[1:-1]
    except TargetError:
        return str(unicodedata.digit(character, 0))
