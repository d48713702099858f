"""A jitter buffer with a clock, for tests to put packets in and see what is played."""

from __future__ import annotations

from tests.voice.network import (
    START,
    make_buffer,
    make_packet,
    read_number,
)
from voice.jitter_buffer import (
    LOSSES_REMEMBERED_MS,
    Action,
)

FRAME = 0.02  # seconds
LOSSES_REMEMBERED = LOSSES_REMEMBERED_MS / 1000
UNITS = 960  # of the Opus clock in a frame


class Queue:
    """A buffer that is fed by hand, and plays each packet 4 ms after it was made."""

    def __init__(self, *numbers: int, fec: bool = False) -> None:
        self.buffer = make_buffer()
        self.fec = fec
        self.first = numbers[0]
        self.now = START + 0.004
        for number in numbers:
            self.put(number)

    def put(self, number: int, payload: bytes | None = b"-") -> None:
        packet = make_packet(number, fec=self.fec) if payload else payload
        timestamp = number * UNITS & 0xFFFFFFFF
        made = START + (number - self.first) * FRAME
        self.buffer.push(number & 0xFFFF, timestamp, packet, made, stale=False)

    def take(self, count: int) -> list[tuple[Action, int | None]]:
        """Return what is done for the next frames, and the number of the packet that it is with."""
        done: list[tuple[Action, int | None]] = []
        for _ in range(count):
            action = self.buffer.pop(self.now, quiet=False, filled=0.001)
            done.append((action, self.number if action in (Action.PLAY, Action.REPAIR) else None))
            self.now += FRAME
        return done

    @property
    def number(self) -> int:
        return read_number(self.buffer.payload)


def numbers_of(done: list[tuple[Action, int | None]]) -> list[int]:
    return [number for action, number in done if action is Action.PLAY and number is not None]
