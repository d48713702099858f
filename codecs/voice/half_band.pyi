import numpy as np
from numpy.typing import NDArray

DELAY: int

class HalfBand:
    def halve_all(self, pcm: NDArray[np.int16]) -> NDArray[np.int16]: ...
