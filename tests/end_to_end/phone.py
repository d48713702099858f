"""A headless call that a test follows: it waits for messages, and acts when they have come."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from gateway.caller.call import CallerCall, CallOptions, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gateway.caller.sound import Frame
    from tests.peers.gateway import Gateway

LONG = 120.0  # seconds; a test hangs up when it has seen what it waits for


class PhoneCall:
    """A call on its way. Use `calling`."""

    def __init__(self, options: CallOptions) -> None:
        self._call = CallerCall(options, on_message=self._take)
        self._news = asyncio.Event()
        self.messages: list[Message] = []
        self.times: list[float] = []  # when each message came, by perf_counter()
        self.running = asyncio.create_task(self._call.run(), name="phone")

    def _take(self, message: Message) -> None:
        self.messages.append(message)
        self.times.append(perf_counter())
        self._news.set()

    def came(self, kind: str) -> list[float]:
        """Return when the messages of a type have come."""
        pairs = zip(self.messages, self.times, strict=True)
        return [time for message, time in pairs if message["type"] == kind]

    @property
    def kinds(self) -> list[str]:
        """The types of the messages so far, in order."""
        return [message["type"] for message in self.messages]

    @property
    def heard(self) -> Frame:
        """What the caller has heard so far, at 48 kHz."""
        return self._call.heard

    def ended(self) -> tuple[str, str, int]:
        """Return by whom and how it ended, which the page is told once, last, and in a sentence."""
        assert self.kinds.count("ended") == 1
        assert self.kinds[-1] == "ended"
        end = self.messages[-1]
        assert end["reason"]
        assert end["message"].endswith(".")
        return end["by"], end["cause"], end["sipCode"]

    async def hear(self, kind: str, *, count: int = 1, limit: float = 10.0) -> Message:
        """Return the `count`th message of a type, whether it came already or comes in time."""
        try:
            async with asyncio.timeout(limit):
                while self.kinds.count(kind) < count:
                    if self.running.done():
                        await self.running  # what it raised says more
                        break
                    await self._wait_for_news()
        except TimeoutError:
            pass
        found = [message for message in self.messages if message["type"] == kind]
        assert len(found) >= count, f"no {kind!r} within {limit:g} s; came: {self.messages}"
        return found[count - 1]

    async def _wait_for_news(self) -> None:
        self._news.clear()
        news = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait({news, self.running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    async def ask(self, kind: str, **fields: Any) -> None:
        """Send a message about the call."""
        await self._call.ask(kind, **fields)

    async def restart(self, play: Path | None = None) -> None:
        """Give the call another media path, which plays another file."""
        await self._call.restart(play)

    async def close_media(self) -> None:
        """Close the media path, as a page does that goes away."""
        await self._call.close_media()

    async def accept(self) -> float:
        """Take the call that rings; return when, by perf_counter()."""
        at = perf_counter()
        await self._call.accept()
        return at

    async def reject(self, code: int = 603) -> None:
        """Reject the call that rings."""
        await self._call.reject(code)

    async def hang_up(self, *, limit: float = 10.0) -> Outcome:
        """End the call, and return how it went."""
        await self._call.hangup()
        return await self.end(limit=limit)

    async def end(self, *, limit: float = 10.0) -> Outcome:
        """Wait until the call has ended, and return how it went."""
        async with asyncio.timeout(limit):
            return await asyncio.shield(self.running)

    def vanish(self) -> None:
        """Go without a goodbye, as a page that crashes does."""
        line = self._call._line
        assert line._socket is not None
        line.hangup = None
        line._socket.transport.abort()

    async def take_down(self) -> None:
        """Take the call down unless it has ended; one that is on its way down is left at it."""
        if not self.running.cancelling():
            self.running.cancel()
        await asyncio.wait([self.running])


@asynccontextmanager
async def calling(
    gateway: Gateway,
    to: str,
    *,
    play: Path | None = None,
    dtmf: str = "",
    headers: dict[str, str] | None = None,
    url: str | None = None,
    token: str | None = None,
    address: str = "127.0.0.1",
) -> AsyncIterator[PhoneCall]:
    """Place a call, and take it down at the end if the test has not.

    `url` is of the WebSocket, if it is not the gateway's own; `address` the caller's for media.
    """
    call = PhoneCall(
        CallOptions(
            to=to,
            url=url or gateway.websocket_url,
            token=token,
            address=address,
            play=play,
            dtmf=dtmf,
            duration=LONG,
            headers=headers or {},
        )
    )
    try:
        yield call
    finally:
        await call.take_down()


@asynccontextmanager
async def waiting(
    gateway: Gateway,
    identity: str,
    *,
    play: Path | None = None,
    pick_up: float | None = None,
    dtmf: str = "",
    url: str | None = None,
    token: str | None = None,
    origin: str | None = None,
) -> AsyncIterator[PhoneCall]:
    """Wait for a call as a page that is registered under an identity; take it down at the end."""
    call = PhoneCall(
        CallOptions(
            answer=identity,
            pick_up=pick_up,
            dtmf=dtmf,
            url=url or gateway.websocket_url,
            token=token,
            origin=origin,
            play=play,
            duration=LONG,
        )
    )
    try:
        await call.hear("registered")
        yield call
    finally:
        await call.take_down()
