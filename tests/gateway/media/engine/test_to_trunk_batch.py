"""Many trunks in one slot, served together: each gets what is its own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.engine.clock import SLOTS
from tests.gateway.media.engine.line import TONE, Line, sequence_steps, timestamp_steps
from tests.gateway.media.engine.rig import Browser, Owner, Rig, Trunk, join
from tests.tones import assert_tone, make_tone
from voice.codec import CODECS
from voice.rtp import RtpPacket

NAMES = ["PCMU", "G722", "PCMA", "L16", "OPUS"]
ROWS = 64  # that the engine begins with


def open_lines(rig: Rig, *codecs: str, ptime: int = 20) -> list[Line]:
    """Lines of one slot, each with a tone of its own."""
    lines = [
        Line(codec, ptime=ptime, rig=rig, tone=300.0 + 170 * number)
        for number, codec in enumerate(codecs)
    ]
    for line in lines:
        line.source.slot = 0
    return lines


def run(lines: list[Line], frames: int) -> None:
    for _ in range(frames):
        lines[0].rig.tick(SLOTS)
        for line in lines:
            line.collect()


def check_own_tones(lines: list[Line]) -> None:
    tones = [300.0 + 170 * number for number in range(len(lines))]
    for line, tone in zip(lines, tones, strict=True):
        others = [each for each in tones if each != tone]
        sound = line.sound()[line.sound_rate // 10 :]
        assert_tone(sound, line.sound_rate, present=[tone], absent=others)
        assert line.trunk.owner.failures == 0


@pytest.mark.parametrize("ptime", [20, 30])
def test_codecs_and_rates_in_one_slot(rig: Rig, ptime: int) -> None:
    """Each call has its own tone, and the trunk of each hears that and no other's."""
    lines = open_lines(rig, *NAMES, *NAMES[:4], ptime=ptime)
    run(lines, 50)
    check_own_tones(lines)


def test_each_source_is_measured(rig: Rig) -> None:
    loud, wide = Line(rig=rig, tone=TONE), Line("G722", rig=rig, tone=TONE)
    silent = Line(rig=rig)
    run([loud, wide, silent], 10)
    assert silent.source.receiver.level == 127
    assert loud.source.receiver.level == pytest.approx(18, abs=2)
    assert wide.source.receiver.level == pytest.approx(18, abs=2)


def test_the_level_of_who_may_not_be_heard_yet_is_measured_as_well(rig: Rig) -> None:
    line = Line(rig=rig, tone=TONE)
    line.silence(True)
    line.run(10)
    assert not line.sound().any()
    assert line.source.receiver.level == pytest.approx(18, abs=2)


def test_the_fault_of_one_source_is_its_own(rig: Rig) -> None:
    def give(frame: NDArray[np.int16]) -> bool:
        frame[:] = 12345
        raise ZeroDivisionError("on purpose")

    owner = Owner()
    faulty, sound = Line(rig=rig, give=give, owner=owner), Line(rig=rig, tone=TONE)
    run([faulty, sound], 10)
    assert owner.failures == 1, "it is told once"
    assert not faulty.sound().any()
    assert_tone(sound.sound(), 8000, present=[TONE])
    assert faulty.source.counters["faults"] == 10, "it is counted each time"


def test_there_are_rows_for_all(rig: Rig) -> None:
    """More than there were at first, added while others speak."""
    count = ROWS // 2 + 4
    lines = open_lines(rig, *("PCMU", "L16")[:2])
    run(lines, 5)
    more = [Line("L16" if n % 2 else "PCMU", rig=rig, tone=TONE) for n in range(count)]
    for line in more:
        line.source.slot = 0
    run([*lines, *more], 25)
    for line in more:
        assert_tone(line.sound(), line.sound_rate, present=[TONE])
    check_own_tones(lines)


def test_rows_of_one_call_do_not_leak_into_anothers(rig: Rig) -> None:
    """A row that was loud in the last frame is silent for who has nothing to say in this one."""
    loud, silent = Line(rig=rig, tone=TONE), Line(rig=rig)
    for number in range(10):
        # Their rows change places
        loud.source.slot, silent.source.slot = (0, 1) if number % 2 else (1, 0)
        run([loud, silent], 2)
    assert not silent.sound().any()


def test_without_any_leg_ticks_pass(rig: Rig) -> None:
    rig.tick(2 * SLOTS)


class Speaker:
    """A browser that says a tone to a trunk, a packet every 20 ms at the same time of a frame."""

    def __init__(self, rig: Rig, offset: int) -> None:
        self.rig = rig
        self.browser, self.trunk = Browser(rig), Trunk(rig)
        join(rig, self.browser.leg, self.trunk.leg)
        self._offset = offset  # ticks
        self._tone = make_tone(TONE, seconds=1).reshape(-1, 160)
        self._said = 0
        self.heard: list[RtpPacket] = []

    def run(self, frames: int) -> None:
        for _ in range(SLOTS * frames):
            if self.rig.number % SLOTS == self._offset:
                self.browser.speak(self._tone[self._said % 50])
                self._said += 1
            self.rig.tick()
            self.heard += self.trunk.heard()


@pytest.mark.parametrize("offset", range(SLOTS))
@pytest.mark.parametrize("slot", range(SLOTS))
def test_a_stream_is_served_in_the_slot_that_its_packets_come_in(
    rig: Rig, offset: int, slot: int
) -> None:
    speaker = Speaker(rig, offset)
    speaker.browser.leg.slot = slot
    speaker.run(200)
    # What is sent before a tick is read in it
    assert speaker.browser.leg.slot == (offset + 1) % SLOTS


def test_moves_between_slots_cost_the_trunk_nothing(rig: Rig) -> None:
    speaker = Speaker(rig, 0)
    speaker.run(50)
    speaker.browser.leg.slot = (speaker.browser.leg.slot + 2) % SLOTS
    speaker.run(100)
    assert set(sequence_steps(speaker.heard)) == {1}
    assert set(timestamp_steps(speaker.heard)) == {CODECS["PCMU"].clock_rate // 50}


def test_a_skipped_frame_is_skipped_by_all(rig: Rig) -> None:
    lines = open_lines(rig, "PCMU", "G722", "OPUS")
    run(lines, 5)
    rig.engine.skip(3)
    run(lines, 5)
    for line in lines:
        units = CODECS[line.codec].clock_rate // 50
        assert sorted(set(timestamp_steps(line.received()))) == [units, 4 * units]
    assert rig.engine.trunk_counters["frames_skipped"] == 3 * 2 * len(lines)
