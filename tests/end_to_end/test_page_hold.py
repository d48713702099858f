"""Hold at the demo page, by the person and by Asterisk: what is shown, said and heard.

With Firefox a transfer as well, which is one more thing in a call and no other browser to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.demo import REMOTE, dial, expect_state, open_demo
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import idle
from tests.peers.browser import record
from tests.peers.firefox import run_firefox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from tests.peers.ami import Manager
    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 2  # of recording; the first half is left out, in which the sound may still come up


@pytest_asyncio.fixture(loop_scope="module")
async def demo(chromium: Chromium, gateway: Gateway) -> AsyncIterator[ChromiumPage]:
    """The demo page of this module's gateway."""
    async with open_demo(chromium, gateway) as page:
        yield page


async def expect_held(page: Page, by: str, text: str) -> None:
    await expect(page.locator("#app")).to_have_attribute("data-held", by, timeout=10_000)
    await expect(page.locator("#state-text")).to_have_text(text)


async def hear(demo: ChromiumPage, *, lab: bool) -> None:
    """Record what the page plays: the lab's tone, or nothing of it."""
    samples, rate = await record(demo, REMOTE, seconds=SECONDS)
    tones = {"present": [LAB_TONE], "absent": [TONE]} if lab else {"absent": [LAB_TONE, TONE]}
    assert_heard(samples[-rate:], rate, **tones)


async def test_held_and_taken_back(demo: ChromiumPage, manager: Manager) -> None:
    page = demo.page
    await dial(page, "603")
    await expect_state(page, "open")
    await page.click("#hold")
    await expect_held(page, "local", "On hold")
    await expect(page.get_by_role("button", name="Hold")).to_have_attribute("aria-pressed", "true")
    await manager.wait("Hold")
    await hear(demo, lab=False)
    await page.click("#hold")
    await expect_held(page, "", "Connected")
    await manager.wait("Unhold")
    await hear(demo, lab=True)
    await page.click("#hangup")
    await expect_state(page, "idle")


async def test_the_other_side_holds(demo: ChromiumPage) -> None:
    """670 does so for three seconds, after three."""
    page = demo.page
    await dial(page, "670")
    await expect_state(page, "open")
    await expect_held(page, "remote", "Held by the other side")
    await expect(page.get_by_role("button", name="Hold")).to_have_attribute("aria-pressed", "false")
    await page.click("#hold")
    await expect_held(page, "both", "Held by both sides")
    await expect_held(page, "local", "On hold")
    await page.click("#hold")
    await expect_held(page, "", "Connected")
    await page.click("#hangup")
    await expect_state(page, "idle")


UNTIL = """(async (test) => {
    const end = performance.now() + 10_000;
    while (!test() && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
    return document.querySelector("#state-text").textContent;
})"""


TRANSFER = """(() => {
    document.querySelector("#transfer-open").click();
    document.querySelector("#transfer-to").value = "%s";
    document.querySelector("#transfer").requestSubmit();
})()"""
REACHED = "15550100600"


async def test_firefox(gateway: Gateway, manager: Manager) -> None:
    """Hold, and a transfer at the end: 682 is behind a bridge, so that Asterisk can be asked."""
    async with run_firefox() as firefox:
        page = await firefox.new_page()
        await page.goto(f"{gateway.url}/?to=682")
        await page.evaluate("document.querySelector('#call').click()")
        await page.evaluate(f"{UNTIL}(() => demo.call?.state === 'open')")
        await page.evaluate("document.querySelector('#hold').click()")
        assert await page.evaluate(f"{UNTIL}(() => demo.call.held.local)") == "On hold"
        await manager.wait("Hold")
        await page.evaluate("document.querySelector('#hold').click()")
        assert await page.evaluate(f"{UNTIL}(() => !demo.call.held.local)") == "Connected"
        await manager.wait("Unhold")
        samples, rate = await record(page, REMOTE, seconds=SECONDS)
        assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[firefox.tone])
        await page.evaluate(TRANSFER % f"+{REACHED}")
        await manager.wait("LabCall", Dialed=REACHED)
        await page.evaluate(f"{UNTIL}(() => demo.end !== null)")
        assert await page.evaluate("demo.end.cause") == "transferred"
    await idle(gateway, 15)  # Asterisk sends RTCP for some seconds after
