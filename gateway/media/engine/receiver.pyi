from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.media.engine.bank import Bank
from voice.counters import Counters
from voice.playback import Playback
from voice.reception import Reception

class Receiver:
    give_frame: Callable[[NDArray[np.int16]], bool] | None
    def __init__(
        self, counters: Counters, narrow: Bank, wide: Bank, *, guards_ssrc: bool
    ) -> None: ...
    @property
    def counters(self) -> Counters: ...
    @property
    def reception(self) -> Reception: ...
    @property
    def playback(self) -> Playback | None: ...
    @property
    def heard_at(self) -> float: ...
    @property
    def level(self) -> int: ...
    @property
    def codec(self) -> str | None: ...
    def set_formats(
        self,
        audio: dict[int, str],
        *,
        events: tuple[int, ...] = (),
        event_clock_rate: int = 8000,
        noise: int | None = None,
        level_extension: int | None = None,
    ) -> None: ...
    def decode_at(self, rate: int, codec: str | None = None) -> None: ...
    def decode_wanted(self) -> None: ...
    def begin_noise(self, payload: bytes, now: float) -> bool: ...
    def make_concealer(self, rate: int) -> None: ...
