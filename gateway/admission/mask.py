"""Telephone numbers that nobody can call back: what logs show where they must not hold full ones.

What stays says where a call went and tells two calls apart: the country and some of the area, and
the last two digits.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\+?)([0-9]+)", re.ASCII)

# A number as people write it, inside a sentence. Not an IP address (no dots), and not a date
_WRITTEN = re.compile(
    r"(?<![0-9])(?!\d{4}-\d\d-\d\d(?!\d))\+?[0-9](?:[ \-()/\u00a0]{0,3}[0-9]){6,}", re.ASCII
)

# Digits in a number, and how many of them stay at its start and its end. An extension is short, and
# yet it is somebody's: its middle goes as well
_KEPT = ((10, 4, 2), (7, 2, 2), (3, 1, 1), (0, 0, 0))


def mask(number: str) -> str:
    """Return a number with stars in its middle, "+1555*****67".

    A SIP user is a name and stays, but for a number inside it.
    """
    found = _NUMBER.fullmatch(number)
    if found is None:
        return mask_text(number)
    plus, digits = found.groups()
    head, tail = next((head, tail) for least, head, tail in _KEPT if len(digits) >= least)
    stars = "*" * (len(digits) - head - tail)
    return f"{plus}{digits[:head]}{stars}{digits[len(digits) - tail :]}"


def mask_text(text: str) -> str:
    """Return a sentence with each number of seven digits or more masked."""
    return _WRITTEN.sub(_mask_written, text)


def _mask_written(found: re.Match[str]) -> str:
    text = found[0]
    return mask("+" * text.startswith("+") + "".join(filter(str.isdigit, text)))
