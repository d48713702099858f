from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from voice.counters import Counters
from voice.jitter_buffer import JitterBuffer
from voice.level_meter import LevelMeter
from voice.speech import SpeechDecoder

LONGEST_PACKET: int
LONGEST_CONCEALMENT: int
FADE: int

class Filled(IntEnum):
    FRAME = 0
    LATE = 1

class Playback:
    unheard: bool
    def __init__(self, counters: Counters, decoder: SpeechDecoder, seed: int = 0) -> None: ...
    @property
    def buffer(self) -> JitterBuffer: ...
    @property
    def meter(self) -> LevelMeter: ...
    @property
    def decoder(self) -> SpeechDecoder: ...
    @property
    def frame(self) -> int: ...
    def fill(self, out: NDArray[np.int16], now: float) -> Filled: ...
    def restart(self) -> None: ...
    def resume(self) -> None: ...
    def change_decoder(self, decoder: SpeechDecoder) -> None: ...
    def adopt_delay(self, other: Playback) -> None: ...
