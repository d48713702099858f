"""Sets up calls through a gateway as pages would: one WebSocket, one offer, one transport each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Origin, Subprotocol

from gateway.bench.answerer import Answerer, TrunkEnd, digits
from gateway.bench.browser import BrowserLeg
from gateway.bench.description import Wanted, read_wanted
from gateway.errors import GatewayError
from gateway.media.ports import PortRange

SUBPROTOCOL = Subprotocol("gateway.v1")
CALL = "1"  # our name for the only call on a socket

SETUP_LIMIT = 30.0  # seconds for one call; a gateway that needs longer has failed it
END_LIMIT = 10.0  # seconds after our hang-up

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway, and whom to call there.

    `to` is the first call's number, and later ones get the numbers after it, so that what arrives
    at the trunk can be told apart; with `same_number` all of them call `to`.
    """

    url: str = "ws://127.0.0.1:8080/v1/ws"
    to: str = "+15550100000"
    same_number: bool = False
    token: str | None = field(default=None, repr=False)
    origin: str | None = None
    address: str = "127.0.0.1"

    def number(self, index: int) -> str:
        """Return the number of a call."""
        if self.same_number:
            return self.to
        head = self.to.rstrip("0123456789")
        tail = self.to[len(head) :]
        return f"{head}{int(tail) + index:0{len(tail)}}" if tail else self.to


class Failure(Exception):
    """A call did not come up, or did not stay; the message is the cause."""


