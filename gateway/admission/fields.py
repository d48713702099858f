"""What else a page may write into an INVITE: caller, display name and `X-` headers.

No control character, line end or angle bracket passes in any of them, so none can start a header
of its own. Escaping what remains (quotes, backslashes) is the trunk's job, which knows the place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.admission.target import parse_target
from gateway.errors import RequestError, TargetError

MAX_DISPLAY_NAME = 64  # what a telephone's display can show, twice over
MAX_IDENTITY = 128  # of a token's `sub`, of [[incoming]], and of what a page registers under
MAX_HEADERS = 16
MAX_HEADER_NAME = 62  # characters after `X-`
# An INVITE over UDP has to stay below the 4,000 bytes that the smallest SIP engine in use accepts.
MAX_HEADER_BYTES = 1024

_HEADER_NAME = re.compile(rf"[Xx]-[A-Za-z0-9-]{{1,{MAX_HEADER_NAME}}}", re.ASCII)
# Invisible, yet part of the spelling of Persian and of Indic languages: str.isprintable says no.
_JOINERS = str.maketrans("", "", "\u200c\u200d")


def parse_caller(text: str) -> str:
    """Return the number or SIP user that `from` names, by the rules of `to`.

    Raises
    ------
    RequestError
        `text` is neither.
    """
    try:
        return parse_target(text)
    except TargetError as error:
        raise RequestError(str(error).replace("`to`", "`from`", 1)) from None


def parse_display_name(text: str) -> str | None:
    """Return `text` without the spaces around it, or None when nothing is left.

    Raises
    ------
    RequestError
        It is too long, or has a control character, a line end or an angle bracket.
    """
    if len(text) > MAX_DISPLAY_NAME:
        raise RequestError(
            f"`displayName` has {len(text)} characters: at most {MAX_DISPLAY_NAME} are allowed"
        )
    _refuse_unprintable("displayName", text)
    return text.strip() or None


def parse_identity(text: str) -> str:
    """Return the name under which a page is called, without the spaces around it.

    Raises
    ------
    RequestError
        It is empty, too long, or has a character that nobody sees.
    """
    name = text.strip()
    if not 1 <= len(name) <= MAX_IDENTITY or not name.isprintable():
        raise RequestError(
            f"an identity has 1 to {MAX_IDENTITY} characters, each of which can be seen"
        )
    return name


def parse_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers to add to the INVITE, in the order in which they were given.

    Raises
    ------
    RequestError
        A name is no `X-` name or given twice, a value may not stand in a header, or there are too
        many of them.
    """
    if len(headers) > MAX_HEADERS:
        raise RequestError(
            f"`headers` has {len(headers)} entries: at most {MAX_HEADERS} are allowed"
        )
    seen: set[str] = set()
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise RequestError(
                f"header {name[:80]!r}: a name is X- and 1 to {MAX_HEADER_NAME} letters, digits "
                "and hyphens"
            )
        if name.lower() in seen:
            raise RequestError(f"header {name!r} is given twice: names do not differ by case")
        seen.add(name.lower())
        _refuse_unprintable(f"headers.{name}", value)
    size = sum(len(name) + len(value.encode()) for name, value in headers.items())
    if size > MAX_HEADER_BYTES:
        raise RequestError(f"`headers` has {size} bytes: at most {MAX_HEADER_BYTES} are allowed")
    return tuple((name, value.strip()) for name, value in headers.items())


def _refuse_unprintable(field: str, text: str) -> None:
    for position, character in enumerate(text):
        if character in "<>" or not (character.isprintable() or not character.translate(_JOINERS)):
            raise RequestError(
                f"`{field}` has {character!r} at position {position}: "
                "control characters, line ends and angle brackets are not allowed"
            )
