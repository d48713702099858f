"""Who a header names: From, P-Asserted-Identity, Diversion and their like, taken apart.

Pure and total: whatever a trunk writes, and a part that is missing or malformed reads as empty.
RFC 3261 section 20.10, RFC 3966 for tel: URIs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from gateway.trunk.address import CONTROL
from gateway.trunk.message import QUOTED_PAIR, split_outside_quotes

# For a text that does not begin with spaces: they would be tried in two places, in quadratic time
ADDRESS: Final = re.compile(
    r'(?:(?:"(?P<quoted>(?:[^"\\]|\\.){0,512})"\s*|(?P<plain>[^"<:]{0,256}))<)?'
    r"\s*(?P<scheme>sips?|tel):(?P<rest>[^>\s]{0,1024})",
    re.I | re.S,
)
NUMBER: Final = re.compile(r"\+?[-0-9*#.()]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Party:
    """A display name and a URI.

    `user` is a number without its parameters, or a SIP user; `host` is empty for a tel: URI.
    `parameters` are those of the header, by their name in lower case. No name and no user holds a
    control character or a line end, escaped in the header or not.
    """

    display_name: str = ""
    user: str = ""
    host: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str:
        """Return a parameter's value in lower case, without quotes; empty where there is none."""
        return next((value for key, value in self.parameters if key == name), "")


NOBODY: Final = Party()


def party(value: str) -> Party:
    """Return whom one value of a header names."""
    found = ADDRESS.match(value.lstrip())
    if found is None:
        return NOBODY
    bracket = found["quoted"] is not None or found["plain"] is not None
    behind = found.string[found.end() :].partition(">")[2] if bracket else ""
    shown = QUOTED_PAIR.sub(r"\1", found["quoted"] or "") or (found["plain"] or "").strip()
    user, host = _user_and_host(found["scheme"], found["rest"])
    return Party(CONTROL.sub("", shown), CONTROL.sub("", user), host, _parameters(behind))


def parties(value: str) -> tuple[Party, ...]:
    """Return all whom a header that is a list names, without those that cannot be read."""
    each = (party(one) for one in split_outside_quotes(value, ","))
    return tuple(one for one in each if one is not NOBODY)


def _user_and_host(scheme: str, rest: str) -> tuple[str, str]:
    if scheme.lower() == "tel":
        return unquote(rest.partition(";")[0]), ""
    user, _, host = rest.rpartition("@")
    user = user.partition(":")[0]  # a password is nobody's name
    number, _, _ = user.partition(";")  # what follows are parameters, as in tel:
    named = number if NUMBER.fullmatch(unquote(number)) else user
    return unquote(named), re.split("[;?]", host)[0].lower()


def _parameters(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (one.partition("=") for one in split_outside_quotes(text, ";"))
    return tuple(
        (name.strip().lower(), value.strip().strip('"').lower())
        for name, _, value in pairs
        if name.strip()
    )