class BenchCall:
    """One call: the browser's leg, the trunk's, and how it went.

    Attributes
    ----------
    browser, trunk
        The legs; `trunk` is None where somebody else answers.
    wanted
        What the gateway's answer asks for.
    times
        `perf_counter()` of `call` (sent), `answer`, `media` (ICE and DTLS are up), `answered`.
    failure
        Why the call is not up; None while it is.
    """

    def __init__(self, target: Target, index: int, ports: PortRange) -> None:
        self.number = target.number(index)
        self.browser = BrowserLeg(ports)
        self.trunk: TrunkEnd | None = None
        self.wanted: Wanted | None = None
        self.times: dict[str, float] = {}
        self.failure: str | None = None
        self._target = target
        self._socket: ClientConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self._closing = False

    @property
    def up(self) -> bool:
        """Whether media can flow."""
        return self.failure is None and {"media", "answered"} <= self.times.keys()

    async def open(self, answerer: Answerer | None, *, ring: bool = False) -> None:
        """Place the call and wait until it is answered; `failure` says if it cannot be.

        With `ring` only until it rings at the answerer and the browser's transport is up.
        """
        try:
            async with asyncio.timeout(SETUP_LIMIT):
                await self._place()
                await (self._connected if ring else self._answered).wait()
                if self._connecting is not None and self.failure is None:
                    await self._connecting
                if self.failure is None and answerer is not None:
                    self.trunk = await self._find(answerer, ring)
        except TimeoutError:
            self._fail(f"not up within {SETUP_LIMIT:g} s ({', '.join(self.times)})")
        except Failure as error:
            self._fail(str(error))
        except (OSError, WebSocketException, GatewayError, ValueError, KeyError) as error:
            self._fail(f"{type(error).__name__}: {error}")

    async def _find(self, answerer: Answerer, ring: bool) -> TrunkEnd:
        if ring:
            return await answerer.arrival(self.number)
        end = answerer.calls.get(digits(self.number))
        if end is None:
            raise Failure(f"answered, but not at this trunk: {self.number}")
        return end

    async def _place(self) -> None:
        target = self._target
        offer = self.browser.open()
        origin = None if target.origin is None else Origin(target.origin)
        # No pings: the event loop runs in slices while packets are sent
        self._socket = await connect(
            target.url, subprotocols=[SUBPROTOCOL], origin=origin, ping_interval=None
        )
        await self._send(type="hello", **({"token": target.token} if target.token else {}))
        self._note("call")
        description = {"type": "offer", "sdp": offer}
        await self._send(type="call", call=CALL, to=self.number, offer=description)
        for candidate in self.browser.candidates:
            what = {"candidate": f"candidate:{candidate}", "sdpMid": "0"}
            await self._send(type="candidate", call=CALL, candidate=what)
        await self._send(type="candidate", call=CALL, candidate=None)
        self._reading = asyncio.create_task(self._read(self._socket))

    async def _send(self, **message: Any) -> None:
        if self._socket is not None:
            await self._socket.send(json.dumps(message))

    async def _read(self, socket: ClientConnection) -> None:
        """Take what the gateway says until it closes the socket."""
        try:
            async for frame in socket:
                await self._take(json.loads(frame))
        except (WebSocketException, ValueError, KeyError, TypeError) as error:
            self._fail(f"{type(error).__name__}: {error}")
        if not self._closing:
            self._fail("the gateway closed the WebSocket")
        self._ended.set()

    async def _take(self, message: Message) -> None:
        match message["type"]:
            case "answer":
                self._note("answer")
                self.wanted = read_wanted(message["answer"]["sdp"])
                self._connecting = asyncio.create_task(self._connect(self.wanted))
            case "candidate" if message["candidate"]:
                text = str(message["candidate"].get("candidate", "")).removeprefix("candidate:")
                if text:
                    self.browser.add_candidate(text)
            case "answered":
                self._note("answered")
                self._answered.set()
            case "ended":
                if not self._closing:
                    self._fail(f"ended by {message['by']}: {message['cause']}")
                self._ended.set()
            case "error":
                self._fail(f"error {message['code']} {message['name']}")
                self._ended.set()  # a call that is refused has no other end

    async def _connect(self, wanted: Wanted) -> None:
        try:
            await self.browser.connect(wanted)
        except (ConnectionError, ValueError) as error:
            self._fail(str(error))
            return
        self._note("media")
        self._connected.set()

    def _note(self, what: str) -> None:
        self.times.setdefault(what, perf_counter())

    def _fail(self, cause: str) -> None:
        """Remember the first cause; whoever waits for the call waits no more."""
        self.failure = self.failure or cause
        self._connected.set()
        self._answered.set()

    async def close(self) -> None:
        """Hang up, wait for the end, close all."""
        self._closing = True
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        if self._connecting is not None:
            await asyncio.wait([self._connecting])
        try:
            async with asyncio.timeout(END_LIMIT):
                if self._socket is not None and self._reading is not None:
                    await self._send(type="hangup", call=CALL)
                    await self._ended.wait()
                    await self._socket.close()
        except (TimeoutError, WebSocketException) as error:
            self._fail(f"no end within {END_LIMIT:g} s: {type(error).__name__}")
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self.browser.close()


async def open_calls(
    target: Target,
    count: int,
    *,
    rate: float,
    ports: PortRange,
    answerer: Answerer | None,
    first: int = 0,
    ring: bool = False,
    keep: bool = True,
) -> list[BenchCall]:
    """Place `count` calls, `rate` of them in a second, and wait until each is up or has failed.

    With `ring` they need only ring; unless `keep` each is hung up as soon as it was up.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    calls: list[BenchCall] = []
    async with asyncio.TaskGroup() as tasks:
        for index in range(count):
            await asyncio.sleep(max(0.0, began + index / rate - loop.time()))
            call = BenchCall(target, first + index, ports)
            calls.append(call)
            tasks.create_task(_open(call, answerer, ring=ring, keep=keep))
    return calls


async def _open(call: BenchCall, answerer: Answerer | None, *, ring: bool, keep: bool) -> None:
    await call.open(answerer, ring=ring)
    if not keep:
        await call.close()


async def close_calls(calls: Sequence[BenchCall]) -> None:
    """Hang all of them up."""
    await asyncio.gather(*(call.close() for call in calls))


def failures(calls: Sequence[BenchCall]) -> Counter[str]:
    """Count the causes of those that are not up."""
    return Counter(call.failure or "not up" for call in calls if not call.up)
