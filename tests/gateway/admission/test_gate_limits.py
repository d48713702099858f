"""What limits and money have a say in at the gate."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from gateway.admission.limits import LimitRules
from gateway.admission.policy import Policy
from gateway.admission.rates import parse_rates
from gateway.errors import (
    ForbiddenError,
    LimitError,
    TokenError,
)
from tests.gateway.admission.door import OPEN, SHOP, TOKENS, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.admission.door import Door


async def test_a_limit_that_bites_is_named(door: Callable[..., Door]) -> None:
    it = door(replace(OPEN, limits=LimitRules(calls_at_once=1)))
    first = await it.admit()
    with pytest.raises(LimitError) as refused:
        await it.admit()
    assert refused.value.limit == "calls-at-once"
    assert it.lines()[-1]["limit"] == "calls-at-once"
    first.release()
    first.release()
    assert await it.admit()


async def test_a_dear_number_does_not_stop_everybody(door: Callable[..., Door]) -> None:
    limits = LimitRules(spend_per_day=Decimal("0.02"))
    rates = parse_rates("prefix,price\n*,60\n+1555,0.01\n")
    it = door(replace(OPEN, limits=limits, rates=rates))
    with pytest.raises(LimitError) as refused:
        await it.admit(to="+15415551234")
    assert refused.value.limit == "spend-per-day"
    assert it.gate.stopped is None
    assert await it.admit()


async def test_a_call_that_is_refused_holds_no_money_back(door: Callable[..., Door]) -> None:
    limits = LimitRules(spend_per_day=Decimal("1.0"))
    rates = parse_rates("prefix,price,name,increments\n*,1,all,60/60\n")
    it = door(replace(TOKENS, limits=limits, rates=rates))
    grant = await it.gate.sessions.welcome(SHOP, token(once=True), None)
    (await it.admit(grant)).release()
    for _ in range(3):
        with pytest.raises(TokenError):
            await it.admit(grant)
    assert await it.admit(replace(grant, once=False))


async def test_a_cap_that_is_reached_while_people_talk(door: Callable[..., Door]) -> None:
    limits = LimitRules(calls_at_once_per_address=0, spend_per_day=Decimal("1.0"))
    rates = parse_rates("prefix,price,name,increments\n*,60,all,1/1\n")
    it = door(replace(OPEN, limits=limits, rates=rates))
    call = await it.admit()
    call.answered()
    async with asyncio.timeout(5):
        assert await it.ended.get() == "The gateway has reached what it may use on one day."
    assert it.gate.stopped is not None
    assert {"limit", "stopped"} <= set(it.events())
    call.ended("stopped", 503, 800)
    assert it.gate.used_today()[1] <= 1.0
    await it.gate.close()


async def test_a_number_has_one_name_however_it_is_dialled(door: Callable[..., Door]) -> None:
    policy = Policy(allow=("*",), country="GB")
    it = door(replace(OPEN, policy=policy, limits=LimitRules(numbers_per_hour_per_address=1)))
    for spelling in ("+442079460000", "02079460000", "00442079460000"):
        (await it.admit(to=spelling)).release()
    with pytest.raises(LimitError):
        await it.admit(to="02079460001")
    it.gate.block("number", "+442079460000", "", by="test")
    with pytest.raises(ForbiddenError, match="blocked"):
        await it.admit(to="02079460000")
    assert it.gate.is_blocked(SHOP, None, "02079460000")


async def test_short_calls_trip_the_spend_cap_too(door: Callable[..., Door]) -> None:
    limits = LimitRules(spend_per_day=Decimal("1.0"))
    rates = parse_rates("prefix,price,name,increments\n*,0.5,all,60/60\n")
    it = door(replace(OPEN, limits=limits, rates=rates))
    limited: list[str] = []
    it.gate.on_limit = limited.append
    for _ in range(2):
        call = await it.admit()
        call.answered()
        call.ended("hangup", 200, 1000)
    with pytest.raises(LimitError):
        await it.admit()
    assert it.gate.stopped is not None
    assert limited == ["spend-per-day"]
