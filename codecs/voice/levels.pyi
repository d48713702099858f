from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SILENCE: int

class AudioLevel(NamedTuple):
    level: int
    voice: bool

def measure(frames: NDArray[np.int16]) -> NDArray[np.uint8]: ...
def parse(element: bytes) -> AudioLevel | None: ...
def pack(level: AudioLevel) -> bytes: ...
