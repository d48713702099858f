"""What the `to` of a route means, for numbers that we call and for those that we are called by."""

from __future__ import annotations

from collections.abc import Sequence


def fits(pattern: str, names: Sequence[str]) -> bool:
    """Whether a number fits a pattern, by one of the names that it has.

    A pattern is a number, or its beginning with "*" behind it, in the spelling of `parse_target`;
    "*" alone is every number.
    """
    if pattern.endswith("*"):
        return any(name.startswith(pattern[:-1]) for name in names)
    return pattern in names
