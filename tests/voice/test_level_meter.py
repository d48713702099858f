"""How loud the room is, and when nobody would miss a frame."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.level_meter import FAINT, LevelMeter
from voice.levels import LOUDEST_FLOOR, SILENCE


def metered(*levels: int) -> LevelMeter:
    meter = LevelMeter()
    for level in levels:
        meter.note(level)
    return meter


def test_before_anything_was_heard_a_frame_more_or_less_is_no_matter() -> None:
    assert LevelMeter().quiet
    assert LevelMeter().floor == SILENCE


@pytest.mark.parametrize(
    ("levels", "quiet"),
    [
        ([70, 20], False),
        ([70, 20, 70], True),
        ([70, 20, 66], True),  # near the noise
        ([70, 20, 55], False),  # soft, but 15 dB above it
        ([50] * 50 + [20, 50], True),  # a loud room
        ([50] * 50 + [20, 46], True),
        ([50] * 50 + [20, 38], False),
        ([30] * 50, False),  # who speaks all the time is not his own noise
        ([20, FAINT], True),
        ([20, SILENCE], True),  # muted
    ],
)
def test_a_pause_is_what_is_near_the_noise(levels: list[int], quiet: bool) -> None:
    assert metered(*levels).quiet is quiet


def test_the_floor_is_the_quietest_that_was_heard_of_late() -> None:
    assert metered(30, 62, 25, 58).floor == pytest.approx(62, abs=0.1)


def test_a_muted_microphone_says_nothing_of_the_room() -> None:
    assert metered(60, *[SILENCE] * 100).floor == pytest.approx(60)
    assert metered(SILENCE, 60).floor == 60


def test_a_room_that_grows_louder_is_believed_after_a_while() -> None:
    louder = [45] * 500  # ten seconds
    assert not metered(70, 45).quiet
    assert metered(70, *louder).floor == pytest.approx(60, abs=0.5)
    assert metered(70, *louder, *louder).quiet


def test_what_never_pauses_is_no_noise() -> None:
    """A microphone that is lost in a tone, or in the first word, leaves no roar behind."""
    assert metered(*[24] * 500).floor == LOUDEST_FLOOR
    assert metered(60, *[24] * 5000).floor == LOUDEST_FLOOR


@given(st.lists(st.integers(0, 127), max_size=300))
def test_the_floor_stays_a_level(levels: list[int]) -> None:
    meter = metered(*levels)
    assert LOUDEST_FLOOR <= meter.floor <= SILENCE
    assert meter.level == (levels[-1] if levels else SILENCE)
