"""A sender and the trunk that hears it, on loopback; the clock is the test's."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from gateway.media.core.moment import Moment
from gateway.media.core.trunk_port import TrunkPort
from gateway.media.core.trunk_sender import TrunkSender
from gateway.media.core.up_batch import UpBatch
from gateway.media.parameters import EventFormat, TrunkRemote
from voice.codec import CODECS
from voice.rtp import RtpPacket, parse

EVENT = EventFormat(101, 8000)
FRAME = 0.02  # seconds
TICKS = 4  # of the clock in a frame


def open_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def address_of(sock: socket.socket) -> tuple[str, int]:
    host, port = sock.getsockname()
    return host, port


class Line:
    """A sender, and the sockets that it sends to."""

    def __init__(
        self, codec: str = "PCMU", *, event: EventFormat | None = EVENT, ptime: int = 20
    ) -> None:
        self.far = open_socket()
        self.counters: Counter[str] = Counter()
        self.moment = Moment(10.0)
        self.port = TrunkPort(open_socket(), open_socket(), self.counters, self.moment)
        self.failures = 0
        self.sender = TrunkSender(self.port, self.counters, self._fail)
        number = CODECS[codec].payload_type
        host, port = address_of(self.far)
        number = 96 if number is None else number
        self.remote = TrunkRemote(host, port, codec, number, event, ((number, codec),), ptime=ptime)
        self.port.expect(host, port, None)
        self.sender.connect(self.remote)
        self.tick = 0
        self._batch = UpBatch()
        self._heard: list[RtpPacket] = []

    def _fail(self) -> None:
        self.failures += 1

    def run(self, frames: int) -> None:
        """Let frames pass."""
        run([self], frames)

    def received(self) -> list[RtpPacket]:
        """Return what has come to the trunk since the last time."""
        self.collect()
        packets, self._heard = self._heard, []
        return packets

    def collect(self) -> None:
        """Read what has come, before the socket's buffer is full."""
        while True:
            try:
                self._heard.append(parse(self.far.recv(2000)))
            except BlockingIOError:
                return

    def close(self) -> None:
        self.far.close()
        self.port.close()


def run(lines: list[Line], frames: int, batch: UpBatch | None = None) -> None:
    """Let frames pass for senders that share a slot; each is asked for due packets every tick."""
    shared = batch or lines[0]._batch
    for _ in range(frames):
        tick = lines[0].tick
        shared.serve([line.sender for line in lines], 10 + tick / TICKS * FRAME, tick)
        for later in range(tick, tick + TICKS):
            for line in lines:
                line.sender.send_due(later)
        for line in lines:
            line.tick = tick + TICKS
            line.collect()


@contextmanager
def open_line(
    codec: str = "PCMU", *, event: EventFormat | None = EVENT, ptime: int = 20
) -> Iterator[Line]:
    line = Line(codec, event=event, ptime=ptime)
    try:
        yield line
    finally:
        line.close()


def step(values: list[int], bits: int) -> list[int]:
    """Return the steps between values that wrap."""
    return [(after - before) % (1 << bits) for before, after in pairwise(values)]
