"""Debian's Firefox ESR, headless, driven by WebDriver BiDi over its own WebSocket.

Playwright cannot drive a stock Firefox, and Debian has no geckodriver; neither is needed. The
microphone is Firefox's own fake, a sine of 1000 Hz that cannot be changed.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.peers.browser import BrowserError, as_json
from tests.peers.ports import free_port
from tests.peers.process import PeerError, end_process, tail
from tests.peers.requirement import require

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Mapping

TONE = 1000.0

PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Without a network address the machine has only loopback; .local candidates need multicast
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # Nothing leaves the machine: a dead proxy for everything but loopback, and no background work
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "media.gmp-manager.url": "data:,",
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "remote.prefs.recommended": True,
    "toolkit.telemetry.enabled": False,
}


class BidiSession:
    """A WebDriver BiDi connection: commands with their answers, and the console's entries."""

    def __init__(self, socket: ClientConnection) -> None:
        self.consoles: dict[str, list[str]] = {}  # by browsing context
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0

    async def command(self, method: str, *, limit: float = 60.0, **params: object) -> Any:
        """Send a command and return its result."""
        self._count += 1
        number = self._count
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        message = {"id": number, "method": method, "params": params}
        try:
            async with asyncio.timeout(limit):
                await self._socket.send(json.dumps(message))
                reply = await answer
        finally:
            del self._answers[number]
        if reply["type"] == "error":
            raise BrowserError(f"{method}: {reply['error']}: {reply['message']}")
        return reply["result"]

    async def receive(self) -> None:
        """Take in messages until the connection ends."""
        try:
            async for text in self._socket:
                message = json.loads(text)
                if message.get("method") == "log.entryAdded":
                    entry = message["params"]
                    console = self.consoles.setdefault(entry["source"].get("context", ""), [])
                    console.append(str(entry.get("text")))
                elif (answer := self._answers.get(message.get("id"))) and not answer.done():
                    answer.set_result(message)
        except ConnectionClosed:
            pass
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(BrowserError("Firefox closed the connection"))


class FirefoxPage:
    """A tab of Firefox."""

    def __init__(self, session: BidiSession, context: str) -> None:
        self.console = session.consoles.setdefault(context, [])
        self._session = session
        self._context = context

    async def goto(self, url: str) -> None:
        await self._session.command(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    async def run_first(self, script: str) -> None:
        """Run a script before those of each page that the tab opens from now on."""
        await self._session.command(
            "script.addPreloadScript",
            functionDeclaration=f"() => {{ {script} }}",
            contexts=[self._context],
        )

    async def evaluate(self, expression: str) -> object:
        result = await self._session.command(
            "script.evaluate",
            expression=as_json(expression),
            target={"context": self._context},
            awaitPromise=True,
            resultOwnership="none",
            userActivation=True,
        )
        if result["type"] == "exception":
            raise BrowserError(result["exceptionDetails"]["text"])
        value: object = json.loads(result["result"]["value"])
        return value


class Firefox:
    """A running Firefox. Use `run_firefox`."""

    tone = TONE

    def __init__(self, session: BidiSession) -> None:
        self._session = session

    async def new_page(self, script: str = "") -> FirefoxPage:
        """Open a tab; the script runs before those of each page in it."""
        page = await self._create("tab")
        if script:
            await page.run_first(script)
        return page

    async def new_window(self) -> FirefoxPage:
        return await self._create("window")

    async def _create(self, kind: str) -> FirefoxPage:
        created = await self._session.command("browsingContext.create", type=kind)
        return FirefoxPage(self._session, created["context"])


@asynccontextmanager
async def run_firefox(
    preferences: Mapping[str, bool | int | str] | None = None,
) -> AsyncIterator[Firefox]:
    """Start Firefox with a profile of its own; end it and remove the profile at the end.

    Of a preference that is ours and stands in `preferences` as well, theirs counts.
    """
    program = require("firefox-esr")
    profile = Path(tempfile.mkdtemp(prefix="firefox-"))
    wanted = {**PREFERENCES, **(preferences or {})}
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in wanted.items())
    (profile / "user.js").write_text("".join(lines))
    port = free_port()
    log = profile / "firefox.log"
    try:
        process = await _start(program, profile, port, log)
        try:
            async with _session(process, port, log) as session:
                yield Firefox(session)
                with suppress(BrowserError, ConnectionClosed, TimeoutError):
                    await session.command("browser.close", limit=5)
        finally:
            await end_process(process, limit=10)
    finally:
        shutil.rmtree(profile, ignore_errors=True)  # a helper process may still write to it


async def _start(program: Path, profile: Path, port: int, log: Path) -> Process:
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *(str(program), "--headless", "--no-remote", "--profile", str(profile)),
            *("--remote-debugging-port", str(port), "about:blank"),
            env={**os.environ, "HOME": str(profile), "XDG_RUNTIME_DIR": str(profile)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )


@asynccontextmanager
async def _session(process: Process, port: int, log: Path) -> AsyncIterator[BidiSession]:
    socket = await _connect(process, f"ws://127.0.0.1:{port}/session", log)
    async with socket:
        session = BidiSession(socket)
        receiver = asyncio.create_task(session.receive(), name="bidi")
        try:
            await session.command("session.new", capabilities={})
            await session.command("session.subscribe", events=["log.entryAdded"])
            yield session
        finally:
            receiver.cancel()
            await asyncio.wait([receiver])


async def _connect(process: Process, url: str, log: Path, limit: float = 30.0) -> ClientConnection:
    try:
        async with asyncio.timeout(limit):
            while process.returncode is None:
                try:
                    return await connect(url, max_size=1 << 26, ping_interval=None)
                except (OSError, WebSocketException):  # it does not listen, or answer, yet
                    await asyncio.sleep(0.1)
    except TimeoutError:
        pass
    raise PeerError(f"firefox does not answer at {url}\n{tail(log)}")
