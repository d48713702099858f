"""Headless Chromium on the pages of the web folder, served by a scripted gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from tests.peers.chromium import FLAGS
from tests.peers.requirement import require
from tests.tones import make_tone, write_wav
from tests.web.fake_gateway import FakeGateway

TONE = 440.0
TONE_LEVEL = -12.0  # dBFS
# A name that leads here and is no secure context, which no address of loopback can be
INSECURE_HOST = "insecure.test"
RESOLVE = f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

OpenPage = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "open_page" in item.fixturenames:
            item.add_marker("peer")


@pytest.fixture
async def fake_gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway().run() as running:
        yield running


@pytest.fixture
async def open_page(fake_gateway: FakeGateway, tmp_path: Path) -> AsyncIterator[OpenPage]:
    """Open a page of the gateway: `permitted` grants the microphone, `device` plugs one in."""
    program = require("chromium")
    tone = tmp_path / "tone.wav"
    write_wav(tone, make_tone(TONE, seconds=1, rate=48_000, level=TONE_LEVEL), 48_000)
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())

        async def open_(
            path: str = "/blank",
            *,
            permitted: bool = True,
            device: bool = True,
            host: str = "127.0.0.1",
        ) -> Page:
            flags = [*FLAGS, RESOLVE]
            if permitted:
                flags.append("--use-fake-ui-for-media-stream")
            if device:
                flags.append("--use-fake-device-for-media-stream")
                flags.append(f"--use-file-for-fake-audio-capture={tone}")
            browser = await playwright.chromium.launch(executable_path=program, args=flags)
            stack.push_async_callback(browser.close)
            page = await browser.new_page()
            page.set_default_timeout(10_000)
            await page.goto(f"http://{host}:{fake_gateway.port}{path}")
            return page

        yield open_
