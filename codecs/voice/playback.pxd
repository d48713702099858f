"""A stream's packets as frames of 20 ms, for compiled callers; playback.pyx says how."""

from cython cimport final
from libc.stdint cimport int16_t

from voice.comfort_noise cimport NoiseGenerator
from voice.counters cimport Counters
from voice.jitter_buffer cimport Action, JitterBuffer
from voice.level_meter cimport LevelMeter
from voice.speech cimport SpeechDecoder

cpdef enum Filled:
    FRAME  # there is a frame
    LATE  # the packet is only just late: ask again in the next slot

cpdef enum:
    LONGEST_PACKET = 6  # frames: 120 ms, the most that one Opus packet holds (RFC 6716 section 3.1)

    # A codec is asked to conceal so many frames in a row: within 60 to 100 ms its guess has become
    # a buzz, and what the ear takes for "still there" is the noise of the room
    LONGEST_CONCEALMENT = 4
    FADE = 2  # of these frames, at the end


@final
cdef class Playback:
    cdef readonly JitterBuffer buffer
    cdef readonly LevelMeter meter
    cdef readonly SpeechDecoder decoder
    cdef readonly int frame  # samples
    cdef public bint unheard  # nobody hears it yet: its delay may change without care

    cdef Counters _counters
    cdef NoiseGenerator _noise
    cdef int16_t[::1] _samples  # decoded, from _rest on not yet played
    cdef int _rest, _rest_size
    cdef double _loudest  # -dBov of the loudest frame of late
    cdef int _missing  # samples in a row that had no packet

    cdef Filled fill_frame(self, int16_t[::1] out, double now) noexcept nogil
    cpdef void restart(self) noexcept nogil
    # Go on with a stream that was not listened to for a while
    cpdef void resume(self) noexcept nogil
    # Decode the same stream by another decoder of its codec, of any sample rate, from now on
    cpdef void change_decoder(self, SpeechDecoder decoder)
    # Begin with the delay that another stream of the same network has needed
    cpdef void adopt_delay(self, Playback other) noexcept

    cdef bint _is_quiet(self, double now) noexcept nogil
    cdef int _take_rest(self, int16_t[::1] out, int filled) noexcept nogil
    cdef int _keep(self, int count) noexcept nogil
    cdef int _play(self, Action action, int16_t[::1] out, int filled) noexcept nogil
    cdef int _decode(self, Action action, int16_t[::1] out, int filled) noexcept nogil
    cdef int _decode_packet(self, int16_t[::1] out, int at) noexcept nogil
    cdef int _repair_packet(self, int16_t[::1] out, int samples) noexcept nogil
    cdef int _decode_accelerated(self) noexcept nogil
    cdef int _conceal(self, int16_t[::1] out, int filled) noexcept nogil
    cdef void _guess(self, int16_t[::1] into, int samples) noexcept nogil
    cdef int _asked_for(self) noexcept nogil
