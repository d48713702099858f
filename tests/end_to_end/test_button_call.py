"""A visitor of a site at its button: Chromium, the gateway, and Asterisk behind it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.site import ELEMENT, PLACE, PROCESSED, PUT, SITE
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.browser import record
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.web.button import Button

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab
    from tests.peers.browser import BrowserPage
    from tests.peers.chromium import Chromium, ChromiumPage

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 2  # of recording; the first half is left out, in which the sound may still come up


async def hear(page: BrowserPage, *, lab: bool) -> None:
    """Record what the page plays: the lab's tone, or nothing of it."""
    samples, rate = await record(page, SITE.remote, seconds=SECONDS)
    tones = {"present": [LAB_TONE], "absent": [TONE]} if lab else {"absent": [LAB_TONE]}
    assert_heard(samples[-rate:], rate, **tones)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway that keeps the calls of a page which is loaded again."""
    config = GatewayConfig(
        [lab_trunk(lab)],
        overrides={"admission": {"allow": ["*"]}, "sessions": {"resume_window": 20}},
    )
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@asynccontextmanager
async def open_site(
    chromium: Chromium, gateway: Gateway, to: str
) -> AsyncIterator[tuple[ChromiumPage, Button]]:
    """Open a page with the element; at the end the gateway is idle."""
    page = await chromium.new_page()
    put = f"({PUT})({{ to: '{to}', feedback: '' }})"
    await page.page.add_init_script(f"addEventListener('DOMContentLoaded', () => {put})")
    button = Button(page.page)
    await page.goto(f"{gateway.url}{PLACE}")
    await expect(button.launcher).to_be_visible()
    yield page, button
    # A tab that is closed looks like one that is loaded again: its call would wait
    await page.evaluate(f"{ELEMENT}.hangUp()")
    await page.page.close()
    await idle(gateway, 5)
    assert button.problems == []


async def test_talk_hold_and_hang_up(
    chromium: Chromium, gateway: Gateway, manager: Manager
) -> None:
    async with open_site(chromium, gateway, "9603") as (page, button):
        await button.call()
        await button.expect_state("open")
        recorded = await manager.wait("LabRecord")
        await hear(page, lab=True)
        await button.press("Hold")
        await button.expect_state("held")
        await manager.wait("Hold")
        await hear(page, lab=False)
        await button.press("Hold")
        await expect(button.status).to_have_text("Connected")
        await hear(page, lab=True)
        await button.press("Hang up")
        await button.expect_state("ended")
        await manager.wait("LabHangup", CallID=recorded["CallID"])
        received, rate = await read_recording(Path(recorded["Rx"]))
        assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])
        await button.panel.get_by_role("radio", name="5 stars: very good").check()
        await button.press("Send")
        await expect(button.status).to_have_text("Thank you!")


async def test_keypad(chromium: Chromium, gateway: Gateway, manager: Manager) -> None:
    async with open_site(chromium, gateway, "650") as (_, button):
        await button.call()
        await button.expect_state("open")
        await button.press("Keypad")
        await button.settle()
        for digit in ("1", "5", "9", "0", "Star"):
            await button.button(digit).click()
        await button.page.keyboard.press("#")
        heard = await manager.wait("LabDTMF", limit=10)
        assert heard["Digits"] == "1590*"  # `#` ends what is read
        await expect(button.panel.locator(".sent")).to_have_text("1590*#")


async def test_call_goes_on_when_the_page_is_loaded_again(
    chromium: Chromium, gateway: Gateway, manager: Manager
) -> None:
    """With the microphone as the page wants it, muted or not."""
    async with open_site(chromium, gateway, "9603") as (page, button):
        await button.call()
        await button.expect_state("open")
        await button.press("Mute")
        await page.page.reload()
        await button.expect_state("open", "expanded", "muted")
        await expect(button.status).to_have_text("Your microphone is off")
        await button.press("Mute")
        assert await page.evaluate(PROCESSED) is False
        await hear(page, lab=True)
        await button.press("Hang up")
        await button.expect_state("ended")
        recorded = await manager.wait("LabRecord")
        await manager.wait("LabHangup", CallID=recorded["CallID"])
        received, rate = await read_recording(Path(recorded["Rx"]))
        assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])


async def test_refusal_of_the_trunk_is_told(chromium: Chromium, gateway: Gateway) -> None:
    async with open_site(chromium, gateway, "620") as (_, button):
        await button.call()
        await button.expect_state("ended", "failed")
        text = "The line is busy. Please try again in a few minutes."
        await expect(button.status).to_have_text(text)
