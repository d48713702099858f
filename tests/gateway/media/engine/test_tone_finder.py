"""Digits in the sound of many legs at a time, each leg's own."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.media.engine.tone_finder import ToneFinder
from tests.gateway.media.engine.rig import Rig
from tests.gateway.media.engine.trunk_call import NUMBERS, Call, Samples, encode_samples
from voice.codec import CODECS
from voice.tones import DtmfTones


def dial(digits: str, rate: int = 8000) -> Samples:
    """Return frames of 20 ms that say digits, and some silence after them."""
    tones = DtmfTones(rate)
    tones.send(digits)
    made = []
    while tones.busy:
        frame: Samples = np.zeros(rate // 50, np.int16)
        tones.fill(frame)
        made.append(frame)
    return np.stack(made + [np.zeros(rate // 50, np.int16)] * 3)


def rows_of(rig: Rig) -> list[int]:
    """Return how many rows the detectors have, at both rates."""
    return [finder.rows for finder in rig.engine.finders.values()]


def tone_call(rig: Rig) -> Call:
    """Return a call whose trunk sends no telephone events."""
    call = Call(rig, events=False)
    rig.engine.find_tones(call.trunk.leg, True)
    return call


class TestFinder:
    def test_a_row_that_was_given_back_remembers_nothing(self) -> None:
        """Half a digit of the last call and half a one of the next are none."""
        finder = ToneFinder(8000)
        sound = dial("5")
        assert list(finder.find(["first"], sound[:1])) == []
        finder.forget("first")
        assert list(finder.find(["second"], sound[1:2])) == []
        assert finder.rows == 1

    def test_a_leg_that_is_forgotten_may_come_again(self) -> None:
        finder = ToneFinder(8000)
        silence: Samples = np.zeros((1, 160), np.int16)
        list(finder.find(["one"], silence))
        finder.forget("one")
        finder.forget("one")
        list(finder.find(["other"], silence))
        told: list[tuple[object, str]] = []
        for frame in dial("7"):
            told += finder.find(["one", "other"], np.stack([frame, silence[0]]))
        assert told == [("one", "7")]
        assert finder.rows == 2


class TestEngine:
    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16", "G722"])
    @pytest.mark.parametrize("together", [1, 2, 5])
    def test_digits_are_found_once_however_packets_come(
        self, rig: Rig, codec: str, together: int
    ) -> None:
        call = tone_call(rig)
        frames = dial("159#", CODECS[codec].sample_rate)
        for n, payload in enumerate(encode_samples(codec, frames)):
            call.packet(payload, NUMBERS[codec])
            call.timestamp += CODECS[codec].units_per_frame
            if n % together == together - 1:
                call.tick(4 * together)
        call.tick(8)
        assert call.trunk.owner.tones == [*"159#"]
        assert call.counted("digits") == 4

    def test_each_leg_hears_its_own_digits(self, rig: Rig) -> None:
        dialed = ["123", "456", "", "789", "*0#"]
        calls = [tone_call(rig) for _ in dialed]
        sounds = [encode_samples("PCMU", dial(digits)) if digits else [] for digits in dialed]
        for n in range(max(map(len, sounds))):
            for call, sound in zip(calls, sounds, strict=True):
                if n < len(sound):
                    call.packet(sound[n])
                    call.timestamp += 160
            rig.tick(4)
        assert [call.trunk.owner.tones for call in calls] == [[*digits] for digits in dialed]

    def test_who_does_not_listen_is_told_nothing(self, call: Call) -> None:
        call.play("PCMU", encode_samples("PCMU", dial("5")))
        assert call.trunk.owner.tones == []
        assert rows_of(call.rig) == [0, 0]

    def test_one_may_stop_and_begin_to_listen_in_mid_call(self, rig: Rig) -> None:
        """As when a new description brings telephone events, or takes them away."""
        call = tone_call(rig)
        sound = encode_samples("PCMU", dial("5"))
        call.play("PCMU", sound)
        rig.engine.find_tones(call.trunk.leg, False)
        call.play("PCMU", sound)
        assert call.trunk.owner.tones == ["5"]
        rig.engine.find_tones(call.trunk.leg, True)
        call.play("PCMU", sound)
        assert call.trunk.owner.tones == ["5", "5"]

    def test_rows_are_given_back(self, rig: Rig) -> None:
        """A thousand calls one after the other need the memory of those at one time."""
        for _ in range(10):
            calls = [tone_call(rig) for _ in range(3)]
            for call in calls:
                call.speak(frames=1)
            assert rows_of(rig) == [3, 0]
            for call in calls:
                rig.engine.remove(call.trunk.leg)
                rig.engine.remove(call.browser.leg)

    def test_a_leg_that_spoke_at_two_rates_is_forgotten_at_both(self, rig: Rig) -> None:
        """Else rows grow call by call."""
        for _ in range(3):
            call = tone_call(rig)
            for codec in ("PCMU", "L16", "PCMU", "L16"):
                call.speak(codec, 1)
            rig.engine.remove(call.trunk.leg)
            rig.engine.remove(call.browser.leg)
            assert rows_of(rig) == [1, 1]
