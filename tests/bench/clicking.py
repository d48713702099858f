"""From the click to the INVITE: `python -m tests.bench.clicking [REVISION]`, in Chromium.

A page of the real gateway calls, and a socket that plays the trunk notes when the INVITE comes.
The client of another revision takes turns with ours: its files are put into the page in the place
of ours, so both call through the same gateway, in the same browser. The microphone is permitted.
`first` is the first call of a page that was loaded a second ago; `next` is one of those after it.
`sent` is the part of the way that is the page's: until the call leaves it.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, cast

from tests.peers.chromium import run_chromium
from tests.peers.gateway import TREE, GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page, Route

    from tests.peers.chromium import Chromium

PAGES = 8  # of each client
CALLS = 5  # of a page: one is the first, the others come after it
REST = 1.0  # seconds from the page's load to its first call, and between its calls
LIMIT = 15.0
TYPES = {".js": "text/javascript", ".json": "application/json"}

CALL = """async () => {
    const { Device } = await import("/sdk/voice-client.js");
    window.device ??= new Device();
    const clicked = performance.timeOrigin + performance.now();
    const call = await window.device.connect({ to: "+15550100" });
    await new Promise((resolve) => call.on("disconnect", resolve));
    return [clicked, window.sent];
}"""
# What a page does before anybody clicks
LOAD = """async () => {
    const { Device } = await import("/sdk/voice-client.js");
    window.device = new Device();
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (text) {
        send.call(this, text);
        if (JSON.parse(text).type !== "call") return;
        window.sent = performance.timeOrigin + performance.now();
    };
    await window.device.prepare?.();
}"""


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
    """Milliseconds from `connect` to the INVITE at the trunk, and until the call left the page."""

    first: list[float] = field(default_factory=list)
    first_sent: list[float] = field(default_factory=list)
    next: list[float] = field(default_factory=list)
    next_sent: list[float] = field(default_factory=list)


def client_of(revision: str, folder: Path) -> Path:
    """Put the client of a revision into a folder."""
    archive = subprocess.run(
        ["git", "archive", revision, "gateway/web/sdk"], cwd=TREE, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder / "gateway/web/sdk"


async def put(page: Page, client: Path) -> None:
    """Serve the client in this page from a folder."""

    async def serve(route: Route) -> None:
        name = route.request.url.partition("/sdk/")[2]
        file = client / name
        await route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix])

    await page.route("**/sdk/**", serve)


async def measure_page(page: Page, trunk: Trunk, times: Times) -> None:
    await page.evaluate(LOAD)
    for number in range(CALLS):
        await asyncio.sleep(REST)
        clicked, sent = await page.evaluate(CALL)
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
    chromium: Chromium, url: str, trunk: Trunk, clients: dict[str, Path], pages: int
) -> dict[str, Times]:
    """Let the clients take turns."""
    times = {name: Times() for name in clients}
    for _ in range(pages):
        for name, client in clients.items():
            page = (await chromium.new_page()).page
            await put(page, client)
            await page.context.grant_permissions(["microphone"])
            await page.goto(url + "/healthz")
            await measure_page(page, trunk, times[name])
            await page.close()
    return times


async def run(revision: str | None = None, *, pages: int = PAGES) -> dict[str, Times]:
    """Measure our client, and the one of another revision."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clients = {"ours": TREE / "gateway/web/sdk"}
        if revision is not None:
            clients = {revision: client_of(revision, folder), **clients}
        async with run_trunk() as (trunk, port):
            config = GatewayConfig([{"name": "bench", "uri": f"sip:127.0.0.1:{port}"}])
            async with (
                run_gateway(config, folder / "gateway") as gateway,
                run_chromium(folder) as chromium,
            ):
                return await measure(chromium, gateway.url, trunk, clients, pages)


def main() -> None:
    """Measure and print: median, lowest and highest."""
    for name, times in asyncio.run(run(*sys.argv[1:2])).items():
        for kind, taken in vars(times).items():
            spread = {"p50": median(taken), "least": min(taken), "most": max(taken)}
            figures = json.dumps({key: round(value, 1) for key, value in spread.items()})
            sys.stdout.write(f"{name:12} {kind:10} {len(taken):3} {figures}\n")


if __name__ == "__main__":
    main()
