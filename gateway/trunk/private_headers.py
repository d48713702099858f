"""Which `X-` headers go from a page to a trunk and back: those of the trunk's list alone.

They mean what trunk and page agree on, so they are the operator's to allow. Pure.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.trunk.address import CONTROL
from gateway.trunk.message import Message

EVERY: Final = ("X-*",)
MOST: Final = 16
LONGEST: Final = 1024  # bytes of all, as much as admission lets pages send
NAME: Final = re.compile(r"x-[a-z0-9-]{1,62}", re.I | re.ASCII)


def is_allowed(name: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a header is on a list of names; "*" at the end stands for any end."""
    if not NAME.fullmatch(name):
        return False
    low = name.lower()
    return any(
        low.startswith(each[:-1].lower()) if each.endswith("*") else low == each.lower()
        for each in patterns
    )


def allowed(
    headers: tuple[tuple[str, str], ...], patterns: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Return the headers that are on the list, in their order."""
    return tuple((name, value) for name, value in headers if is_allowed(name, patterns))


def headers_for_trunk(
    headers: tuple[tuple[str, str], ...], patterns: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Return a call's headers without those `X-` ones that are not on the list."""
    return tuple(
        (name, value)
        for name, value in headers
        if not NAME.fullmatch(name) or is_allowed(name, patterns)
    )


def headers_for_page(message: Message, patterns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return what a trunk tells a page: the first of each name, as many as a page may send."""
    found: dict[str, str] = {}
    room = LONGEST
    for name, value in allowed(message.headers, patterns):
        size = len(name) + len(value.encode())
        if name in found or len(found) == MOST or size > room:
            continue
        found[name] = CONTROL.sub("", value)
        room -= size
    return tuple((spelling(name, patterns), value) for name, value in found.items())


def spelling(name: str, patterns: tuple[str, ...]) -> str:
    """Return a header's name as the list has it, or else as people write it: X-Customer-Id."""
    listed = next((each for each in patterns if each.lower() == name.lower()), "")
    return listed or "-".join(part.capitalize() for part in name.split("-"))
