"""One slot's senders, served together: each gets what is its own."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.core.up import Filled
from gateway.media.core.up_batch import FIRST_CAPACITY, UpBatch
from gateway.media.parameters import Flow
from tests.gateway.media.core.line import open_line, run
from tests.gateway.media.core.test_trunk_sender import decode, speak
from tests.tones import assert_tone
from voice.codec import CODECS

NAMES = ["PCMU", "G722", "PCMA", "L16", "OPUS"]


def test_codecs_and_rates_and_lengths_in_one_slot() -> None:
    """Each call has its own tone, and the trunk of each hears that and no other's."""
    with ExitStack() as stack:
        lines = [
            stack.enter_context(open_line(codec, ptime=ptime))
            for ptime in (20, 30)
            for codec in NAMES
            if codec != "OPUS"
        ]
        tones = [300.0 + 170 * n for n in range(len(lines))]
        for line, tone in zip(lines, tones, strict=True):
            speak(line, tone)
        run(lines, 50)
        for line, tone in zip(lines, tones, strict=True):
            others = [each for each in tones if each != tone]
            rate = CODECS[line.remote.codec].sample_rate
            assert_tone(decode(line)[rate // 10 :], rate, present=[tone], absent=others)
            assert line.failures == 0


def test_each_sender_hears_its_level() -> None:
    with open_line() as loud, open_line() as silent, open_line("G722") as wide:
        speak(loud)
        speak(wide)
        run([loud, silent, wide], 10)
        assert silent.sender.up.loudness.level == 127
        assert loud.sender.up.loudness.level == pytest.approx(15, abs=2)
        assert wide.sender.up.loudness.level == pytest.approx(15, abs=2)


def test_the_fault_of_one_sender_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    with open_line() as faulty, open_line() as sound:

        def fill(out: NDArray[np.int16], now: float) -> Filled:
            out[:] = 12345
            raise ZeroDivisionError("on purpose")

        faulty.sender.up.fill = fill  # type: ignore[method-assign]
        run([faulty, sound], 3)
        assert faulty.failures == 3
        assert faulty.received() == []
        assert len(sound.received()) == 3
        assert "on purpose" in caplog.text


def test_those_who_want_another_slot_are_named() -> None:
    with open_line() as late, open_line() as early, open_line() as content:

        def later(out: NDArray[np.int16], now: float) -> Filled:
            return Filled.LATER

        def earlier(out: NDArray[np.int16], now: float) -> Filled:
            early.sender.up.playout.earlier = True
            return Filled.AUDIO

        late.sender.up.fill = later  # type: ignore[method-assign]
        early.sender.up.fill = earlier  # type: ignore[method-assign]
        moves = UpBatch().serve([late.sender, early.sender, content.sender], 10.0, 0)
        assert moves == ([late.sender], [early.sender])
        assert late.received() == []
        assert len(early.received()) == len(content.received()) == 1


def test_the_batch_grows_with_its_slot() -> None:
    """Frames that are made before a row of another rate is asked for stay what they are."""
    count = 3 * FIRST_CAPACITY
    with ExitStack() as stack:
        lines = [stack.enter_context(open_line("L16" if n % 2 else "PCMU")) for n in range(count)]
        for line in lines:
            speak(line)
        batch = UpBatch()
        run(lines[:1], 1, batch)
        run(lines[:10], 1, batch)
        run(lines, 20, batch)
        for line in lines[10:]:
            assert_tone(decode(line), CODECS[line.remote.codec].sample_rate, present=[440.0])


def test_rows_of_one_call_do_not_leak_into_anothers() -> None:
    """A row that was loud in the last frame is silent for who has nothing to say in this one."""
    with open_line() as loud, open_line() as silent:
        speak(loud)
        batch = UpBatch()
        run([loud, silent], 5, batch)
        run([silent, loud], 5, batch)
        assert not decode(silent).any()


def test_one_sender_twice_in_a_slot_is_two_frames() -> None:
    with open_line() as line:
        line.sender.set_flow(Flow.AUDIO)
        UpBatch().serve([line.sender] * 3, 10.0, 0)
        assert len(line.received()) == 3


def test_an_empty_slot_is_served() -> None:
    assert UpBatch().serve([], 10.0, 0) == ([], [])


def test_a_relaying_sender_sends_only_events() -> None:
    with open_line() as line:
        speak(line)
        line.sender.relaying = True
        run([line], 5)
        assert line.received() == []
        line.sender.press("5")
        run([line], 20)
        assert {packet.payload_type for packet in line.received()} == {101}
