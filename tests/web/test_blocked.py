"""A page whose Content-Security-Policy forbids the socket is told so, with what to change."""

from __future__ import annotations

from tests.peers.browser import BrowserPage
from tests.peers.chromium import ChromiumPage
from tests.peers.firefox import Firefox
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway

CALL = """(async () => {
    const { Device } = await import("/sdk/voice-client.js");
    const errors = [];
    for (let tries = 0; tries < 2; tries += 1) {
        const began = performance.now();
        const device = new Device({ url: "ws://127.0.0.1:1/v1/ws" });
        const error = await device.register("sales").catch((error) => error);
        errors.push([error.name, error.message, error.reason, performance.now() - began]);
    }
    return errors;
})()"""


async def check(page: BrowserPage) -> None:
    errors = await page.evaluate(CALL)
    assert isinstance(errors, list)
    for name, message, reason, took in errors:
        assert name == "blocked-by-page"
        assert message == "This page does not allow the connection to the phone service."
        assert reason.endswith("add ws://127.0.0.1:1 to its connect-src.")
        assert took < 2000  # the socket's own time limit is 10 s


async def test_chromium(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    await check(ChromiumPage(await open_page("/forbidding")))


async def test_firefox(fake_gateway: FakeGateway, firefox: Firefox) -> None:
    page = await firefox.new_page()
    await page.goto(f"{fake_gateway.url}/forbidding")
    await check(page)
