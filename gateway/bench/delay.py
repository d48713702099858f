"""How much later speech comes out of a gateway than it went in, to the sample.

The sound itself says which of it a packet carries: each piece of what came out is looked up in what
went in. So frames that are regrouped, buffered, stretched or left out are told from those that are
passed on, and the delay is known for each packet, whatever happened before.

The delay of a sample is what it has more than if the far end's packet had come straight here: a
packet that holds the very samples of one that was sent has the time between the two, one that holds
its second half and the first half of the next has 10 ms less than the time since the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 8000  # Hz
PIECE = 1600  # samples that are looked up at a time: a syllable
LONGEST = 1.0  # seconds of delay that are looked for
LONGEST_GAP = 5.0  # seconds between two packets of one source
EARLIEST = 0.02  # seconds before its departure that a sound is looked for, to notice a wrong clock

# Speech in a pause looks like any other pause, and what was concealed like nothing that was said
QUIETEST = 100.0  # root mean square
LIKENESS = 0.8  # normalized correlation: what libopus makes of speech at 24 kbit/s has 0.97


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet that came: seconds since the start, its place in samples at 8 kHz, its sound."""

    at: float
    position: int
    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Said:
    """What went in: its sound at 8 kHz, and when each packet left, in seconds since the start.

    `codec_delay` is what the codec behind the gateway adds by itself, in samples.
    """

    samples: NDArray[np.int16]
    sent: NDArray[np.float64]
    codec_delay: int = 0

    @property
    def frame(self) -> int:
        """Samples in a packet."""
        return self.samples.size // self.sent.size


def delays(said: Said, heard: Sequence[Heard]) -> NDArray[np.float64]:
    """Return float64[n, 2]: when a packet came and its delay, both in seconds.

    Packets that nothing can be said of (pauses, concealment) are left out.
    """
    found = [each for run in _runs(heard) for each in _delays_of_run(said, run)]
    return np.array(found).reshape(-1, 2)


def _runs(heard: Sequence[Heard]) -> list[list[Heard]]:
    """Cut where the place jumps: the source began anew, or somebody has forged a timestamp."""
    runs: list[list[Heard]] = []
    last = 0
    for each in heard:
        if not runs or abs(each.position - last) > LONGEST_GAP * RATE:
            runs.append([])
        runs[-1].append(each)
        last = each.position
    return runs


def _delays_of_run(said: Said, heard: Sequence[Heard]) -> list[tuple[float, float]]:
    sound, first = _timeline(heard)
    found: list[tuple[float, float]] = []
    step = PIECE // 2
    pieces: dict[int, list[Heard]] = {}
    for packet in heard:
        pieces.setdefault((packet.position - first) // step, []).append(packet)
    for number, packets in sorted(pieces.items()):
        begin = max(0, number * step - step // 2)
        piece = sound[begin : begin + PIECE]
        if piece.size < PIECE or _level(piece) < QUIETEST:
            continue
        anchor = packets[0]
        # Where the piece would be in what went in, were there no delay at all
        expected = _position(said, anchor.at) - (anchor.position - first - begin)
        offset = _look_up(said.samples, piece, expected)
        if offset is not None:
            shift = offset - begin + said.codec_delay - first
            found += [
                (each.at, each.at - _departure(said, each.position + shift)) for each in packets
            ]
    return found


def _timeline(heard: Sequence[Heard]) -> tuple[NDArray[np.float32], int]:
    first = min(each.position for each in heard)
    end = max(each.position + each.samples.size for each in heard)
    sound = np.zeros(end - first, np.float32)
    for each in heard:
        at = each.position - first
        sound[at : at + each.samples.size] = each.samples
    return sound, first


def _level(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def _position(said: Said, at: float) -> int:
    """Return the sample that leaves at a time."""
    number = int(np.searchsorted(said.sent, at, side="right")) - 1
    number = max(0, number)
    return int(number * said.frame + (at - said.sent[number]) * RATE)


def _departure(said: Said, position: int) -> float:
    """Return when a sample leaves, its place within the packet counted as time."""
    number = min(max(position // said.frame, 0), said.sent.size - 1)
    return float(said.sent[number]) + (position - number * said.frame) / RATE


def _look_up(samples: NDArray[np.int16], piece: NDArray[np.float32], expected: int) -> int | None:
    """Return where a piece is most alike, at most LONGEST before `expected`; None for nowhere."""
    begin = max(0, expected - round(LONGEST * RATE))
    end = min(samples.size, expected + round(EARLIEST * RATE) + piece.size)
    if end - begin < piece.size:
        return None
    where = samples[begin:end].astype(np.float64)
    size = 1 << (where.size + piece.size - 1).bit_length()
    alike = np.fft.irfft(
        np.fft.rfft(where, size) * np.conj(np.fft.rfft(piece.astype(np.float64), size)), size
    )[: where.size - piece.size + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(where))])
    windows = energy[piece.size :] - energy[: -piece.size]
    norm = np.sqrt(np.maximum(windows, 1.0)) * float(np.linalg.norm(piece))
    alike = alike / norm
    best = int(np.argmax(alike))
    return begin + best if alike[best] >= LIKENESS else None
