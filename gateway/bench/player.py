"""Sends everything on time and collects what comes back: one loop, no task and no thread.

An event loop costs 10 to 30 µs for a packet, and so does more than the gateway itself. Here all
departures are one sorted list, all sockets one epoll, and the kernel stamps what arrives. What else
has to go on (ICE consent, WebSockets, SIP) is `pump`, called every few milliseconds.
"""

from __future__ import annotations

import gc
import select
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from voice.rtp import HEADER_SIZE, pack_header

Arrival = tuple[int, bytes]  # CLOCK_REALTIME in ns, by the kernel where it stamps; the datagram
Packet = Callable[[int], bytes]  # the n-th RTP packet of a stream, header and payload

LARGEST = 2000  # bytes of a datagram
LEAD = 0.05  # seconds between the call and the first departure
PUMP = 0.005  # seconds between two calls of `pump`
GRACE = 0.1  # seconds after the last departure within which packets count as received

_STAMP = struct.Struct("qq")  # struct timespec
_STAMP_SPACE = socket.CMSG_SPACE(_STAMP.size)
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module does not name it
MOST_AHEAD = 400_000  # packets made before the start: some 100 MB

_CATCH_UP = 64  # packets sent in a row at most while late
_CHUNK = 20_000  # departures that are lists at a time: a run of minutes has millions


class Leg(Protocol):
    """One end of a call: a connected UDP socket, and what it does to packets."""

    @property
    def socket(self) -> socket.socket:
        """Connected to the far end, not blocking."""
        ...

    def wire(self, packet: bytes) -> bytes:
        """Make of an RTP packet what goes onto the network."""
        ...

    def unwire(self, datagram: bytes) -> bytes:
        """Make an RTP packet of a datagram again; ValueError if it is none of this leg's."""
        ...

    def control(self, datagram: bytes) -> None:
        """Take a datagram that is neither RTP nor RTCP: STUN, DTLS."""
        ...


class PlainLeg:
    """RTP without encryption."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def wire(self, packet: bytes) -> bytes:
        """Return the packet as it is."""
        return packet

    def unwire(self, datagram: bytes) -> bytes:
        """Return the datagram as it is."""
        return datagram

    def control(self, datagram: bytes) -> None:
        """Drop it: nothing else belongs here."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets that leave from a leg; `departures` in seconds since the start, None for a loss.

    The start of the stream itself is `offset`: streams that all began at once would come in heaps.
    Packets that say when they were sent must not be made `ahead` of the run.
    """

    leg: Leg
    packet: Packet
    departures: Sequence[float | None]
    offset: float = 0.0
    ahead: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to do in mid-run: `action` is called `at` seconds after the start."""

    at: float
    action: Callable[[], None]


@dataclass(slots=True)
class Reception:
    """RTP packets that came to a leg while streams were being sent, and the gaps between them.

    By sequence number, as far as it goes (RFC 3550 appendix A.1): `span` is how far it has grown.
    """

    packets: int = 0
    span: int = 0
    highest: int = -1

    def count(self, datagram: bytes) -> None:
        """Take an RTP packet; the header of an SRTP packet is the same."""
        sequence = datagram[2] << 8 | datagram[3]
        step = (sequence - self.highest) & 0xFFFF
        if self.highest < 0:
            self.span, self.highest = 1, sequence
        elif step < 0x8000:
            self.span += step
            self.highest = sequence
        self.packets += 1

    @property
    def lost(self) -> int:
        """Packets whose numbers never came."""
        return max(0, self.span - self.packets)


@dataclass(slots=True)
class Recording:
    """What was sent and what came.

    Attributes
    ----------
    start
        CLOCK_REALTIME in ns when departures count from.
    sent
        Per stream, int64[packets]: when each was handed to the kernel, 0 for those that were not.
    arrivals
        Per leg in the order given, what came and when; empty for legs that are not kept.
    received
        Per leg, what came until shortly after the last departure: all legs, kept or not.
    lateness
        float64: how late each packet was handed over, in seconds.
    unsent
        Packets that the kernel refused.
    cpu
        CPU seconds that the generator's own process spent in the run.
    elapsed
        Seconds that the run took.
    """

    start: int
    sent: list[NDArray[np.int64]]
    arrivals: list[list[Arrival]]
    received: list[Reception]
    lateness: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    unsent: int = 0
    cpu: float = 0.0
    elapsed: float = 0.0


