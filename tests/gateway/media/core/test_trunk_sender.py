"""What goes to a trunk: one packet per frame, on one clock, with marks where audio begins."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from gateway.errors import RequestError
from gateway.media.core.trunk_port import TrunkPort
from gateway.media.core.trunk_sender import MAX_WAITING, TrunkSender
from gateway.media.core.up_batch import UpBatch
from gateway.media.parameters import EventFormat, TrunkRemote
from voice.rtp import RtpPacket, parse
from voice.telephone_event import parse as parse_event

FRAME = 160


class Line:
    """A sender, and the socket that it sends to."""

    def __init__(self, codec: str = "PCMU", payload_type: int = 0) -> None:
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind(("127.0.0.1", 0))
        self.far.setblocking(False)
        near = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        near[0].bind(("127.0.0.1", 0))
        self.counters: Counter[str] = Counter()
        port = TrunkPort(near[0], near[1], self.counters)
        self.failures = 0
        self.sender = TrunkSender(port, self.counters, self.fail)
        host, far_port = self.far.getsockname()
        self.remote = TrunkRemote(
            host, far_port, codec, payload_type, EventFormat(101, 8000), ((0, "PCMU"),)
        )
        port.latch.expect(self.remote.host, self.remote.port)
        self.port = port
        self.sender.connect(self.remote)

    def fail(self) -> None:
        self.failures += 1

    def received(self) -> list[RtpPacket]:
        packets = []
        while True:
            try:
                packets.append(parse(self.far.recv(2000)))
            except BlockingIOError:
                return packets

    def close(self) -> None:
        self.far.close()
        self.port.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def run(*lines: Line, frames: int) -> None:
    batch = UpBatch()
    for _ in range(frames):
        assert not batch.serve([each.sender for each in lines], 0.0)


def test_the_first_packet_is_marked_and_no_other(line: Line) -> None:
    run(line, frames=5)
    assert [packet.marker for packet in line.received()] == [True, False, False, False, False]


def test_after_a_hold_time_has_gone_on_and_audio_begins_anew(line: Line) -> None:
    run(line, frames=2)
    line.sender.connect(replace(line.remote, receives=False))
    run(line, frames=50)
    line.sender.connect(line.remote)
    run(line, frames=2)
    packets = line.received()
    assert len(packets) == 4
    assert (packets[2].timestamp - packets[1].timestamp) & 0xFFFFFFFF == 51 * FRAME
    assert (packets[2].sequence - packets[1].sequence) & 0xFFFF == 1
    assert [packet.marker for packet in packets] == [True, False, True, False]


def test_frames_that_were_skipped_have_passed(line: Line) -> None:
    run(line, frames=1)
    line.sender.pass_frames(10)
    run(line, frames=1)
    first, second = line.received()
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 11 * FRAME
    assert second.marker


def test_a_digit_takes_the_place_of_audio_and_has_one_timestamp(line: Line) -> None:
    run(line, frames=1)
    line.sender.press("5", 100, 60)
    run(line, frames=15)
    packets = line.received()
    digit = [packet for packet in packets if packet.payload_type == 101]
    assert {packet.timestamp for packet in digit} == {(packets[0].timestamp + FRAME) & 0xFFFFFFFF}
    assert [packet.marker for packet in digit] == [True, *[False] * (len(digit) - 1)]
    assert [parse_event(packet.payload).end for packet in digit][-3:] == [True] * 3
    after = packets[packets.index(digit[-1]) + 1]
    assert after.marker
    steps = {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(packets)}
    assert steps == {1}


def test_a_new_description_does_not_cut_digits_off(line: Line) -> None:
    line.sender.press("12", 100, 60)
    run(line, frames=4)
    line.sender.connect(replace(line.remote, event=EventFormat(96, 8000)))
    run(line, frames=30)
    events = [packet for packet in line.received() if packet.payload_type in (101, 96)]
    ended = {parse_event(p.payload).digit for p in events if parse_event(p.payload).end}
    assert ended == {"1", "2"}
    assert events[-1].payload_type == 96


def test_nobody_presses_hours_ahead(line: Line) -> None:
    line.sender.press("1" * MAX_WAITING, 100, 60)
    with pytest.raises(RequestError, match=str(MAX_WAITING)):
        line.sender.press("1", 100, 60)


def test_nothing_is_counted_as_sent_that_was_not(line: Line) -> None:
    line.port.latch.expect("255.255.255.255", 9)
    run(line, frames=3)
    assert line.counters == {"trunk_send_errors": 3}


def test_two_codecs_in_one_slot() -> None:
    lines = [Line("PCMU", 0), Line("PCMA", 8), Line("PCMU", 0)]
    run(*lines, frames=2)
    assert [line.received()[1].payload for line in lines] == [
        b"\xff" * FRAME,
        b"\xd5" * FRAME,
        b"\xff" * FRAME,
    ]
    for line in lines:
        line.close()


def test_the_fault_of_one_sender_is_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    faulty, sound = Line(), Line()

    def fill(out: object, now: float) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(faulty.sender, "fill", fill)
    run(faulty, sound, frames=3)
    assert faulty.failures == 3
    assert len(sound.received()) == 3
    assert "on purpose" in caplog.text
    faulty.close()
    sound.close()


def test_the_batch_grows_with_its_slot() -> None:
    line = Line()
    batch = UpBatch()
    batch.serve([line.sender] * 100, 0.0)
    assert len(line.received()) == 100
    line.close()
