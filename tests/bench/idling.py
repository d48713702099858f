"""Pages that are open and do nothing: `python -P idling.py PORT COUNT [--mute]`.

A process of its own: what thousands of pages cost their browsers must not be counted, nor hold up
what is measured. Each page has an address of its own, as most people have: the gateway limits and
counts by address. It sends what Chromium sends, says hello (with `--mute` it never does) and
answers pings. Prints "open" once all are welcomed, and an `Idled` of `tests.bench.sockets` as JSON
when its input ends.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
from time import monotonic

AT_ONCE = 50  # pages on their way; the gateway's queue for accept is longer
OPEN_LIMIT = 60.0  # seconds without a page that is welcomed
HELLO = b'{"type":"hello"}'
# RFC 6455 section 5.2: FIN and the opcode
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
MASK = b"\0\0\0\0"  # one that is allowed, and spares the work

HANDSHAKE = "\r\n".join(
    (
        *("GET /v1/ws HTTP/1.1", "Host: 127.0.0.1:{port}", "Connection: Upgrade"),
        *("Pragma: no-cache", "Cache-Control: no-cache"),
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36",
        *("Upgrade: websocket", "Origin: http://127.0.0.1:{port}", "Sec-WebSocket-Version: 13"),
        *("Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-US,en;q=0.9"),
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        *("Sec-WebSocket-Protocol: gateway.v1", "", ""),
    )
)


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a short frame as a client sends it."""
    return bytes((opcode, 0x80 | len(payload))) + MASK + payload


def address_of(number: int) -> str:
    """Return a loopback address for each page; none ends with 0 or 255."""
    return f"127.1.{number // 250 + 1}.{number % 250 + 1}"


class ClosedError(Exception):
    """The gateway has closed a page that wanted to stay."""


class Page:
    """One WebSocket, read when something is there."""

    def __init__(self, number: int, port: int, *, mute: bool) -> None:
        self.upgraded = False
        self.welcomed = False
        self.heard = monotonic()
        self.pings = 0
        self.silence = 0.0  # the longest time between two messages
        self._mute = mute
        self._buffer = b""
        self._socket = socket.create_connection(
            ("127.0.0.1", port), timeout=OPEN_LIMIT, source_address=(address_of(number), 0)
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(HANDSHAKE.format(port=port).encode())

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> None:
        """Take what has come; ClosedError if the gateway wants to part."""
        data = self._socket.recv(65536)
        if not data:
            raise ClosedError("the gateway has ended a connection")
        self._buffer += data
        if not self.upgraded and not self._upgrade():
            return
        while (taken := take_frame(self._buffer)) is not None:
            opcode, payload, self._buffer = taken
            self._hear(opcode, payload)

    def _upgrade(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise ClosedError(f"the gateway refuses a page: {head!r} {rest!r}")
        self.upgraded, self._buffer = True, rest
        if self._mute:
            self.welcomed = True
        else:
            self._socket.sendall(frame(TEXT, HELLO))
        return True

    def _hear(self, opcode: int, payload: bytes) -> None:
        now = monotonic()
        if self.welcomed:
            self.silence = max(self.silence, now - self.heard)
        self.heard = now
        if opcode == PING:
            self.pings += 1
            self._socket.sendall(frame(PONG, payload))
        elif opcode == TEXT and b'"welcome"' in payload:
            self.welcomed = True
        else:
            raise ClosedError(f"the gateway says {payload!r}")


def take_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Return opcode and payload of a server's first frame, and the rest; None if it is not whole.

    Frames of more than 64 KiB are none that a page without a call gets.
    """
    if len(data) < 2:
        return None
    length, start = data[1], 2
    if length == 126:
        length, start = int.from_bytes(data[2:4], "big"), 4
    if len(data) < start + length:
        return None
    return data[0], data[start : start + length], data[start + length :]


class Pages:
    """All of them, and what they wait for."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._pages: dict[int, Page] = {}
        self._welcomed = 0

    def open(self, port: int, count: int, *, mute: bool) -> None:
        """Open them, a few at a time; return when each was welcomed."""
        welcomed = 0
        until = monotonic() + OPEN_LIMIT
        while welcomed < count:
            while len(self._pages) < min(count, welcomed + AT_ONCE):
                page = Page(len(self._pages), port, mute=mute)
                self._pages[page.fileno()] = page
                self._poll.register(page, select.EPOLLIN)
            self.pump(0.1)
            if self._welcomed > welcomed:
                welcomed, until = self._welcomed, monotonic() + OPEN_LIMIT
            elif monotonic() > until:
                raise ClosedError(f"{welcomed} of {count} pages are welcomed")

    def watch(self, fileno: int) -> None:
        """Wake up for another file, too."""
        self._poll.register(fileno, select.EPOLLIN)

    def pump(self, limit: float) -> bool:
        """Read what is there; False once there is something else to read."""
        for fileno, _ in self._poll.poll(limit):
            page = self._pages.get(fileno)
            if page is None:
                return False
            before = page.welcomed
            page.read()
            self._welcomed += page.welcomed - before
        return True

    def told(self) -> dict[str, float]:
        """Return what they have seen; the silence that goes on is one, too."""
        now = monotonic()
        silences = [max(each.silence, now - each.heard) for each in self._pages.values()]
        pings = sum(each.pings for each in self._pages.values())
        return {"pages": len(silences), "pings": pings, "silence": max(silences)}


def main() -> None:
    """Open the pages and idle."""
    port, count, mute = int(sys.argv[1]), int(sys.argv[2]), "--mute" in sys.argv
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    pages = Pages()
    try:
        pages.open(port, count, mute=mute)
        print("open", flush=True)
        pages.watch(sys.stdin.fileno())
        while pages.pump(-1):
            pass
    except (ClosedError, OSError) as error:
        sys.exit(str(error))
    print(json.dumps(pages.told()), flush=True)


if __name__ == "__main__":
    main()
