"""Headless Chromium on the pages of the web folder."""

from __future__ import annotations

import math
import os
import struct
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from tests.web.fake_gateway import FakeGateway

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    # Names instead of addresses in candidates would need multicast to resolve
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP insecure.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
PERMITTED = "--use-fake-ui-for-media-stream"
FAKE_DEVICE = "--use-fake-device-for-media-stream"

OpenPage = Callable[..., Awaitable[Page]]


def write_tone(path: Path, frequency: int = 440, rate: int = 48_000) -> None:
    """One second of a sine at half scale; Chromium repeats it."""
    samples = [round(16_383 * math.sin(2 * math.pi * frequency * n / rate)) for n in range(rate)]
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{rate}h", *samples))


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway().run() as running:
        yield running


@pytest.fixture
def chromium() -> Path:
    if not CHROMIUM.exists():
        message = f"{CHROMIUM} is missing: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return CHROMIUM


@pytest.fixture
async def open_page(
    gateway: FakeGateway, chromium: Path, tmp_path: Path
) -> AsyncIterator[OpenPage]:
    """Open a page of the gateway: `permitted` grants the microphone, `device` plugs one in."""
    tone = tmp_path / "tone.wav"
    write_tone(tone)
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())

        async def open_(
            path: str = "/blank",
            *,
            permitted: bool = True,
            device: bool = True,
            host: str = "127.0.0.1",
            **context: object,
        ) -> Page:
            flags = [*FLAGS, *[PERMITTED] * permitted]
            if device:
                flags += [FAKE_DEVICE, f"--use-file-for-fake-audio-capture={tone}"]
            browser = await playwright.chromium.launch(executable_path=chromium, args=flags)
            stack.push_async_callback(browser.close)
            page = await browser.new_page(**context)  # type: ignore[arg-type]
            page.set_default_timeout(10_000)
            await page.goto(f"http://{host}:{gateway.port}{path}")
            return page

        yield open_
