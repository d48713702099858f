from typing import TYPE_CHECKING

from voice.speech import SpeechDecoder

if TYPE_CHECKING:
    from voice.codec import PayloadCodec

LONGEST_MS: int

class ConcealingDecoder(SpeechDecoder):
    def __init__(
        self, name: str, own_rate: int, clock_rate: int, bytes_per_unit: int, sample_rate: int
    ) -> None: ...

class PcmDecoder(ConcealingDecoder):
    def __init__(self, codec: PayloadCodec, rate: int) -> None: ...
