"""From the click to the INVITE: `python -m tests.bench.clicking [REVISION]`, in Chromium.

A page of the real gateway calls, and a socket that plays the trunk notes when the INVITE comes.
`button` presses `<click-to-call>` with the mouse, a third of a second after it has come there: from
the time stamp of the browser's own event. `connect` calls the client's method, as a page's own
button does, and has older revisions beside it: their files are put into the page in the place of
ours, so all call through the same gateway, in the same browser, in turn. The microphone is
permitted. `first` is the first call of a page that was loaded a second ago; `next` is one of those
after it. `sent` is the part of the way that is the page's: until the call leaves it.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.bench.load import Progress, silent
from tests.bench.report import render_table
from tests.bench.waits import waits_table
from tests.peers.chromium import run_chromium
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.process import TREE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from playwright.async_api import Page, Route

    from tests.bench.report import Table
    from tests.peers.chromium import Chromium

PAGES = 8  # of each client
CALLS = 3  # of a page: one is the first, the others come after it
REST = 1.0  # seconds from the page's load to its first call, and between its calls
NEAR = 0.3  # seconds for which the mouse is on the button before it is pressed
LIMIT = 15.0
SDK = "gateway/web/sdk"
ELEMENT = "click-to-call.min.js"  # what pages load
TYPES = {".js": "text/javascript", ".json": "application/json"}

# Notes when the call leaves the page, and when the mouse was pressed
NOTE = """
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (text) {
    send.call(this, text);
    if (JSON.parse(text).type === "call") window.sent = performance.timeOrigin + performance.now();
};
const note = (event) => (window.clicked = performance.timeOrigin + event.timeStamp);
addEventListener("click", note, { capture: true });
"""
# What a page does before anybody clicks
LOAD = """async () => {
    const { Device } = await import("/sdk/voice-client.js");
    window.device = new Device();
    await window.device.prepare?.();
}"""
CONNECT = """async () => {
    window.clicked = performance.timeOrigin + performance.now();
    const call = await window.device.connect({ to: "+15550100" });
    await new Promise((resolve) => call.on("disconnect", resolve));
}"""
SITE = f"""async () => {{
    document.body.innerHTML = '<click-to-call to="+15550100"></click-to-call>';
    await import("/sdk/{ELEMENT}");
}}"""


class Trunk(asyncio.DatagramProtocol):
    """Notes when an INVITE comes, and says 486."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[float] = asyncio.Queue()
        self._seen: set[bytes] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        now = time.time()
        if not data.startswith(b"INVITE ") or self._transport is None:
            return
        lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
        kept = [line for line in lines if line.split(b":")[0] in {b"Via", b"From", b"Call-ID"}]
        kept += [line for line in lines if line.startswith(b"CSeq:")]
        kept += [line + b";tag=bench" for line in lines if line.startswith(b"To:")]
        busy = [b"SIP/2.0 486 Busy Here", *kept, b"Content-Length: 0", b"", b""]
        self._transport.sendto(b"\r\n".join(busy), addr)
        call = next(line for line in lines if line.startswith(b"Call-ID:"))
        if call not in self._seen:
            self._seen.add(call)
            self.came.put_nowait(now)


@dataclass
class Times:
    """Milliseconds from the click to the INVITE at the trunk, and until the call left the page."""

    first: list[float] = field(default_factory=list)
    first_sent: list[float] = field(default_factory=list)
    next: list[float] = field(default_factory=list)
    next_sent: list[float] = field(default_factory=list)


def client_of(revision: str, folder: Path) -> Path:
    """Put the client of a revision into a folder."""
    archive = subprocess.run(
        ["git", "archive", revision, SDK], cwd=TREE, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder / SDK


async def put(page: Page, client: Path) -> None:
    """Serve the client in this page from a folder."""

    async def serve(route: Route) -> None:
        name = route.request.url.partition("/sdk/")[2]
        file = client / name
        await route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix])

    await page.route("**/sdk/**", serve)


async def open_client(page: Page, url: str) -> None:
    await page.goto(url + "/healthz")
    await page.evaluate(LOAD)


