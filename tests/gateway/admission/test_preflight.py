"""Pre-flights at the gate: who may have one, how many at once, and how fast one after the other."""

from __future__ import annotations

from dataclasses import replace
from time import time
from typing import TYPE_CHECKING

import pytest

from gateway.admission.grant import EVERYBODY, Visitor
from gateway.admission.limits import LimitRules
from gateway.admission.preflight import PreflightGate
from gateway.errors import ForbiddenError, LimitError, StoppedError, TokenError
from tests.gateway.admission.clock import Clock
from tests.gateway.admission.door import OPEN, SHOP, TOKENS, Door, token

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER = Visitor("192.0.2.8", "https://shop.example", "s2")


def limited(at_once: int = 0, per_address: int = 0) -> LimitRules:
    return LimitRules(
        preflights_at_once=at_once,
        preflights_at_once_per_address=per_address,
        preflights_per_minute_per_address=0,
    )


def test_an_address_may_have_so_many_at_once(door: Callable[..., Door]) -> None:
    it = door(replace(OPEN, limits=limited(per_address=2)))
    first = it.gate.preflights.admit(SHOP, EVERYBODY)
    it.gate.preflights.admit(SHOP, EVERYBODY)
    with pytest.raises(LimitError, match="this address has 2 tests at once: at most 2") as refused:
        it.gate.preflights.admit(SHOP, EVERYBODY)
    assert refused.value.limit == "preflights-at-once-per-address"
    it.gate.preflights.admit(OTHER, EVERYBODY)
    first.release()
    first.release()
    it.gate.preflights.admit(SHOP, EVERYBODY)
    with pytest.raises(LimitError):
        it.gate.preflights.admit(SHOP, EVERYBODY)
    assert it.events().count("preflight-admitted") == 4
    assert it.events().count("preflight-refused") == 1


def test_the_gateway_has_so_many_at_once_whoever_asks(door: Callable[..., Door]) -> None:
    it = door(replace(OPEN, limits=limited(at_once=1), exempt=lambda address: True))
    it.gate.preflights.admit(SHOP, EVERYBODY)
    with pytest.raises(LimitError, match="the gateway has 1 tests at once") as refused:
        it.gate.preflights.admit(OTHER, EVERYBODY)
    assert refused.value.limit == "preflights-at-once"


def test_an_address_may_have_so_many_in_a_minute(door: Callable[..., Door]) -> None:
    limits = replace(LimitRules(), preflights_per_minute_per_address=2)
    it, clock = door(replace(OPEN, limits=limits)), Clock()
    gate = PreflightGate(it.gate, clock)
    for _ in range(2):
        gate.admit(SHOP, EVERYBODY).release()
    with pytest.raises(LimitError) as refused:
        gate.admit(SHOP, EVERYBODY)
    assert refused.value.limit == "preflights-per-minute-per-address"
    gate.admit(OTHER, EVERYBODY)
    clock.now += 61
    gate.admit(SHOP, EVERYBODY)


async def test_a_token_for_one_call_stays_good_for_it(door: Callable[..., Door]) -> None:
    it = door(replace(TOKENS, limits=limited()))
    grant = await it.gate.sessions.welcome(SHOP, token(once=True), None)
    it.gate.preflights.admit(SHOP, grant).release()
    it.gate.preflights.admit(SHOP, grant).release()
    assert await it.admit(grant)


def test_a_token_that_has_expired_is_not_enough(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    with pytest.raises(TokenError):
        it.gate.preflights.admit(SHOP, replace(EVERYBODY, expires=time() - 60))
    assert it.lines()[-1]["event"] == "preflight-refused"


async def test_the_operator_keeps_them_out(door: Callable[..., Door]) -> None:
    it = door(OPEN)
    it.gate.block("address", SHOP.address, "a flood", by="me")
    with pytest.raises(ForbiddenError):
        it.gate.preflights.admit(SHOP, EVERYBODY)
    await it.gate.stop("a fault", by="me")
    with pytest.raises(StoppedError):
        it.gate.preflights.admit(OTHER, EVERYBODY)
