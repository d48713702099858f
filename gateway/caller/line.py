"""The caller's WebSocket. One that is lost is opened again, and its session goes on."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Origin, Subprotocol

from gateway.caller.options import CallOptions
from gateway.errors import UnavailableError
from gateway.system_words import why

SUBPROTOCOL = Subprotocol("gateway.v1")

Message = dict[str, Any]

# RFC 6455 section 7.4.1: closed on purpose, and for what we did. 4000 is the gateway's own word
# that another socket has the session
_FINAL = (1000, 1008, 4000)

# Seconds between tries; by chance as much again, as other callers have lost theirs as well
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0

GOODBYE_TIMEOUT = 1.0  # seconds for a hang-up of somebody who interrupts us


class Line:
    """The way to the gateway and back.

    `hangup` is what ends the call, as long as there is one: it is come back to when the socket is
    lost, and ended when whoever reads here stops.
    """

    def __init__(self, options: CallOptions) -> None:
        self._options = options
        self.hangup: Message | None = None
        self._socket: ClientConnection | None = None  # once the gateway has welcomed us by it
        self._closed = asyncio.Event()
        self._unsent: list[Message] = []
        self._token: str | None = None
        self._window = 0.0
        self._taken = 0  # messages of calls

    async def messages(self) -> AsyncGenerator[Message]:
        """Connect, and return what the gateway says, on one socket after the other.

        Raises
        ------
        UnavailableError
            When the gateway cannot be reached, or not in time again.
        """
        url, pause, until = self._options.url, FIRST_PAUSE, 0.0
        while True:
            error: Exception | None = None
            try:
                async with aclosing(self._one_socket()) as messages:
                    async for message in messages:
                        pause, until = FIRST_PAUSE, 0.0
                        yield message
            except (OSError, WebSocketException) as failure:  # TimeoutError is an OSError
                error = failure
            self._socket = None
            until = until or monotonic() + self._window
            if not self._may_come_back(error) or monotonic() > until:
                if error is not None:
                    raise UnavailableError(f"{url}: {_words(error)}") from error
                return
            await self._pause(pause * (1 + random.random()))
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _one_socket(self) -> AsyncGenerator[Message]:
        options = self._options
        origin = None if options.origin is None else Origin(options.origin)
        async with connect(options.url, subprotocols=[SUBPROTOCOL], origin=origin) as socket:
            hello: Message = {"token": options.token} if options.token else {}
            if self._token is not None:
                hello |= {"resume": self._token, "received": self._taken}
            await socket.send(json.dumps({"type": "hello", **hello}))
            try:
                async for frame in socket:
                    message = json.loads(frame)
                    if message["type"] == "welcome":
                        await self._welcomed(message, socket)
                    elif "call" in message and message["type"] != "quality":
                        self._taken += 1
                    yield message
            except (asyncio.CancelledError, GeneratorExit):
                await self._say_goodbye(socket)
                raise
            if socket.close_code not in _FINAL:
                raise ConnectionClosed(socket.protocol.close_rcvd, socket.protocol.close_sent)

    async def _welcomed(self, message: Message, socket: ClientConnection) -> None:
        # Nobody prints it: whoever has it has the call
        self._token = message.pop("resumeToken", None)
        self._window = float(message.get("resumeWindow") or 0)
        self._taken = message.get("received", 0)
        self._socket = socket
        unsent, self._unsent = self._unsent, []
        for waiting in unsent:
            await self.send(**waiting)

    async def _say_goodbye(self, socket: ClientConnection) -> None:
        """End the call of somebody who waits for nothing: else it would wait for them."""
        if self.hangup is not None:
            with suppress(TimeoutError, ConnectionClosed):
                async with asyncio.timeout(GOODBYE_TIMEOUT):
                    await socket.send(json.dumps(self.hangup))

    def _may_come_back(self, error: Exception | None) -> bool:
        if error is None or self._token is None or self.hangup is None or self._closed.is_set():
            return False
        received = error.rcvd if isinstance(error, ConnectionClosed) else None
        return received is None or received.code not in _FINAL

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    async def send(self, **message: Any) -> None:
        """Send a message, now or on the next socket."""
        if self._socket is None:
            self._unsent.append(message)
            return
        try:
            await self._socket.send(json.dumps(message))
        except ConnectionClosed:
            self._unsent.append(message)

    async def close(self) -> None:
        """Close the socket, and open no other."""
        self._closed.set()
        if self._socket is not None:
            await self._socket.close()


def _words(error: OSError | WebSocketException | Exception) -> str:
    if isinstance(error, InvalidStatus):
        return _denial(error)
    return why(error) if isinstance(error, OSError) else str(error)


def _denial(error: InvalidStatus) -> str:
    """Say what the gateway answered in place of a WebSocket."""
    response = error.response
    try:
        sentence = json.loads(response.body or b"")["message"]
    except (ValueError, TypeError, KeyError):  # a proxy's page, for one
        return f"HTTP {response.status_code}"
    return f"HTTP {response.status_code}: {sentence}"
