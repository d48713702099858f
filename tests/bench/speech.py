"""Recorded speech, since synthetic speech flatters codecs and PESQ was made for voices.

The prompts of Asterisk that Debian packages, G.722 at 16 kHz: three women, one man, four languages.
Cut into pieces of eight seconds (ITU-T P.862.3 asks for 8 to 12) at an active level of -26 dBov,
taken over the frames within 30 dB of the loudest. Fetched once into the user's cache folder;
nothing is installed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

Samples = NDArray[np.int16]
Signal = NDArray[np.float64]

SECONDS = 8
LEVEL = -26.0  # dBov
PER_VOICE = 6
_RATE = 16000  # G.722
_LONGEST_PIECES = 2  # of one prompt: the rest of it sounds like its beginning
_ACTIVE = 1e-3  # of the loudest frame's energy: 30 dB down
_LEAST_ACTIVE = 0.45  # share of a piece that must be speech
_LOUDEST = 32000  # beyond it a piece would clip after resampling

PACKAGES = tuple(f"asterisk-core-sounds-{language}-g722" for language in ("en", "fr", "it", "ru"))
VOICES = ("en_US_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
# The longest prompts that all four have, or most of them
PROMPTS = (
    "demo-congrats",
    "demo-echotest",
    "priv-callee-options",
    "conf-adminmenu-18",
    "conf-adminmenu",
    "vm-options",
    "screen-callee-options",
    "demo-instruct",
)


class SpeechError(Exception):
    """The recordings cannot be had on this machine."""


@dataclass(frozen=True)
class Speech:
    """The same pieces at two rates: int16 arrays [piece, sample], and where each comes from."""

    names: tuple[str, ...]
    fullband: Samples  # 48 kHz, with what G.722 leaves of it: up to 7 kHz
    narrowband: Samples  # 8 kHz; the reference of every score

    def __len__(self) -> int:
        return len(self.names)

    def spread(self, count: int) -> Speech:
        """Return `count` pieces, of all voices alike."""
        chosen = np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int)
        names = tuple(self.names[index] for index in chosen)
        return Speech(names, self.fullband[chosen], self.narrowband[chosen])

    def twice(self, pause: float) -> Speech:
        """Return each piece two times, with `pause` seconds of silence between."""
        return Speech(
            self.names,
            _repeated(self.fullband, pause, 48000),
            _repeated(self.narrowband, pause, 8000),
        )


def cache_folder() -> Path:
    """Return where the benchmarks keep what they fetch, as the engine's build does."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "webrtc-sip-gateway" / "bench"


def load_speech() -> Speech:
    """Return the pieces, fetching and cutting them the first time.

    Raises
    ------
    SpeechError
        The packages cannot be fetched (no apt-get, no network), or hold other recordings.
    """
    file = cache_folder() / "speech.npz"
    if not file.exists():
        speech = _cut_all(_fetch(cache_folder() / "sounds"))
        partial = file.with_suffix(".partial.npz")
        np.savez(
            partial, names=speech.names, fullband=speech.fullband, narrowband=speech.narrowband
        )
        partial.rename(file)  # whole or not at all
    with np.load(file) as stored:
        names = tuple(str(name) for name in stored["names"])
        return Speech(names, stored["fullband"], stored["narrowband"])


def _repeated(samples: Samples, pause: float, rate: int) -> Samples:
    silence: Samples = np.zeros((len(samples), round(pause * rate)), np.int16)
    return np.concatenate([samples, silence, samples], axis=1)


def _fetch(sounds: Path) -> Path:
    """Unpack the packages below `sounds`, unless they are there."""
    if sounds.exists():
        return sounds
    sounds.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=sounds.parent) as folder:
        work, unpacked = Path(folder), Path(folder) / "sounds"
        try:
            _run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *PACKAGES, at=work)
            for archive in sorted(work.glob("*.deb")):
                _run("dpkg-deb", "-x", archive.name, "sounds", at=work)
        except FileNotFoundError as error:
            raise SpeechError(f"{error.filename} is needed to fetch the recordings") from error
        unpacked.rename(sounds)
    return sounds


def _run(*command: str, at: Path) -> None:
    ended = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SpeechError(f"{' '.join(command)}: {ended.stderr.strip()[-400:]}")


def _cut_all(sounds: Path) -> Speech:
    names: list[str] = []
    pieces: list[Signal] = []
    for voice in VOICES:
        cut = _cut_voice(sounds / "usr/share/asterisk/sounds" / voice)
        if len(cut) < PER_VOICE:
            raise SpeechError(f"{len(cut)} pieces of {voice}: {PER_VOICE} are needed")
        names += [f"{voice}/{name}" for name, _ in cut[:PER_VOICE]]
        pieces += [piece for _, piece in cut[:PER_VOICE]]
    return Speech(
        tuple(names),
        np.array([_to_int16(resample_poly(piece, 3, 1)) for piece in pieces]),
        np.array([_to_int16(resample_poly(piece, 1, 2)) for piece in pieces]),
    )


def _cut_voice(folder: Path) -> list[tuple[str, Signal]]:
    length = SECONDS * _RATE
    cut: list[tuple[str, Signal]] = []
    for prompt in PROMPTS:
        file = folder / f"{prompt}.g722"
        if not file.exists():
            continue
        sound = _decode(file)
        end = min(len(sound) - length, _LONGEST_PIECES * length)
        for start in range(0, end, length):
            piece = _level(sound[start : start + length])
            if piece is not None:
                cut.append((f"{prompt}-{start // length}", piece))
    return cut


def _level(sound: Signal) -> Signal | None:
    """Return `sound` at the common level; None where there is too little speech, or a peak."""
    energy = (sound.reshape(-1, _RATE // 50) ** 2).mean(axis=1)
    active = energy > energy.max() * _ACTIVE
    wanted = 32768 * 10 ** (LEVEL / 20)
    leveled: Signal = sound * (wanted / np.sqrt(energy[active].mean()))
    if active.mean() < _LEAST_ACTIVE or np.abs(leveled).max() > _LOUDEST:
        return None
    return leveled


def _decode(file: Path) -> Signal:
    with av.open(str(file), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.float64)


def _to_int16(signal: Signal) -> Samples:
    return np.clip(np.round(signal), -32768, 32767).astype(np.int16)
