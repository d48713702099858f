"""When each of a stream's packets is played, and what stands in for the missing ones. Pure.

Packets go in as they come; the media clock asks what to play for each frame. Three things differ
from a plain queue:

* a packet that is missing when its time has come is not given up at once. The frame is concealed
  *beside* the stream: if the packet comes after all it is played, and everything after it waits
  that much longer. So the delay grows exactly where it is too small. If it never comes, what was
  concealed has stood in for it;
* a loss that the next packet can repair (Opus FEC) makes the stream keep one packet in hand for
  as long as losses go on;
* the delay moves by a slot of the clock (5 ms) where that is enough, which the far end sees as a
  little jitter and nobody hears. Beyond that frames are dropped or put in where it is quiet, and
  words are accelerated by single pitch periods if they have to be.

In a call's first seconds the delay is found first. What is concealed is made long enough at once,
and what is too long by several frames is given back in one piece: see `_gives_back`.
"""

from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove

from voice.counters cimport (
    FRAMES_DELAYED,
    FRAMES_DROPPED,
    FRAMES_INSERTED,
    PACKETS_DISCARDED,
    PACKETS_LOST,
    REJECTED_DUPLICATE,
    REJECTED_LATE,
    REJECTED_SEQUENCE,
)
from voice.delay_estimator cimport LONGEST_DELAY_MS

cdef double FRAME = 0.02  # seconds
cdef double SLOT = 0.005  # seconds, by which the clock can move a stream

cdef enum:
    FRAMES_PER_SECOND = 50
    MOST_SHIFTED = 4  # slots to either side: 20 ms of jitter are what every far end bears
    IN_HAND = 2  # slots more while losses last: a packet takes four of them, and some to spare
    SHIFT_PAUSE = 5  # frames between two moves to an earlier slot
    KEPT = 3  # slots for what is left once single packets do not help any more
    # How long a delay that has become too long waits for a pause before words are accelerated
    PATIENCE = 10  # frames

cdef double URGENT = 0.06  # seconds of delay too many that do not wait for a pause

# How far the delay may be off before something is done: a slot less the clock's own unrest
cdef double TOO_LONG = 0.0045  # seconds
cdef double TOO_SHORT = 0.0035

cdef double LONGEST_DELAY = LONGEST_DELAY_MS / 1000.0
cdef double LONGEST_REPAIR = LONGEST_REPAIR_MS / 1000.0
cdef double LOSSES_REMEMBERED = LOSSES_REMEMBERED_MS / 1000.0

# A stream is young for so long. Then a delay that is too long by more than SURPLUS, and by half as
# much again as a packet is long, is given back in one piece. It is dropped where it is quiet, or
# after FIRST_WORDS, which leaves time to find such a place; a delay that is found later waits for
# SEARCH at least
cdef double YOUNG = 3.0  # seconds from the first packet played
cdef double SURPLUS = 0.03  # seconds
cdef double FIRST_WORDS = 1.4  # seconds from the first packet played
cdef double SEARCH = 0.6  # seconds

cdef double NEVER = -INFINITY  # a time before all others

cdef int ASK_AGAIN = -1  # no action for this frame yet