async def connect(page: Page) -> None:
    await page.evaluate(CONNECT)


async def open_button(page: Page, url: str) -> None:
    # A page that is put in the place of another may not open a WebSocket to this machine
    await page.goto(url + "/healthz")
    await page.evaluate(SITE)
    await page.locator("click-to-call .launcher").wait_for()


async def press(page: Page) -> None:
    """Press the button as people do, and put away what it says of the busy line."""
    launcher = page.locator("click-to-call .launcher")
    await page.mouse.move(0, 0)
    await launcher.hover()
    await asyncio.sleep(NEAR)
    await page.mouse.down()
    await page.mouse.up()
    await page.locator("click-to-call:state(ended)").wait_for(state="attached")
    await page.keyboard.press("Escape")
    await launcher.wait_for()


@dataclass(frozen=True)
class Subject:
    """Whose files a page has, how it is opened, and how a call is placed in it, to its end."""

    files: Path
    open: Callable[[Page, str], Awaitable[None]]
    call: Callable[[Page], Awaitable[None]]


def subjects(before: Mapping[str, Path]) -> dict[str, Subject]:
    """Return ours, and the clients of other versions, by name."""
    found = {name: Subject(files, open_client, connect) for name, files in before.items()}
    found["connect"] = Subject(TREE / SDK, open_client, connect)
    found["button"] = Subject(TREE / SDK, open_button, press)
    return found


async def measure_page(page: Page, url: str, subject: Subject, trunk: Trunk, times: Times) -> None:
    await page.add_init_script(NOTE)
    await put(page, subject.files)
    await page.context.grant_permissions(["microphone"])
    await subject.open(page, url)
    for number in range(CALLS):
        await asyncio.sleep(REST)
        await subject.call(page)
        clicked, sent = await page.evaluate("[window.clicked, window.sent]")
        async with asyncio.timeout(LIMIT):
            came = await trunk.came.get() * 1e3
        (times.next if number else times.first).append(came - clicked)
        (times.next_sent if number else times.first_sent).append(sent - clicked)


@asynccontextmanager
async def run_trunk() -> AsyncIterator[tuple[Trunk, int]]:
    loop = asyncio.get_running_loop()
    transport, trunk = await loop.create_datagram_endpoint(Trunk, local_addr=("127.0.0.1", 0))
    try:
        yield trunk, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def measure(
    chromium: Chromium,
    url: str,
    trunk: Trunk,
    subjects: Mapping[str, Subject],
    pages: int,
    progress: Progress,
) -> dict[str, Times]:
    """Let them take turns."""
    times = {name: Times() for name in subjects}
    for number in range(pages):
        for name, subject in subjects.items():
            page = (await chromium.new_page()).page
            await measure_page(page, url, subject, trunk, times[name])
            await page.context.close()
        progress(f"page {number + 1} of {pages}")
    return times


async def run(
    before: Mapping[str, Path] | None = None, *, pages: int = PAGES, progress: Progress = silent
) -> dict[str, Times]:
    """Measure our client and our button, and the clients of other versions, by name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with run_trunk() as (trunk, port):
            config = GatewayConfig([{"name": "bench", "uri": f"sip:127.0.0.1:{port}"}])
            async with (
                run_gateway(config, folder / "gateway") as gateway,
                run_chromium(folder) as chromium,
            ):
                return await measure(
                    chromium, gateway.url, trunk, subjects(before or {}), pages, progress
                )


def clicking_table(times: Mapping[str, Times]) -> Table:
    """Return what each took, the first call of a page and the next ones."""
    rows = {
        f"{name}, {kind.replace('_', ', ')}": taken
        for name, each in times.items()
        for kind, taken in vars(each).items()
    }
    return waits_table("From the click to the INVITE, Chromium", rows)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        before = {each: client_of(each, Path(folder)) for each in sys.argv[1:2]}
        times = asyncio.run(run(before))
    sys.stdout.write(render_table(clicking_table(times)))


if __name__ == "__main__":
    main()
