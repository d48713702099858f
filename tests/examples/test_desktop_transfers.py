"""Calls that an agent hands over at the example's desktop, with Asterisk: who hears whom then?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.end_to_end.button_site import Office, run_office
from tests.end_to_end.handed_over import assert_connected, far_ends
from tests.end_to_end.trunks import idle
from tests.examples.demo_site import TONE, DemoSite, examples, visitor
from tests.examples.sites import run_site
from tests.peers.chromium import run_chromium
from tests.peers.ports import free_port
from tests.peers.requirement import require_own_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.end_to_end.phone import PhoneCall
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desktop(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Office, Page]]:
    """An agent at the page, and the gateway that it calls through."""
    require_own_engine()  # the stock one has no hold
    folder, port = tmp_path_factory.mktemp("office"), free_port()
    site = f"http://127.0.0.1:{port}"
    async with (
        run_office(lab, folder, origins=[site]) as office,
        run_chromium(folder, tone=TONE) as chromium,
    ):
        demo = DemoSite(office.gateway.config.http_port, port, folder)
        for example in ("tokens", "agent-desktop"):
            demo.copy(examples(example), folder / example)
        command = [sys.executable, str(folder / "agent-desktop" / "serve.py"), str(port)]
        log = folder / "site.log"
        async with (
            run_site(command, port=port, secret=demo.secret, log=log) as url,
            visitor(chromium) as person,
        ):
            page = await person.open(url)
            await page.locator("[data-ready]").wait_for()
            yield office, page
        await idle(office.gateway, 15)  # Asterisk sends RTCP for some seconds more


@pytest_asyncio.fixture(loop_scope="module")
async def phones(
    desktop: tuple[Office, Page], tmp_path: Path
) -> AsyncIterator[dict[str, PhoneCall]]:
    """Two people whom the agent calls; they have hung up at the end."""
    office, page = desktop
    async with far_ends(
        office.gateway, tmp_path, office.token, origin=page.url.rstrip("/")
    ) as phones:
        yield phones
        await phones["800"].hang_up()
        assert (await phones["801"].end()).last["cause"] == "hangup"


def card(page: Page, number: str) -> Locator:
    """Return what the page shows of the call to a number."""
    return page.locator(".call").filter(has=page.get_by_role("heading", name=number))


async def dial(page: Page, number: str) -> None:
    await page.get_by_label("Number", exact=True).fill(number)
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(card(page, number).locator(".state")).to_have_text("Connected", timeout=15_000)


async def test_to_a_number(desktop: tuple[Office, Page], phones: dict[str, PhoneCall]) -> None:
    _, page = desktop
    await dial(page, "800")
    await page.get_by_role("button", name="Transfer").click()
    await page.get_by_label("Number or colleague").fill("801")
    await page.keyboard.press("Enter")
    await expect(page.locator(".call")).to_have_count(0, timeout=15_000)
    await expect(page.locator("#notice")).to_be_hidden()
    await assert_connected(phones)


async def test_two_calls_connected(
    desktop: tuple[Office, Page], phones: dict[str, PhoneCall]
) -> None:
    """The first one has waited meanwhile."""
    _, page = desktop
    await dial(page, "800")
    await dial(page, "801")
    await expect(card(page, "800").locator(".state")).to_have_text("On hold: they hear music")
    await card(page, "801").get_by_role("button", name="Transfer").click()
    await page.get_by_role("button", name="Connect them with 800").click()
    await expect(page.locator(".call")).to_have_count(0, timeout=15_000)
    await expect(page.locator("#notice")).to_be_hidden()
    await assert_connected(phones)
