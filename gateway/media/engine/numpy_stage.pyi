from gateway.media.engine.packet_path import PacketPath
from gateway.media.engine.tone_finder import ToneFinder

class NumpyStage(PacketPath):
    finders: dict[int, ToneFinder]
    tapped: int
    seeking: int
