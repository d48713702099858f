"""Makes docs/pictures/preflight-*.png: `python -m tests.end_to_end.preflight_pictures`.

The real page on a real gateway: a good way on a desk, and a lossy one in a pocket.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Page, WebSocketRoute

from tests.end_to_end.bad_network import BadNetwork, bad_network, trouble
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.requirement import require

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
LARGEST = 60_000  # bytes

# The ring has turned to its end; what turns for ever is not waited for
SETTLED = """Promise.all(document.getAnimations()
    .filter(each => each.effect.getTiming().iterations === 1)
    .map(each => each.finished.catch(() => {})))"""


async def lead(page: Page, network: BadNetwork) -> None:
    """Lay the page's way through a bad network, though its policy allows its own host alone."""

    def relay(send: Callable[[str], object], change: Callable[[Any], None]) -> Any:
        def pass_on(text: str | bytes) -> None:
            message = json.loads(text)
            change(message)
            send(json.dumps(message))

        return pass_on

    def route(page_side: WebSocketRoute) -> None:
        gateway_side = page_side.connect_to_server()
        page_side.on_message(relay(gateway_side.send, network._from_caller))
        gateway_side.on_message(relay(page_side.send, network._from_gateway))

    await page.route_web_socket("**/v1/ws", route)


async def take(chromium: Chromium, gateway: Gateway, name: str, **options: Any) -> None:
    network: BadNetwork | None = options.pop("network", None)
    running: bool = options.pop("running", False)
    context = await chromium.browser.new_context(**options)
    page = await context.new_page()
    if network is not None:
        await lead(page, network)
    await page.goto(f"{gateway.url}/preflight")
    await page.locator("html[data-ready]").wait_for()
    await page.click("#start")
    if running:
        await page.locator("#percent", has_text=re.compile(r"^[78]\d ")).wait_for()
    else:
        await page.locator("#app:not([data-state=running])").wait_for()
    await page.evaluate(SETTLED)
    file = FOLDER / f"preflight-{name}.png"
    await page.screenshot(path=file, full_page=True)
    shrink = [str(require("pngquant")), "--force", "--ext", ".png", "64", str(file)]
    await asyncio.to_thread(subprocess.run, shrink, check=True)
    assert file.stat().st_size < LARGEST, file
    await context.close()


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    desk: Any = {"viewport": {"width": 1100, "height": 800}}
    pocket: Any = {"viewport": {"width": 390, "height": 844}}
    with tempfile.TemporaryDirectory() as folder:
        trunk = {"name": "none", "uri": "sip:127.0.0.1:9;transport=udp"}
        async with (
            run_gateway(GatewayConfig([trunk]), Path(folder)) as gateway,
            run_chromium(Path(folder), tone=300.0) as chromium,
        ):
            await take(chromium, gateway, "good", **desk, color_scheme="light")
            await take(chromium, gateway, "good-dark", **desk, color_scheme="dark")
            await take(chromium, gateway, "running", **pocket, color_scheme="light", running=True)
            lossy = trouble(loss=0.07)
            async with bad_network(gateway, up=lossy, down=lossy, distance=0.14) as network:
                await take(
                    chromium, gateway, "poor", **pocket, color_scheme="dark", network=network
                )


if __name__ == "__main__":
    asyncio.run(main())
