"""Whether a trunk takes our user name and password, found out without a call.

A trunk that registers us is sent a REGISTER without Contact, which asks who is registered and
changes nothing (RFC 3261 section 10.2.3); another one OPTIONS, and REGISTER where it answers these
to anybody. Whoever does not challenge either says nothing about a password.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from typing import Final

from gateway.check.conversation import Conversation, conversation
from gateway.check.digest import Challenge, answer, challenges
from gateway.check.finding import Finding
from gateway.check.located import ANYWHERE, locate, route
from gateway.config_sip import TrunkSettings
from gateway.trunk.errors import TrunkLookupError
from gateway.trunk.message import Message

TIMEOUT: Final = 5.0  # seconds
CHALLENGED: Final = (401, 407)
FORBIDDEN: Final = 403  # what many registrars say to a wrong password
MOST_ROUNDS: Final = 2  # a nonce that a server has forgotten, or a proxy before it that asks, too


async def check(
    trunk: TrunkSettings, secured: ssl.SSLContext | None = None, listen: str = ANYWHERE
) -> Finding | None:
    """Try user name and password; None where the trunk has none."""
    if trunk.username is None or trunk.password is None:
        return None
    where = f"trunk {trunk.name!r} at {trunk.uri}"
    methods = ("REGISTER",) if trunk.registers else ("OPTIONS", "REGISTER")
    why = f"it challenges neither {' nor '.join(methods)}"
    if trunk.registers:
        why = "it does not challenge REGISTER"
    try:
        async with asyncio.timeout(TIMEOUT):
            at, *_ = await locate(trunk, listen)
            async with conversation(trunk, at, secured) as to:
                for method in methods:
                    if (final := await _prove(to, method, trunk)) is not None:
                        return _judge(where, method, final, certain=trunk.registers)
    except (TimeoutError, OSError, TrunkLookupError) as error:
        why = f"{error}" or "it does not answer"
    return Finding(True, f"{where}: no way to tell whether the password is right: {why}")


async def _prove(to: Conversation, method: str, trunk: TrunkSettings) -> Message | None:
    """Return the answer to a request with our credentials; None where nobody asks for them."""
    assert trunk.username is not None
    assert trunk.password is not None
    heard = await to.ask(method, *route(trunk))
    known: dict[tuple[str, str], Challenge] = {}
    for _ in range(MOST_ROUNDS):
        asked = challenges(heard) if heard.code in CHALLENGED else ()
        fresh = {(each.header, each.realm): each for each in asked}
        fresh = {key: each for key, each in fresh.items() if each.stale or key not in known}
        if not fresh:
            break
        known |= fresh  # a proxy that has asked wants to see its answer again
        request, cnonce = (method, to.target), secrets.token_hex(8)
        credentials = trunk.username, trunk.password.get_secret_value()
        headers = [answer(each, *credentials, request, cnonce) for each in known.values()]
        heard = await to.ask(method, *route(trunk), *headers)
    return heard if known else None


def _judge(where: str, method: str, final: Message, *, certain: bool) -> Finding:
    said = f"{final.code} {''.join(c for c in final.reason if c.isprintable())}".strip()
    if final.code in CHALLENGED or (final.code == FORBIDDEN and certain):
        return Finding(
            False,
            f"{where}: user name or password is wrong: {said} to {method} with them",
        )
    if final.code == FORBIDDEN or 500 <= final.code < 600:
        return Finding(
            True,
            f"{where}: no way to tell whether the password is right: {said} to {method} with it",
        )
    return Finding(True, f"{where}: user name and password are right ({said} to {method})")
