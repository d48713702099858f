import socket
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.media.engine.bank import Bank
from gateway.media.engine.bridge import Bridge
from gateway.media.engine.browser_port import Binding, BrowserPort
from gateway.media.engine.receiver import Receiver
from gateway.media.engine.sender import Sender
from gateway.media.engine.trunk_port import TrunkPort
from voice.counters import Counters
from voice.reception import ReceptionSnapshot

SHORTEST_DIGIT: int
GAP: int
MAX_WAITING: int

class LegStatistics(NamedTuple):
    reception: ReceptionSnapshot
    heard_at: float
    packets_received: int
    octets_received: int
    packets_sent: int
    octets_sent: int
    timestamp: int
    sent_at: float
    level: int
    waiting: float
    discarded: int
    heard: bool

class Leg:
    # Whoever it is has the methods that the engine calls with its news
    owner: Any
    bridge: Bridge | None
    fed: bool
    slot: int
    mixed: bool
    @property
    def kind(self) -> str: ...
    @property
    def counters(self) -> Counters: ...
    @property
    def receiver(self) -> Receiver: ...
    @property
    def sender(self) -> Sender: ...
    @property
    def taps(self) -> list[Callable[[NDArray[np.int16]], None]]: ...
    @property
    def silenced(self) -> bool: ...
    @property
    def codec(self) -> str | None: ...
    def hold(self, held: bool) -> None: ...
    def silence(self, silenced: bool) -> None: ...
    def set_digits(self, payload_type: int | None, clock_rate: int) -> None: ...
    def send_digits(self, digits: str, duration: int = 100, gap: int = 60) -> None: ...
    def statistics(self, now: float) -> LegStatistics: ...
    def take_heard(self) -> bool: ...
    def feed(
        self, sink: Leg | None, mode: str, *, rate: int = 8000, relay: bool = False
    ) -> None: ...
    def fill_pause(self, noise: bytes, now: float) -> None: ...
    def close(self, now: float) -> None: ...

class BrowserLeg(Leg):
    def __init__(
        self, owner: object, port: BrowserPort, narrow: Bank, wide: Bank, now: float
    ) -> None: ...
    @property
    def binding(self) -> Binding: ...

class TrunkLeg(Leg):
    def __init__(
        self,
        owner: object,
        rtp: socket.socket,
        rtcp: socket.socket,
        counters: Counters,
        narrow: Bank,
        wide: Bank,
    ) -> None: ...
    @property
    def port(self) -> TrunkPort: ...

class FrameLeg(Leg):
    def __init__(
        self,
        owner: object,
        counters: Counters,
        narrow: Bank,
        wide: Bank,
        *,
        give: Callable[[NDArray[np.int16]], bool] | None = None,
        take: Callable[[NDArray[np.int16]], object] | None = None,
    ) -> None: ...
