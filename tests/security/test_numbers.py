"""What a thief does with a good token: dear numbers, and as many numbers as there are."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.sdp.descriptions import BROWSER_OFFER
from tests.security.attack import Got, Refusal, attack
from tests.security.conftest import faults
from tests.security.exchange import open_exchange
from tests.security.house import open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.end_to_end.page import Page
    from tests.security.house import House

TITLE = "Numbers"
# As they are but for one: a thousand calls are to be tried within seconds
ADMISSION = {"feature_codes": True}
LIMITS = {"messages_per_second_per_address": 0, "calls_at_once_per_address": 0}
MOST = 20  # numbers an hour of one identity
SOCKETS = 20

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unharmed")]


async def _call(page: Page, to: str) -> str:
    """Call a number, which is busy or refused; return how it ended, in a word."""
    said = await page.call(to, BROWSER_OFFER)
    if said["type"] == "trying":
        said = await page.until("ended")
        return str(said["sipCode"])
    return str(said["message"])


TOO_MANY = Refusal(
    480,
    "limit-reached",
    "this identity has called too many different numbers in the last hour: "
    "at most 20 are allowed, and refused tries count",
)


@attack(
    "1,000 destinations in a row by one token",
    TOO_MANY,
    "20 INVITEs left, 980 calls were refused; audit `call-refused`, a metric for the limit",
)
async def test_a_thousand_destinations(house: House, got: Got) -> None:
    told, before = len(await house.audit()), len(house.exchange.invites)
    limit = "numbers-per-hour-per-identity"
    counted = await house.counted("gateway_limits_reached_total", limit=limit)
    async with house.page(house.token("*")) as page:
        ends = Counter([await _call(page, f"+1202556{n:04}") for n in range(1000)])
    assert got.refusal is not None
    assert ends == {"486": MOST, got.refusal.sentence: 1000 - MOST}
    house.sent_out += MOST
    assert house.exchange.invited[before:] == [f"+1202556{n:04}" for n in range(MOST)]
    refused = [each for each in await house.audit(told) if each["event"] == "call-refused"]
    assert [each["limit"] for each in refused] == [limit] * (1000 - MOST)
    after = await house.counted("gateway_limits_reached_total", limit=limit)
    assert after == counted + 1000 - MOST


@attack(
    "1,000 destinations from 20 sockets and 20 addresses at once, a token each for one identity",
    TOO_MANY,
    "20 INVITEs left or fewer: at most two calls at once are one identity's",
)
async def test_a_thousand_destinations_from_many_sockets(house: House, got: Got) -> None:
    before = len(house.exchange.invites)

    async def walk(number: int) -> Counter[str]:
        token = house.token("*", sub="mallory")
        async with house.page(token, address=f"127.0.1.{number + 1}") as page:
            return Counter([await _call(page, f"+1203{number:03}{n:04}") for n in range(50)])

    ends = sum(await asyncio.gather(*map(walk, range(SOCKETS))), Counter[str]())
    sent = len(house.exchange.invites) - before
    house.sent_out += sent
    assert got.refusal is not None
    at_once = "this identity has 2 calls at once: at most 2 are allowed"
    assert set(ends) <= {"486", got.refusal.sentence, at_once}
    assert ends["486"] == sent <= MOST
    assert sum(ends.values()) == 1000


PREMIUM = Refusal(
    403,
    "not-allowed",
    "… may not be called: …it is a premium-rate number",
)
DEAR = [
    "+19005550123",
    "+1 900 555 0123",
    "+1 (900) 555-0123",
    "+1.900.555.0123",
    "+1/900/555/0123",
    "+1\u2011900\u2011555\u20110123",
    "+1\u00a0900\u2009555\u202f0123",
    "\uff0b\uff11\uff19\uff10\uff10\uff15\uff15\uff15\uff10\uff11\uff12\uff13",
    "\u202a+19005550123\u202c",
    "+1900\u200b555\u20600123",
    "tel:+1-900-555-0123",
    "TEL:+1(900)5550123",
    "tel:%2B19005550123",
    "tel:900-555-0123;phone-context=+1",
    "0019005550123",
    "01119005550123",
    "19005550123",
    "9005550123",
    "919005550123",
    "+1 900 555 0123 456",
    "1-900-CALL-NOW",
    "*6719005550123",
]


@pytest.mark.parametrize(
    "to",
    [
        pytest.param(
            to,
            id=ascii(to),
            marks=attack(
                f"a premium number as `{ascii(to)[1:-1]}`",
                PREMIUM,
            ),
        )
        for to in DEAR
    ],
)
async def test_a_premium_number(house: House, got: Got, to: str) -> None:
    async with house.page(house.token("*")) as page:
        said = await page.call(to, BROWSER_OFFER)
    got.check(said)


BLOCKED = "+12025550123"
SPELLINGS = [
    BLOCKED,
    "+1 (202) 555-0123",
    "\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff12\uff13",
    "tel:+1-202-555-0123",
    "tel:202-555-0123;phone-context=+1",
    "2025550123",
    "12025550123",
    "912025550123",
    "0012025550123",
    "01112025550123",
    "+1 011 1 202 555 0123",
    "+10012025550123",
    "+120255501234",
    "+1 202 555 0123 4567",
    "1 202 555 0123 00000000000000",
    "1-202-JKL-0123",
    "*6712025550123",
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _blocked(house: House) -> AsyncIterator[None]:
    block = {"kind": "number", "value": BLOCKED}
    await house.operate("POST", "/v1/blocks", json={**block, "why": "fraud"})
    yield
    await house.operate("DELETE", "/v1/blocks", params=block)


@pytest.mark.usefixtures("_blocked")
@pytest.mark.parametrize(
    "to",
    [
        pytest.param(
            to,
            id=ascii(to),
            marks=attack(
                f"a blocked number as `{ascii(to)[1:-1]}`",
                Refusal(
                    403,
                    "not-allowed",
                    "… may not be called: the operator has blocked this number",
                ),
            ),
        )
        for to in SPELLINGS
    ],
)
async def test_a_blocked_number(house: House, got: Got, to: str) -> None:
    async with house.page(house.token("*")) as page:
        got.check(await page.call(to, BROWSER_OFFER))


HIDDEN = [
    "+1 011 53 7 836 1234",
    "+1 (011) 53 7 836-1234",
    "+10115378361234",
    "tel:+1-011-53-7-836-1234",
    "+1 00 53 7 836 1234",
    "+1 011 44 20 7946 000",
    "1 011 44 20 7946 0000",
    "*671011442079460000",
]


@attack(
    "another country's number behind +1 (`+1 011 53 …`), where only +1 is allowed, in eight "
    "spellings",
    Refusal(403, "not-allowed", "… may not be called"),
    "+1 202 … goes out",
)
async def test_a_hidden_number(tmp_path: Path, got: Got) -> None:
    admission = {**ADMISSION, "allow": ["+1"]}
    async with (
        open_exchange() as exchange,
        open_house(exchange, tmp_path, overrides={"admission": admission}) as house,
        house.page(house.token("*")) as page,
    ):
        for to in HIDDEN:
            got.check(await page.call(to, BROWSER_OFFER))
        assert await _call(page, "+12025550124") == "486"
        assert exchange.invited == ["+12025550124"]
        assert faults(house) == []
