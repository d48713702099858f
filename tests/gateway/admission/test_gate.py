"""The gate: in which order it asks, what it lets in, and the line that each answer leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from gateway.admission.challenge import Challenge
from gateway.admission.grant import EVERYBODY, Visitor
from gateway.admission.limits import LimitRules
from gateway.errors import (
    CapacityError,
    ForbiddenError,
    GatewayError,
    RequestError,
    StoppedError,
    TokenError,
)
from tests.gateway.admission.door import OPEN, SHOP, TO, TOKENS, token
from tests.gateway.admission.test_challenge import running_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.admission.door import Door


async def test_whoever_comes_in_mode_open(door: Callable[..., Door]) -> None:
    it = door()
    assert await it.gate.sessions.welcome(SHOP, None, None) == EVERYBODY
    admission = await it.admit(caller="+15550001")
    assert (admission.caller, admission.max_duration, admission.max_ringing) == (
        "+15550001",
        3600,
        180,
    )
    admission.answered()
    admission.ended("hangup", 200, 1500)
    opened, admitted, answered, ended = it.lines()
    assert answered["event"] == "call-answered"
    assert opened["event"] == "session-opened"
    assert (opened["address"], opened["origin"]) == ("192.0.2.7", "https://shop.example")
    assert (admitted["event"], admitted["to"], admitted["from"]) == (
        "call-admitted",
        TO,
        "+15550001",
    )
    assert (ended["event"], ended["cause"], ended["durationMs"]) == ("call-ended", "hangup", 1500)


async def test_a_call_that_is_not_placed_after_all_is_written_down(
    door: Callable[..., Door],
) -> None:
    it = door(replace(OPEN, limits=LimitRules(calls_at_once=1)))
    (await it.admit()).refused(CapacityError("all lines are in use"))
    assert it.events() == ["call-admitted", "call-refused"]
    assert it.lines()[1]["error"] == "no-capacity"
    assert await it.admit()


async def test_a_token_says_what_its_bearer_may(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    call: dict[str, Any] = {
        "from": "+15559999",
        "maxDuration": 60,
        "origins": ["https://shop.example"],
    }
    grant = await it.gate.sessions.welcome(SHOP, token(**call), None)
    admission = await it.admit(grant, caller="+15550001")
    assert admission.caller == "+15559999"  # the token's wins over the page's
    assert admission.max_duration == 60
    with pytest.raises(ForbiddenError, match="the token does not grant it"):
        await it.admit(grant, "+15541234567")
    with pytest.raises(ForbiddenError, match=r"admission\.allow"):  # nor more than the dial plan
        await it.admit(replace(grant, to=("*",)), "+4420")
    assert it.events() == ["session-opened", "call-admitted", "call-refused", "call-refused"]
    assert it.lines()[2]["rule"] == "token"


async def test_a_page_chooses_no_caller_that_its_token_does_not_grant(
    door: Callable[..., Door],
) -> None:
    it = door(TOKENS)
    grant = await it.gate.sessions.welcome(SHOP, token(), None)
    with pytest.raises(ForbiddenError, match=r"claim `call\.from`"):
        await it.admit(grant, caller="+15550001")
    assert (await it.admit(grant)).caller is None  # the trunk's own number then


@pytest.mark.parametrize(
    ("given", "visitor", "error", "rule"),
    [
        (lambda: None, SHOP, TokenError, "`hello` needs `token`"),
        (lambda: "nonsense", SHOP, TokenError, "no JWT"),
        (lambda: token(expires=-60), SHOP, TokenError, "expired"),
        (
            lambda: token(origins=["https://other.example"]),
            SHOP,
            ForbiddenError,
            "pages of another origin",
        ),
        (
            lambda: token(origins=["https://shop.example"]),
            replace(SHOP, origin=None),
            ForbiddenError,
            "pages of another origin",
        ),
        (lambda: token(origins=[]), SHOP, ForbiddenError, "the token is for no page"),
    ],
)
async def test_who_is_not_welcome(
    door: Callable[..., Door],
    given: Callable[[], str | None],
    visitor: Visitor,
    error: type[GatewayError],
    rule: str,
) -> None:
    it = door(TOKENS)
    with pytest.raises(error, match=rule):
        await it.gate.sessions.welcome(visitor, given(), None)
    (line,) = it.lines()
    assert (line["event"], line["address"]) == ("session-refused", "192.0.2.7")
    assert line["why"]


@pytest.mark.parametrize("call", [{}, {"origins": None}])
@pytest.mark.parametrize("origin", ["https://shop.example", "https://other.example", None])
async def test_a_token_without_origins_is_for_whoever_gets_in(
    door: Callable[..., Door], call: dict[str, Any], origin: str | None
) -> None:
    await door(TOKENS).gate.sessions.welcome(replace(SHOP, origin=origin), token(**call), None)


async def test_a_token_for_no_page_is_for_programs(door: Callable[..., Door]) -> None:
    program = replace(SHOP, origin=None)
    grant = await door(TOKENS).gate.sessions.welcome(program, token(origins=[]), None)
    assert grant.origins == ()


async def test_a_challenge_before_anonymous_calls(door: Callable[..., Door]) -> None:
    with running_service() as service:
        it = door(replace(OPEN, challenge=Challenge(service.url, "s")))
        assert await it.gate.sessions.welcome(SHOP, None, "answer") == EVERYBODY
        with pytest.raises(ForbiddenError, match="challenge"):
            await it.gate.sessions.welcome(SHOP, None, None)
    assert it.lines()[-1]["rule"] == "challenge"


async def test_a_token_for_one_call(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    text = token(once=True)
    grant = await it.gate.sessions.welcome(SHOP, text, None)
    (await it.admit(grant)).release()
    again = await it.gate.sessions.welcome(SHOP, text, None)
    for each in (grant, again):
        with pytest.raises(TokenError, match="good for one call"):
            await it.admit(each)


async def test_what_is_refused_does_not_use_a_token_up(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.sessions.welcome(SHOP, token(once=True), None)
    with pytest.raises(ForbiddenError):
        await it.admit(grant, "+19001234567")
    await it.gate.stop("maintenance", by="test")
    with pytest.raises(StoppedError):
        await it.admit(grant)
    await it.gate.start(by="test")
    assert await it.admit(grant)


async def test_two_calls_at_once_with_a_token_for_one(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.sessions.welcome(SHOP, token(once=True), None)
    results = await asyncio.gather(it.admit(grant), it.admit(grant), return_exceptions=True)
    assert sum(isinstance(result, TokenError) for result in results) == 1
    # The one that was refused has left no place taken
    assert await it.admit(replace(grant, once=False, token="other"))


async def test_a_session_outlives_its_token_but_places_no_call(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.sessions.welcome(SHOP, token(expires=-5), None)  # within the leeway
    late = replace(grant, expires=time() - 11)
    with pytest.raises(TokenError, match="has expired"):
        await it.admit(late)
    renewed = await it.gate.sessions.renew(SHOP, late, token())
    assert await it.admit(renewed)


async def test_a_new_token_is_for_the_same_identity(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await it.gate.sessions.welcome(SHOP, token("visitor"), None)
    with pytest.raises(TokenError, match="another `sub`"):
        await it.gate.sessions.renew(SHOP, grant, token("somebody"))
    with pytest.raises(RequestError, match="comes once"):
        await it.gate.sessions.renew(SHOP, grant, None)
    with pytest.raises(RequestError, match="comes once"):
        await door(OPEN).gate.sessions.renew(SHOP, EVERYBODY, token())
