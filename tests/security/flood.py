"""Floods, as a process of their own: `python -m tests.security.flood KIND PORT …`.

They must not take the time of the one who looks at the calls. All of it stays on loopback, where
each source is another address of 127.0.0.0/8: no limit of one address stops them.

    connect PORT COUNT SECONDS      TCP connections that say nothing
    mute PORT COUNT SECONDS         WebSockets that say no hello
    control PORT COUNT SECONDS      WebSockets that send control frames (ping)
    KIND PORT RATE SECONDS [UFRAG]  datagrams of `datagrams.kinds`, so many in a second

Prints a line of JSON at the end: what was sent, how many sources were answered, what stayed open at
most, what was closed.
"""

from __future__ import annotations

import json
import random
import resource
import select
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import cycle, islice
from time import monotonic, sleep

from tests.security.datagrams import kinds

HOST = "127.0.0.1"
AT_ONCE = 100  # connections on their way
SOURCES = 40  # addresses that datagrams come from
SLICE = 0.01  # seconds
PINGS = 100_000  # in a second, of all sockets; a few more fill a core of ours
PING = b"\x89\xfd" + bytes(4) + 125 * b"p"  # RFC 6455 section 5.5.2, as long as it may be
# As the gateway's own page, which is let in whatever origins are listed
HANDSHAKE = "\r\n".join(
    (
        *("GET /v1/ws HTTP/1.1", "Host: 127.0.0.1", "Connection: Upgrade"),
        *("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Origin: http://127.0.0.1"),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *("Sec-WebSocket-Protocol: gateway.v1", "", ""),
    )
).encode()


def source(number: int) -> str:
    """Return a loopback address; none ends with 0 or 255."""
    return f"127.{2 + number // 62_500}.{number // 250 % 250 + 1}.{number % 250 + 1}"


class Crowd:
    """Many connections at once."""

    def __init__(self, port: int, *, handshake: bool) -> None:
        self._port = port
        self._handshake = handshake
        self._poll = select.epoll()
        self._open: dict[int, socket.socket] = {}
        self.opened = self.closed = self.refused = self.most = self._pending = 0

    def add(self, number: int) -> None:
        """Begin another one."""
        made = socket.socket()
        made.setblocking(False)
        made.bind((source(number), 0))
        with suppress(BlockingIOError):
            made.connect((HOST, self._port))
        self._open[made.fileno()] = made
        self._pending += 1
        self._poll.register(made, select.EPOLLOUT)

    @property
    def room(self) -> bool:
        """Whether another one may begin."""
        return self._pending < AT_ONCE

    @property
    def sockets(self) -> list[socket.socket]:
        """Those that are open."""
        return list(self._open.values())

    def work(self, limit: float) -> None:
        """Do what is due."""
        for fileno, event in self._poll.poll(limit):
            made = self._open[fileno]
            if event & select.EPOLLOUT and not event & (select.EPOLLERR | select.EPOLLHUP):
                self._pending -= 1
                self.opened += 1
                self.most = max(self.most, self.opened - self.closed)
                self._poll.modify(fileno, select.EPOLLIN)
                if self._handshake:
                    made.send(HANDSHAKE)
                continue
            try:
                there = made.recv(65536)
            except OSError:
                there = b""
            if there[:12] == b"HTTP/1.1 429":
                self.refused += 1
            if not there:
                self._drop(fileno, made, event)

    def _drop(self, fileno: int, made: socket.socket, event: int) -> None:
        if event & select.EPOLLOUT:
            self._pending -= 1
            self.refused += 1
        else:
            self.closed += 1
        self._poll.unregister(fileno)
        del self._open[fileno]
        made.close()

    def told(self) -> dict[str, int]:
        """Return how it went."""
        return {
            "opened": self.opened,
            "most": self.most,
            "closed": self.closed,
            "refused": self.refused,
        }


def crowd(port: int, count: int, seconds: float, *, handshake: bool) -> dict[str, int]:
    """Open connections, and keep them until they are closed, or the time is over."""
    people, until = Crowd(port, handshake=handshake), monotonic() + seconds
    begun = 0
    while monotonic() < until and (begun < count or people.sockets):
        while begun < count and people.room:
            people.add(begun)
            begun += 1
        people.work(0.05)
    return people.told()


def control(port: int, count: int, seconds: float) -> dict[str, int]:
    """Open WebSockets, say hello to nobody, and send pings."""
    with ExitStack() as stack:
        sockets = []
        for number in range(count):
            made = stack.enter_context(
                socket.create_connection((HOST, port), source_address=(source(number), 0))
            )
            made.sendall(HANDSHAKE)
            made.recv(4096)
            made.setblocking(False)
            sockets.append(made)
        began, sent, opened = monotonic(), 0, len(sockets)
        while (elapsed := monotonic() - began) < seconds and sockets:
            if sent > elapsed * PINGS:
                sleep(SLICE)
            for made in list(sockets):
                pings = _ping(made)
                if pings is None:
                    sockets.remove(made)
                else:
                    sent += pings
        return {"sent": sent, "closed": opened - len(sockets)}


def _ping(made: socket.socket) -> int | None:
    """Send what goes into the socket now; return how many pings it was, None once it is closed."""
    sent = 0
    try:
        with suppress(BlockingIOError):
            sent = made.send(100 * PING)
            if sent % len(PING):  # the rest of the last one has to follow
                made.settimeout(5)
                made.sendall(PING[sent % len(PING) :])
                made.setblocking(False)
        with suppress(BlockingIOError):
            if not made.recv(65536):
                return None
    except OSError:
        return None
    return sent // len(PING)


def datagrams(
    port: int, rate: int, seconds: float, make: Callable[[random.Random], bytes]
) -> dict[str, int]:
    """Send datagrams, each from the next of some addresses."""
    chance = random.Random(1)
    ready = [make(chance) for _ in range(1000)]
    with ExitStack() as stack:
        sources = [stack.enter_context(_datagram_socket(number)) for number in range(SOURCES)]
        stream = zip(cycle(sources), cycle(ready), strict=False)
        sent = _send(stream, (HOST, port), rate, seconds)
        return {"sent": sent, "answered": sum(map(_is_answered, sources))}


def _is_answered(made: socket.socket) -> bool:
    try:
        return bool(made.recv(2048))
    except OSError:
        return False


def _datagram_socket(number: int) -> socket.socket:
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.bind((source(number), 0))
    made.setblocking(False)
    return made


def _send(
    stream: Iterator[tuple[socket.socket, bytes]],
    target: tuple[str, int],
    rate: int,
    seconds: float,
) -> int:
    began, sent = monotonic(), 0
    while (elapsed := monotonic() - began) < seconds:
        due = min(int(elapsed * rate) - sent, rate // 10)
        for made, packet in islice(stream, max(0, due)):
            with suppress(OSError):
                made.sendto(packet, target)
            sent += 1
        sleep(SLICE)
    return sent


def main() -> None:
    """Flood."""
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seconds = float(sys.argv[4])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if kind in ("connect", "mute"):
        told = crowd(port, count, seconds, handshake=kind == "mute")
    elif kind == "control":
        told = control(port, count, seconds)
    else:
        told = datagrams(port, count, seconds, kinds((sys.argv[5:] or ["none"])[0])[kind])
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
