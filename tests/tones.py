"""Tones that prove audio: each side sends its own, the other side must find it, and not its own.

Levels are in dBFS, where a sine of full scale has 0 dB. Everything is int16, one channel.
"""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Samples = npt.NDArray[np.int16]

FULL_SCALE = 32768.0
SILENCE = -120.0  # dBFS, what is reported for nothing at all
SPREAD = 4  # FFT bins on each side that belong to a tone: a Hann window's main lobe and its skirts
LOWEST = 50.0  # Hz; offset and hum below are no part of the rest


class ToneLevel(NamedTuple):
    """How strong one tone is, by itself and against everything else."""

    frequency: float  # Hz
    level: float  # dBFS
    ratio: float  # dB above the rest


def make_tone(
    *frequencies: float, seconds: float, rate: int = 8000, level: float = -12.0
) -> Samples:
    """Return the sum of sines, each at `level` dBFS."""
    times = np.arange(round(seconds * rate)) / rate
    amplitude = FULL_SCALE * 10 ** (level / 20)
    signal = sum((amplitude * np.sin(2 * np.pi * f * times) for f in frequencies), 0 * times)
    if np.abs(signal).max(initial=0) > FULL_SCALE - 1:
        raise ValueError(f"{len(frequencies)} tones of {level} dBFS clip: their sum is too loud")
    return np.round(signal).astype(np.int16)


def write_wav(path: Path, samples: Samples, rate: int) -> Path:
    """Write one channel of 16-bit samples, and return the path."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def read_wav(path: Path) -> tuple[Samples, int]:
    """Return the samples of a 16-bit file with one channel, and its rate."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise ValueError(f"{path} is not 16 bits, one channel: {file.getparams()}")
        data = file.readframes(file.getnframes())
        return np.frombuffer(data, "<i2").astype(np.int16), file.getframerate()


def measure_tone(samples: Samples, rate: int, frequency: float) -> ToneLevel:
    """Return the tone's level, and its ratio to all else above 50 Hz."""
    power = _spectrum(samples)
    inside = _bins(len(samples), rate, [frequency])
    tone = power[inside].sum()
    rest = power[(~inside) & _audible(len(samples), rate)].sum()
    return ToneLevel(frequency, _decibels(tone), _decibels(tone) - _decibels(rest))


def strongest_tone(samples: Samples, rate: int) -> ToneLevel:
    """Return the tone at the highest peak of the spectrum."""
    power = np.where(_audible(len(samples), rate), _spectrum(samples), 0)
    return measure_tone(samples, rate, float(power.argmax()) * rate / len(samples))


def assert_tone(
    samples: Samples,
    rate: int,
    *,
    present: Iterable[float] = (),
    absent: Iterable[float] = (),
    level: float = -40.0,
    ratio: float = 10.0,
    margin: float = 30.0,
) -> None:
    """Fail unless the tones in `present` are heard, alone, and those in `absent` are not.

    Each present tone has at least `level` dBFS, and together they stand `ratio` dB above all else.
    An absent tone is `margin` dB weaker than the weakest present one (or below -60 dBFS).
    """
    assert len(samples) >= rate // 5, f"{len(samples)} samples at {rate} Hz: under 200 ms of audio"
    wanted = [measure_tone(samples, rate, f) for f in present]
    heard = f"strongest is {_describe(strongest_tone(samples, rate))}"
    for tone in wanted:
        assert tone.level >= level, f"{_describe(tone)}, under {level} dBFS; {heard}"
    if wanted:
        power = _spectrum(samples)
        inside = _bins(len(samples), rate, [tone.frequency for tone in wanted])
        outside = (~inside) & _audible(len(samples), rate)
        found = _decibels(power[inside].sum()) - _decibels(power[outside].sum())
        tones = ", ".join(_describe(tone) for tone in wanted)
        assert found >= ratio, f"{tones}: {found:.1f} dB above the rest, under {ratio} dB; {heard}"
    ceiling = min((tone.level for tone in wanted), default=-60.0 + margin) - margin
    for frequency in absent:
        tone = measure_tone(samples, rate, frequency)
        assert tone.level <= max(ceiling, -60.0), f"{_describe(tone)}, should be absent; {heard}"


def _describe(tone: ToneLevel) -> str:
    return f"{tone.frequency:.0f} Hz at {tone.level:.1f} dBFS"


def _spectrum(samples: Samples) -> npt.NDArray[np.float64]:
    """Return the power of each bin; over a tone's bins it sums up to its amplitude squared."""
    window = np.hanning(len(samples))
    spectrum = np.fft.rfft(samples / FULL_SCALE * window)
    scale = len(samples) * float(np.square(window).sum())
    power: npt.NDArray[np.float64] = np.square(np.abs(spectrum)) * (4 / max(scale, 1e-12))
    return power


def _bins(length: int, rate: int, frequencies: Iterable[float]) -> npt.NDArray[np.bool_]:
    bins = np.arange(length // 2 + 1)
    near = np.zeros(len(bins), dtype=bool)
    for frequency in frequencies:
        near |= np.abs(bins - round(frequency * length / rate)) <= SPREAD
    return near


def _audible(length: int, rate: int) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = np.fft.rfftfreq(length, 1 / rate) >= LOWEST
    return result


def _decibels(power: float) -> float:
    return max(SILENCE, 10 * float(np.log10(max(power, 1e-12))))
