"""How soon a page has its call back after a reload: `python -m tests.bench.reloading [COUNT]`.

The demo page calls a number of the lab's that echoes, and is loaded again, as often as said (20),
in Chromium and in Firefox. The time is from the beginning of the navigation, which the browser
itself notes, until the page hears its own microphone's tone from the far end: sound goes both ways.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.load import Progress, silent
from tests.bench.report import render_table
from tests.bench.waits import waits_table
from tests.end_to_end.trunks import lab_trunk
from tests.peers.asterisk import run_lab
from tests.peers.chromium import run_chromium
from tests.peers.firefox import run_firefox
from tests.peers.gateway import GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.report import Table
    from tests.peers.browser import Browser, BrowserPage

COUNT = 20
CHROMIUM, FIREFOX = "Chromium", "Firefox"
ECHO = "600"
TABLES: dict[str, dict[str, object]] = {
    "admission": {"allow": ["*"]},
    "sessions": {"resume_window": 60},
}
REST = 2.0  # seconds of talk before a reload
# The tone is some -12 dBFS, which is 0.25 of the level that browsers count in; noise is 0.01
LOUD = 0.1
HEARD = f"""(async () => {{
    while (performance.now() < 15000) {{
        const call = window.demo?.call;
        const able = call?.state === "open" && !call.reconnecting;
        const stats = able ? [...(await call.getStats()).values()] : [];
        if (stats.some((each) => each.type === "inbound-rtp" && each.audioLevel > {LOUD})) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
    }}
    return performance.now();
}})()"""
CALL = """(async () => {
    const ready = () => "ready" in document.querySelector("#app").dataset;
    while (!ready()) await new Promise((resolve) => setTimeout(resolve, 20));
    document.querySelector("#processing").click();
    document.querySelector("#call").click();
})()"""


async def measure(browser: Browser, url: str, count: int) -> list[float]:
    """Return the times of one browser, in ms."""
    page: BrowserPage = await browser.new_page()
    await page.goto(f"{url}/?to={ECHO}")
    await page.evaluate(CALL)
    await page.evaluate(HEARD)
    took = []
    for _ in range(count):
        await asyncio.sleep(REST)
        await page.goto(f"{url}/")
        took.append(float(str(await page.evaluate(HEARD))))
    await page.evaluate("demo.device.destroy()")
    return took


async def run(count: int = COUNT, *, progress: Progress = silent) -> dict[str, list[float]]:
    """Measure both browsers: milliseconds by name."""
    with tempfile.TemporaryDirectory() as name, run_lab() as lab:
        folder = Path(name)
        config = GatewayConfig([lab_trunk(lab)], overrides=TABLES)
        async with run_gateway(config, folder / "gateway") as gateway:
            async with run_chromium(folder) as chromium:
                times = {CHROMIUM: await measure(chromium, gateway.url, count)}
            progress(f"{CHROMIUM}: {count} reloads")
            async with run_firefox() as firefox:
                times[FIREFOX] = await measure(firefox, gateway.url, count)
            progress(f"{FIREFOX}: {count} reloads")
    return times


def reloading_table(times: Mapping[str, Sequence[float]]) -> Table:
    """Return what a reload took in each browser."""
    return waits_table("From a page's reload until its call has sound both ways", times)


def main() -> None:
    """Measure and print."""
    times = asyncio.run(run(*map(int, sys.argv[1:2])))
    sys.stdout.write(render_table(reloading_table(times)))


if __name__ == "__main__":
    main()
