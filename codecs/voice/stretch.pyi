import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

SHORTEST_INPUT: int
THRESHOLD: float
QUIET: float

def find_period(
    samples: Samples, shortest: int, longest: int, window: int
) -> tuple[int, float]: ...
def shorten(
    samples: Samples,
    rate: int,
    *,
    threshold: float = ...,
    quiet: float = ...,
    at_least: int = 0,
) -> Samples: ...
