"""G.711 from the browser to the trunk as it is (`media.codec = "passthrough"`)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.demo import REMOTE, dial, expect_state, open_demo
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.trunks import lab_trunk, media_events, refused
from tests.peers.browser import record
from tests.peers.firefox import run_firefox
from tests.peers.gateway import Gateway, GatewayConfig, Table, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab
    from tests.peers.browser import BrowserPage
    from tests.peers.chromium import Chromium

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

SECONDS = 2


@asynccontextmanager
async def passing_through(
    lab: AsteriskLab, folder: Path, username: str, codecs: Sequence[str]
) -> AsyncIterator[Gateway]:
    overrides: dict[str, Table] = {
        "admission": {"allow": ["*"]},
        "media": {"codec": "passthrough"},
    }
    config = GatewayConfig([lab_trunk(lab, username=username, codecs=codecs)], overrides=overrides)
    async with run_gateway(config, folder) as gateway:
        yield gateway
        events = media_events(await gateway.metrics())
        assert refused(events) == {}


@pytest.mark.parametrize(
    ("username", "codecs", "browser", "trunk"),
    [
        ("trunk-ulaw", ("PCMU",), "PCMU", "PCMU"),
        ("trunk-alaw", ("PCMA",), "PCMA", "PCMA"),
        # The browser has its answer before the trunk says which of the two it takes
        ("trunk-alaw", ("PCMU", "PCMA"), "PCMU", "PCMA"),
        # No G.711 at all to pass on
        ("trunk-g722", ("G722",), "opus", "G722"),
    ],
)
async def test_chromium(
    lab: AsteriskLab,
    manager: Manager,
    chromium: Chromium,
    tmp_path: Path,
    *,
    username: str,
    codecs: tuple[str, ...],
    browser: str,
    trunk: str,
) -> None:
    """Each side hears the other and not itself, by the codecs that the page is told."""
    async with (
        passing_through(lab, tmp_path, username, codecs) as gateway,
        open_demo(chromium, gateway) as demo,
    ):
        page = demo.page
        await dial(page, "9603")
        await expect_state(page, "open")
        await expect(page.locator("#codec-browser")).to_have_attribute("data-codec", browser)
        await expect(page.locator("#codec-trunk")).to_have_attribute("data-codec", trunk)
        await check_both_ways(demo, manager, TONE)


async def check_both_ways(page: BrowserPage, manager: Manager, tone: float) -> None:
    """Record both sides of a call to 9603, and hang up."""
    recorded = await manager.wait("LabRecord")
    samples, rate = await record(page, REMOTE, seconds=SECONDS)
    await page.evaluate("document.querySelector('#hangup').click()")
    hangup = await manager.wait("LabHangup", CallID=recorded["CallID"])
    assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[tone])
    received, rate = await read_recording(Path(recorded["Rx"]))
    assert_heard(received[-rate:], rate, present=[tone], absent=[LAB_TONE])
    assert float(hangup["RxPloss"]) == 0


async def test_keys(lab: AsteriskLab, manager: Manager, chromium: Chromium, tmp_path: Path) -> None:
    """Events share the numbers of a stream that passes through; none is lost, nor any packet."""
    async with (
        passing_through(lab, tmp_path, "trunk-ulaw", ("PCMU",)) as gateway,
        open_demo(chromium, gateway) as demo,
    ):
        await dial(demo.page, "650")
        await expect_state(demo.page, "open")
        for digit in "1590*#":
            await demo.page.click(f"[data-digit='{digit}']")
        heard = await manager.wait("LabDTMF", limit=10)
        await demo.page.click("#hangup")
        hangup = await manager.wait("LabHangup", CallID=heard["CallID"])
    assert heard["Digits"] == "1590*"  # `#` ends what is read
    assert float(hangup["RxPloss"]) == 0


async def test_firefox(lab: AsteriskLab, manager: Manager, tmp_path: Path) -> None:
    async with (
        passing_through(lab, tmp_path, "trunk-ulaw", ("PCMU",)) as gateway,
        run_firefox() as firefox,
    ):
        page = await firefox.new_page()
        await page.goto(f"{gateway.url}/?to=9603")
        await page.evaluate("document.querySelector('#processing').click()")
        await page.evaluate("document.querySelector('#call').click()")
        await manager.wait("LabRecord", limit=10)
        assert await page.evaluate(OPEN) == ["open", "PCMU", "PCMU"]
        await check_both_ways(page, manager, firefox.tone)


OPEN = """(async () => {
    const end = performance.now() + 10_000;
    const open = () => demo.call?.state === "open";
    while (!open() && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
    const codec = (leg) => document.querySelector(`#codec-${leg}`).dataset.codec;
    return [demo.call?.state, codec("browser"), codec("trunk")];
})()"""
