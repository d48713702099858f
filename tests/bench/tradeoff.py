"""The table that the defaults come from: what Opus costs, and what it sounds like for that.

Two choices are ours. What we ask the browser to send, by `maxplaybackrate` and `maxaveragebitrate`
of our answer (RFC 7587 section 6.1): the decoder's cost follows from it. And what our own encoder
towards the browser spends, by complexity and bitrate. Each is scored clean and with 5 % of the
packets lost, through the best receiver there is, so that nothing but Opus is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median
from time import process_time_ns

import numpy as np
from numpy.typing import NDArray

from tests.bench.load import Progress, silent
from tests.bench.receivers import FRAME, RATE, ideal, through_ulaw
from tests.bench.scores import Score, Scorer
from tests.bench.speech import Samples, Speech
from voice.opus import Bandwidth, OpusDecoder, OpusEncoder

# bit/s; at 20000 libopus begins to spend bits on repair
BITRATES = (12000, 16000, 20000, 24000, 32000)
COMPLEXITIES = (0, 3, 5, 9)
PLAYBACK_RATES = (8000, 16000, None)  # Hz
_BANDWIDTHS = {
    8000: Bandwidth.NARROWBAND,
    16000: Bandwidth.WIDEBAND,
    None: Bandwidth.FULLBAND,
}
BROWSER_RATE = 48000
BROWSER_COMPLEXITY = 9  # Chromium's and Firefox's on desktops
LOSS = 0.05
EXPECTED_LOSS = 5  # per cent; without it libopus spends nothing on repair
# With more, it spends at bitrates where it would not otherwise: our encoder may be told anything
INSURED_LOSS = 15
_DOWN = ("clean", "guarded", "lossy", "insured")
_SPARED = 3  # the first packets always arrive: a call whose beginning is lost has another problem
_SEED = 7
_NOISE = 20.0  # of int16, about -64 dBov: a room. Without it libopus finds nothing above 8 kHz


@dataclass(frozen=True)
class Up:
    """What a browser sends after our answer: decoded at 8 kHz."""

    maxplaybackrate: int | None
    bitrate: int
    packet_bytes: float
    decode_us: float  # per frame of 20 ms: the median of several runs
    clean: Score
    lossy: Score


@dataclass(frozen=True)
class Down:
    """What our encoder at 8 kHz makes of a trunk's G.711.

    `clean` without repair, `guarded` with the bits for repair spent and nothing lost. `insured` is
    `lossy` with more loss expected than there is.
    """

    complexity: int
    bitrate: int
    packet_bytes: float
    encode_us: float
    clean: Score
    guarded: Score
    lossy: Score
    insured: Score


@dataclass(frozen=True)
class Tradeoff:
    up: list[Up]
    down: list[Down]


def run(speech: Speech, scorer: Scorer, *, runs: int = 3, progress: Progress = silent) -> Tradeoff:
    """Measure both tables over the pieces of `speech`."""
    up: dict[tuple[int | None, int], _Scored] = {}
    for rate, bitrate in product(PLAYBACK_RATES, BITRATES):
        progress(f"up: maxplaybackrate {rate}, {bitrate} bit/s")
        up[rate, bitrate] = _score_up(speech, scorer, rate, bitrate)
    down: dict[tuple[int, int], _Scored] = {}
    for complexity, bitrate in product(COMPLEXITIES, BITRATES):
        progress(f"down: complexity {complexity}, {bitrate} bit/s")
        down[complexity, bitrate] = _score_down(speech, scorer, complexity, bitrate)
    progress("CPU")
    times = _time([*up.values(), *down.values()], runs)
    return Tradeoff(
        [
            Up(*key, each.packet_bytes, times.pop(0), each.scores["clean"], each.scores["lossy"])
            for key, each in up.items()
        ],
        [
            Down(*key, each.packet_bytes, times.pop(0), *(each.scores[name] for name in _DOWN))
            for key, each in down.items()
        ],
    )


def browser_packets(
    samples: Samples,
    *,
    bitrate: int = 32000,
    maxplaybackrate: int | None = None,
    expected_loss: int = 0,
) -> list[bytes]:
    """Return the packets that a browser makes of one piece at 48 kHz."""
    with OpusEncoder(
        BROWSER_RATE,
        bitrate=bitrate,
        complexity=BROWSER_COMPLEXITY,
        expected_loss=expected_loss,
        max_bandwidth=_BANDWIDTHS[maxplaybackrate],
    ) as encoder:
        return [encoder.encode(frame) for frame in frames(samples, BROWSER_RATE)]


def frames(samples: Samples, rate: int) -> Samples:
    """Return `samples` as rows of 20 ms."""
    return np.ascontiguousarray(samples.reshape(-1, rate // 50))


def add_room(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return `samples` with a microphone's noise: up to 20 kHz, as no recording in G.722 has it."""
    noisy = samples + rng.normal(0, _NOISE, samples.shape)
    return np.clip(np.round(noisy), -32768, 32767).astype(np.int16)


