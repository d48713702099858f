"""Headless Chromium on the pages of the web folder, served by a scripted gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, async_playwright

from tests.peers.chromium import FLAGS
from tests.peers.firefox import Firefox, run_firefox
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
    """Run the tests with a browser on one event loop: the browsers outlive each of them."""
    for item in items:
        if isinstance(item, pytest.Function) and "fake_gateway" in item.fixturenames:
            item.add_marker("peer")
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


class Browsers:
    """A Chromium of each kind, started when it is wanted first.

    `permitted` grants the microphone, `device` plugs one in.
    """

    def __init__(self, stack: AsyncExitStack, playwright: Playwright, tone: Path) -> None:
        self._stack = stack
        self._playwright = playwright
        self._tone = tone
        self._running: dict[tuple[bool, bool], Browser] = {}

    async def get(self, *, permitted: bool, device: bool) -> Browser:
        """Return the Chromium of this kind."""
        kind = permitted, device
        if kind not in self._running:
            flags = [*FLAGS, RESOLVE]
            if permitted:
                flags.append("--use-fake-ui-for-media-stream")
            if device:
                flags.append("--use-fake-device-for-media-stream")
                flags.append(f"--use-file-for-fake-audio-capture={self._tone}")
            browser = await self._playwright.chromium.launch(
                executable_path=require("chromium"), args=flags
            )
            self._stack.push_async_callback(browser.close)
            self._running[kind] = browser
        return self._running[kind]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browsers]:
    tone = tmp_path_factory.mktemp("browsers") / "tone.wav"
    write_wav(tone, make_tone(TONE, seconds=1, rate=48_000, level=TONE_LEVEL), 48_000)
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        yield Browsers(stack, playwright, tone)


@pytest_asyncio.fixture(loop_scope="session")
async def fake_gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway().run() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def firefox() -> AsyncIterator[Firefox]:
    async with run_firefox() as firefox:
        yield firefox


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(fake_gateway: FakeGateway, browsers: Browsers) -> AsyncIterator[OpenPage]:
    """Open a page of the gateway that shares nothing with any other; `Browsers` says which kind."""
    async with AsyncExitStack() as stack:

        async def open_(
            path: str = "/blank",
            *,
            permitted: bool = True,
            device: bool = True,
            host: str = "127.0.0.1",
        ) -> Page:
            browser = await browsers.get(permitted=permitted, device=device)
            context = await browser.new_context()
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(10_000)
            await page.goto(f"http://{host}:{fake_gateway.port}{path}")
            return page

        yield open_
