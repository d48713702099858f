import numpy as np
from numpy.typing import NDArray

SILENCE: int

def level_of(frame: NDArray[np.int16]) -> int: ...
