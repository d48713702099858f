"""The player on loopback: everything leaves on time, and what comes is stamped and counted."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from gateway.bench.player import (
    Mark,
    PlainLeg,
    Reception,
    Stream,
    play,
    rtp_packets,
)
from voice.rtp import pack_header, parse

STUN = b"\0\1\0\0" + bytes(16)
RTCP = bytes([0x80, 200, 0, 1]) + bytes(4)


class CuriousLeg(PlainLeg):
    """Keeps what is no media."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.controls: list[bytes] = []

    def control(self, datagram: bytes) -> None:
        self.controls.append(datagram)


@pytest.fixture
def pair() -> Iterator[tuple[CuriousLeg, CuriousLeg]]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(2))
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        one.connect(other.getsockname())
        other.connect(one.getsockname())
        yield CuriousLeg(one), CuriousLeg(other)


def speech_of(count: int) -> list[bytes]:
    return [bytes([number]) * 10 for number in range(count)]


def test_what_is_sent_on_one_side_comes_on_the_other(pair: tuple[CuriousLeg, CuriousLeg]) -> None:
    packets = rtp_packets(speech_of(3), payload_type=0, step=160, ssrc=7, sequence=65530)
    stream = Stream(pair[0], packets, [0.0, 0.01, None, 0.03, *(0.04 for _ in range(16))], 0.005)
    recording = play(pair, [stream], tail=0.05)
    came = [parse(datagram) for _, datagram in recording.arrivals[1]]
    assert len(came) == 19
    assert [each.sequence for each in came[:4]] == [65530, 65531, 65533, 65534]
    assert [each.timestamp for each in came[:4]] == [0, 160, 480, 640]
    assert [each.payload[0] for each in came[:4]] == [0, 1, 0, 1]
    assert [each.marker for each in came[:2]] == [True, False]
    reception = recording.received[1]
    assert (reception.packets, reception.lost) == (19, 1)
    assert recording.received[0].packets == 0
    assert recording.sent[0][2] == 0
    assert (recording.lateness >= 0).all()
    stamps = np.array([at for at, _ in recording.arrivals[1]])
    sent = recording.sent[0][recording.sent[0] > 0]
    assert (stamps - sent > -100_000).all()  # the kernel's clock is read more coarsely
    assert sent[0] - recording.start == pytest.approx(5e6, abs=200e6)


def test_only_media_is_recorded_and_only_of_the_legs_that_are_kept(
    pair: tuple[CuriousLeg, CuriousLeg],
) -> None:
    media = pack_header(0, 1, 2, 3) + b"x"
    datagrams = [STUN, RTCP, media]
    stream = Stream(pair[0], lambda number: datagrams[number], [0.0, 0.0, 0.0])
    recording = play(pair, [stream], tail=0.02, keep={0})
    assert pair[1].controls == [STUN]
    assert recording.received[1].packets == 1
    assert recording.arrivals[1] == []


def test_what_waited_before_the_start_does_not_count(pair: tuple[CuriousLeg, CuriousLeg]) -> None:
    pair[0].socket.send(pack_header(0, 1, 2, 3))
    recording = play(pair, [Stream(pair[0], lambda _: pack_header(0, 9, 9, 9), [0.0])], tail=0.02)
    assert [parse(datagram).sequence for _, datagram in recording.arrivals[1]] == [9]
    assert recording.received[1].packets == 1


def test_marks_and_the_pump_come_in_time(pair: tuple[CuriousLeg, CuriousLeg]) -> None:
    began = time.monotonic()
    noted: list[float] = []
    pumped: list[float] = []
    play(
        pair,
        [Stream(pair[0], lambda _: STUN, [0.0, 0.3])],
        tail=0.05,
        pump=lambda: pumped.append(time.monotonic()),
        marks=[Mark(at, lambda: noted.append(time.monotonic() - began)) for at in (0.2, 0.1, 9.0)],
    )
    assert len(noted) == 3
    assert 0.1 <= noted[0] <= noted[1] <= noted[2]
    assert noted[1] >= 0.2
    assert len(pumped) > 10


def test_a_shut_port_is_no_end(pair: tuple[CuriousLeg, CuriousLeg]) -> None:
    pair[1].socket.close()
    stream = Stream(pair[0], lambda _: STUN, [0.0, 0.01, 0.02, 0.03])
    recording = play(pair[:1], [stream], tail=0.02)
    assert recording.unsent + int(np.count_nonzero(recording.sent[0])) == 4


@pytest.mark.parametrize(
    ("sequences", "lost"),
    [
        ([], 0),
        ([5, 6, 7], 0),
        ([5, 7, 6], 0),
        ([5, 8], 2),
        ([65534, 65535, 0, 2], 1),
        ([5, 4, 6], 0),
    ],
)
def test_gaps_are_counted_by_sequence_number(sequences: list[int], lost: int) -> None:
    reception = Reception()
    for sequence in sequences:
        reception.count(pack_header(0, sequence, 0, 0))
    assert (reception.packets, reception.lost) == (len(sequences), lost)
