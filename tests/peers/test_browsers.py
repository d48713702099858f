"""Both browsers run a page, hand over its microphone's tone, and say what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.browser import MICROPHONE, BrowserError, record
from tests.peers.chromium import run_chromium
from tests.peers.site import serve_page
from tests.tones import assert_tone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.browser import Browser, BrowserPage

PAGE = "<!doctype html><title>A page</title><script>console.log('loaded')</script>"


async def _microphone_works(browser: Browser) -> None:
    async with serve_page(PAGE) as url:
        page = await browser.new_page()
        await page.goto(url)
        await _expressions_work(page)
        samples, rate = await record(page, MICROPHONE, seconds=2)
    assert len(samples) > 1.5 * rate
    other = 1000 if browser.tone == 440 else 440
    assert_tone(samples[rate // 2 :], rate, present=[browser.tone], absent=[other])
    assert "loaded" in page.console


async def _expressions_work(page: BrowserPage) -> None:
    assert await page.evaluate("document.title") == "A page"
    assert await page.evaluate("Promise.resolve({a: [1, null, 'x']})") == {"a": [1, None, "x"]}
    assert await page.evaluate("undefined") is None
    with pytest.raises(BrowserError, match="out of order"):
        await page.evaluate("(() => { throw new Error('out of order'); })()")


async def test_chromium(chromium: Browser) -> None:
    await _microphone_works(chromium)


async def test_firefox(firefox: Browser) -> None:
    await _microphone_works(firefox)


async def test_a_refused_microphone(tmp_path: Path) -> None:
    async with (
        run_chromium(tmp_path, allow_microphone=False) as chromium,
        serve_page(PAGE) as url,
    ):
        page = await chromium.new_page()
        await page.goto(url)
        with pytest.raises(BrowserError, match="NotAllowedError"):
            await page.evaluate(MICROPHONE)
