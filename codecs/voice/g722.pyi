from voice.pcm import ConcealingDecoder
from voice.speech import SpeechEncoder

SAMPLE_RATE: int
CLOCK_RATE: int
FRAME: int

class G722Error(ValueError): ...

class G722Encoder(SpeechEncoder):
    def __init__(self, frame: int = 320, *, sample_rate: int = 16000) -> None: ...

class G722Decoder(ConcealingDecoder):
    def __init__(self, *, sample_rate: int = 16000) -> None: ...