def rtp_packets(
    payloads: Sequence[bytes],
    *,
    payload_type: int,
    step: int,
    ssrc: int,
    first: int = 0,
    sequence: int = 0,
    timestamp: int = 0,
    extension: bytes = b"",
) -> Packet:
    """Return a stream's packets: `payloads` from number `first` on, over and over.

    `step` is what the timestamp grows by with each packet; the first one carries the marker, all
    of them the same header `extension` (see `rtp_extension.pack_one_byte`).
    """
    count = len(payloads)

    def packet(number: int) -> bytes:
        header = pack_header(
            payload_type,
            sequence + number,
            timestamp + step * number,
            ssrc,
            marker=not number,
            extension=extension,
        )
        return header + payloads[(first + number) % count]

    return packet


@contextmanager
def _no_collection() -> Iterator[None]:
    """Do without the garbage collector: it would look through all that is kept, again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def play(
    legs: Sequence[Leg],
    streams: Sequence[Stream],
    *,
    tail: float = 0.5,
    keep: Collection[int] | None = None,
    pump: Callable[[], None] | None = None,
    marks: Sequence[Mark] = (),
) -> Recording:
    """Send every stream on time, drain every leg until `tail` seconds after the last departure.

    `keep` are the numbers of the legs whose datagrams are kept with their stamps; all, if None.
    """
    return _Run(legs, streams, keep, pump, marks).run(tail)


class _Ear(NamedTuple):
    sock: socket.socket
    control: Callable[[bytes], None]
    tally: Callable[[bytes], None]
    arrivals: list[Arrival] | None  # None: not kept


class _Run:
    def __init__(
        self,
        legs: Sequence[Leg],
        streams: Sequence[Stream],
        keep: Collection[int] | None,
        pump: Callable[[], None] | None,
        marks: Sequence[Mark],
    ) -> None:
        self._streams = streams
        self._pump = pump
        self._marks = sorted(marks, key=lambda mark: mark.at)
        kept = range(len(legs)) if keep is None else keep
        self._recording = Recording(
            start=0,
            sent=[np.zeros(len(stream.departures), np.int64) for stream in streams],
            arrivals=[[] for _ in legs],
            received=[Reception() for _ in legs],
        )
        # What each packet needs, looked up once
        self._senders = [(each.packet, each.leg.wire, each.leg.socket.send) for each in streams]
        self._ears: dict[int, _Ear] = {}
        for number, leg in enumerate(legs):
            arrivals = self._recording.arrivals[number] if number in kept else None
            leg.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, int(arrivals is not None))
            ear = _Ear(leg.socket, leg.control, self._recording.received[number].count, arrivals)
            self._ears[leg.socket.fileno()] = ear

    def run(self, tail: float) -> Recording:
        recording = self._recording
        times, owners, numbers = _merge(self._streams)
        last = float(times[-1]) if times.size else 0.0
        lateness = np.zeros(times.size)
        made = self._make_ahead(owners, numbers)
        with _no_collection(), select.epoll() as epoll:
            for descriptor in self._ears:
                epoll.register(descriptor, select.EPOLLIN)
            self._epoll = epoll
            self._forget_what_waits()
            cpu = time.process_time()
            recording.start = time.time_ns() + round(LEAD * 1e9)
            self._zero = time.monotonic() + LEAD
            self._pumped = 0.0
            for first in range(0, times.size, _CHUNK):
                part = slice(first, first + _CHUNK)
                departing = (times[part].tolist(), owners[part].tolist(), numbers[part].tolist())
                lateness[part] = self._send(*departing, made[part] or repeat(None))
            self._wait(last + min(tail, GRACE))
            self._counting = False
            self._wait(last + tail)
            recording.cpu = time.process_time() - cpu
        for mark in self._marks:
            mark.action()
        recording.lateness = lateness
        recording.elapsed = last + tail + LEAD
        return recording

    def _make_ahead(
        self, owners: NDArray[np.int32], numbers: NDArray[np.int32]
    ) -> list[bytes | None]:
        """Return what is sent, in order, made and encrypted; None for what is made when it leaves.

        Nothing for a run of so many packets that they would take too much memory.
        """
        if owners.size > MOST_AHEAD:
            return []
        ahead = [stream.ahead for stream in self._streams]
        senders = self._senders
        return [
            senders[owner][1](senders[owner][0](number)) if ahead[owner] else None
            for owner, number in zip(owners.tolist(), numbers.tolist(), strict=True)
        ]

    def _forget_what_waits(self) -> None:
        """Drop what came before the start: a gateway speaks as soon as a call is answered."""
        self._counting = False
        until = time.monotonic() + LEAD
        while (ready := self._epoll.poll(0, 256)) and time.monotonic() < until:
            for descriptor, _ in ready:
                self._drain(self._ears[descriptor])
        for arrivals in self._recording.arrivals:
            arrivals.clear()
        self._counting = True

    def _send(
        self,
        times: list[float],
        owners: list[int],
        numbers: list[int],
        made: Iterable[bytes | None],
    ) -> list[float]:
        """Send these packets when each is due; return how late each was."""
        senders, sent, zero = self._senders, self._recording.sent, self._zero
        monotonic, now_ns = time.monotonic, time.time_ns
        lateness: list[float] = []
        for due, owner, number, datagram in zip(times, owners, numbers, made, strict=False):
            late = monotonic() - zero - due
            # All else must go on even where the sending never catches up
            if late < 0 or not len(lateness) % _CATCH_UP:
                self._wait(due)
                late = monotonic() - zero - due
            lateness.append(late)
            packet, wire, send = senders[owner]
            ready = datagram or wire(packet(number))
            stamp = now_ns()
            try:
                send(ready)
            except OSError:  # a full buffer, or the far end's port is closed: lost on the way
                self._recording.unsent += 1
            else:
                sent[owner][number] = stamp
        return lateness

    def _wait(self, until: float) -> None:
        """Drain the sockets, and let all else go on, until then."""
        while True:
            now = time.monotonic() - self._zero
            while self._marks and self._marks[0].at <= now:
                self._marks.pop(0).action()
            if self._pump is not None and now - self._pumped >= PUMP:
                self._pump()
                self._pumped = now
            # The marks and the pump took time of their own. epoll counts in whole milliseconds and
            # rounds up: packets leave up to one late, several at a time, for half of the wake-ups
            left = until - (time.monotonic() - self._zero)
            for descriptor, _ in self._epoll.poll(max(0.0, min(left, PUMP)), 256):
                self._drain(self._ears[descriptor])
            if time.monotonic() - self._zero >= until:
                return

    def _drain(self, ear: _Ear) -> None:
        """Take one datagram; epoll names the socket again if there are more."""
        sock, control, tally, arrivals = ear
        try:
            if arrivals is None:
                datagram = sock.recv(LARGEST)
            else:
                datagram, ancillary, _, _ = sock.recvmsg(LARGEST, _STAMP_SPACE)
        except OSError:  # somebody else took it, or it was an ICMP error
            return
        if len(datagram) < HEADER_SIZE:  # neither media nor STUN nor DTLS is so short
            return
        if not 128 <= datagram[0] < 192:  # RFC 7983 section 7
            control(datagram)
        elif not 192 <= datagram[1] <= 223:  # RFC 5761 section 4
            if self._counting:
                tally(datagram)
            if arrivals is not None:
                arrivals.append((_read_stamp(ancillary), datagram))


def _read_stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()


def _merge(
    streams: Sequence[Stream],
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """Return when, from which stream and as which of its packets each departure is, in order."""
    if not streams:
        return np.zeros(0), np.zeros(0, np.int32), np.zeros(0, np.int32)
    # NaN for None; offsets move a stream's packets all together
    times = [np.array(each.departures, np.float64) + each.offset for each in streams]
    owners = [np.full(each.size, number, np.int32) for number, each in enumerate(times)]
    numbers = [np.arange(each.size, dtype=np.int32) for each in times]
    joined = np.concatenate(times)
    owner, number = np.concatenate(owners), np.concatenate(numbers)
    there = np.flatnonzero(~np.isnan(joined))
    order = there[np.argsort(joined[there], kind="stable")]
    return joined[order], owner[order], number[order]
