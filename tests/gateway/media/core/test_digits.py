"""Digits from end to end: none is lost or doubled, whatever the networks lose and the call does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.media.core.browser_stream import BrowserStream
from gateway.media.core.reports import LegIdentity, LegReports
from gateway.media.parameters import BrowserRemote, DtlsRole, EventFormat, Flow
from tests.gateway.media.core.line import FRAME, Line, open_line
from tests.gateway.media.core.trunk_call import REMOTE, Call
from tests.tones import make_tone
from voice.opus import OpusEncoder
from voice.rtp import pack_header
from voice.telephone_event import EventEnded, EventReceiver, EventSender, EventStarted

AUDIO, KEYS = 111, 110  # payload types of the browser
DIALED = "0123456789*#" * 3
LOSS = 0.1

BROWSER = BrowserRemote("", "", (), (), DtlsRole.SERVER, "OPUS", AUDIO, EventFormat(KEYS, 48000))


class Dial:
    """A browser that dials, both networks, and a trunk that listens for keys."""

    def __init__(self, line: Line, seed: int, loss: float = LOSS) -> None:
        self.line = line
        identity = LegIdentity("browser", 1, "cname", 0.0)
        reports = LegReports(
            identity,
            line.counters,
            started=0.0,
            uniform=lambda: 0.5,
            codec="OPUS",
            clock_rate=48000,
        )
        self.stream = BrowserStream(line.sender, reports, line.counters)
        self.stream.expect(BROWSER)
        line.sender.set_flow(Flow.AUDIO)
        self.keys = EventSender(48000)
        self.muted = False
        self.digits: list[str] = []
        self._chance = random.Random(seed)
        self._loss = loss
        self._sequence, self._timestamp = 65400, 2**32 - 48000
        encoder, tone = OpusEncoder(48000), make_tone(440, seconds=0.4, rate=48000)
        self._audio = [encoder.encode(tone[at : at + 960]) for at in range(0, len(tone), 960)]
        rate = 8000 if line.remote.event is None else line.remote.event.clock_rate
        self._receiver = EventReceiver(rate)
        self._frame = 0

    def _arrives(self) -> bool:
        return self._chance.random() >= self._loss

    def run(self, frames: int) -> None:
        for _ in range(frames):
            now = 10 + self.line.tick * FRAME / 4
            self._browser_sends(now)
            if self._frame % 10 == 0:
                self.stream.expire(now)
            self.line.run(1)
            self._trunk_hears(now)
            self._frame += 1

    def _browser_sends(self, now: float) -> None:
        tick = self.keys.tick(self._timestamp)
        if tick.packet is not None:
            event = tick.packet
            header = pack_header(KEYS, self._sequence, event.timestamp, 9, marker=event.marker)
            self._send(header + event.payload, now)
        elif not tick.suppress and not self.muted:
            header = pack_header(AUDIO, self._sequence, self._timestamp, 9)
            self._send(header + self._audio[self._frame % len(self._audio)], now)
        self._timestamp += 960

    def _send(self, datagram: bytes, now: float) -> None:
        self._sequence += 1
        if self._arrives():
            self.stream.take(datagram, now)

    def _trunk_hears(self, now: float) -> None:
        told: list[EventStarted | EventEnded] = []
        event = self.line.remote.event
        for packet in self.line.received():
            if event is not None and packet.payload_type == event.payload_type and self._arrives():
                told += self._receiver.receive(packet.timestamp, packet.marker, packet.payload, now)
        told += self._receiver.expire(now)
        self.digits += [each.digit for each in told if isinstance(each, EventEnded)]

    def finish(self) -> list[str]:
        while self.keys.busy:
            self.run(1)
        self.run(60)
        while self.line.sender.pressing:
            self.run(1)
        self.run(60)
        return self.digits


@pytest.fixture(params=["PCMU", "G722", "OPUS"])
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    rate = 48000 if request.param == "OPUS" else 8000
    with open_line(request.param, event=EventFormat(101, rate)) as line:
        line.sender.relaying = request.param == "OPUS"
        yield line


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_a_tenth_of_all_packets_lost(line: Line, seed: int) -> None:
    dial = Dial(line, seed)
    dial.run(30)
    dial.keys.send(DIALED)
    assert dial.finish() == [*DIALED]


@pytest.mark.parametrize("seed", SEEDS)
def test_muted(line: Line, seed: int) -> None:
    """A muted browser may send nothing but its keys."""
    dial = Dial(line, seed)
    dial.muted = True
    dial.keys.send(DIALED)
    assert dial.finish() == [*DIALED]


@pytest.mark.parametrize("seed", SEEDS)
def test_before_the_answer(line: Line, seed: int) -> None:
    """A menu may ask for digits before anybody has answered."""
    dial = Dial(line, seed)
    line.sender.set_flow(Flow.SILENCE)
    dial.keys.send(DIALED)
    assert dial.finish() == [*DIALED]


@pytest.mark.parametrize("seed", SEEDS)
def test_on_hold_and_resumed(line: Line, seed: int) -> None:
    """What is pressed on hold is said when the hold is over, and nothing is said twice."""
    dial = Dial(line, seed)
    chance = random.Random(1000 + seed)
    dial.keys.send("0123456789*#")
    for _ in range(4):
        dial.run(chance.randrange(5, 40))
        line.sender.connect(replace(line.remote, receives=False))
        dial.run(chance.randrange(5, 40))
        line.sender.connect(line.remote)
    assert dial.finish() == [*"0123456789*#"]


@pytest.mark.parametrize("seed", SEEDS)
def test_while_descriptions_change(line: Line, seed: int) -> None:
    dial = Dial(line, seed)
    dial.keys.send("0123456789*#")
    for number in (96, 102, 101, 120):
        dial.run(23)
        assert line.remote.event is not None
        line.remote = replace(line.remote, event=replace(line.remote.event, payload_type=number))
        line.sender.connect(line.remote)
    assert dial.finish() == [*"0123456789*#"]


def test_fast_keys_are_sent_as_slowly_as_a_trunk_can_hear_them(line: Line) -> None:
    dial = Dial(line, 1, 0.0)
    dial.keys.send(DIALED, duration=40, gap=40)
    assert dial.finish() == [*DIALED]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rate", [8000, 48000])
def test_from_the_trunk_with_a_tenth_of_its_packets_lost(seed: int, rate: int) -> None:
    number = 101
    call = Call(remote=replace(REMOTE, event=EventFormat(number, rate)))
    chance = random.Random(seed)
    keys = EventSender(rate)
    keys.send(DIALED)
    for frame in range(len(DIALED) * 8 + 60):
        tick = keys.tick(call.timestamp)
        lost = chance.random() < LOSS
        if lost:
            call.sequence += 1
        elif tick.packet is not None:
            event = tick.packet
            call.packet(event.payload, number, marker=event.marker, timestamp=event.timestamp)
        elif not tick.suppress:
            call.packet(b"\xff" * 160, 0)
        if frame % 10 == 0:
            call.stream.expire(call.now)
        call.pass_frame(rate)
    assert [digit for digit, _ in call.digits] == [*DIALED]
