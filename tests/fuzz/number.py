"""Whom a page asks for: any text is one safe number or user, or is refused; and so is its call."""

from __future__ import annotations

import re
from contextlib import suppress

from gateway.admission.policy import Policy, matches
from gateway.admission.target import parse_target
from gateway.errors import ForbiddenError, TargetError

SAFE = re.compile(
    r"\+[1-9][0-9]{2,14}|[0-9*#]{1,32}|[A-Za-z0-9*_][A-Za-z0-9*_+.!~-]{0,63}", re.ASCII
)
POLICIES = tuple(
    Policy(allow=("*",), deny=("+1900", "+44 (0)9"), feature_codes=True, country=country)
    for country in (None, "US", "IT")
)


def one_input(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    matches((text, f"{text}*"), "+15551234567")  # a token's patterns are anybody's text as well
    try:
        target = parse_target(text)
    except TargetError:
        return
    assert SAFE.fullmatch(target), target
    assert parse_target(target) == target
    assert matches((target,), target)
    for policy in POLICIES:
        with suppress(ForbiddenError):
            policy.admit(target)
