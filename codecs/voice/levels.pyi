import numpy as np
from numpy.typing import NDArray

SILENCE: int
LOUDEST_FLOOR: int

def level_of(frame: NDArray[np.int16]) -> int: ...
