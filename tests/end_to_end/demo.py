"""The demo page in Chromium, for tests that make their calls as a person would."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.end_to_end.trunks import idle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.gateway import Gateway

REMOTE = "demo.call.remoteStream"


@asynccontextmanager
async def open_demo(
    chromium: Chromium, gateway: Gateway, *, limit: float = 5.0
) -> AsyncIterator[ChromiumPage]:
    """Open the page, its microphone without processing (which takes a tone for noise).

    At the end the gateway is idle within `limit` seconds.
    """
    page = await chromium.new_page()
    page.page.set_default_timeout(10_000)
    await page.goto(gateway.url)
    await expect(page.page.locator("#app")).to_have_attribute("data-ready", "")
    await page.evaluate("document.querySelector('#processing').click()")
    yield page
    await page.page.close()
    await idle(gateway, limit)
    assert [line for line in page.console if "uncaught" in line] == []


async def dial(page: Page, number: str) -> None:
    await page.fill("#number", number)
    await page.click("#call")


async def expect_state(page: Page, state: str) -> None:
    await expect(page.locator("#app")).to_have_attribute("data-state", state, timeout=10_000)
