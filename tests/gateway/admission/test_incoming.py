"""Calls from trunks at the gate: who may be rung, and for how many calls at a time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from gateway import config_values
from gateway.admission.grant import EVERYBODY, Grant
from gateway.admission.limits import LimitRules
from gateway.admission.rates import parse_rates
from gateway.errors import ForbiddenError, LimitError, RequestError, StoppedError, TokenError
from tests.gateway.admission.door import OPEN, SHOP, TO, TOKENS, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.admission.door import Door

FROM = "+15550001"


async def granted(it: Door, **call: Any) -> Grant:
    return await it.gate.sessions.welcome(SHOP, token(**call), None)


async def test_in_mode_open_the_page_says_who_it_is(door: Callable[..., Door]) -> None:
    incoming = door().gate.incoming
    assert incoming.identity(SHOP, EVERYBODY, " Empfang Süd ") == "Empfang Süd"


async def test_one_may_be_as_long_as_in_the_configuration(door: Callable[..., Door]) -> None:
    longest = config_values.identity("x" * 128)
    assert door().gate.incoming.identity(SHOP, EVERYBODY, longest) == longest


@pytest.mark.parametrize("identity", [None, "", "  ", "x" * 129, "a\nb", "\u202ea"])
async def test_what_is_no_identity(door: Callable[..., Door], identity: str | None) -> None:
    with pytest.raises(RequestError, match="1 to"):
        door().gate.incoming.identity(SHOP, EVERYBODY, identity)


async def test_with_tokens_it_is_the_tokens_sub(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await granted(it, sub="sales", incoming=True)
    for wanted in (None, "boss", "x" * 500):
        assert it.gate.incoming.identity(SHOP, grant, wanted) == "sales"
    it.gate.incoming.check(SHOP, grant)


async def test_a_token_that_grants_no_calls_in(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await granted(it, sub="sales")
    for ask in (
        lambda: it.gate.incoming.identity(SHOP, grant, None),
        lambda: it.gate.incoming.check(SHOP, grant),
        lambda: it.gate.incoming.accept(SHOP, grant, TO, FROM),
    ):
        with pytest.raises(ForbiddenError, match=r"call\.incoming") as refused:
            ask()
        assert refused.value.rule == "token-incoming"
    (line,) = (line for line in it.lines() if line["event"] == "register-refused")
    assert (line["rule"], line["address"]) == ("token-incoming", SHOP.address)


async def test_a_token_that_has_run_out(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = replace(await granted(it, sub="sales", incoming=True), expires=1.0)
    with pytest.raises(TokenError, match="expired"):
        it.gate.incoming.check(SHOP, grant)


async def test_whom_the_operator_keeps_out(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await granted(it, sub="sales", incoming=True)
    it.gate.block("identity", "sales", "left us", by="ops")
    with pytest.raises(ForbiddenError, match="blocked this identity"):
        it.gate.incoming.check(SHOP, grant)
    it.gate.block("number", "+1555000*", "a robot", by="ops")
    with pytest.raises(ForbiddenError, match="blocked the caller's number"):
        it.gate.incoming.arrive(TO, FROM, "sales", "lab")
    it.gate.incoming.arrive(TO, "+15551111", "sales", "lab")
    it.gate.incoming.arrive(TO, "anonymous", "sales", "lab")


async def test_the_kill_switch_is_for_both_directions(door: Callable[..., Door]) -> None:
    it = door()
    await it.gate.stop("fraud", by="ops")
    with pytest.raises(StoppedError):
        it.gate.incoming.arrive(TO, FROM, "sales", "lab")


async def test_calls_at_once_are_of_both_directions(door: Callable[..., Door]) -> None:
    it = door(replace(TOKENS, limits=LimitRules(calls_at_once_per_identity=2)))
    grant = await granted(it, sub="sales", incoming=True)
    placed = await it.gate.admit(SHOP, grant, TO, caller=None)
    it.gate.incoming.check(SHOP, grant)
    taken = it.gate.incoming.accept(SHOP, grant, TO, FROM)
    for ask in (
        lambda: it.gate.incoming.check(SHOP, grant),
        lambda: it.gate.incoming.accept(SHOP, grant, TO, FROM),
    ):
        with pytest.raises(LimitError, match="2 calls at once"):
            ask()
    taken.ended("hangup", 200, 10)
    taken.release()
    it.gate.incoming.check(SHOP, grant)
    placed.release()


async def test_limits_on_what_is_dialed_do_not_count_calls_in(door: Callable[..., Door]) -> None:
    rules = LimitRules(
        calls_per_minute=1, numbers_per_hour_per_identity=1, minutes_per_day=1, calls_at_once=0
    )
    it = door(replace(TOKENS, limits=rules))
    grant = await granted(it, sub="sales", incoming=True)
    for caller in ("+1", "+2", "+3"):
        it.gate.incoming.accept(SHOP, grant, TO, caller).ended("hangup", 200, 10)
    (await it.gate.admit(SHOP, grant, TO, caller=None)).release()


async def test_a_token_limits_how_long_calls_last(door: Callable[..., Door]) -> None:
    it = door(TOKENS)
    grant = await granted(it, sub="sales", incoming=True, maxDuration=60)
    assert it.gate.incoming.accept(SHOP, grant, TO, FROM).max_duration == 60


async def test_what_is_written_down(door: Callable[..., Door]) -> None:
    it = door(OPEN)
    it.gate.incoming.arrive(TO, FROM, "sales", "lab")
    admission = it.gate.incoming.accept(SHOP, EVERYBODY, TO, FROM)
    admission.answered()
    admission.ended("hangup", 200, 1500)
    it.gate.incoming.missed(TO, FROM, "no-answer", 480)
    arrived, admitted, answered, ended, missed = it.lines()
    assert (arrived["event"], arrived["identity"], arrived["trunk"]) == (
        "call-arrived",
        "sales",
        "lab",
    )
    for line, event in ((admitted, "admitted"), (answered, "answered"), (ended, "ended")):
        assert line["event"] == f"call-{event}"
        assert (line["direction"], line["to"], line["from"]) == ("incoming", TO, FROM)
        assert line["session"] == SHOP.session
    assert (missed["event"], missed["cause"], missed["code"]) == ("call-missed", "no-answer", 480)


# A call that goes on to a fallback


async def test_a_fallback_counts_for_all_but_for_no_page(door: Callable[..., Door]) -> None:
    rules = LimitRules(calls_at_once=2, calls_at_once_per_address=1, calls_per_hour=3)
    incoming = door(replace(OPEN, limits=rules)).gate.incoming
    first, second = incoming.forward(TO, FROM), incoming.forward(TO, FROM)
    with pytest.raises(LimitError, match="2 calls at once"):
        incoming.forward(TO, FROM)
    first.ended("hangup", 200, 1000)
    incoming.forward(TO, FROM)
    second.dropped(RuntimeError("a fault of ours"))
    with pytest.raises(LimitError, match="last hour"):
        incoming.forward(TO, FROM)


async def test_a_fallback_passes_the_dial_plan(door: Callable[..., Door]) -> None:
    it = door()
    with pytest.raises(ForbiddenError, match="may not be called"):
        it.gate.incoming.forward("+19005550100", FROM)
    assert it.gate.limits.running == 0
    (line,) = it.lines()
    assert (line["event"], line["direction"]) == ("call-refused", "incoming")


async def test_no_fallback_is_called_once_the_operator_has_stopped_calls(
    door: Callable[..., Door],
) -> None:
    it = door()
    await it.gate.stop("fraud", by="test")
    with pytest.raises(StoppedError):
        it.gate.incoming.forward(TO, FROM)


async def test_a_fallback_that_is_blocked(door: Callable[..., Door]) -> None:
    it = door()
    it.gate.block("number", TO, "fraud", by="test")
    with pytest.raises(ForbiddenError):
        it.gate.incoming.forward(TO, FROM)


async def test_the_money_of_a_fallback_counts(door: Callable[..., Door]) -> None:
    limits = LimitRules(spend_per_day=Decimal("1.0"))
    rates = parse_rates("prefix,price,name,increments\n*,0.5,all,60/60\n")
    it = door(replace(OPEN, limits=limits, rates=rates))
    for _ in range(2):
        admission = it.gate.incoming.forward(TO, FROM)
        admission.answered()
        admission.ended("hangup", 200, 1000)
    with pytest.raises(LimitError) as refused:
        it.gate.incoming.forward(TO, FROM)
    assert refused.value.limit == "spend-per-day"
    assert it.gate.limits.running == 0
