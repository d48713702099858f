"""How a number that a trunk writes becomes one of the world's.

Each trunk has its way: +4930…, 004930…, 030… for its own country, 4930… without anything. Pure.
"""

from __future__ import annotations

import re
from typing import Final

NUMBER: Final = re.compile(r"\+?[0-9*#]+", re.ASCII)
SEPARATORS: Final = re.compile(r"[-.() ]")  # RFC 3966 section 3
GLOBAL: Final = re.compile(r"\+[-0-9.() ]*[0-9][-0-9.() ]*", re.ASCII)

Rules = tuple[tuple[str, str], ...]
"""How a number begins, and what stands there in E.164. An empty beginning is that of every number
without "+"."""


def without_separators(written: str) -> str:
    """Return a number with its plus sign as digits only; anything else as it is."""
    return SEPARATORS.sub("", written) if GLOBAL.fullmatch(written) else written


def incoming_number(rules: Rules, written: str) -> str:
    """Return what a trunk calls somebody in E.164, by the first rule that fits.

    What no rule fits stays as it is, and so does what is no number: a SIP user, "anonymous".
    """
    number = without_separators(written)
    if not NUMBER.fullmatch(number):
        return number
    for begins, meant in rules:
        fits = number.startswith(begins) if begins else not number.startswith("+")
        if fits:
            return meant + number.removeprefix(begins) or number
    return number
