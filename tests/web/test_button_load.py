"""What the element costs a page that nobody calls from: time of its main thread, and no session."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.button import NUMBER, SITE, Button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import WEB, FakeGateway

MINIFIED = "click-to-call.min.js"
# In ms of the main thread's processor time, which other processes do not add to. 28 are measured,
# with the minified file; each of the sources costs a message to the network process
LIMIT = 50 if (WEB / "sdk" / MINIFIED).exists() else 150
SCRIPT = '<script type="module" src="/sdk/click-to-call.js"></script>'


async def load(gateway: FakeGateway, page: Page, html: str) -> float:
    """Return what the main thread does until the page has come to rest, in ms."""
    gateway.page = html
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.goto(f"{gateway.url}/page")
    await expect(page.locator("main > :defined").first).to_be_visible()
    await page.evaluate("new Promise((done) => requestIdleCallback(done))")
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    [seconds] = [metric["value"] for metric in metrics if metric["name"] == "TaskDuration"]
    return float(seconds) * 1000


async def test_main_thread_time_on_load(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    element = f'<click-to-call to="{NUMBER}"></click-to-call>'
    html = SITE.format(lang="en", dir="ltr", elements=element)
    if (WEB / "sdk" / MINIFIED).exists():
        html = html.replace("click-to-call.js", MINIFIED)
    bare = SITE.format(lang="en", dir="ltr", elements="").replace(SCRIPT, "")
    without = await load(fake_gateway, await open_page(), bare)
    page = await open_page()
    took = await load(fake_gateway, page, html)
    assert took - without < LIMIT
    # Nobody has come near: no session is open, and no sound or panel is made
    await expect(Button(page).launcher).to_be_visible()
    assert fake_gateway.opened == []
    assert await page.evaluate("document.querySelector('click-to-call').call") is None
    await expect(Button(page).panel).to_have_count(0)
