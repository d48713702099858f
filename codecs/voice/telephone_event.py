"""DTMF digits as RTP telephone events (RFC 4733): the payload, sending, receiving. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

DIGITS = "0123456789*#ABCD"  # by event code, section 3.2
EVENTS = {digit: event for event, digit in enumerate(DIGITS)}

PAYLOAD_SIZE = 4
LONGEST_SEGMENT = 0xFFFF  # what the duration field holds; longer events go in segments
END_PACKETS = 3  # section 2.5.1.4: the last packet and two repetitions
DEFAULT_VOLUME = 10  # -dBm0

_PAYLOAD = Struct("!BBH")
_END = 0x80
_VOLUME = 0x3F


class EventError(ValueError):
    """A payload that is no telephone event, or a digit that there is none for."""


class TelephoneEvent(NamedTuple):
    """A payload, section 2.3: `volume` in -dBm0, `duration` in timestamp units."""

    event: int
    end: bool
    volume: int
    duration: int

    @property
    def digit(self) -> str | None:
        """The key, None if the event is another (flash hook, tones)."""
        return DIGITS[self.event] if self.event < len(DIGITS) else None


def parse(payload: bytes) -> TelephoneEvent:
    """Read a payload; of several events packed into one (section 2.5.1.5) the first.

    Raises
    ------
    EventError
        Fewer than 4 bytes.
    """
    if len(payload) < PAYLOAD_SIZE:
        raise EventError(f"{len(payload)} bytes: a telephone event has {PAYLOAD_SIZE} (RFC 4733)")
    event, flags, duration = _PAYLOAD.unpack_from(payload)
    return TelephoneEvent(event, flags >= _END, flags & _VOLUME, duration)


def encode(event: TelephoneEvent) -> bytes:
    """Return the payload of an event.

    Raises
    ------
    EventError
        A field that its bits do not hold.
    """
    code, end, volume, duration = event
    if not (0 <= code <= 0xFF and 0 <= volume <= _VOLUME and 0 <= duration <= LONGEST_SEGMENT):
        raise EventError(f"{event}: event up to 255, volume up to 63, duration up to 65535")
    return _PAYLOAD.pack(code, volume | (_END if end else 0), duration)


class EventPacket(NamedTuple):
    """A packet to send: its payload, and what its RTP header must say."""

    payload: bytes
    marker: bool
    timestamp: int


class Tick(NamedTuple):
    """What to send in a tick; with `suppress` no audio, whether there is a packet or not."""

    packet: EventPacket | None
    suppress: bool


_IDLE = Tick(None, suppress=False)


class EventSender:
    """Spreads digits over the ticks of an RTP stream (section 2.5.1).

    Parameters
    ----------
    clock_rate
        Hz of the RTP timestamps, such as 8000 or 48000.
    ptime
        Milliseconds from tick to tick.
    volume
        -dBm0 that is written into the packets.
    """

    def __init__(self, clock_rate: int, *, ptime: int = 20, volume: int = DEFAULT_VOLUME) -> None:
        self._rate = clock_rate
        self._ptime = ptime
        self._volume = volume
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._sending: _Sending | None = None

    @property
    def clock_rate(self) -> int:
        return self._rate

    @property
    def waiting(self) -> int:
        """How many digits wait behind the one that is being sent."""
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether digits are being sent or wait to be."""
        return self._sending is not None or bool(self._waiting)

    def send(self, digits: str, *, duration: int = 100, gap: int = 60) -> None:
        """Send digits after those that still wait.

        Parameters
        ----------
        digits
            Of 0 to 9, *, #, A to D; small letters too.
        duration
            Milliseconds of each digit.
        gap
            Least milliseconds after each digit, the last one too; rounded up to whole ticks, and
            at least the two that the repeated end packets take.

        Raises
        ------
        EventError
            Another character (none of the digits is sent then).
        ValueError
            A duration that is not positive, or a negative gap.
        """
        if duration <= 0 or gap < 0:
            raise ValueError(f"digits of {duration} ms, {gap} ms apart: neither can be negative")
        strange = set(digits.upper()) - set(EVENTS)
        if strange:
            raise EventError(f"{min(strange)!r} is no digit: there are {' '.join(DIGITS)}")
        ticks = max(END_PACKETS - 1, -(-gap // self._ptime))
        units = duration * self._rate // 1000
        self._waiting.extend((EVENTS[digit], units, ticks) for digit in digits.upper())

    def tick(self, timestamp: int) -> Tick:
        """Return what to send now; call once per `ptime`.

        Parameters
        ----------
        timestamp
            RTP timestamp that an audio packet of this tick would have.
        """
        if self._sending is None:
            if not self._waiting:
                return _IDLE
            step = self._ptime * self._rate // 1000
            self._sending = _Sending(*self._waiting.popleft(), timestamp, step, self._volume)
        packet, over = self._sending.advance()
        if over:
            self._sending = None
        return Tick(packet, suppress=True)


@dataclass(slots=True)
class _Sending:
    """One digit on its way; times in timestamp units, `gap` in ticks."""

    event: int
    total: int
    gap: int
    start: int
    step: int
    volume: int
    elapsed: int = 0
    offset: int = 0  # of the segment
    ends: int = 0
    marker: bool = True

    def advance(self) -> tuple[EventPacket | None, bool]:
        """Return the packet of the next tick, and whether it was the digit's last tick."""
        if self.ends:
            self.gap -= 1
        self.elapsed = min(self.elapsed + self.step, self.total)
        if self.elapsed - self.offset > LONGEST_SEGMENT:
            # Section 2.5.1.3: the segment closes with the longest duration, and the next one
            # begins where it ended, in the next tick so that there is one packet per tick
            packet = self._packet(LONGEST_SEGMENT, end=False)
            self.offset += LONGEST_SEGMENT
            return packet, False
        end = self.elapsed == self.total
        if self.ends == END_PACKETS:
            return None, self.gap == 0
        self.ends += end
        return self._packet(self.elapsed - self.offset, end=end), end and self.gap == 0

    def _packet(self, duration: int, *, end: bool) -> EventPacket:
        payload = encode(TelephoneEvent(self.event, end, self.volume, duration))
        timestamp = (self.start + self.offset) & 0xFFFFFFFF
        packet = EventPacket(payload, self.marker, timestamp)
        self.marker = False
        return packet


@dataclass(frozen=True, slots=True)
class EventStarted:
    """A key went down."""

    digit: str


@dataclass(frozen=True, slots=True)
class EventEnded:
    """A key went up; `duration_ms` as far as the packets told."""

    digit: str
    duration_ms: int


@dataclass(slots=True)
class _Receiving:
    """The newest event; `before` counts the units of its earlier segments."""

    timestamp: int
    digit: str
    heard: float
    units: int = 0
    before: int = 0
    complete: bool = False  # its end packet came
    reported: bool = False  # its end has been told


class EventReceiver:
    """Makes one start and one end of each digit, whatever is lost, doubled or out of order.

    An event is known by its RTP timestamp alone, and counts on its first packet of any kind:
    Chromium may send nothing but end packets, all with marker.

    Parameters
    ----------
    clock_rate
        Hz of the RTP timestamps and durations. Browsers count at the 48 kHz of Opus even for a
        payload type that they call telephone-event/8000: give 48000 for a browser's Opus stream.
    timeout
        Seconds without a packet after which a digit is taken as ended.
    """

    # Timestamps of past events whose packets may still come: more than 3 s of the fastest dialing
    _REMEMBERED = 32
    _LATE = 2.0  # seconds that a whole event may be out of order

    def __init__(self, clock_rate: int, *, timeout: float = 0.5) -> None:
        self._rate = clock_rate
        self._timeout = timeout
        self._seen: deque[int] = deque(maxlen=self._REMEMBERED)
        self._newest: _Receiving | None = None

    @property
    def clock_rate(self) -> int:
        return self._rate

    def receive(
        self, timestamp: int, marker: bool, payload: bytes, now: float
    ) -> list[EventStarted | EventEnded]:
        """Take a packet and return what it tells, in order.

        Parameters
        ----------
        timestamp, marker
            As in the packet's RTP header.
        payload
            The packet's payload. Events that are no digits tell nothing.
        now
            Seconds of the clock that `expire` is given.

        Raises
        ------
        EventError
            The payload is no telephone event; nothing has changed.
        """
        event = parse(payload)
        digit, newest = event.digit, self._newest
        if digit is None:
            return []
        if newest is not None and self._belongs(newest, timestamp, marker, digit):
            return self._go_on(newest, event, now)
        if timestamp in self._seen:
            return []
        self._seen.append(timestamp)
        if newest is not None and self._precedes(timestamp, newest):
            # Its other packets are lost or still on their way, and the newer one has been told
            return [EventStarted(digit), EventEnded(digit, self._milliseconds(event.duration))]
        told = self._end(newest)
        self._newest = _Receiving(timestamp, digit, now)
        return [*told, EventStarted(digit), *self._go_on(self._newest, event, now)]

    def expire(self, now: float) -> list[EventStarted | EventEnded]:
        """Return the end of a digit whose packets have stopped coming; call every now and then."""
        newest = self._newest
        if newest is None or now - newest.heard < self._timeout:
            return []
        return self._end(newest)

    def reset(self) -> list[EventStarted | EventEnded]:
        """Forget all timestamps, as for a new source; return the end of a digit that was on."""
        told = self._end(self._newest)
        self._newest = None
        self._seen.clear()
        return told

    def _belongs(self, newest: _Receiving, timestamp: int, marker: bool, digit: str) -> bool:
        """Whether a packet is of the newest event; moves on to its next segment if need be."""
        if timestamp == newest.timestamp:
            return digit == newest.digit
        ahead = (timestamp - newest.timestamp) & 0xFFFFFFFF
        if ahead != LONGEST_SEGMENT or marker or newest.complete or digit != newest.digit:
            return False
        self._seen.append(timestamp)
        newest.timestamp = timestamp
        newest.before += LONGEST_SEGMENT
        newest.units = 0
        return True

    def _precedes(self, timestamp: int, newest: _Receiving) -> bool:
        behind = (newest.timestamp - timestamp) & 0xFFFFFFFF
        return behind < self._LATE * self._rate

    def _go_on(
        self, newest: _Receiving, event: TelephoneEvent, now: float
    ) -> list[EventStarted | EventEnded]:
        newest.heard = now
        newest.units = max(newest.units, event.duration)
        if not event.end:
            return []
        newest.complete = True
        return self._end(newest)

    def _end(self, event: _Receiving | None) -> list[EventStarted | EventEnded]:
        if event is None or event.reported:
            return []
        event.reported = True
        return [EventEnded(event.digit, self._milliseconds(event.before + event.units))]

    def _milliseconds(self, units: int) -> int:
        return round(units * 1000 / self._rate)
