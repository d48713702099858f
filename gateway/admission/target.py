"""Whom a page may ask for: a number or a SIP user, and never more than that.

A page says whom, the operator's trunk says where. So a host, a URI or a parameter in `to` is
refused, and so is every character that could end a SIP URI or a header early. What leaves this
module is safe to place in the user part of a SIP URI as it stands.
"""

from __future__ import annotations

import re

from gateway.errors import TargetError

MAX_CHARACTERS = 64  # longer than any number or extension in use, and no room for anything else

# People write and copy numbers with these in between (E.123); they mean nothing.
_SEPARATORS = str.maketrans("", "", " .-()\u00a0")
_LOOKS_LIKE_NUMBER = re.compile(r"[+0-9 .\-()\u00a0]*[0-9][+0-9 .\-()\u00a0]*", re.ASCII)
_E164 = re.compile(r"\+[1-9][0-9]{2,14}", re.ASCII)  # ITU-T E.164 section 6: at most 15 digits
_DIALLED = re.compile(r"[0-9]{1,32}", re.ASCII)  # extensions, national numbers, dial-out prefixes

# RFC 3261 section 25.1 allows more in `user`. Left out is what PBXs read in different ways
# ( ; ? & = , $ / % ) and what has a meaning around a URI ( ' ( ) ).
_SIP_USER = re.compile(r"[A-Za-z0-9*_][A-Za-z0-9*_+.!~-]*", re.ASCII)

_RULE = (
    "a number (E.164 such as +15551234567, or up to 32 digits) or a SIP user "
    "(letters, digits and * _ + . ! ~ -) is needed"
)


def parse_target(text: str) -> str:
    """Return the number or SIP user that `text` names, a number without its visual separators.

    Raises
    ------
    TargetError
        `text` is neither, or is longer than `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise TargetError(f"`to` has {len(text)} characters: at most {MAX_CHARACTERS} are allowed")
    if _LOOKS_LIKE_NUMBER.fullmatch(text):
        return _parse_number(text)
    if _SIP_USER.fullmatch(text):
        return text
    if "@" in text or ":" in text:
        raise TargetError(
            f"`to` is {text!r}: a URI or a host is not accepted, the trunk decides where "
            f"a call goes; {_RULE}"
        )
    raise TargetError(f"`to` is {text!r}: {_RULE}")


def _parse_number(text: str) -> str:
    number = text.translate(_SEPARATORS)
    if _E164.fullmatch(number) or _DIALLED.fullmatch(number):
        return number
    raise TargetError(
        f"`to` is {text!r}: a number is + and 3 to 15 digits, the first not 0, "
        "or 1 to 32 digits without +"
    )
