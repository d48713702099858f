"""Transfers by Asterisk: to a number, to one that fails, and to another call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.page import Page, open_page
from tests.end_to_end.phone import calling
from tests.end_to_end.trunks import idle
from tests.gateway.calls.descriptions import fixture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.ami import Manager
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

OFFER = fixture("chrome-156-audio.sdp")
REACHED = "+15550100600"


async def test_blind(gateway: Gateway, manager: Manager, tone: Path) -> None:
    """The far end is in the dialplan at the new number, and our call is over."""
    async with calling(gateway, "682", play=tone) as call:
        await call.hear("answered")
        await call.ask("transfer", to=REACHED)
        await call.end()
        await manager.wait("LabCall", Dialed=REACHED.removeprefix("+"))
    told = [each for each in call.messages if each["type"].startswith("transfer")]
    assert told[-1] == {"type": "transferred", "call": "1", "sipCode": 200, "reason": "OK"}
    assert all(each["type"] == "transferProgress" for each in told[:-1])
    assert all(each["sipCode"] < 200 for each in told[:-1])
    assert call.ended() == ("local", "transferred", 200)
    await idle(gateway, limit=15)  # Asterisk sends RTCP for some seconds more


async def test_on_hold(gateway: Gateway, manager: Manager, tone: Path) -> None:
    """As most people do it: hold, and then hand over."""
    async with calling(gateway, "682", play=tone) as call:
        await call.hear("answered")
        await call.ask("hold")
        await call.hear("held")
        await call.ask("transfer", to=REACHED)
        await call.end()
        await manager.wait("LabCall", Dialed=REACHED.removeprefix("+"))
    assert call.ended() == ("local", "transferred", 200)


async def test_nobody_to_be_handed_over(gateway: Gateway, tone: Path) -> None:
    """603 is an application, no call behind a bridge: Asterisk takes the REFER, and refuses it."""
    async with calling(gateway, "603", play=tone) as call:
        await call.hear("answered")
        await call.ask("transfer", to=REACHED)
        failed = await call.hear("transferFailed")
        assert failed["sipCode"] >= 400
        assert failed["reason"]
        assert "ended" not in call.kinds
        await call.hang_up()
        assert call.ended() == ("local", "hangup", 200)


async def answered(page: Page, number: str, call: str) -> None:
    assert (await page.call(number, OFFER, call=call))["type"] == "trying"
    await page.until("answered", call=call)


async def test_attended(gateway: Gateway, manager: Manager) -> None:
    """Two calls of one page: their far ends talk to each other, and both calls are over."""
    async with open_page(gateway) as page:
        await answered(page, "682", "first")
        await answered(page, "683", "second")
        await page.send(type="transfer", call="first", replaces="second")
        ends: dict[str, str] = {}
        transferred = None
        while len(ends) < 2:
            message = await page.receive(limit=10.0)
            if message["type"] == "ended":
                ends[message["call"]] = message["cause"]
            elif message["type"] in ("transferred", "transferFailed"):
                transferred = message
        assert transferred == {
            "type": "transferred",
            "call": "first",
            "sipCode": 200,
            "reason": "OK",
        }
        assert ends["first"] == "transferred"
        await manager.wait("AttendedTransfer", Result="Success")
    await idle(gateway, limit=15)  # Asterisk sends RTCP for some seconds more
