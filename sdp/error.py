"""The one error of this package.

Descriptions come from strangers, so whatever is wrong with one must say three things: what was
found, which rule it breaks, and where. Nothing else is ever raised for input.
"""

from __future__ import annotations

import re


class SdpError(ValueError):
    """A description that cannot be read, or that does not fit the one it answers.

    Parameters
    ----------
    problem
        A sentence for the person who has to repair it, with the offending value.
    rule
        Who says so: the RFC and its section, or the name of one of our limits.
    line
        The line in the text, counted from 1; None where no single line is to blame.
    """

    def __init__(self, problem: str, *, rule: str, line: int | None = None) -> None:
        where = "" if line is None else f"line {line}: "
        super().__init__(f"{where}{problem} ({rule})")
        self.problem = problem
        self.rule = rule
        self.line = line


_LONGEST_QUOTE = 80


# Of SRTP (RFC 4568 section 9.1), wherever they stand: in a line that is folded or cut off, too
_KEYS = re.compile(r"(inline:)[^\s\"'|;\\]+", re.IGNORECASE)


def without_keys(text: str) -> str:
    """Cut the keys of SRTP out of a text that may hold descriptions, for a log."""
    return _KEYS.sub(r"\1***", text)


def quoted(text: str) -> str:
    """Show a stranger's text in a message: escaped, no longer than a line, without keys."""
    text = without_keys(text)
    shown = text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"
    return ascii(shown) if not shown.isprintable() else f'"{shown}"'