def arrivals(packets: Sequence[bytes], loss: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which packets arrive when each is lost with the same probability."""
    arrived: NDArray[np.bool_] = rng.random(len(packets)) >= loss
    arrived[:_SPARED] = True
    return arrived


@dataclass(frozen=True)
class _Scored:
    """A row before its CPU is known: `work` codes `frames` frames."""

    packet_bytes: float
    scores: dict[str, Score]
    work: Callable[[], object]
    frames: int


def _score_up(speech: Speech, scorer: Scorer, rate: int | None, bitrate: int) -> _Scored:
    def packets(pieces: Samples, expected_loss: int) -> list[list[bytes]]:
        return [
            browser_packets(
                piece, bitrate=bitrate, maxplaybackrate=rate, expected_loss=expected_loss
            )
            for piece in pieces
        ]

    scores = scorer.score_all(
        speech.narrowband,
        {
            "clean": _heard(packets(speech.fullband, 0), 0),
            "lossy": _heard(packets(speech.fullband, EXPECTED_LOSS), LOSS),
        },
    )
    # What is timed has a room's noise, which a microphone always has and PESQ would only punish
    pieces = speech.fullband[:: _every(speech)]
    timed = packets(add_room(pieces, np.random.default_rng(0)), 0)
    return _Scored(_mean_size(timed), scores, lambda: _decode_all(timed), sum(map(len, timed)))


def _score_down(speech: Speech, scorer: Scorer, complexity: int, bitrate: int) -> _Scored:
    heard = [frames(through_ulaw(piece), RATE) for piece in speech.narrowband]

    def encode(expected_loss: int = 0) -> list[list[bytes]]:
        return [_encode(piece, complexity, bitrate, expected_loss) for piece in heard]

    guarded = encode(EXPECTED_LOSS)
    scores = scorer.score_all(
        speech.narrowband,
        {
            "clean": _heard(encode(), 0, ulaw=False),
            "guarded": _heard(guarded, 0, ulaw=False),
            "lossy": _heard(guarded, LOSS, ulaw=False),
            "insured": _heard(encode(INSURED_LOSS), LOSS, ulaw=False),
        },
    )
    timed = heard[:: _every(speech)]

    def work() -> None:
        for piece in timed:
            _encode(piece, complexity, bitrate, EXPECTED_LOSS)

    return _Scored(_mean_size(guarded), scores, work, sum(map(len, timed)))


def _every(speech: Speech) -> int:
    """Return which pieces are timed: four of them say enough of the CPU."""
    return max(1, len(speech) // 4)


def _encode(rows: Samples, complexity: int, bitrate: int, expected_loss: int) -> list[bytes]:
    with OpusEncoder(
        RATE, bitrate=bitrate, complexity=complexity, expected_loss=expected_loss
    ) as encoder:
        return [encoder.encode(row) for row in rows]


def _decode_all(pieces: Sequence[Sequence[bytes]]) -> None:
    out: Samples = np.zeros(FRAME, np.int16)
    for packets in pieces:
        with OpusDecoder(RATE) as decoder:
            for packet in packets:
                decoder.decode(packet, out)


def _heard(pieces: Sequence[Sequence[bytes]], loss: float, *, ulaw: bool = True) -> list[Samples]:
    """Return each piece as the best receiver plays it; the same losses in every row."""
    rng = np.random.default_rng(_SEED)
    return [ideal(packets, arrivals(packets, loss, rng), ulaw=ulaw) for packets in pieces]


def _time(rows: Sequence[_Scored], runs: int) -> list[float]:
    """Return the median CPU time per frame of each row, in microseconds.

    In turn, so that what else the machine does is spread over all of them.
    """
    spent: list[list[float]] = [[] for _ in rows]
    for _ in range(runs):
        for row, times in zip(rows, spent, strict=True):
            begin = process_time_ns()
            row.work()
            times.append((process_time_ns() - begin) / row.frames / 1000)
    return [median(times) for times in spent]


def _mean_size(pieces: Sequence[Sequence[bytes]]) -> float:
    return float(np.mean([len(packet) for packets in pieces for packet in packets]))
