"""When each of a browser's packets is played, and what stands in for the missing ones. Pure.

Packets go in as they come; the media clock asks what to play for each frame. Three things differ
from a plain queue:

* a packet that is missing when its time has come is not given up at once. The frame is made up
  *beside* the stream: if the packet comes after all it is played, and everything after it waits
  that much longer. So the delay grows exactly where it is too small. If it never comes, what was
  made up has stood in for it;
* a loss that the next packet can repair (Opus FEC) makes the stream keep one packet in hand for
  as long as losses go on;
* the delay moves by a slot of the clock (5 ms) where that is enough, which the far end sees as a
  little jitter and nobody hears. Beyond that frames are left out or put in where it is quiet, and
  words are shortened by single pitch periods if they have to be.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum, auto

from gateway.media.core.lateness import LONGEST, Lateness
from gateway.media.core.speech import OPUS_FORMAT, SpeechFormat
from gateway.media.counters import rejected
from voice.sequence import SequenceTracker, TimestampUnwrapper

# Twice the longest delay in packets of 10 ms; more is a stream that has run away
MOST_WAITING = 40  # packets

FRAME = 0.02  # seconds
SLOT = 0.005  # seconds, by which the clock can move a stream
MOST_SHIFTED = 4  # slots to either side: 20 ms of jitter are what every far end bears
IN_HAND = 2  # slots more while losses last: a packet in hand takes four of them, and some to spare
SHIFT_PAUSE = 5  # frames between two moves to an earlier slot

# How far the delay may be off before something is done: a slot less the clock's own unrest
TOO_LONG = 0.0045  # seconds
TOO_SHORT = 0.0035

KEPT = 3  # slots for what is left once single packets do not help any more

# How long a delay that has become too long waits for a pause before words are shortened, and how
# long one must be that does not wait
PATIENCE = 10  # frames
URGENT = 0.06  # seconds

LOSSES_REMEMBERED = 10.0  # seconds after the last loss in which one packet is kept in hand

# What is lost in one gap is made up frame by frame up to this; more is a pause
LONGEST_REPAIR = 0.2  # seconds


_NO_PACKET = (None, 0, 0.0)


class Kind(Enum):
    """What to do for a frame; `Playout.payload` has the packet for the first four."""

    PLAY = auto()
    LEAVE_OUT = auto()  # decode it to keep the decoder going, and ask again
    SHORTEN = auto()  # play it shorter, if its sound allows
    REPAIR = auto()  # lost, but the payload is the packet after it: decode its FEC
    CONCEAL = auto()  # lost, or late: make something up
    QUIET = auto()  # nothing was to be expected: no packet has come yet, or a pause
    LATER = auto()  # ask again in the next slot


class Playout:
    """One stream's packets between arrival and playing.

    Times are seconds of the caller's clock. What is lost, late or let go is counted by name.

    Attributes
    ----------
    payload
        Of the packet that the last step speaks of.
    one_frame
        Whether that packet is as long as a frame.
    clock_rate
        Of the timestamps, in Hz.
    length
        Of that packet, and of what is to be repaired or concealed, in ticks of the clock.
    earlier
        Whether the stream should be served in the slot before its own from now on. Set while a
        frame is made, which may take several packets; whoever begins a frame clears it.
    """

    def __init__(self, counters: Counter[str], speech: SpeechFormat = OPUS_FORMAT) -> None:
        self.counters = counters
        self._speech = speech
        clock_rate = speech.clock_rate
        self.payload = b""
        self.one_frame = True
        self.length = 0
        self.earlier = False
        self.clock_rate = clock_rate
        self._frame = clock_rate // 50
        self._lateness = Lateness(clock_rate)
        self._track = SequenceTracker()
        self._unwrap = TimestampUnwrapper()
        self._restarts = 0
        # number -> (payload, timestamp, arrival); without a payload it is no audio (a telephone
        # event), but has a number in the stream all the same
        self._waiting: dict[int, tuple[bytes | None, int, float]] = {}
        self._next: int | None = None
        self._position = 0  # timestamp that comes next
        self._duration = self._frame  # of the newest packet
        self._made_up = 0  # ticks beside the stream since it last went on
        self._shift = 0  # slots that the stream has been moved
        self._since_shift = 0  # frames
        self._lossy_until = float("-inf")
        self._lossy = False
        self._too_long = 0  # packets in a row that waited for a packet's time too long
        self._forgiven = 0  # frames that the clock has left out
        self._discarded = 0  # packets that came too late or were let go
        self._talking = False

    @property
    def waiting(self) -> int:
        """How many packets have come and not been played."""
        return len(self._waiting)

    @property
    def target(self) -> float:
        """Seconds of delay that the stream needs, as far as is known."""
        return self._lateness.target

    def put(
        self, sequence: int, timestamp: int, payload: bytes | None, now: float, *, stale: bool
    ) -> None:
        """Take a packet.

        Parameters
        ----------
        sequence, timestamp
            As in its RTP header.
        payload
            None for a packet that is no audio.
        stale
            It may have waited for us, so that `now` does not say when it came.
        """
        number = self._track(sequence)
        if number is None:
            self.counters[rejected("browser", "sequence")] += 1
            return
        when = self._unwrap(timestamp)
        if payload is not None and not stale:
            self._lateness.note(when, now)
        if self._next is None or self._track.restarts != self._restarts:
            self._begin(number, when)
        if self._next is not None and number < self._next:
            self.counters[rejected("browser", "late")] += 1
            self._discarded += payload is not None
        elif number in self._waiting:
            self.counters[rejected("browser", "duplicate")] += 1
        else:
            self._waiting[number] = (payload, when, now)
            if len(self._waiting) > MOST_WAITING:
                self._let_go()

    def _begin(self, number: int, when: int) -> None:
        self._restarts = self._track.restarts
        if self._waiting:
            self._count_let_go(len(self._waiting))
            self._waiting.clear()
        self._next = number
        self._position = when

    def _let_go(self) -> None:
        oldest = min(self._waiting)
        payload, when, _ = self._waiting.pop(oldest)
        self._count_let_go(1)
        self._next = oldest + 1
        self._position = when + self._length(payload)

    def _count_let_go(self, packets: int) -> None:
        self.counters["browser_packets_let_go"] += packets
        self._discarded += packets

    def take_discarded(self) -> int:
        """Return how many packets have come since the last call that will never be played."""
        discarded, self._discarded = self._discarded, 0
        return discarded

    def skip(self, frames: int) -> None:
        """Let time pass in which nothing could be played; packets of that time are let go."""
        self._forgiven += frames

    def take(self, now: float, *, quiet: bool, filled: float = 0.0) -> Kind:
        """Return what to do for the frame that is due at `now`.

        Parameters
        ----------
        quiet
            Nobody would hear a frame more or less.
        filled
            Seconds of the frame that have samples already; with any it cannot wait.
        """
        started = filled > 0
        while True:
            self._pass_over_events()
            if self._next is None or not self._waiting:
                return self._nothing(started)
            found = self._waiting.get(self._next)
            kind = (
                self._missing(now, started)
                if found is None
                else self._present(found, now, quiet, filled)
            )
            if kind is not None:
                return kind

    def _nothing(self, started: bool) -> Kind:
        """No packet waits: the next one is late, or lost, or there is none."""
        if not self._talking:
            return Kind.QUIET
        if self._may_wait(started):
            return self._later()
        return self._beside()

    def _beside(self) -> Kind:
        """Make a packet up; if what is missing comes after all, it is played then."""
        self.length = min(self._frame, self._duration)
        self._made_up += self.length
        return Kind.CONCEAL

    def _present(
        self, found: tuple[bytes | None, int, float], now: float, quiet: bool, filled: float
    ) -> Kind | None:
        payload, when, came = found
        if payload is None:
            return None
        length = self._length(payload)
        seconds = length / self.clock_rate
        # A frame of several packets needs the last of them as well
        following = max(0.0, FRAME - filled - seconds)
        excess = self._lateness.of(when, now) - following - self._in_hand(now)
        if when != self._position:
            self._position = when
            if excess < -TOO_SHORT and self._talking:  # after a pause the delay costs nothing
                return Kind.QUIET
        excess = min(excess, now - came)  # nothing can be played before it is here
        if self._forgiven or excess > LONGEST:
            self._forgiven = max(0, self._forgiven - 1)
            if excess > TOO_LONG and len(self._waiting) > 1:
                self._go_on(payload, length)
                self._count_let_go(1)
                return Kind.LEAVE_OUT
        kind = self._adjust(excess, quiet, filled > 0, seconds)
        if kind in (Kind.LATER, Kind.CONCEAL):
            return kind
        self._go_on(payload, length)
        self._talking = True
        return kind

    def _adjust(self, excess: float, quiet: bool, started: bool, length: float) -> Kind:
        """Choose how a packet is played that is here: the delay is off by `excess` seconds."""
        self._since_shift += 1
        if -TOO_SHORT <= excess <= TOO_LONG:
            self._too_long = 0
            return Kind.PLAY
        if excess < 0:
            if self._may_wait(started):
                return self._later()
            if quiet and excess < -length / 2:
                return self._inserted()
            return Kind.PLAY
        return self._catch_up(excess, quiet, length)

    def _catch_up(self, excess: float, quiet: bool, length: float) -> Kind:
        """Choose how a packet is played that has waited for too long."""
        spare = 0.0
        if excess < length:
            if self._move_earlier(MOST_SHIFTED):
                self._too_long = 0
                return Kind.PLAY
            # The slots are used up: in a pause a packet is let go, and some are won back
            spare = MOST_SHIFTED * SLOT
        else:
            self._move_earlier(MOST_SHIFTED - KEPT)
        if quiet and excess >= length - spare:
            self.counters["browser_frames_left_out"] += 1
            return Kind.LEAVE_OUT
        if spare:
            self._too_long = 0
            return Kind.PLAY
        self._too_long += 1
        return Kind.SHORTEN if self._too_long > PATIENCE or excess > URGENT else Kind.PLAY

    def _move_earlier(self, most: int) -> bool:
        """Move by one slot if it is time to, up to this many; false if they are used up."""
        if self._shift <= -most:
            return False
        if self._since_shift >= SHIFT_PAUSE:
            self._shift -= 1
            self._since_shift = 0
            self.earlier = True
        return True

    def _inserted(self) -> Kind:
        self._since_shift = 0
        self.length = self._frame
        self.counters["browser_frames_inserted"] += 1
        return Kind.CONCEAL

    def _missing(self, now: float, started: bool) -> Kind | None:
        """Packets have come, but not the next one."""
        excess = self._lateness.of(self._position, now)
        if excess < -TOO_SHORT:  # it is not late yet, for what this network does
            if self._may_wait(started):
                return self._later()
            return self._beside()
        first = min(self._waiting)
        next_ = first if self._next is None else self._next
        when = self._waiting[first][1]
        # Where the time between is none either, as among the packets of one telephone event, there
        # is nothing to be heard of what is lost
        if not 0 < when - self._position <= LONGEST_REPAIR * self.clock_rate:
            self.counters["browser_packets_lost"] += first - next_
            self._next, self._position = first, when
            return None
        self.counters["browser_packets_lost"] += 1
        repair = self._repair(next_ + 1, now)
        self._next = next_ + 1
        # What is lost was as long as its neighbors, unless the timestamps say otherwise
        self.length = min(self._duration, when - self._position)
        self._position += self.length
        if self._made_up and (repair is None or excess > 1.5 * self._duration_seconds):
            covered = min(self._made_up, self.length)
            self._made_up -= covered
            self.length -= covered
            if not self.length:
                return None
            repair = None
        if repair is None:
            return Kind.CONCEAL
        self.payload = repair
        return Kind.REPAIR

    def _repair(self, number: int, now: float) -> bytes | None:
        """Return the packet that carries the lost one before it, if it is here."""
        payload = self._waiting.get(number, _NO_PACKET)[0]
        if payload is None:
            return None
        if not self._speech.repairs(payload):
            return None
        self._lossy_until = now + LOSSES_REMEMBERED
        return payload

    def _in_hand(self, now: float) -> float:
        """Return by how many seconds more than they need packets should wait, to repair losses."""
        self._lossy = now < self._lossy_until
        if not self._lossy:
            return 0.0
        # The packet after a lost one may be as late as any, and the clock sees it up to a slot
        # later than that. Where packets are late by more than their length it nearly always is here
        length = self._duration_seconds + SLOT
        return max(0.0, length - max(0.0, self._lateness.target - length))

    @property
    def _duration_seconds(self) -> float:
        return self._duration / self.clock_rate

    def _may_wait(self, started: bool) -> bool:
        most = MOST_SHIFTED + (IN_HAND if self._lossy else 0)
        return not started and self._shift < most

    def _later(self) -> Kind:
        self._shift += 1
        if self.earlier:  # what was left out before this packet has asked for the other way
            self.earlier = False
            self._shift += 1
        self._since_shift = 0
        self.counters["browser_frames_delayed"] += 1
        return Kind.LATER

    def _length(self, payload: bytes | None) -> int:
        if payload is None:
            return 0
        return self._speech.length(payload) or self._duration

    def following(self) -> bytes | None:
        """Return the packet right after the one just played, if it is here, and play it as well."""
        found = self._waiting.get(self._next) if self._next is not None else None
        if found is None or found[0] is None or found[1] != self._position:
            return None
        payload = found[0]
        self._go_on(payload, self._length(payload))
        return payload

    def _go_on(self, payload: bytes, length: int) -> None:
        if self._next is not None:
            del self._waiting[self._next]
            self._next += 1
        self.payload = payload
        self.length = length
        self.one_frame = length == self._frame
        self._duration = length
        self._position += length
        self._made_up = 0

    def _pass_over_events(self) -> None:
        while self._next is not None:
            found = self._waiting.get(self._next)
            if found is None or found[0] is not None:
                return
            del self._waiting[self._next]
            self._next += 1
            self._talking = False  # audio stops while a digit is sent
