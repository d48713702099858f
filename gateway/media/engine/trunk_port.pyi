import socket

from gateway.media.engine.latch import SourceLatch
from gateway.media.engine.transport import Transport
from gateway.media.engine.trunk_cipher import TrunkCipher
from voice.counters import Counters

LAST_PORT: int

class TrunkPort(Transport):
    cipher: TrunkCipher | None
    def __init__(self, rtp: socket.socket, rtcp: socket.socket, counters: Counters) -> None: ...
    @property
    def rtp(self) -> socket.socket: ...
    @property
    def rtcp(self) -> socket.socket: ...
    @property
    def latch(self) -> SourceLatch: ...
    def expect(self, host: str, port: int, rtcp_port: int | None) -> None: ...
    def send_rtcp(self, packet: bytes) -> None: ...
