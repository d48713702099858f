"""uvicorn's WebSocket, with less of everything for the thousands that are open and idle.

It keeps nothing of its handshake, and is seldom pinged while its page has no call. And it counts
frames of which the application hears nothing: by them a client could keep us busy, and fill memory,
without a message. This file knows names inside uvicorn and websockets;
tests/gateway/signaling/test_websocket_protocol.py says which.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any, ClassVar, Literal, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from gateway.admission.pace import spend

# Proxies cut what has been silent for 60 s. One without a call is noticed when it is pinged again
IDLE_PING_INTERVAL = 45.0  # seconds
# A short one costs a wake-up for each ping, a long one holds up whatever else there is to do
STEP = 0.25  # seconds

# Pings, pongs and parts of messages. A browser sends a pong to each ping of ours, and no parts;
# other clients may cut the longest message (64 KiB) into 512 bytes each
FRAMES_PER_SECOND = 50
FRAMES_AT_ONCE = 200
# Whole messages that come in one read; the application counts them, but only one by one
MESSAGES_AT_ONCE = 500
TOO_MANY_FRAMES = "too many control frames or fragments"
TOO_MANY_MESSAGES = "too many messages at once"

# The key in the scope's `extensions` (ASGI) of `WebSocketProtocol.watch`
WATCH = "gateway.watch"


class _Queue(asyncio.Queue[Any]):
    """One that has a single reader, and so needs no list of them, and nobody who waits to put."""

    __slots__ = ("_messages", "_reader")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, item: Any) -> None:
        self._messages.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        while not self._messages:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._messages.pop(0)


class _Event(asyncio.Event):
    """One that is set nearly always, and needs a list of those who wait only while it is not."""

    def __init__(self) -> None:
        self._cleared: asyncio.Event | None = None

    def set(self) -> None:
        if self._cleared is not None:
            self._cleared.set()
            self._cleared = None

    def clear(self) -> None:
        if self._cleared is None:
            self._cleared = asyncio.Event()

    def is_set(self) -> bool:
        return self._cleared is None

    async def wait(self) -> Literal[True]:
        if self._cleared is not None:
            await self._cleared.wait()
        return True


class Round:
    """Visits everybody once in a period, a few at a time, wherever in it they came.

    One timer serves all: a timer and a wake-up for each would cost more than the pings.
    """

    def __init__(self, period: float, step: float) -> None:
        self._step = step
        self._places: list[set[WebSocketProtocol]] = [set() for _ in range(round(period / step))]
        self._next = 0  # where the next to join goes
        self._turn = 0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, protocol: WebSocketProtocol) -> int:
        """Take part; return the place, for `leave`."""
        place, self._next = self._next, (self._next + 1) % len(self._places)
        self._places[place].add(protocol)
        if self._timer is None:
            self._wait()
        return place

    def leave(self, place: int, protocol: WebSocketProtocol) -> None:
        self._places[place].discard(protocol)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._step, self._visit)

    def _visit(self) -> None:
        for protocol in tuple(self._places[self._turn]):
            protocol.look_after()
        self._turn = (self._turn + 1) % len(self._places)
        if self._turn or any(self._places):
            self._wait()
        else:
            self._timer = None


class FrameCounter(ServerProtocol):
    """The WebSocket protocol, which fails for who sends too many frames that are no messages."""

    __slots__ = ("_fragments", "_full_at")

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._fragments = 0  # of the message that is not whole
        self._full_at = 0.0

    def recv_frame(self, frame: Frame) -> None:
        """Take a frame, or fail."""
        if frame.fin and frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CLOSE):
            if len(self.events) >= MESSAGES_AT_ONCE:
                self._refuse(TOO_MANY_MESSAGES)
        else:
            self._count(frame)
        super().recv_frame(frame)

    def _count(self, frame: Frame) -> None:
        rate, most = FRAMES_PER_SECOND, FRAMES_AT_ONCE
        self._full_at, may = spend(self._full_at, monotonic(), rate, most)
        if frame.opcode not in (Opcode.PING, Opcode.PONG):
            # Each takes memory until the last has come, also an empty one
            self._fragments = 0 if frame.fin else self._fragments + 1
        if not may or self._fragments > FRAMES_AT_ONCE:
            self._refuse(TOO_MANY_FRAMES)

    def _refuse(self, reason: str) -> None:
        self.fail(CloseCode.POLICY_VIOLATION, reason)
        # Nothing else stops it from reading what it has; the code above stays
        raise ProtocolError(reason)


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Keeps nothing of the handshake; takes part in the round of pings unless it is watched."""

    idle: ClassVar[Round]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        uncounted = self.conn
        self.conn = FrameCounter(
            extensions=uncounted.available_extensions,
            max_size=self.config.ws_max_size,
            logger=uncounted.logger,
        )
        uncounted.parser.close()  # it refers to itself, and would wait for a collection
        self.queue = _Queue()
        self.writable = _Event()
        self._place: int | None = None  # in the round
        self._extensions: dict[str, object] = {}  # of the scope

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self._extensions = cast("dict[str, object]", self.scope["extensions"])
            self._extensions[WATCH] = self.watch

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._extensions.pop(WATCH, None)  # which refers back to this, by way of the scope

    def start_keepalive(self) -> None:
        """Begin to ping, as soon as the handshake is over."""
        self._place = self.idle.join(self)
        # A browser's headers take more memory than all else that stays
        self.request.headers.clear()
        self.response.headers.clear()
        headers = self.scope["headers"]
        if isinstance(headers, list):
            # In place: others refer to it
            headers.clear()

    def stop_keepalive(self) -> None:
        if self._place is not None:
            self.idle.leave(self._place, self)
            self._place = None
        super().stop_keepalive()

    def watch(self, on: bool) -> None:
        """Look after this page closely, since it has a call; or no more so."""
        if self.disconnected or on == (self._place is None):
            return
        self.stop_keepalive()
        if on:
            super().start_keepalive()
        else:
            self._place = self.idle.join(self)

    def look_after(self) -> None:
        """Ping once; give up a page that has not answered since the last time."""
        if self.close_sent or self.transport.is_closing():
            return
        if self.pending_ping_payload is not None:
            self.keepalive_timeout()
            return
        self.pending_ping_payload = b""
        self.conn.send_ping(b"")
        self.transport.write(b"".join(self.conn.data_to_send()))


def with_round() -> type[WebSocketProtocol]:
    """Return the protocol class for one server, whose WebSockets share a round of pings."""
    members = {"idle": Round(IDLE_PING_INTERVAL, STEP)}
    return type("WebSocketProtocol", (WebSocketProtocol,), members)
