"""Debian's WebKitGTK, driven by its WebDriver on a display of its own.

Its build has no WebRTC, so it places no call. What a page shows is WebKit's, as in Safari.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.peers.ports import free_port
from tests.peers.process import PeerError, end_process, poll
from tests.peers.requirement import missing, require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START_LIMIT = 30
_SCRIPT = """const done = arguments[0];
(async () => (%s))().then((value) => done({ value }), (error) => done({ error: String(error) }));"""


class WebKitError(Exception):
    """The page threw, or WebKit refused a command."""


class WebKit:
    """A window of MiniBrowser. Use `run_webkit`."""

    def __init__(self, client: httpx.AsyncClient, session: str) -> None:
        self._client = client
        self._session = session

    async def goto(self, url: str) -> None:
        await self._post("url", url=url)

    async def evaluate(self, expression: str) -> object:
        """Return an expression's value; of a promise, what it becomes."""
        result = await self._post("execute/async", script=_SCRIPT % expression, args=[])
        if "error" in result:
            raise WebKitError(result["error"])
        value: object = result.get("value")
        return value

    async def _post(self, command: str, **fields: object) -> Any:
        return await post(self._client, f"/session/{self._session}/{command}", fields)


async def post(client: httpx.AsyncClient, path: str, fields: object) -> Any:
    response = await client.post(path, json=fields)
    if response.is_error:
        raise WebKitError(response.text)
    return json.loads(response.text)["value"]


@asynccontextmanager
async def run_webkit() -> AsyncIterator[WebKit]:
    """Start WebKit's driver and a browser; end both."""
    driver, browser = require("WebKitWebDriver"), _find_browser()
    options = {"binary": str(browser), "args": ["--automation"]}
    wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
    port = free_port()
    async with (
        _run_screen() as screen,
        _run_driver(driver, port, screen),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=START_LIMIT, trust_env=False
        ) as client,
    ):
        await poll(lambda: _answers(client), limit=START_LIMIT, what="WebKitWebDriver answers")
        session = (await post(client, "/session", wanted))["sessionId"]
        yield WebKit(client, session)
        await client.delete(f"/session/{session}")


@asynccontextmanager
async def _run_screen() -> AsyncIterator[str]:
    """Start an X server, which finds a number of its own; yield it, once the server is there.

    Not by xvfb-run, which waits for ever where the server is quicker than its `wait`.
    """
    process = await asyncio.create_subprocess_exec(
        *(require("Xvfb"), "-displayfd", "1", "-nolisten", "tcp"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_LIMIT):
            number = await process.stdout.readline()
        if not number:
            raise PeerError("Xvfb has ended")
        yield f":{number.decode().strip()}"
    finally:
        await end_process(process)


@asynccontextmanager
async def _run_driver(driver: Path, port: int, screen: str) -> AsyncIterator[None]:
    profile = tempfile.mkdtemp(prefix="webkit-")
    process = await asyncio.create_subprocess_exec(
        *(driver, f"--port={port}"),
        env={**os.environ, "DISPLAY": screen, "HOME": profile, "XDG_RUNTIME_DIR": profile},
        start_new_session=True,  # the browser is the driver's child
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


def _find_browser() -> Path:
    """Return MiniBrowser, which comes with WebKit's library and is in nobody's PATH."""
    browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    if not browsers:
        missing("MiniBrowser is not installed (Debian package webkit2gtk-driver)")
    return browsers[-1]


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/status")).is_success
    except httpx.TransportError:
        return False
