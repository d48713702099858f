"""The delay of speech is found to the sample, however its frames were cut."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.bench.delay import Heard, Said, delays
from gateway.bench.material import Coding, decode, encode_speech, speech

FRAME = 160
SOUND = speech()[: 400 * FRAME]
SENT: NDArray[np.float64] = np.arange(400, dtype=np.float64) * 0.02
ROUNDING = 1 / 8000


def passed_on(delay: float, *, shift: int = 0, gain: float = 1.0) -> list[Heard]:
    """Frames that begin `shift` samples later in the speech; each leaves once it is complete."""
    heard = []
    for number in range(399):
        first = number * FRAME + shift
        at = SENT[number] + (0.02 if shift else 0.0) + delay
        samples = (SOUND[first : first + FRAME] * gain).astype(np.int16)
        heard.append(Heard(float(at), 1000 + number * FRAME, samples))
    return heard


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.35])
def test_frames_that_are_passed_on_have_their_own_delay(delay: float) -> None:
    found = delays(Said(SOUND, SENT), passed_on(delay))
    assert found[:, 1] == pytest.approx(delay, abs=ROUNDING)
    assert len(found) > 200


def test_frames_that_are_cut_anew_have_what_they_wait_for_the_rest() -> None:
    found = delays(Said(SOUND, SENT), passed_on(0.003, shift=40))
    assert found[:, 1] == pytest.approx(0.003 + 0.02 - 40 / 8000, abs=ROUNDING)


def test_a_delay_that_grows_in_mid_stream_is_seen() -> None:
    heard = passed_on(0.005)[:200] + passed_on(0.085)[200:]
    moved = [Heard(each.at, each.position + 640 * (each.at > 4.05), each.samples) for each in heard]
    found = delays(Said(SOUND, SENT), moved)
    before, after = found[found[:, 0] < 3.8], found[found[:, 0] > 4.4]
    assert before[:, 1] == pytest.approx(0.005, abs=ROUNDING)
    assert after[:, 1] == pytest.approx(0.085, abs=ROUNDING)
    assert before.size
    assert after.size


def test_the_codecs_own_delay_does_not_count() -> None:
    coding = Coding("OPUS", bitrate=24000, rate=8000)
    coded = decode(encode_speech(coding)[:400], "OPUS")
    heard = [
        Heard(number * 0.02 + 0.002, number * FRAME, coded[number * FRAME : (number + 1) * FRAME])
        for number in range(400)
    ]
    found = delays(Said(SOUND, SENT, codec_delay=52), heard)
    assert found[:, 1] == pytest.approx(0.002, abs=2 * ROUNDING)


def test_what_was_never_said_has_no_delay() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, SOUND.size).astype(np.int16)
    heard = [
        Heard(number * 0.02, number * FRAME, noise[number * FRAME : (number + 1) * FRAME])
        for number in range(400)
    ]
    assert delays(Said(SOUND, SENT), heard).shape == (0, 2)
    assert delays(Said(SOUND, SENT), []).shape == (0, 2)
