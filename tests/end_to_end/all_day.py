"""One page that has one call after the other, each answered and with sound, as an agent's has."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.web.fake_gateway import HARNESS
from tests.web.left import Left, look, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import CDPSession, Page

    from tests.peers.chromium import Chromium

# Each call goes to an echo: what the page hears is what it has said. Of four calls one is muted and
# presses a key, and one is held
CALL = """async ([count, number, talk]) => {
    const { Device } = await import("/sdk/voice-client.js");
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    harness.device ??= new Device({ ringback: "us", audio });
    const [LOUD, PATIENCE] = [0.05, 15_000];
    const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));
    for (let at = 0; at < count; at += 1) {
        const call = await harness.device.connect({ to: number });
        const ended = new Promise((resolve) => call.on("disconnect", (_, end) => resolve(end)));
        let late;
        await new Promise((resolve, reject) => {
            call.on("volume", (input, output) => input > LOUD && output > LOUD && resolve());
            ended.then(({ cause }) => reject(new Error(`call ${at} ended: ${cause}`)));
            late = setTimeout(() => reject(new Error(`call ${at} has no sound`)), PATIENCE);
        });
        clearTimeout(late); // or it would keep what is over
        const began = performance.now();
        if (at % 4 === 1) {
            call.mute();
            call.sendDigits("7");
        } else if (at % 4 === 2) {
            await call.hold();
            await call.resume();
        }
        await wait(talk - (performance.now() - began));
        call.disconnect();
        await ended;
    }
}"""


class AllDay:
    """A page that calls. Use `open_all_day`."""

    def __init__(self, page: Page, cdp: CDPSession) -> None:
        self._page = page
        self._cdp = cdp

    async def call(self, count: int, to: str, talk: float) -> None:
        """Have so many calls, each of `talk` seconds from the first sound on."""
        await self._page.evaluate(CALL, [count, to, talk * 1e3])

    async def left(self) -> Left:
        """Return what the page still holds."""
        return await look(self._page, self._cdp)


@asynccontextmanager
async def open_all_day(chromium: Chromium, url: str) -> AsyncIterator[AllDay]:
    """Open an empty page of a gateway."""
    page = (await chromium.new_page()).page
    await page.add_init_script(path=HARNESS)
    await page.goto(f"{url}/healthz")
    yield AllDay(page, await watch(page))
    await page.close()
