"""A demo gateway that lets one site in, and a browser on that site's pages."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.async_api import BrowserContext, Page

from tests.end_to_end.recording import assert_heard
from tests.examples.sites import run_site
from tests.peers.browser import record
from tests.peers.chromium import ChromiumPage
from tests.peers.gateway import STOP_LIMIT
from tests.peers.process import TREE, PeerError, end_process, poll, tail, tree_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from tests.peers.browser import BrowserPage
    from tests.peers.chromium import Chromium

START_LIMIT = 60.0
TONE = 660.0  # Hz, what the visitor says
# What the documents and the examples say, and a test replaces by free ports
GATEWAY, SITE = "127.0.0.1:8080", "127.0.0.1:8000"

# A browser takes a tone for noise; and what a page hears is recorded, whoever plays it there
LISTEN = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
navigator.mediaDevices.getUserMedia = (asked) =>
    open({ ...asked, audio: { ...asked.audio, ...plain } });
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
        super(...given);
        this.addEventListener("track", ({ track }) => (window.heard = new MediaStream([track])));
    }
};
"""


@dataclass
class DemoSite:
    """A running demo gateway, and where the site that it lets in has to be served."""

    gateway_port: int
    site_port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site_port}"

    @property
    def secret(self) -> Path:
        return self.folder / "token-secret"

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def fitted(self, text: str) -> str:
        """Return a file of ours with the ports of this test."""
        return text.replace(GATEWAY, f"127.0.0.1:{self.gateway_port}").replace(
            SITE, f"127.0.0.1:{self.site_port}"
        )

    def copy(self, example: Path, to: Path) -> Path:
        """Copy an example, its ports fitted; what a developer has installed in it stays behind."""
        for source in example.rglob("*"):
            if source.is_dir() or {"node_modules", "dist", "__pycache__"} & {*source.parts}:
                continue
            target = to / source.relative_to(example)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.fitted(source.read_text()))
        return to


@asynccontextmanager
async def run_demo(demo: DemoSite) -> AsyncIterator[DemoSite]:
    """Run `gateway demo --site`, from when it has said that it is there until the block is left."""
    demo.folder.mkdir(exist_ok=True)
    log = demo.folder / "gateway.log"
    listen = f"127.0.0.1:{demo.gateway_port}"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "demo", "--listen", listen, "--site", demo.url),
            cwd=demo.folder,
            env=clean(tree_environment()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    async def announced() -> bool:
        if process.returncode is not None:
            raise PeerError(f"the demo has ended\n{tail(log)}")
        return "may call, with tokens" in demo.log

    try:
        await poll(announced, limit=START_LIMIT, what="the demo is there", interval=0.05)
        yield demo
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_LIMIT):
            assert await process.wait() == 0, tail(log)
    finally:
        await end_process(process)


@asynccontextmanager
async def served(demo: DemoSite, folder: Path, *command: str) -> AsyncIterator[str]:
    """Type the example's one command in its folder; yield the site's address."""
    async with run_site(
        command,
        port=demo.site_port,
        secret=demo.secret,
        log=folder / "site.log",
        cwd=folder,
    ) as url:
        yield url


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out the variables that would win over what a test says."""
    return {key: value for key, value in environment.items() if not key.startswith("GATEWAY_")}


@asynccontextmanager
async def visitor(chromium: Chromium) -> AsyncIterator[Visitor]:
    """Open a browser of one person's; nothing may go wrong in it that nobody sees."""
    context = await chromium.browser.new_context(permissions=["microphone"])
    context.set_default_timeout(10_000)
    await context.add_init_script(LISTEN)
    person = Visitor(context)
    try:
        yield person
    finally:
        await context.close()
    assert person.faults == []


class Visitor:
    """A browser whose pages are listened to. Use `visitor`."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self.faults: list[str] = []

    async def open(self, url: str) -> Page:
        page = await self._context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        await page.goto(url)
        return page


async def hear(page: Page | BrowserPage, *, present: float, absent: Sequence[float] = ()) -> None:
    """Fail unless the page comes to hear this tone and none of those.

    Who is heard is the question, not how well: where twenty processes share two cores, sound has
    gaps for a while.
    """
    listener = ChromiumPage(page) if isinstance(page, Page) else page
    for last in (False, False, False, True):
        samples, rate = await record(listener, "window.heard", seconds=1.5)
        try:
            assert_heard(samples[-rate // 2 :], rate, present=[present], absent=absent)
        except AssertionError:
            if last:
                raise
        else:
            return


def examples(name: str) -> Path:
    return TREE / "examples" / name