cdef class JitterBuffer:
    """One stream's packets between arrival and playing.

    Times are seconds of the caller's clock. What is lost, late or discarded is counted by name.

    Parameters
    ----------
    counters
        Where it is counted.
    decoder
        Of the stream's codec: tells how long payloads are and what they repair.

    Attributes
    ----------
    delay
        What is known of the packets' arrivals.
    one_frame
        Whether the packet of the last action is as long as a frame.
    length
        Of that packet, and of what is to be repaired or concealed, in units of the clock rate.
    clock_rate
        Of the timestamps, in Hz.
    giving_back
        Whether a young stream has a delay that is to be given back in one piece.
    earlier
        Whether the stream should be served in the slot before its own from now on. Set while a
        frame is made, which may take several packets; whoever begins a frame clears it.
    """

    def __cinit__(self, Counters counters not None, SpeechDecoder decoder not None) -> None:
        self.counters = counters
        self.clock_rate = decoder.clock_rate
        self.delay = DelayEstimator(decoder.clock_rate)
        self._decoder = decoder
        self._track = SequenceTracker()
        self._unwrap = TimestampUnwrapper()
        self._frame = decoder.clock_rate // FRAMES_PER_SECOND
        self.restart()

    def __dealloc__(self) -> None:
        self._clear()

    cdef void change_decoder(self, SpeechDecoder decoder):
        self._decoder = decoder

    @property
    def waiting(self) -> int:
        """How many packets have come and not been played."""
        return self._count

    @property
    def payload(self) -> bytes:
        """Of the packet that the last action speaks of; empty once it is gone."""
        return b"" if self.payload_data == NULL else self.payload_data[: self.payload_size]

    def push(
        self, sequence: int, timestamp: int, payload: bytes | None, now: float, *, stale: bool
    ) -> None:
        """Take a packet.

        Parameters
        ----------
        sequence, timestamp
            As in its RTP header.
        payload
            None for a packet that is no audio.
        now
            When it came.
        stale
            It may have waited for us, so that `now` does not say when it came.

        Raises
        ------
        OverflowError
            A sequence number of more than 16 bits, a timestamp of more than 32.
        """
        cdef const uint8_t[::1] view = payload or b"\0"
        cdef int size = 0 if payload is None else len(payload)
        self.push_packet(sequence, timestamp, &view[0], size, now, payload is not None, stale)

    def pop(self, now: float, *, quiet: bool, filled: float = 0.0) -> Action:
        """Return what to do for the frame that is due at `now`.

        Parameters
        ----------
        quiet
            Nobody would hear a frame more or less.
        filled
            Seconds of the frame that have samples already; with any it cannot wait.
        """
        return self.next_action(now, quiet, filled)

    cdef void push_packet(
        self,
        uint16_t sequence,
        uint32_t timestamp,
        const uint8_t *payload,
        int size,
        double arrival,
        bint audio,
        bint stale,
    ) noexcept nogil:
        cdef int64_t number = 0
        if not self._track.track(sequence, &number):
            self.counters.count(REJECTED_SEQUENCE, 1)
            return
        cdef int64_t when = self._unwrap.unwrap(timestamp)
        if audio and not stale:
            self.delay.note_arrival(when, arrival)
        if not self._begun or self._track.restarts != self._restarts:
            self._begin(number, when)
        if number < self._next:
            self.counters.count(REJECTED_LATE, 1)
            self._discarded += audio
        elif not self._insert(number, when, arrival, payload, size, audio):
            self.counters.count(REJECTED_DUPLICATE, 1)
        elif self._count > MOST_WAITING:
            self._discard_oldest()

    cdef void _begin(self, int64_t number, int64_t when) noexcept nogil:
        self._restarts = self._track.restarts
        self._count_discarded(self._count)
        self._clear()
        self._begun = True
        self._next = number
        self._position = when
        self._young_until = INFINITY
        self.giving_back = False

    cdef bint _insert(
        self,
        int64_t number,
        int64_t when,
        double arrival,
        const uint8_t *payload,
        int size,
        bint audio,
    ) noexcept nogil:
        """Put a packet in its place; false if it is there already."""
        cdef int place = self._count
        while place > 0 and self._packets[place - 1].number >= number:
            place -= 1
        if place < self._count and self._packets[place].number == number:
            return False
        cdef uint8_t *copy = <uint8_t *>malloc(max(size, 1))
        if copy == NULL:  # as if the network had lost it
            return True
        if size:
            memcpy(copy, payload, size)
        memmove(
            &self._packets[place + 1],
            &self._packets[place],
            (self._count - place) * sizeof(Packet),
        )
        self._packets[place].number = number
        self._packets[place].timestamp = when
        self._packets[place].arrival = arrival
        self._packets[place].payload = copy
        self._packets[place].size = size
        self._packets[place].audio = audio
        self._count += 1
        return True

    cdef void _discard_oldest(self) noexcept nogil:
        self._next = self._packets[0].number + 1
        self._position = self._packets[0].timestamp + self._units(&self._packets[0])
        self._free(self._packets[0].payload)
        self._remove_first()
        self._count_discarded(1)

    cdef void _count_discarded(self, int packets) noexcept nogil:
        self.counters.count(PACKETS_DISCARDED, packets)
        self._discarded += packets

    cdef void _remove_first(self) noexcept nogil:
        self._count -= 1
        memmove(&self._packets[0], &self._packets[1], self._count * sizeof(Packet))

    cdef void _free(self, uint8_t *payload) noexcept nogil:
        if payload == self.payload_data:  # nobody reads what is gone
            self.payload_data = NULL
            self.payload_size = 0
        free(payload)

    cdef void _clear(self) noexcept nogil:
        """Free all packets."""
        cdef int place
        for place in range(self._count):
            self._free(self._packets[place].payload)
        self._count = 0
        self._free(self._played)
        self._played = NULL

    cpdef int64_t discarded_since(self) noexcept nogil:
        """Return how many packets have come since the last call that will never be played."""
        cdef int64_t discarded = self._discarded
        self._discarded = 0
        return discarded

    cpdef void skip_frames(self, int frames) noexcept nogil:
        """Let time pass in which nothing could be played; packets of that time are dropped."""
        self._forgiven += frames

    cpdef void restart(self) noexcept nogil:
        """Begin with a new stream; what waits of the old one is forgotten."""
        self._clear()
        self._track.reset()
        self._unwrap.reset()
        self.delay.restart()
        self.one_frame = True
        self.length = 0
        self.earlier = False
        self._restarts = 0
        self._begun = False
        self._young_until = INFINITY
        self.giving_back = False
        self.give_back_by = INFINITY
        self._dropping = False
        self._position = 0
        self._duration = self._frame
        self._concealed = 0
        self._shift = 0
        self._since_shift = 0
        self._lossy_until = NEVER
        self._lossy = False
        self._too_long = 0
        self._forgiven = 0
        self._discarded = 0
        self._talking = False

    cdef Action next_action(self, double now, bint quiet, double filled) noexcept nogil:
        cdef bint started = filled > 0
        cdef int action
        while True:
            self._pass_over_events()
            if not self._count:
                return self._nothing(started)
            if self._packets[0].number == self._next:
                action = self._present(now, quiet, filled)
            else:
                action = self._missing(now, started)
            if action != ASK_AGAIN:
                return <Action>action

    cdef Action _nothing(self, bint started) noexcept nogil:
        """No packet waits: the next one is late, or lost, or there is none."""
        if not self._talking:
            return SILENCE
        if self._may_wait(started):
            return self._later()
        return self._beside()

    cdef Action _beside(self) noexcept nogil:
        """Conceal a packet; if what is missing comes after all, it is played then."""
        self.length = min(self._frame, self._duration)
        self._concealed += self.length
        return CONCEAL

    cdef int _present(self, double now, bint quiet, double filled) noexcept nogil:
        cdef Packet *packet = &self._packets[0]
        cdef int units = self._units(packet)
        cdef double seconds = <double>units / self.clock_rate
        # A frame of several packets needs the last of them as well
        cdef double following = max(0.0, FRAME - filled - seconds)
        cdef double error = self.delay.delay_error(packet.timestamp, now)
        error = error - following - self._in_hand(now)
        if packet.timestamp != self._position:
            self._position = packet.timestamp
            if error < -TOO_SHORT and self._talking:  # after a pause the delay costs nothing
                return SILENCE
        error = min(error, now - packet.arrival)  # nothing can be played before it is here
        if self._young_until == INFINITY:
            self._young_until = now + YOUNG
        if self._gives_back(error, now, quiet, seconds):
            if self._count > 1:
                self._go_on(units)
                self.counters.count(FRAMES_DROPPED, 1)
                return DROP
        elif self._forgiven or (error > LONGEST_DELAY and not self.giving_back):
            self._forgiven = max(0, self._forgiven - 1)
            if error > TOO_LONG and self._count > 1:
                self._go_on(units)
                self._count_discarded(1)
                return DROP
        cdef Action action = self._adjust(error, now, quiet, filled > 0, seconds)
        if action != LATER and action != CONCEAL:
            self._go_on(units)
            self._talking = True
        return action

    cdef bint _gives_back(
        self, double error, double now, bint quiet, double length
    ) noexcept nogil:
        """Whether a packet is to be dropped, since a young stream has far too much delay.

        As after a call's start with a busy sender, whose first packets were late. Nobody has got
        used to that delay yet. One gap is heard as one gap, where shortening word after word takes
        seconds and is heard all the time (PESQ 3.7 to 3.9 against 2.8 to 3.5).
        """
        cdef double surplus = max(SURPLUS, 1.5 * length)
        if self.giving_back and self._dropping and error <= length - TOO_LONG:
            self.giving_back = False
        elif not self.giving_back and error > surplus and now < self._young_until:
            self.giving_back = True
            self.give_back_by = INFINITY
            self._dropping = False
        if not self.giving_back:
            return False
        # One piece for all of it: not before it is known how much
        cdef bint known = not self.delay.falling or now >= self._young_until
        if known and self.give_back_by == INFINITY:
            self.give_back_by = max(now + SEARCH, self._young_until - YOUNG + FIRST_WORDS)
        if error <= TOO_LONG:
            self.giving_back = False
            return False
        self._dropping = self._dropping or (quiet and known) or now >= self.give_back_by
        return self._dropping

    cdef Action _adjust(
        self, double error, double now, bint quiet, bint started, double length
    ) noexcept nogil:
        """Choose how a packet is played that is here: the delay is off by `error` seconds."""
        self._since_shift += 1
        if -TOO_SHORT <= error <= TOO_LONG:
            self._too_long = 0
            return PLAY
        if error < 0:
            if self._may_wait(started):
                return self._later()
            if self._concealed and now < self._young_until and error < -length / 2:
                return self._beside()  # once, and long enough
            if quiet and error < -length / 2:
                return self._inserted()
            return PLAY
        return self._catch_up(error, quiet, length)

    cdef Action _catch_up(self, double error, bint quiet, double length) noexcept nogil:
        """Choose how a packet is played that has waited for too long."""
        cdef double spare = 0.0
        if error < length:
            if self._move_earlier(MOST_SHIFTED):
                self._too_long = 0
                return PLAY
            # The slots are used up: in a pause a packet is dropped, and some are won back
            spare = MOST_SHIFTED * SLOT
        else:
            self._move_earlier(MOST_SHIFTED - KEPT)
        if quiet and error >= length - spare:
            self.counters.count(FRAMES_DROPPED, 1)
            return DROP
        if spare:
            self._too_long = 0
            return PLAY
        if self.giving_back:
            return PLAY
        self._too_long += 1
        return ACCELERATE if self._too_long > PATIENCE or error > URGENT else PLAY

    cdef bint _move_earlier(self, int most) noexcept nogil:
        """Move by one slot if it is time to, up to this many; false if they are used up."""
        if self._shift <= -most:
            return False
        if self._since_shift >= SHIFT_PAUSE:
            self._shift -= 1
            self._since_shift = 0
            self.earlier = True
        return True

    cdef Action _inserted(self) noexcept nogil:
        self._since_shift = 0
        self.length = self._frame
        self.counters.count(FRAMES_INSERTED, 1)
        return CONCEAL

    cdef int _missing(self, double now, bint started) noexcept nogil:
        """Packets have come, but not the next one."""
        cdef double error = self.delay.delay_error(self._position, now)
        if error < -TOO_SHORT:  # it is not late yet, for what this network does
            if self._may_wait(started):
                return self._later()
            return self._beside()
        cdef Packet *first = &self._packets[0]
        cdef int64_t ahead = first.timestamp - self._position
        # Where the time between is none either, as among the packets of one telephone event, there
        # is nothing to be heard of what is lost
        if not 0 < ahead <= LONGEST_REPAIR * self.clock_rate:
            self.counters.count(PACKETS_LOST, first.number - self._next)
            self._next = first.number
            self._position = first.timestamp
            return ASK_AGAIN
        self.counters.count(PACKETS_LOST, 1)
        self._next += 1
        cdef bint repaired = self._repairs(self._next, now)
        # What is lost was as long as its neighbors, unless the timestamps say otherwise
        self.length = <int>min(<int64_t>self._duration, ahead)
        self._position += self.length
        cdef int covered
        if self._concealed and (not repaired or error > 1.5 * self._duration_seconds()):
            covered = <int>min(self._concealed, <int64_t>self.length)
            self._concealed -= covered
            self.length -= covered
            if not self.length:
                return ASK_AGAIN
            repaired = False
        if not repaired:
            return CONCEAL
        self.payload_data = first.payload
        self.payload_size = first.size
        return REPAIR

    cdef bint _repairs(self, int64_t number, double now) noexcept nogil:
        """Whether this packet is here and carries the lost one before it."""
        cdef Packet *first = &self._packets[0]
        if first.number != number or not first.audio:
            return False
        if not self._decoder.repairs(first.payload, first.size):
            return False
        self._lossy_until = now + LOSSES_REMEMBERED
        return True

    cdef double _in_hand(self, double now) noexcept nogil:
        """Return by how many seconds more than they need packets should wait, to repair losses."""
        self._lossy = now < self._lossy_until
        if not self._lossy:
            return 0.0
        # The packet after a lost one may be as late as any, and the clock sees it up to a slot
        # later than that. Where packets are late by more than their length it nearly always is here
        cdef double length = self._duration_seconds() + SLOT
        return max(0.0, length - max(0.0, self.delay.target_delay() - length))

    cdef double _duration_seconds(self) noexcept nogil:
        return <double>self._duration / self.clock_rate

    cdef bint _may_wait(self, bint started) noexcept nogil:
        return not started and self._shift < MOST_SHIFTED + (IN_HAND if self._lossy else 0)

    cdef Action _later(self) noexcept nogil:
        self._shift += 1
        if self.earlier:  # what was dropped before this packet has asked for the other way
            self.earlier = False
            self._shift += 1
        self._since_shift = 0
        self.counters.count(FRAMES_DELAYED, 1)
        return LATER

    cdef int _units(self, Packet *packet) noexcept nogil:
        if not packet.audio:
            return 0
        return self._decoder.units(packet.payload, packet.size) or self._duration

    cpdef bint next_packet(self) noexcept nogil:
        """Play the packet right after the one just played as well, if it is here.

        `payload` is that packet then, and `length` how long it is.
        """
        cdef Packet *first = &self._packets[0]
        if not self._count or first.number != self._next or not first.audio:
            return False
        if first.timestamp != self._position:
            return False
        self._go_on(self._units(first))
        return True

    cdef void _go_on(self, int length) noexcept nogil:
        """Take the first packet out, to be played or dropped."""
        self._free(self._played)
        self._played = self._packets[0].payload
        self.payload_data = self._played
        self.payload_size = self._packets[0].size
        self._remove_first()
        self._next += 1
        self.length = length
        self.one_frame = length == self._frame
        self._duration = length
        self._position += length
        self._concealed = 0

    cdef void _pass_over_events(self) noexcept nogil:
        while self._count and self._packets[0].number == self._next and not self._packets[0].audio:
            self._free(self._packets[0].payload)
            self._remove_first()
            self._next += 1
            self._talking = False  # audio stops while a digit is sent
