"""The peer's sounds and its table of numbers, without a call."""

from __future__ import annotations

import itertools
import re
import time

import numpy as np
import pytest

from gateway.peer.extensions import EXTENSIONS, UNKNOWN, Extension, find
from gateway.peer.sounds import CLIPS, FRAME, SILENCE, ReadBack, clip, clock, dial_tones, spoken
from voice.tones import DigitDetector


@pytest.mark.parametrize("each", EXTENSIONS, ids=lambda each: each.name)
def test_found_by_number_and_name(each: Extension) -> None:
    assert find(each.number) is each
    assert find(each.name) is each
    assert find(f"+15550100{each.number}") is each
    assert re.fullmatch(r"[a-z].*[^.]", each.description)


@pytest.mark.parametrize("user", ["", "999", "+", "echo600", "6 00"])
def test_not_found(user: str) -> None:
    assert find(user) is UNKNOWN


def test_every_time_can_be_spoken() -> None:
    for number in range(60):
        assert all((CLIPS / f"{name}.ulaw").is_file() for name in spoken(number))


def test_clip() -> None:
    frames = list(clip("1", "2"))
    sizes = [(CLIPS / f"{name}.ulaw").stat().st_size for name in ("1", "2")]
    assert len(frames) == sum(-(-size // FRAME) for size in sizes)
    assert all(frame.shape == (FRAME,) and frame.dtype == np.int16 for frame in frames)


def test_clock_goes_on() -> None:
    at = time.struct_time((2024, 1, 1, 21, 5, 61, 0, 1, 0))  # a leap second
    once = len(list(clip("at-the-tone", "20", "1", "hours", "5", "minutes", "and", "50", "9")))
    frames = list(itertools.islice(clock(lambda: at), 3 * once))
    assert len(frames) == 3 * once


def test_dial_tones() -> None:
    detector = DigitDetector()
    frames = [frame for digit in "5#A" for frame in dial_tones(digit)]
    assert "".join(d for f in frames for _, d in detector.detect(f.reshape(1, -1))) == "5#A"


def test_a_new_digit_stops_what_is_read_back() -> None:
    source = ReadBack()
    for key in "1#2#":
        source.key(key)
    frames = [source.frame(SILENCE) for _ in range(20)]
    detector = DigitDetector()
    digits = [d for f in frames if f is not None for _, d in detector.detect(f.reshape(1, -1))]
    assert digits == ["2"]
