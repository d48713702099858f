"""A visitor of the examples in Firefox: presses what calls, hears itself by the echo, hangs up."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.examples.demo_site import LISTEN, hear
from tests.peers.firefox import TONE, FirefoxPage, run_firefox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ECHO = "+15550100600"
# One example comes after the other at the same address
NO_CACHE = {"browser.cache.disk.enable": False, "browser.cache.memory.enable": False}
UNTIL = """(async () => {
    const end = performance.now() + 15_000;
    while (!(%(test)s)) {
        if (performance.now() > end)
            throw new Error(`never ${%(quoted)s}: ${document.body.innerText}`);
        await new Promise((done) => setTimeout(done, 20));
    }
})()"""


@dataclass(frozen=True)
class Steps:
    """What an example's page is told to do, in JavaScript, and what says that it has come to it."""

    ready: str
    call: str
    open: str
    hangup: str
    ended: str


ELEMENT = "document.querySelector('click-to-call')"
BUTTON = Steps(
    ready=f"{ELEMENT}?.state === 'idle'",
    call=f"{ELEMENT}.shadowRoot.querySelector('.launcher').click()",
    open=f"{ELEMENT}.state === 'open'",
    hangup=f"{ELEMENT}.shadowRoot.querySelector('.choices [part=hangup]:not([hidden])').click()",
    ended=f"{ELEMENT}.state === 'ended'",
)
DESKTOP = Steps(
    ready="document.querySelector('[data-ready]')",
    call=f"""(document.querySelector('#number').value = '{ECHO}',
        document.querySelector('#dialer .round').click())""",
    open="document.querySelector('.call[data-state=open]')",
    hangup="document.querySelector('.call .hangup').click()",
    ended="!document.querySelector('.call') && document.querySelector('#history li')",
)
TWILIO = Steps(
    ready="!['offline', undefined].includes(document.querySelector('#device')?.textContent)",
    call=f"""(document.querySelector('#number').value = '{ECHO}',
        document.querySelector('#call').click())""",
    open="document.querySelector('#status').textContent === 'open'",
    hangup="document.querySelector('#hangup').click()",
    ended="document.querySelector('#status').textContent === 'closed'",
)


class FirefoxVisitor:
    """One tab for one example after the other. Use `firefox_visitor`."""

    def __init__(self, page: FirefoxPage) -> None:
        self._page = page

    async def call(self, url: str, steps: Steps) -> None:
        """Call by the page at `url`, and fail unless the echo is heard."""
        await self._page.goto(url)
        await self._until(steps.ready)
        await self._page.evaluate(steps.call)
        await self._until(steps.open)
        await hear(self._page, present=TONE)
        await self._page.evaluate(steps.hangup)
        await self._until(steps.ended)

    async def _until(self, test: str) -> None:
        await self._page.evaluate(UNTIL % {"test": test, "quoted": repr(test)})


@asynccontextmanager
async def firefox_visitor() -> AsyncIterator[FirefoxVisitor]:
    async with run_firefox(NO_CACHE) as firefox:
        yield FirefoxVisitor(await firefox.new_page(LISTEN))
