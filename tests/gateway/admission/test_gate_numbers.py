"""One number has many spellings: none of them escapes a block, a price or a limit at the gate."""

from __future__ import annotations

from decimal import Decimal
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from gateway.admission.audit import Audit
from gateway.admission.gate import Gate, Rules
from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.admission.limits import LimitRules
from gateway.admission.policy import Policy
from gateway.admission.rates import parse_rates
from gateway.admission.store import MemoryStore
from gateway.errors import ForbiddenError, LimitError

if TYPE_CHECKING:
    from pathlib import Path

SHOP = Visitor("192.0.2.7", "https://shop.example", "s1")
LONDON = "+442079460000"
SPELLINGS = [
    *(LONDON, "442079460000", "00442079460000", "011442079460000", "9442079460000"),
    *("9011442079460000", "*67442079460000", "+1011442079460000", "+4420794600001"),
]


def gate(file: Path, country: str | None = None, rates: str = "", **limits: Any) -> Gate:
    rules = Rules(
        policy=Policy(allow=("*",), feature_codes=True, premium=True, country=country),
        limits=LimitRules(**limits),
        rates=parse_rates(rates) if rates else None,
    )
    return Gate(rules, MemoryStore(time), Audit(file, "full", time))


async def call(it: Gate, to: str, grant: Grant = EVERYBODY) -> None:
    admission = await it.admit(SHOP, grant, to, caller=None)
    admission.release()


@pytest.mark.parametrize("country", [None, "GB", "US"])
@pytest.mark.parametrize("to", SPELLINGS)
async def test_a_blocked_number_is_not_called(tmp_path: Path, to: str, country: str | None) -> None:
    it = gate(tmp_path / "audit.log", country)
    it.block("number", LONDON, "fraud", by="jane")
    assert it.is_blocked(SHOP, None, to)
    with pytest.raises(ForbiddenError) as refused:
        await call(it, to)
    assert refused.value.rule == "blocked"


@pytest.mark.parametrize("country", [None, "GB"])
async def test_a_number_costs_the_same_in_every_spelling(
    tmp_path: Path, country: str | None
) -> None:
    rates = "+44,100,,60/60\n+1,0.01\nlocal,0\n*,0.02\n"
    it = gate(tmp_path / "audit.log", country, rates, spend_per_day=Decimal(10))
    await call(it, "600")
    await call(it, "alice")
    await call(it, "+12025550123")
    for to in [*SPELLINGS, "02079460000"]:
        with pytest.raises(LimitError):
            await call(it, to)


async def test_what_may_be_a_number_is_not_priced_as_an_extension(tmp_path: Path) -> None:
    it = gate(tmp_path / "audit.log", rates="*,100,,60/60\nlocal,0\n", spend_per_day=Decimal(10))
    await call(it, "600123")
    for to in ("7001234567", "0998001234567", "55512345678901", "*671234567890", "1-900-CALL-NOW"):
        with pytest.raises((LimitError, ForbiddenError)):
            await call(it, to)


async def test_spellings_are_no_other_numbers(tmp_path: Path) -> None:
    it = gate(tmp_path / "audit.log", numbers_per_hour_per_identity=1)
    jane = Grant(identity="jane")
    for to in [*SPELLINGS, "02079460000"]:
        await call(it, to, jane)
    with pytest.raises(LimitError):
        await call(it, "+442079460001", jane)
