import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

LONGEST_FRAME: float
LONGEST_MEMORY: float
SHORTEST_MEMORY: float
LOWEST_RATE: int
HIGHEST_RATE: int

class PcmConcealer:
    @property
    def rate(self) -> int: ...
    def __init__(self, rate: int, seed: int = 0, memory: float = ...) -> None: ...
    def heard(self, frame: Samples) -> None: ...
    def conceal(self, out: Samples) -> None: ...
    def restart(self) -> None: ...
