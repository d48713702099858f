"""A browser's digits at the trunk: none lost or doubled, whatever is lost and the call does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from gateway.media.engine.bridge import Bridge
from gateway.media.engine.clock import SLOTS
from gateway.media.parameters import EventFormat, TrunkRemote
from gateway.media.party import Party
from gateway.media.thread import MediaThread, Owner
from gateway.media.trunk_party import TrunkParty
from tests.gateway.media.engine.line import type_of
from tests.gateway.media.engine.rig import EVENT_TYPE, Browser, Rig, drain
from tests.tones import make_tone
from voice.opus import OpusEncoder
from voice.rtp import parse
from voice.telephone_event import EventEnded, EventReceiver, EventSender, EventStarted

DIALED = "0123456789*#" * 3
LOSS = 0.1
SEEDS = range(8)


def no_digit(digit: str, duration: int) -> None:
    pytest.fail(f"the trunk has pressed {digit}")


class Thread(MediaThread):
    """A thread whose engine is turned by hand."""

    def __init__(self, rig: Rig) -> None:
        self.engine = rig.engine
        self.post = rig.engine.post

    def order(self, owner: Owner, function: Callable[..., None], *arguments: object) -> None:
        function(*arguments)


class BrowserKeys(Party):
    """As much of a browser's party as hears its keys."""

    def send_rtcp(self, packet: bytes) -> None:
        """No report is wanted."""


class Dial:
    """A browser that dials, both networks, and a trunk that listens for keys."""

    def __init__(self, codec: str, *, event: bool = True) -> None:
        self.rig = Rig()
        self.counters: Counter[str] = Counter()
        rate = 48000 if codec == "OPUS" else 8000
        self._far = self.rig.far_end()
        host, port = self._far.getsockname()
        self.remote = TrunkRemote(
            host,
            port,
            codec,
            type_of(codec),
            EventFormat(EVENT_TYPE, rate) if event else None,
            ((type_of(codec), codec),),
        )
        thread = Thread(self.rig)
        self.trunk = TrunkParty(
            thread,
            self.rig.socket_pair(),
            self.counters,
            on_digit=no_digit,
            on_fault=pytest.fail,
            on_second=lambda now: None,
        )
        self.browser = Browser(self.rig)
        self.browser.leg.owner = party = BrowserKeys(
            thread, self.counters, on_digit=self.trunk.pass_digit, on_fault=pytest.fail
        )
        party.leg = self.browser.leg
        party.set_event_clock(48000)
        party._make_reports("browser", "OPUS")
        self.rig.engine.add(self.trunk.leg)
        self.bridge = Bridge(self.rig.engine)
        for leg in (self.browser.leg, self.trunk.leg):
            self.bridge.join(leg)
        self.describe(self.remote)
        self.keys = EventSender(48000)
        self.muted = False
        self.digits: list[str] = []
        encoder, tone = OpusEncoder(48000), make_tone(440, seconds=0.4, rate=48000)
        self._audio = [encoder.encode(tone[at : at + 960]) for at in range(0, len(tone), 960)]
        self._receiver = EventReceiver(rate)
        self._chance = random.Random(0)
        self._loss = 0.0
        self._frame = 0
        self.browser.sequence, self.browser.timestamp = 65400, 2**32 - 48000

    def lose(self, share: float, seed: int) -> None:
        """Lose this share of the packets on both networks."""
        self._chance, self._loss = random.Random(seed), share

    def describe(self, remote: TrunkRemote) -> None:
        """Have the trunk describe itself, again or for the first time."""
        self.remote = remote
        self.trunk.connect(remote)

    def _arrives(self) -> bool:
        return self._chance.random() >= self._loss

    def run(self, frames: int) -> None:
        for _ in range(frames):
            self._browser_sends()
            self.rig.tick(SLOTS)
            self._trunk_hears()
            self._frame += 1

    def _browser_sends(self) -> None:
        browser, when = self.browser, self.browser.timestamp
        packet, suppress = self.keys.tick(when & 0xFFFFFFFF)
        if packet is not None:
            browser.timestamp = packet.timestamp
            self._send(packet.payload, EVENT_TYPE)
        elif not suppress and not self.muted:
            self._send(self._audio[self._frame % len(self._audio)], 111)
        browser.timestamp = when + 960 & 0xFFFFFFFF

    def _send(self, payload: bytes, payload_type: int) -> None:
        if self._arrives():
            self.browser.say(payload, payload_type=payload_type)
        else:
            self.browser.sequence = self.browser.sequence + 1 & 0xFFFF

    def _trunk_hears(self) -> None:
        told: list[EventStarted | EventEnded] = []
        event, now = self.remote.event, self.rig.now
        for packet in map(parse, drain(self._far)):
            if event is not None and packet.payload_type == event.payload_type and self._arrives():
                told += self._receiver.receive(
                    packet.ssrc,
                    packet.sequence,
                    packet.timestamp,
                    packet.marker,
                    packet.payload,
                    now,
                )
        told += self._receiver.expire(now)
        self.digits += [each.digit for each in told if isinstance(each, EventEnded)]

    def finish(self, digits: int) -> list[str]:
        """Let all keys be pressed; return what the trunk has heard of them."""
        while self.keys.busy:
            self.run(1)
        for _ in range(10 * digits + 60):
            if len(self.digits) >= digits:
                break
            self.run(1)
        self.run(120)  # more must not come
        return self.digits


