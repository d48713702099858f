from enum import IntEnum
from typing import Self

from voice.libopus import Libopus
from voice.opus_packet import Bandwidth as Bandwidth
from voice.opus_packet import OpusError as OpusError
from voice.speech import SpeechDecoder, SpeechEncoder

SAMPLE_RATES: tuple[int, ...]
LOWEST_BITRATE: int
HIGHEST_BITRATE: int

class Application(IntEnum):
    VOIP = 2048
    AUDIO = 2049
    LOW_DELAY = 2051

class OpusDecoder(SpeechDecoder):
    channels: int
    def __init__(
        self, sample_rate: int, channels: int = 1, *, library: Libopus | None = None
    ) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

class OpusEncoder(SpeechEncoder):
    channels: int
    bitrate: int
    max_bandwidth: Bandwidth
    complexity: int
    fec: bool
    expected_loss: int
    dtx: bool
    def __init__(
        self,
        sample_rate: int,
        *,
        bitrate: int = 24000,
        complexity: int = 5,
        fec: bool = True,
        expected_loss: int = 10,
        dtx: bool = False,
        max_bandwidth: Bandwidth = ...,
        application: Application = ...,
        channels: int = 1,
        library: Libopus | None = None,
    ) -> None: ...
    def reset(self) -> None: ...
    def control(self, request: int, value: int = 0) -> None: ...
    def query(self, request: int) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
