"""Telephone links: `tel:` URIs (RFC 3966), as pages have them behind a number.

A link may say more than a number. What changes whom the call reaches is refused when a call cannot
carry it, so that nobody is connected to somebody else.
"""

from __future__ import annotations

from urllib.parse import unquote

from gateway.admission import numbering
from gateway.admission.number import looks_like_number, parse_number, tidy
from gateway.errors import TargetError

SCHEME = "tel:"


def is_tel_uri(text: str) -> bool:
    """Whether a tidy text is such a link, whatever it says."""
    return text[: len(SCHEME)].lower() == SCHEME


def parse_tel_uri(text: str) -> str:
    """Return the number that a tidy `tel:` URI names.

    A local number with `phone-context=+44` is joined with it when that makes a number that exists:
    RFC 3966 section 5.1.5 says that it need not (911 and +1 make none).

    Raises
    ------
    TargetError
        It names no number, or has a parameter that the call could not keep.
    """
    number, *parameters = text[len(SCHEME) :].split(";")
    context = ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.lower() != "phone-context":
            raise TargetError(_why_not(text, name.lower(), value))
        context = value
    # RFC 3966 has `#` and spaces as %23 and %20, and so do browsers
    number = tidy(_decoded(text, number))
    if not looks_like_number(number):
        raise TargetError(f"`to` is {text!r}: there is no number in it")
    dialled = parse_number(number)
    if not context or dialled.startswith("+"):
        return dialled
    return _join(text, tidy(_decoded(text, context)), dialled)


def _why_not(text: str, name: str, value: str) -> str:
    if name in ("ext", "postd"):
        return (
            f"`to` is {text!r}: the call reaches no extension; call the number without it, "
            f"and send {value!r} as digits once it is answered"
        )
    return f"`to` is {text!r}: the parameter {name!r} would be lost; leave it out"


def _decoded(text: str, part: str) -> str:
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise TargetError(f"`to` is {text!r}: what follows % in it is not UTF-8") from None


def _join(text: str, context: str, dialled: str) -> str:
    if not (context.startswith("+") and looks_like_number(context)):
        raise TargetError(
            f"`to` is {text!r}: a phone-context is + and a country's code; "
            "the trunk decides for all others"
        )
    code = "".join(filter(str.isdigit, context))
    plan = numbering.look_up(f"+{code}{dialled}") if dialled.isdigit() else None
    if plan is None or not plan.valid:
        raise TargetError(f"`to` is {text!r}: +{code} and {dialled} make no number that exists")
    return plan.number
