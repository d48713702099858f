"""The jitter buffer, for compiled callers; jitter_buffer.pyx says how it decides."""

from cython cimport final
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from voice.counters cimport Counters
from voice.delay_estimator cimport DelayEstimator
from voice.sequence cimport SequenceTracker, TimestampUnwrapper
from voice.speech cimport SpeechDecoder

cpdef enum Action:
    PLAY  # decode `payload`
    DROP  # decode it to keep the decoder going, and ask again
    ACCELERATE  # play it shorter, if its sound allows
    REPAIR  # lost, but `payload` is the packet after it: decode its FEC
    CONCEAL  # lost, or late: make up `length` units
    SILENCE  # nothing was to be expected: no packet has come yet, or a pause
    LATER  # ask again in the next slot of the clock

cpdef enum:
    # Twice the longest delay in packets of 10 ms; more is a stream that has run away
    MOST_WAITING = 40  # packets

    LOSSES_REMEMBERED_MS = 10000  # after the last loss in which one packet is kept in hand

    # What is lost in one gap is made up frame by frame up to this; more is a pause
    LONGEST_REPAIR_MS = 200


cdef struct Packet:
    int64_t number  # unwrapped
    int64_t timestamp  # unwrapped
    double arrival
    uint8_t *payload  # ours to free
    int size
    bint audio  # a telephone event is none, but has a number in the stream all the same


@final
cdef class JitterBuffer:
    cdef readonly Counters counters
    cdef readonly DelayEstimator delay
    cdef public bint earlier
    cdef readonly bint one_frame
    cdef readonly bint giving_back
    cdef double give_back_by  # seconds; infinite where that is not known yet
    cdef readonly int length  # units
    cdef readonly int clock_rate
    cdef const uint8_t *payload_data
    cdef int payload_size

    cdef SpeechDecoder _decoder
    cdef SequenceTracker _track
    cdef TimestampUnwrapper _unwrap
    cdef Packet _packets[MOST_WAITING + 1]  # by number, the lowest first
    cdef int _count
    cdef uint8_t *_played  # the payload of the packet that the last action took out
    cdef int _restarts
    cdef bint _begun
    cdef int64_t _next  # number
    cdef int64_t _position  # timestamp that comes next
    cdef int _frame  # units
    cdef int _duration  # of the newest packet, in units
    cdef int64_t _concealed  # units beside the stream since it last went on
    cdef int _shift  # slots that the stream has been moved
    cdef int64_t _since_shift  # frames
    cdef double _lossy_until
    cdef bint _lossy
    cdef int64_t _too_long  # packets in a row that waited for a packet's time too long
    cdef int64_t _forgiven  # frames that the clock has left out
    cdef int64_t _discarded  # packets that came too late or were let go
    cdef bint _talking
    cdef double _young_until  # infinite until a packet is played
    cdef bint _dropping

    # `decoder` tells how long payloads are and what they repair
    cdef void push_packet(
        self,
        uint16_t sequence,
        uint32_t timestamp,
        const uint8_t *payload,
        int size,
        double arrival,
        bint audio,
        bint stale,
    ) noexcept nogil
    cdef Action next_action(self, double now, bint quiet, double filled) noexcept nogil
    # Another decoder of the same codec; its clock rate stays
    cdef void change_decoder(self, SpeechDecoder decoder)
    cpdef bint next_packet(self) noexcept nogil
    cpdef void skip_frames(self, int frames) noexcept nogil
    cpdef int64_t discarded_since(self) noexcept nogil
    cpdef void restart(self) noexcept nogil

    cdef void _begin(self, int64_t number, int64_t when) noexcept nogil
    cdef bint _insert(
        self,
        int64_t number,
        int64_t when,
        double arrival,
        const uint8_t *payload,
        int size,
        bint audio,
    ) noexcept nogil
    cdef void _discard_oldest(self) noexcept nogil
    cdef void _count_discarded(self, int packets) noexcept nogil
    cdef void _clear(self) noexcept nogil
    cdef void _remove_first(self) noexcept nogil
    cdef void _free(self, uint8_t *payload) noexcept nogil
    cdef void _pass_over_events(self) noexcept nogil
    cdef Action _nothing(self, bint started) noexcept nogil
    cdef Action _beside(self) noexcept nogil
    cdef int _present(self, double now, bint quiet, double filled) noexcept nogil
    cdef bint _gives_back(
        self, double error, double now, bint quiet, double length
    ) noexcept nogil
    cdef Action _adjust(
        self, double error, double now, bint quiet, bint started, double length
    ) noexcept nogil
    cdef Action _catch_up(self, double error, bint quiet, double length) noexcept nogil
    cdef bint _move_earlier(self, int most) noexcept nogil
    cdef Action _inserted(self) noexcept nogil
    cdef int _missing(self, double now, bint started) noexcept nogil
    cdef bint _repairs(self, int64_t number, double now) noexcept nogil
    cdef double _in_hand(self, double now) noexcept nogil
    cdef double _duration_seconds(self) noexcept nogil
    cdef bint _may_wait(self, bint started) noexcept nogil
    cdef Action _later(self) noexcept nogil
    cdef int _units(self, Packet *packet) noexcept nogil
    cdef void _go_on(self, int length) noexcept nogil
