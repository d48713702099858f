"""Makes docs/pictures/demo-*.png anew: `python -m tests.end_to_end.demo_pictures`.

The real page of a real `gateway demo`, in real calls, made small by pngquant. Look at them then.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.async_api import expect

from tests.end_to_end.demo import dial, expect_state
from tests.examples.demo_site import START_LIMIT, clean
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.ports import free_port
from tests.peers.process import TREE, end_process, poll, tail, tree_environment
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page, ViewportSize

PICTURES = TREE / "docs" / "pictures"
LARGEST = 60_000  # bytes
TALK = 30_000  # ms: the charts are to have something to show

DESK: ViewportSize = {"width": 1280, "height": 1150}
POCKET: ViewportSize = {"width": 390, "height": 844}


@asynccontextmanager
async def run_demo(folder: Path) -> AsyncIterator[str]:
    """Run `gateway demo`; yield its address."""
    listen, log = f"127.0.0.1:{free_port()}", folder / "gateway.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "demo", "--listen", listen),
            cwd=folder,
            env=clean(tree_environment()),
            stdout=output,
            stderr=output,
        )

    async def announced() -> bool:
        return listen in tail(log)

    try:
        await poll(announced, limit=START_LIMIT, what="the demo is there")
        yield f"http://{listen}"
    finally:
        await end_process(process)


@asynccontextmanager
async def visitor(
    chromium: Chromium, url: str, size: ViewportSize, scheme: Literal["light", "dark"]
) -> AsyncIterator[Page]:
    context = await chromium.browser.new_context(viewport=size, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator("#extensions button").first).to_be_visible()
    yield page
    await context.close()


async def take(page: Page, name: str) -> None:
    """Take what is seen of the page, with no key lit and nothing on its way."""
    await expect(page.locator(".pressed")).to_have_count(0)
    await page.mouse.move(0, 0)  # or a button would look as if pressed
    file = PICTURES / f"demo-{name}.png"
    await page.screenshot(path=file, animations="disabled")
    shrink = [str(require("pngquant")), "--force", "--ext", ".png", "96", str(file)]
    await asyncio.to_thread(subprocess.run, shrink, check=True)
    assert file.stat().st_size < LARGEST, file


async def busy(page: Page) -> None:
    await dial(page, "620")
    await expect(page.locator("#notice")).to_have_attribute("data-cause", "busy")


async def talk(page: Page) -> None:
    """Leave a history, and be in a call."""
    await dial(page, "670")
    await expect_state(page, "open")
    await page.wait_for_timeout(5_000)
    await page.click("#hangup")
    await busy(page)
    await dial(page, "600")
    await expect_state(page, "open")
    await page.wait_for_timeout(TALK)


async def called(page: Page) -> None:
    await page.fill("#identity", "sales")
    await page.click("#register")
    await expect(page.locator("#reach")).to_have_attribute("data-reach", "on")
    await dial(page, "800")
    await expect_state(page, "incoming")


async def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with run_demo(folder) as url, run_chromium(folder, tone=660.0) as chromium:
            async with visitor(chromium, url, DESK, "light") as page:
                await talk(page)
                await take(page, "talking")
            async with visitor(chromium, url, DESK, "dark") as page:
                await talk(page)
                await page.click("#hold")
                await expect(page.locator("#app")).to_have_attribute("data-held", "local")
                await take(page, "held")
            async with visitor(chromium, url, POCKET, "dark") as page:
                await called(page)
                await take(page, "incoming")
            async with visitor(chromium, url, POCKET, "light") as page:
                await busy(page)
                await take(page, "busy")


if __name__ == "__main__":
    asyncio.run(main())
