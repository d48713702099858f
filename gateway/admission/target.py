"""Whom a page may ask for: a number or a SIP user, and never more than that.

A page says whom, the operator's trunk says where. So a host, a SIP URI or a parameter in `to` is
refused, and so is every character that could end a SIP URI or a header early. What leaves this
module is safe to place in the user part of a SIP URI once `#` is encoded, as %23.
"""

from __future__ import annotations

import re

from gateway.admission.number import looks_like_number, parse_number, tidy
from gateway.admission.tel_uri import is_tel_uri, parse_tel_uri
from gateway.errors import TargetError

MAX_CHARACTERS = 64  # longer than any number or extension in use, and no room for anything else
MAX_TYPED = 256  # with invisible marks: a number copied from a chat has some around each group

# RFC 3261 section 25.1 allows more in `user`. Left out is what PBXs read in different ways
# ( ; ? & = , $ / % # ) and what has a meaning around a URI ( ' ( ) ).
_SIP_USER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9*_][A-Za-z0-9*_+.!~-]*", re.ASCII)
_WITH_EXTENSION = re.compile(
    r"(?:[+ (.)-]*[0-9]){7,}[ .)]*(?:;?ext(?:ension)?|x|[,;w]+)[ .:=]*([0-9]+)", re.IGNORECASE
)

TARGET = (
    "a number (E.164 such as +15551234567, or up to 32 digits) or a SIP user "
    "(letters, digits and * _ + . ! ~ -)"
)
_RULE = f"{TARGET} is needed"


def parse_target(text: str) -> str:
    """Return the number or SIP user that `text` names, a number in its one spelling.

    Raises
    ------
    TargetError
        `text` is neither, is longer than `MAX_CHARACTERS`, or could be two numbers.
    """
    _check_length(text, MAX_TYPED)
    tidied = tidy(text)
    _check_length(tidied, MAX_CHARACTERS)
    if is_tel_uri(tidied):
        return parse_tel_uri(tidied)
    if looks_like_number(tidied):
        return parse_number(tidied)
    if found := _WITH_EXTENSION.fullmatch(tidied):
        raise TargetError(
            f"`to` is {text!r}: the call reaches no extension; call the number without it, and "
            f"send {found[1]!r} as digits once it is answered"
        )
    if _SIP_USER.fullmatch(tidied):
        return tidied
    if "@" in tidied or ":" in tidied:
        raise TargetError(
            f"`to` is {text!r}: a URI or a host is not accepted, the trunk decides where "
            f"a call goes; {_RULE}"
        )
    raise TargetError(f"`to` is {text!r}: {_RULE}")


def _check_length(text: str, most: int) -> None:
    if len(text) > most:
        raise TargetError(f"`to` has {len(text)} characters: at most {most} are allowed")
