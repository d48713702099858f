"""Debian's Chromium, headless, driven by playwright; its microphone plays a file of the test."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from playwright.async_api import Error, async_playwright

from tests.peers.browser import BrowserError, as_json
from tests.peers.requirement import require
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from playwright.async_api import Browser as PlaywrightBrowser
    from playwright.async_api import Page

TONE = 440.0

FLAGS = (
    "--autoplay-policy=no-user-gesture-required",
    # Without a network address the machine has only loopback; .local candidates need multicast
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    # Nothing leaves the machine
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


class ChromiumPage:
    """A page of Chromium; `page` is playwright's, for clicks, keys and screenshots."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))

    async def goto(self, url: str) -> None:
        await self.page.goto(url)

    async def evaluate(self, expression: str) -> object:
        try:
            value: object = json.loads(await self.page.evaluate(as_json(expression)))
        except Error as error:
            raise BrowserError(error.message) from error
        return value


class Chromium:
    """A running Chromium. Use `run_chromium`."""

    def __init__(self, browser: PlaywrightBrowser, tone: float) -> None:
        self.browser = browser
        self.tone = tone

    async def new_page(self) -> ChromiumPage:
        return ChromiumPage(await self.browser.new_page())

    async def new_window(self) -> ChromiumPage:
        return await self.new_page()


@asynccontextmanager
async def run_chromium(
    directory: Path,
    *,
    tone: float = TONE,
    allow_microphone: bool = True,
    flags: Sequence[str] = (),
) -> AsyncIterator[Chromium]:
    """Start Chromium with a tone at its microphone; or with one that the user refuses.

    Of a flag that is ours and stands in `flags` as well, theirs counts.
    """
    program = require("chromium")
    wav = write_wav(directory / "microphone.wav", make_tone(tone, seconds=10, rate=48000), 48000)
    prompt = "--use-fake-ui-for-media-stream" + ("" if allow_microphone else "=deny")
    microphone = (
        prompt,
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={wav}",
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            headless=True,
            args=[*FLAGS, *microphone, *flags],
            env={**os.environ, "XDG_RUNTIME_DIR": str(directory)},  # sound sockets go there
        )
        try:
            yield Chromium(browser, tone)
        finally:
            await browser.close()
