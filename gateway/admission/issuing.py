"""What a token has to say for the gateway to sign it.

A site's own back end may sign whatever it likes, and what fits nothing grants nothing. Whoever has
a token signed here is told at once, as the holder would learn of it only at the first call.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.admission.number import parse_prefix
from gateway.admission.origin import parse_origin
from gateway.admission.policy import EVERYTHING
from gateway.admission.target import parse_target
from gateway.admission.token import CallClaim, Pattern
from gateway.errors import TargetError

# How a target begins: E.164, what else is dialed, or a SIP user
_BEGINS: Final = re.compile(
    r"\+(?:[1-9][0-9]{0,14})?|[0-9*#]{1,32}|[A-Za-z0-9*_][A-Za-z0-9*_+.!~-]*", re.ASCII
)


def _number(text: str) -> str:
    """Return a number, a SIP user or a prefix with "*" behind it in its one spelling."""
    if text == EVERYTHING:
        return text
    if text.endswith("*"):
        begins = parse_prefix(text.removesuffix("*"))
        if begins is None or _BEGINS.fullmatch(begins) is None:
            raise _broken('how a number or a SIP user begins is needed before "*", as in "+44*"')
        return f"{begins}*"
    try:
        return parse_target(text)
    except TargetError as error:
        why = str(error).replace("`to` is", "it is", 1)
        raise _broken(f'{why}; "*" at the end is for all that begin so') from None


def _origin(text: str) -> str:
    try:
        return parse_origin(text)
    except ValueError as error:
        raise _broken(str(error)) from None


def _broken(rule: str) -> PydanticCustomError:
    return PydanticCustomError("grant", "{rule}", {"rule": rule})


class IssuedClaim(CallClaim):
    """The claim `call` of a token that is signed here: whatever stands in it can fit."""

    to: Annotated[
        tuple[Annotated[Pattern, AfterValidator(_number)], ...],
        Field(strict=False, max_length=100),
    ] = ()
    origins: (
        Annotated[
            tuple[Annotated[str, AfterValidator(_origin)], ...],
            Field(strict=False, max_length=100),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _lets_somebody_call(self) -> Self:
        if not self.to and not self.incoming:
            raise _broken("neither a number in `to` nor `incoming`: such a token lets nobody call")
        return self
