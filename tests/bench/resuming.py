"""How soon pages have their calls back: `python -m tests.bench.resuming [COUNT]`.

So many pages (500) are registered, each under an address and an identity of its own, and a call
rings at each. All their sockets are cut at once, and all come back at once. The time is that of the
page: from the open WebSocket to the `welcome` with the call in it. Pages are bare sockets of one
process, which takes little of a core; the gateway has the other one.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tests.bench.idling import HANDSHAKE, PING, PONG, TEXT, address_of, frame, take_frame
from tests.bench.load import GENERATOR_CORE, MEASURED_CORE, on_cores
from tests.bench.report import render_table
from tests.bench.sockets import more_files
from tests.bench.waits import waits_table
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.trunks import open_trunk
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.ports import free_port, reserve_ports
from tests.peers.process import poll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.report import Table

COUNT = 500
AT_ONCE = 50  # pages or calls that begin at a time
LIMIT = 60.0  # seconds for one step of all pages
PLAIN = "\r\n".join(line for line in HANDSHAKE.split("\r\n") if "Extensions" not in line)


class Page:
    """One page, over all its sockets."""

    def __init__(self, number: int, port: int) -> None:
        self.number, self._port = number, port
        self.messages: list[dict[str, Any]] = []
        self.took = 0.0  # ms from the open socket to the welcome
        self.connect()

    def connect(self) -> None:
        """Open a socket; `read` says hello on it."""
        self._buffer, self._opened = b"", 0.0
        self._socket = socket.create_connection(
            ("127.0.0.1", self._port), source_address=(address_of(self.number), 0)
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(PLAIN.format(port=self._port).encode())

    def cut(self) -> None:
        """Go away as a network does: without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def heard(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    def say(self, **message: object) -> None:
        payload = json.dumps(message).encode()
        size = len(payload)
        if size < 126:
            self._socket.sendall(frame(TEXT, payload))
        else:
            head = bytes((TEXT, 0x80 | 126)) + size.to_bytes(2, "big") + bytes(4)
            self._socket.sendall(head + payload)

    def read(self) -> None:
        """Take what has come."""
        data = self._socket.recv(65536)
        if not data:
            raise EOFError(f"the gateway has closed the socket of page {self.number}")
        self._buffer += data
        if not self._opened and not self._open():
            return
        while (taken := take_frame(self._buffer)) is not None:
            opcode, payload, self._buffer = taken
            if opcode == PING:
                self._socket.sendall(frame(PONG, payload))
            else:
                self._hear(json.loads(payload))

    def _open(self) -> bool:
        _, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        self._opened, self._buffer = perf_counter(), rest
        welcomes = self.heard("welcome")
        told = {"resume": welcomes[-1]["resumeToken"]} if welcomes else {}
        self.say(type="hello", **told)
        return True

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "welcome":
            self.took = (perf_counter() - self._opened) * 1000
        self.messages.append(message)


async def read_until(pages: list[Page], kind: str, count: int = 1) -> None:
    """Read what comes, until each page has heard so many messages of a kind."""
    poll = select.epoll()
    by_number = {page.fileno(): page for page in pages}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    left = {page.number for page in pages if len(page.heard(kind)) < count}
    until = perf_counter() + LIMIT
    while left:
        if perf_counter() > until:
            raise TimeoutError(f"{len(left)} of {len(pages)} pages have not heard {kind}")
        for number, _ in poll.poll(0.01):
            page = by_number[number]
            page.read()
            if len(page.heard(kind)) >= count:
                left.discard(page.number)
        await asyncio.sleep(0)
    poll.close()


async def run(count: int = COUNT) -> list[float]:
    """Return what each page has waited for its call, in ms."""
    numbers = [f"+1555{number:07}" for number in range(count)]
    incoming = [{"to": to, "identity": f"page-{at}"} for at, to in enumerate(numbers)]
    config = GatewayConfig(
        [{**open_trunk(free_port()), "max_calls": count}],
        media_ports=reserve_ports(2 * count + 100),
        overrides={"sessions": {"resume_window": 60}},
        incoming=incoming,
    )
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(more_files())
        stack.enter_context(on_cores(GENERATOR_CORE))
        with on_cores(MEASURED_CORE):
            gateway = await stack.enter_async_context(run_gateway(config, folder))
        pages: list[Page] = []
        for start in range(0, count, AT_ONCE):
            some = range(start, min(count, start + AT_ONCE))
            fresh = [Page(at, gateway.config.http_port) for at in some]
            await read_until(fresh, "welcome")
            for page in fresh:
                page.say(type="register", identity=f"page-{page.number}")
            await read_until(fresh, "registered")
            for page in fresh:
                call = await stack.enter_async_context(trunk_call(gateway, numbers[page.number]))
                call.invite(describe(40_000))
            await read_until(fresh, "incoming")
            pages += fresh
        for page in pages:
            page.cut()

        async def gone() -> bool:
            return (await gateway.metrics())["gateway_websocket_sessions"] == 0

        await poll(gone, limit=LIMIT, what="the gateway has seen all of them go")
        for page in pages:
            page.connect()
        await read_until(pages, "welcome", 2)
    back = [page.heard("welcome")[-1] for page in pages]
    assert [len(welcome["calls"]) for welcome in back] == [1] * count
    return [page.took for page in pages]


def resuming_table(took: Sequence[float]) -> Table:
    """Return how long pages have waited for their calls."""
    return waits_table("From a page's WebSocket to its call, all at once", {"pages": took})


def main() -> None:
    """Measure and print."""
    took = asyncio.run(run(*map(int, sys.argv[1:2])))
    sys.stdout.write(render_table(resuming_table(took)))


if __name__ == "__main__":
    main()
