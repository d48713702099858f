"""Signals to test with, and how much two of them are alike. All int16, one channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voice.levels import level_of

Samples = NDArray[np.int16]

FORMANTS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))  # Hz
SYLLABLE = 0.18  # seconds


def make_sine(frequency: float, rate: int, samples: int, amplitude: float = 8000) -> Samples:
    phase = 2 * np.pi * frequency * np.arange(samples) / rate
    return np.round(amplitude * np.sin(phase)).astype(np.int16)


def make_speech(rate: int, seconds: float, seed: int = 1) -> Samples:
    """Return something that codecs treat as speech: voiced syllables of gliding pitch, pauses."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(rate * seconds)) / rate
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * times) + 8 * np.sin(2 * np.pi * 2.9 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    syllable = (times / SYLLABLE).astype(int)
    vowels = np.array(FORMANTS)[rng.integers(0, len(FORMANTS), syllable[-1] + 1)][syllable]
    signal = np.zeros_like(times)
    for harmonic in range(1, int(min(3800, rate * 0.45) / pitch.max())):
        distance = np.abs(harmonic * pitch[:, None] - vowels) / 120
        signal += (1 / (1 + distance**2)).sum(axis=1) * np.sin(harmonic * phase) / harmonic**0.5
    envelope = np.clip(np.sin(np.pi * (times / SYLLABLE % 1)) * 1.3, 0, 1)
    talking = np.sin(2 * np.pi * 0.4 * times) > -0.6
    signal = signal * envelope * talking + 0.002 * rng.standard_normal(times.size)
    scaled: NDArray[np.float64] = np.round(9000 * signal / np.abs(signal).max())
    return scaled.astype(np.int16)


def levels_of(rows: Samples) -> NDArray[np.int64]:
    """Return the level of each row, in -dBov."""
    return np.array([level_of(row) for row in rows], np.int64)


def correlate(one: Samples, other: Samples) -> float:
    """Return the correlation coefficient of two signals that are already aligned."""
    return float(np.corrcoef(one.astype(float), other.astype(float))[0, 1])


def find_delay(late: Samples, early: Samples, most: int) -> int:
    """Return by how many samples `late` is behind `early`, 0 to `most`."""
    size = min(len(late), len(early)) - most
    products = [
        float(np.dot(late[lag : lag + size].astype(float), early[:size])) for lag in range(most)
    ]
    return int(np.argmax(products))


def measure_snr(signal: Samples, reference: Samples) -> float:
    """Return how far the error of `signal` is below `reference`, in dB."""
    error = signal.astype(float) - reference
    return float(10 * np.log10(np.square(reference.astype(float)).sum() / np.square(error).sum()))


def peak_frequency(signal: Samples, rate: int) -> float:
    """Return the frequency of the strongest FFT bin."""
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    return float(spectrum.argmax() * rate / len(signal))
