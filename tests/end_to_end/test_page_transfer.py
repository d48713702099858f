"""Calls handed over at the demo page, with Asterisk: to a number, in vain, and to another call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.demo import dial, expect_state, open_demo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from tests.peers.ami import Manager
    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

REACHED = "+15550100600"


@pytest_asyncio.fixture(loop_scope="module")
async def demo(chromium: Chromium, gateway: Gateway) -> AsyncIterator[ChromiumPage]:
    """The demo page of this module's gateway; Asterisk sends RTCP for some seconds after."""
    async with open_demo(chromium, gateway, limit=15) as page:
        yield page


async def transfer(page: Page, to: str) -> None:
    await page.click("#transfer-open")
    await page.fill("#transfer-to", to)
    await page.keyboard.press("Enter")


async def test_on_hold_and_handed_over(demo: ChromiumPage, manager: Manager) -> None:
    """As most people do it."""
    page = demo.page
    await dial(page, "682")
    await expect_state(page, "open")
    await page.click("#hold")
    await expect(page.locator("#state-text")).to_have_text("On hold", timeout=10_000)
    await transfer(page, REACHED)
    await expect_state(page, "idle")
    await manager.wait("LabCall", Dialed=REACHED.removeprefix("+"))
    await expect(page.locator("#notice")).to_have_attribute("data-cause", "transferred")
    await expect(page.locator("#notice")).to_have_attribute("data-tone", "quiet")


async def test_nobody_to_be_handed_over(demo: ChromiumPage) -> None:
    """603 is an application, no call behind a bridge: Asterisk takes the REFER, and refuses it."""
    page = demo.page
    await dial(page, "603")
    await expect_state(page, "open")
    await transfer(page, REACHED)
    await expect(page.get_by_role("alert")).to_contain_text("could not be transferred")
    await expect_state(page, "open")
    await expect(page.locator("#state-text")).to_have_text("Connected")
    await page.click("#hangup")
    await expect_state(page, "idle")


async def test_one_call_handed_over_to_the_other(demo: ChromiumPage, manager: Manager) -> None:
    """By the client itself: the page has one call at a time."""
    done = await demo.evaluate(
        """(async () => {
            const { Device } = await import("/sdk/voice-client.js");
            const device = new Device({ allowSeveralCalls: true });
            const first = await device.connect({ to: "682" });
            await new Promise((done) => first.on("accept", done));
            const over = new Promise((done) => first.on("disconnect", (_, end) => done(end)));
            await first.hold();
            const second = await device.connect({ to: "683" });
            await new Promise((done) => second.on("accept", done));
            const { sipCode } = await first.transfer(second);
            return [sipCode, (await over).cause];
        })()"""
    )
    assert done == [200, "transferred"]
    await manager.wait("AttendedTransfer", Result="Success")
