"""Frames that the clock leaves out, being late by load: both directions lose the same."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from gateway.media.engine.clock import FRAME, SLOTS, TICK
from gateway.media.engine.leg import FrameLeg
from gateway.media.engine.receive import tell_arrivals
from tests.gateway.media.engine.rig import Browser, Owner, Rig, Samples, Trunk, join, running
from tests.gateway.media.engine.trunk_call import NUMBERS, encode, sequences, timestamps
from voice.codec import CODECS
from voice.rtp import RtpPacket

TONE = 440.0  # Hz
SETTLED = 15  # frames
OVERLOADED = 100  # frames
STEP = 960  # of a browser's timestamps, in a frame


@pytest.fixture
def rig() -> Iterator[Rig]:
    """An engine that believes the kernel's times of arrival: its clock has to be the real one."""
    rig = Rig(kernel_time=True)
    yield rig
    rig.close()


class Conversation:
    """Both ends speak, a packet each in every frame of real time."""

    def __init__(self, rig: Rig, codec: str, browser_codec: str = "OPUS", number: int = 111):
        self.rig = rig
        self.units = CODECS[codec].units_per_frame
        self.trunk = Trunk(rig, codec, NUMBERS[codec], formats={NUMBERS[codec]: codec})
        self.browser = Browser(rig, browser_codec, number, level=None)
        for sock in (rig.socket, self.trunk.leg.port.rtp):
            tell_arrivals(sock)
        join(rig, self.trunk.leg, self.browser.leg)
        self._said = [encode(name, TONE, 50) for name in (codec, browser_codec)]
        self._payload_type = NUMBERS[codec]
        self._frames = 0
        self.at_trunk: list[RtpPacket] = []
        self.at_browser: list[RtpPacket] = []

    def speak(self) -> None:
        place = self._frames % 50
        self._frames += 1
        self.trunk.say(self._said[0][place], payload_type=self._payload_type, units=self.units)
        self.browser.say(self._said[1][place])

    def run(self, frames: int) -> None:
        for _ in range(frames):
            self.speak()
            self.tick(SLOTS)
            self.listen()

    def tick(self, count: int) -> None:
        for _ in range(count):
            sleep(max(0.0, self.rig.now + TICK - monotonic()))
            self.rig.tick()

    def stall(self, *, skipped: int, waiting: int) -> None:
        """Let frames wait in the sockets, of which the clock leaves the first ones out."""
        for _ in range(skipped):
            self.speak()
        sleep((skipped + 0.5) * FRAME)  # the kernel's time of arrival is real
        for _ in range(waiting):
            self.speak()
        self.rig.number += SLOTS * skipped
        self.rig.engine.skip(skipped)
        self.tick(SLOTS * waiting)
        self.listen()

    def listen(self) -> None:
        self.at_trunk += self.trunk.heard()
        self.at_browser += self.browser.heard()


@pytest.mark.parametrize(
    ("codec", "browser_codec", "number"),
    [("PCMU", "OPUS", 111), ("G722", "OPUS", 111), ("PCMA", "PCMA", 8), ("OPUS", "OPUS", 111)],
)
def test_both_directions_lose_the_same(
    rig: Rig, codec: str, browser_codec: str, number: int
) -> None:
    talk = Conversation(rig, codec, browser_codec, number)
    talk.run(SETTLED)
    before = len(talk.at_trunk), len(talk.at_browser)
    talk.stall(skipped=4, waiting=3)
    talk.run(20)
    up, down = len(talk.at_trunk) - before[0], len(talk.at_browser) - before[1]
    assert up == pytest.approx(23, abs=1)
    assert down == pytest.approx(23, abs=1)


def test_what_is_left_out_is_a_pause_and_no_loss(rig: Rig) -> None:
    """The timestamp goes on, sequence numbers have no gap."""
    talk = Conversation(rig, "PCMU")
    talk.run(SETTLED)
    before = len(talk.at_browser)
    talk.stall(skipped=4, waiting=3)
    talk.run(20)
    assert set(sequences(talk.at_browser)) == {1}
    assert sorted(timestamps(talk.at_browser[before - 1 :]))[-2:] == [STEP, 5 * STEP]
    assert talk.at_browser[before].marker
    assert rig.engine.browsers.counters["packets_lost"] == 0
    assert rig.engine.trunk_counters["packets_lost"] == 0
    assert rig.engine.trunk_counters["packets_discarded"] == 4


@pytest.mark.parametrize("codec", ["PCMU", "OPUS"])
def test_what_is_left_out_is_told_of_its_leg(rig: Rig, codec: str) -> None:
    """The far end hears as little of it as of a loss, be it decoded or relayed."""
    talk = Conversation(rig, codec)
    talk.run(SETTLED)
    talk.stall(skipped=4, waiting=3)
    talk.run(5)
    assert discarded_of(talk.trunk) == 4
    talk.trunk.owner.statistics.clear()
    talk.run(5)
    assert discarded_of(talk.trunk) == 0


def discarded_of(trunk: Trunk) -> int:
    """Return what has been told, and what would be told now."""
    told = [*trunk.owner.statistics, trunk.leg.statistics(trunk.rig.now)]
    return sum(each.discarded for each in told)


def test_what_comes_later_is_passed(rig: Rig) -> None:
    """Nothing had waited, and the clock has its time again."""
    talk = Conversation(rig, "PCMU")
    talk.run(SETTLED)
    before = len(talk.at_browser)
    rig.number += 4 * SLOTS
    rig.engine.skip(4)
    talk.tick(6 * SLOTS)
    talk.run(10)
    assert len(talk.at_browser) == before + 10


def test_a_long_queue_is_left_out_too(rig: Rig) -> None:
    """Of one socket a tick reads no more than eight packets, and these may all be old."""
    talk = Conversation(rig, "PCMU")
    talk.run(SETTLED)
    before = len(talk.at_browser)
    talk.stall(skipped=20, waiting=3)
    talk.run(10)
    assert len(talk.at_browser) == before + 13


def test_beyond_the_load_both_directions_get_the_same(rig: Rig) -> None:
    """The clock has more to do than there is time for, again and again."""

    def give(frame: Samples) -> bool:
        sleep(1.6 * FRAME)
        return True

    engine = rig.engine
    slow = FrameLeg(Owner(), engine.frame_counters, engine.narrow, engine.wide, give=give)
    engine.add(slow)
    join(rig, slow, Trunk(rig).leg)
    talk = Conversation(rig, "PCMU")
    with running(rig):
        began = monotonic()
        for number in range(OVERLOADED):
            sleep(max(0.0, began + number * FRAME - monotonic()))
            talk.speak()
            talk.listen()
    up, down = len(talk.at_trunk) / OVERLOADED, len(talk.at_browser) / OVERLOADED
    assert 0.3 < up < 0.8
    assert down == pytest.approx(up, abs=0.1)