@pytest.fixture(params=["PCMU", "G722", "OPUS"])
def dial(request: pytest.FixtureRequest) -> Iterator[Dial]:
    dial = Dial(request.param)
    yield dial
    dial.rig.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_with_a_tenth_of_all_packets_lost(dial: Dial, seed: int) -> None:
    dial.lose(LOSS, seed)
    dial.run(30)
    dial.keys.send(DIALED)
    assert dial.finish(len(DIALED)) == [*DIALED]
    assert dial.counters["browser_digits"] == len(DIALED)


@pytest.mark.parametrize("seed", SEEDS)
def test_muted(dial: Dial, seed: int) -> None:
    """A muted browser may send nothing but its keys."""
    dial.lose(LOSS, seed)
    dial.muted = True
    dial.keys.send(DIALED)
    assert dial.finish(len(DIALED)) == [*DIALED]


@pytest.mark.parametrize("seed", SEEDS)
def test_before_the_answer(dial: Dial, seed: int) -> None:
    """A menu may ask for digits before anybody has answered."""
    dial.lose(LOSS, seed)
    dial.trunk.leg.silence(True)
    dial.bridge.route()
    dial.keys.send(DIALED)
    assert dial.finish(len(DIALED)) == [*DIALED]


@pytest.mark.parametrize("seed", SEEDS)
def test_on_hold_and_resumed(dial: Dial, seed: int) -> None:
    """What is pressed on hold is said when the hold is over, and nothing is said twice."""
    dial.lose(LOSS, seed)
    chance = random.Random(1000 + seed)
    dial.keys.send("0123456789*#")
    for _ in range(4):
        dial.run(chance.randrange(5, 40))
        dial.describe(replace(dial.remote, receives=False))
        dial.run(chance.randrange(5, 40))
        dial.describe(replace(dial.remote, receives=True))
    assert dial.finish(12) == [*"0123456789*#"]


@pytest.mark.parametrize("seed", SEEDS)
def test_while_descriptions_change(dial: Dial, seed: int) -> None:
    dial.lose(LOSS, seed)
    dial.keys.send("0123456789*#")
    for number in (96, 102, 101, 120):
        dial.run(23)
        assert dial.remote.event is not None
        event = replace(dial.remote.event, payload_type=number)
        dial.describe(replace(dial.remote, event=event))
    assert dial.finish(12) == [*"0123456789*#"]


def test_fast_keys_are_sent_as_slowly_as_a_trunk_can_hear_them(dial: Dial) -> None:
    dial.keys.send(DIALED, duration=40, gap=40)
    assert dial.finish(len(DIALED)) == [*DIALED]


def test_more_than_can_wait_are_counted_and_dropped(dial: Dial) -> None:
    dial.describe(replace(dial.remote, receives=False))
    for _ in range(5):
        dial.keys.send("0123456789*#789#", duration=40, gap=40)
        dial.run(16 * 5)
    dial.run(60)
    dial.describe(replace(dial.remote, receives=True))
    heard = dial.finish(64)
    assert heard == [*"0123456789*#789#" * 4]
    assert dial.counters["browser_rejected_digit"] == 16


def test_before_there_is_a_trunk_they_are_counted_and_dropped() -> None:
    dial = Dial("PCMU")
    fresh = TrunkParty(
        Thread(dial.rig),
        dial.rig.socket_pair(),
        dial.counters,
        on_digit=no_digit,
        on_fault=pytest.fail,
        on_second=lambda now: None,
    )
    fresh.pass_digit("1", 100)
    dial.rig.tick()
    assert dial.counters["browser_rejected_digit"] == 1
    dial.rig.close()
