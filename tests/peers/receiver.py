"""A server that takes webhooks, as an operator would write one: uvicorn, and the spec's library."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

import uvicorn
from standardwebhooks.webhooks import Webhook

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Receive, Scope, Send


def new_secret() -> str:
    """Return a secret as the spec writes it."""
    return f"whsec_{b64encode(token_bytes(32)).decode()}"


@dataclass(frozen=True)
class Taken:
    """A request whose signature was good."""

    id: str
    payload: Any

    @property
    def kind(self) -> str:
        kind: str = self.payload["type"]
        return kind


class Receiver:
    """The application. Use `run_receiver`.

    Attributes
    ----------
    secret
        What it verifies by; a bad signature is an error of the test.
    answers
        What the next requests get; then 204. A status, or what is awaited for one.
    taken, seen
        What got a 2xx; and all requests.
    """

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.answers: list[int | Callable[[], Any]] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.taken: list[Taken] = []
        self.seen: list[Taken] = []
        self.faults: list[str] = []
        self.port = 0
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        try:
            assert scope["method"] == "POST"
            assert headers["content-type"] == "application/json"
            event = Taken(headers["webhook-id"], Webhook(self.secret).verify(body, headers))
        except Exception as error:
            self.faults.append(repr(error))
            raise
        status = await self._status(event)
        given = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": self.body})

    async def _status(self, event: Taken) -> int:
        self.seen.append(event)
        answer = self.answers.pop(0) if self.answers else 204
        self._news.set()
        status: int = answer if isinstance(answer, int) else await answer()
        if 200 <= status < 300:
            self.taken.append(event)
        self._news.set()
        return status

    async def until(self, holds: Callable[[], bool], *, limit: float = 10.0) -> None:
        """Look at each request until something holds."""
        try:
            async with asyncio.timeout(limit):
                while not holds():
                    assert not self.faults, self.faults
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            came = [(each.kind, each.id) for each in self.seen]
            raise AssertionError(f"not within {limit:g} s; came: {came}") from None
        assert not self.faults, self.faults

    async def take(self, count: int, *, limit: float = 10.0) -> list[Taken]:
        """Return what was taken, once it is so many."""
        await self.until(lambda: len(self.taken) >= count, limit=limit)
        return self.taken

    async def see(self, count: int, *, limit: float = 10.0) -> list[Taken]:
        """Return all requests, once they are so many."""
        await self.until(lambda: len(self.seen) >= count, limit=limit)
        return self.seen


@asynccontextmanager
async def run_receiver(
    secret: str, *, port: int = 0, receiver: Receiver | None = None
) -> AsyncIterator[Receiver]:
    """Serve on a port of loopback, any unless one is named, until the end of the block."""
    app = receiver or Receiver(secret)
    config = uvicorn.Config(
        app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        app.port = listener.getsockname()[1]
        config.load()
        server.lifespan = config.lifespan_class(config)
        serving = asyncio.create_task(server._serve([listener]), name="receiver")
        try:
            yield app
        finally:
            server.should_exit = True
            await serving
