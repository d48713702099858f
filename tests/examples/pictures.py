"""Makes docs/pictures/example-*.png anew:  python -m tests.examples.pictures [FOLDER]

They are taken of the real pages with real calls, and made small by pngquant. Look at them then.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.examples.demo_site import DemoSite, examples, run_demo, visitor
from tests.examples.sites import run_site
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.ports import free_port
from tests.peers.process import TREE
from tests.peers.requirement import require

if TYPE_CHECKING:
    from playwright.async_api import Page

PICTURES = TREE / "docs" / "pictures"
MOST = 60_000  # bytes of a picture

Scheme = Literal["light", "dark"]


async def make_pictures(pictures: Path) -> None:
    """Take each page in its own colors: a company's by day, an agent's in both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = DemoSite(free_port(), free_port(), folder / "demo")
        for example in ("tokens", "click-to-call", "agent-desktop"):
            demo.copy(examples(example), folder / example)
        async with run_demo(demo), run_chromium(folder, tone=660.0) as chromium:
            await take_button(demo, chromium, folder, pictures)
            await take_desktop(demo, chromium, folder, pictures)


async def take_button(demo: DemoSite, chromium: Chromium, folder: Path, pictures: Path) -> None:
    site = folder / "click-to-call" / "site"
    command = [sys.executable, str(folder / "tokens" / "server.py"), str(site), str(demo.site_port)]
    async with (
        run_site(command, port=demo.site_port, secret=demo.secret, log=folder / "site.log") as url,
        visitor(chromium) as person,
    ):
        page = await person.open(url)
        await show(page, "light", 900, 640)
        await page.get_by_role("button", name="Call us", exact=True).click()
        await page.wait_for_function("document.querySelector('click-to-call').state === 'open'")
        await page.wait_for_timeout(4000)  # for a timer that says something, and the quality
        await save(page, pictures / "example-click-to-call.png")
        await page.get_by_role("button", name="Hang up").click()


async def take_desktop(demo: DemoSite, chromium: Chromium, folder: Path, pictures: Path) -> None:
    command = [sys.executable, "serve.py", str(demo.site_port)]
    here = folder / "agent-desktop"
    async with run_site(
        command, port=demo.site_port, secret=demo.secret, log=folder / "site.log", cwd=here
    ) as url:
        for scheme in ("light", "dark"):
            async with visitor(chromium) as person:
                page = await person.open(url)
                await page.locator("[data-ready]").wait_for()
                await show(page, scheme, 1240, 720)
                await be_busy(page)
                await save(page, pictures / f"example-agent-desktop-{scheme}.png")
                for left in (1, 0):
                    await page.get_by_role("button", name="Hang up").first.click()
                    await page.wait_for_function(
                        "(left) => document.querySelectorAll('.call').length === left", arg=left
                    )


async def be_busy(page: Page) -> None:
    """Make calls enough for a history, and have one on hold beside one that goes on."""
    await page.get_by_role("switch", name="Take calls").click()
    for count, number in enumerate(("+1 555 010 0620", "+1 555 010 0671", "800"), start=1):
        await dial(page, number)
        if number.endswith("671"):
            await page.locator(".call[data-state=open]").wait_for()
            await page.wait_for_timeout(1500)
            await page.get_by_role("button", name="Hang up").click()
        await page.wait_for_function(
            "(count) => document.querySelectorAll('#history li').length === count", arg=count
        )
    await dial(page, "+1 555 010 0600")
    await page.locator(".call[data-state=open]").wait_for()
    await page.get_by_role("button", name="Accept").click(timeout=20_000)
    await page.locator(".call[data-held]").wait_for()
    await page.wait_for_timeout(4000)
    await page.get_by_role("button", name="Transfer").first.click()


async def dial(page: Page, number: str) -> None:
    await page.get_by_label("Number", exact=True).fill(number)
    await page.get_by_role("button", name="Call", exact=True).click()


async def show(page: Page, scheme: Scheme, width: int, height: int) -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": height})


async def save(page: Page, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    await page.mouse.move(1, 1)
    await page.screenshot(path=path)
    await asyncio.to_thread(make_small, path)


def make_small(path: Path) -> None:
    small = ("--force", "--skip-if-larger", "--speed", "1", "--output", str(path), str(path))
    subprocess.run([str(require("pngquant")), *small], check=True)
    assert path.stat().st_size < MOST, f"{path.name} is too large"


if __name__ == "__main__":
    asyncio.run(make_pictures(Path(sys.argv[1]) if sys.argv[1:] else PICTURES))
