"""DTMF digits as RTP telephone events (RFC 4733): the payload, sending, receiving. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from voice.pauses import PAUSES
from voice.sequence import MAX_DROPOUT, MAX_MISORDER
from voice.telephone_press import LONGEST_SEGMENT, Press, PressPacket

DIGITS = "0123456789*#ABCD"  # by event code, section 3.2
EVENTS = {digit: event for event, digit in enumerate(DIGITS)}

PAYLOAD_SIZE = 4
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
    """What to send with a frame; with `suppress` no audio, whether there is a packet or not."""

    packet: EventPacket | None
    suppress: bool


_IDLE = Tick(None, suppress=False)


class EventSender:
    """Spreads digits over the frames of an RTP stream (section 2.5.1).

    In a pause (`voice.pauses`) no event is sent, and audio goes on.

    Parameters
    ----------
    clock_rate
        Hz of the RTP timestamps, such as 8000 or 48000.
    ptime
        Milliseconds of a frame.
    volume
        -dBm0 that is written into the packets.
    """

    def __init__(self, clock_rate: int, *, ptime: int = 20, volume: int = DEFAULT_VOLUME) -> None:
        self._rate = clock_rate
        self._ptime = ptime
        self._volume = volume
        self._waiting: deque[tuple[int, int, int] | int] = deque()  # a pause is its frames
        self._sending: _Sending | None = None
        self._pausing = 0  # frames

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
        return self._sending is not None or self._pausing > 0 or bool(self._waiting)

    def send(self, digits: str, *, duration: int = 100, gap: int = 60) -> None:
        """Send digits after those that still wait.

        Parameters
        ----------
        digits
            Of 0 to 9, *, #, A to D; small letters too. Pauses may stand among them.
        duration
            Milliseconds of each digit.
        gap
            Least milliseconds after each digit, the last one too; rounded up to whole frames, and
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
        strange = set(digits.upper()) - set(EVENTS) - set(PAUSES)
        if strange:
            raise EventError(f"{min(strange)!r} is no digit: there are {' '.join(DIGITS)}")
        frames = max(END_PACKETS - 1, -(-gap // self._ptime))
        units = duration * self._rate // 1000
        self._waiting.extend(
            -(-PAUSES[digit] // self._ptime) if digit in PAUSES else (EVENTS[digit], units, frames)
            for digit in digits.upper()
        )

    def interrupt(self) -> None:
        """Be ready for a pause: an end that has been sent is not repeated after it.

        So long after its end a digit would be taken for another one. A digit that has not ended
        goes on after the pause.
        """
        if self._sending is not None and self._sending.ends:
            self._sending = None

    def tick(self, timestamp: int) -> Tick:
        """Return what to send now; call once per `ptime`.

        Parameters
        ----------
        timestamp
            RTP timestamp that an audio packet of this frame would have.
        """
        if self._pausing:
            self._pausing -= 1
            return _IDLE
        if self._sending is None:
            if not self._waiting:
                return _IDLE
            first = self._waiting.popleft()
            if isinstance(first, int):
                self._pausing = first - 1
                return _IDLE
            step = self._ptime * self._rate // 1000
            self._sending = _Sending(*first, timestamp, step, self._volume)
        packet, over = self._sending.advance()
        if over:
            self._sending = None
        return Tick(packet, suppress=True)


@dataclass(slots=True)
class _Sending:
    """One digit on its way; times in timestamp units, `gap` in frames."""

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
        """Return the packet of the next frame, and whether it was the digit's last frame."""
        if self.ends:
            self.gap -= 1
        self.elapsed = min(self.elapsed + self.step, self.total)
        if self.elapsed - self.offset > LONGEST_SEGMENT:
            # Section 2.5.1.3: the segment closes with the longest duration, and the next one
            # begins where it ended, in the next frame so that there is one packet per frame
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


class EventReceiver:
    """Makes one start and one end of each digit, whatever is lost, doubled or out of order.

    A digit counts on its first packet of any kind: Chromium may send nothing but end packets, all
    with marker. Which packets are one press, `voice.telephone_press` says. A source may start its
    sequence numbers anew or have another SSRC at any time: it goes on after what has come.

    Parameters
    ----------
    clock_rate
        Hz of the RTP timestamps and durations. Browsers count at the 48 kHz of Opus even for a
        payload type that they call telephone-event/8000: give 48000 for a browser's Opus stream.
    timeout
        Seconds without a packet after which a digit is taken as ended.
    """

    _REMEMBERED = 32  # presses whose packets may still come: more than 3 s of the fastest dialing

    def __init__(self, clock_rate: int, *, timeout: float = 0.5) -> None:
        self._rate = clock_rate
        self._timeout = timeout
        self._presses: list[Press] = []  # in the order of their packets' numbers
        self._ssrc: int | None = None
        self._sequence = 0  # that stands for `_highest`
        self._highest = 0

    @property
    def clock_rate(self) -> int:
        return self._rate

    def receive(
        self, ssrc: int, sequence: int, timestamp: int, marker: bool, payload: bytes, now: float
    ) -> list[EventStarted | EventEnded]:
        """Take a packet and return what it tells, in order.

        Parameters
        ----------
        ssrc, sequence, timestamp, marker
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
        if event.digit is None:
            return []
        number = self._unwrap(ssrc, sequence)
        packet = PressPacket(event.digit, number, timestamp, marker, event.end, event.duration, now)
        if not self._presses or number > self._presses[-1].last.number:
            return self._receive_next(packet)
        return self._receive_late(packet)

    def expire(self, now: float) -> list[EventStarted | EventEnded]:
        """Return the end of a digit whose packets have stopped coming; call every now and then."""
        if not self._presses or now - self._presses[-1].heard < self._timeout:
            return []
        return self._end_newest()

    def reset(self) -> list[EventStarted | EventEnded]:
        """Forget all presses, as for a new source; return the end of a digit that was on."""
        told = self._end_newest()
        self._presses.clear()
        self._ssrc = None
        return told

    def _unwrap(self, ssrc: int, sequence: int) -> int:
        """Return a number that says a packet's order among all."""
        ahead = (sequence - self._sequence) & 0xFFFF
        if ssrc == self._ssrc and ahead > 0x10000 - MAX_MISORDER:
            return self._highest + ahead - 0x10000
        if ssrc != self._ssrc or ahead >= MAX_DROPOUT:
            ahead = 1
        self._ssrc, self._sequence = ssrc, sequence
        self._highest += ahead
        return self._highest

    def _receive_next(self, packet: PressPacket) -> list[EventStarted | EventEnded]:
        """Take a packet that is later than all before."""
        if self._presses and self._presses[-1].goes_on_with(packet):
            return self._add(self._presses[-1], packet)
        told = self._end_newest()
        press = Press(packet, self._rate)
        self._presses = [*self._presses[1 - self._REMEMBERED :], press]
        told.append(EventStarted(press.digit))
        return told + (self._end_newest() if packet.end else [])

    def _receive_late(self, packet: PressPacket) -> list[EventStarted | EventEnded]:
        """Take a packet that others have overtaken, or that has come before."""
        presses = self._presses
        place = bisect_right(presses, packet.number, key=lambda press: press.first.number)
        if place:
            press = presses[place - 1]
            within = packet.number <= press.last.number
            if press.holds(packet) if within else press.goes_on_with(packet):
                return self._add(press, packet)
            if within:
                return self._receive_renumbered(packet)
        if place < len(presses) and presses[place].began_with(packet):
            return self._add(presses[place], packet)
        if 0 < (packet.timestamp - presses[-1].last.timestamp) & 0xFFFFFFFF < 1 << 31:
            return self._receive_renumbered(packet)
        # Its other packets are lost or still on their way, and the newer one has been told
        press = Press(packet, self._rate, reported=True)
        presses.insert(place, press)
        return [EventStarted(press.digit), EventEnded(press.digit, press.duration_ms)]

    def _receive_renumbered(self, packet: PressPacket) -> list[EventStarted | EventEnded]:
        """Take a packet that is later than its number says: numbers are given out again."""
        self._highest += 1
        self._sequence += packet.number - self._highest + 1
        return self._receive_next(packet._replace(number=self._highest))

    def _add(self, press: Press, packet: PressPacket) -> list[EventStarted | EventEnded]:
        press.add(packet)
        newest = press is self._presses[-1]
        return self._end_newest() if newest and press.ended is not None else []

    def _end_newest(self) -> list[EventStarted | EventEnded]:
        """Return the end of the newest press if it has not been told."""
        if not self._presses or self._presses[-1].reported:
            return []
        press = self._presses[-1]
        press.reported = True
        return [EventEnded(press.digit, press.duration_ms)]
