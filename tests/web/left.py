"""What a page still holds after its calls, once the browser has thrown away what it can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

LOOKS = 8
STILL = 1_000  # bytes: so little is no garbage any more
CLOSED = {"peers": 0, "tracks": 0, "contexts": 0, "elements": 0, "calls": 0}


@dataclass(frozen=True, slots=True)
class Left:
    """The heap in bytes, nodes and listeners of the document, and what `harness.js` finds open."""

    heap: int
    nodes: int
    listeners: int
    open: dict[str, int]


async def watch(page: Page) -> CDPSession:
    """Begin to watch a page that has the harness, which holds on to what is open alone."""
    await page.evaluate("harness.forget()")
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("Performance.enable")
    return cdp


async def look(page: Page, cdp: CDPSession) -> Left:
    """Collect garbage until no more goes; return what is left."""
    heap = 0
    for _ in range(LOOKS):
        await cdp.send("HeapProfiler.collectGarbage")
        metrics = (await cdp.send("Performance.getMetrics"))["metrics"]
        now = {each["name"]: int(each["value"]) for each in metrics}
        if abs(now["JSHeapUsedSize"] - heap) < STILL:
            break
        heap = now["JSHeapUsedSize"]
    open_ = await page.evaluate("harness.open()")
    return Left(now["JSHeapUsedSize"], now["Nodes"], now["JSEventListeners"], open_)
