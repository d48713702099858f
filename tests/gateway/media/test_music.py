"""What is played to whom is on hold: from the beginning for each call, and round again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.errors import UnavailableError
from gateway.media import MediaPlane
from gateway.media.music import EVERY, LONGEST, RATES, Music
from gateway.sound_file import SoundFileError, read_sound
from tests.gateway.media.call import plane_config
from tests.tones import make_tone, strongest_tone, write_wav


def frames(music: Music, rate: int, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    give = music.player()
    heard = np.full((count, rate // 50), -1, np.int16)
    assert all(give(frame) for frame in heard)
    return heard.reshape(-1)


@pytest.mark.parametrize("rate", RATES)
def test_a_file_at_each_rate_over_and_over(tmp_path: Path, rate: int) -> None:
    file = write_wav(tmp_path / "music.wav", make_tone(440, seconds=1.01, rate=44100), 44100)
    heard = frames(Music.from_file(file), rate, 120)
    assert strongest_tone(heard[rate // 2 : rate], rate).frequency == pytest.approx(440, abs=3)
    again = round(51 * rate / 50)  # the last frame is filled with silence
    assert (heard[again : again + rate] == heard[:rate]).all()


def test_each_call_hears_it_from_its_beginning() -> None:
    music = Music.tone()
    first = frames(music, 8000, 10)
    assert (frames(music, 8000, 10) == first).all()


@pytest.mark.parametrize("rate", RATES)
def test_the_tone_is_quiet_and_comes_again(rate: int) -> None:
    heard = frames(Music.tone(), rate, round(100 * EVERY))
    loud = np.abs(heard.astype(int))
    assert 1000 < loud.max() < 4000
    assert loud[: rate // 2].max() == loud[round(EVERY * rate) :][: rate // 2].max()
    assert not loud[rate : round(EVERY * rate)].any()


def test_a_long_file_is_cut(tmp_path: Path) -> None:
    file = write_wav(tmp_path / "long.wav", np.ones(8000 * 3, np.int16), 8000)
    assert read_sound(file, 8000, 2.0).size == 16000
    assert read_sound(file, 8000).size > 23000
    assert LONGEST >= 60


@pytest.mark.parametrize("content", [b"", b"no sound", b"RIFF\x00\x00\x00\x00WAVE"])
async def test_what_is_no_sound_stops_the_start(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "music.wav"
    file.write_bytes(content)
    with pytest.raises(SoundFileError, match="cannot be played"):
        Music.from_file(file)
    config = plane_config()
    plane = MediaPlane(replace(config, hold_music=file))
    with pytest.raises(UnavailableError, match=r"media\.hold_music: .*music\.wav cannot be played"):
        await plane.start()
    await plane.close()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SoundFileError, match="No such file"):
        Music.from_file(tmp_path / "nothing.wav")
