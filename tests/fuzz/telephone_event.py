"""Telephone events: as many starts as ends, whatever comes in whatever order."""

from __future__ import annotations

from struct import Struct

from voice.telephone_event import (
    DIGITS,
    EventEnded,
    EventError,
    EventReceiver,
    EventStarted,
    encode,
    parse,
)

# Payload, SSRC and marker, sequence number's difference, timestamp's difference and hundredths of a
# second since the packet before
_STEP = Struct("!4sBBHB")
_RATES = (8000, 48000)


def one_input(data: bytes) -> None:
    try:
        event = parse(data)
        assert parse(encode(event)) == event
    except EventError:
        assert len(data) < 4
    receiver = EventReceiver(_RATES[len(data) % 2])
    now, sequence, timestamp = 0.0, 0, 0
    told: list[EventStarted | EventEnded] = []
    whole = data[: len(data) // _STEP.size * _STEP.size]
    for payload, bits, numbers, passed, hundredths in _STEP.iter_unpack(whole):
        sequence = (sequence + numbers - 8) & 0xFFFF
        timestamp = (timestamp + passed - 1000) & 0xFFFFFFFF
        now += hundredths / 100
        told += receiver.receive(bits >> 1 & 3, sequence, timestamp, bits > 127, payload, now)
        if bits & 1:
            told += receiver.expire(now)
    told += receiver.reset()
    # One that was overtaken is told within the newer one
    down: list[str] = []
    for each in told:
        assert each.digit in DIGITS
        if isinstance(each, EventStarted):
            down.append(each.digit)
        else:
            assert each.duration_ms >= 0
            down.remove(each.digit)
    assert not down
