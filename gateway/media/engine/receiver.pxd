"""What comes from one leg, for the packet path; receiver.pyx says more."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t

from gateway.media.engine.bank cimport Bank
from gateway.media.engine.sender cimport Sender
from voice.codec_facts cimport CodecFacts
from voice.comfort_noise cimport NoiseGenerator
from voice.concealment cimport PcmConcealer
from voice.counters cimport Counters
from voice.playback cimport Playback
from voice.reception cimport Reception
from voice.rtp cimport RtpHeader
from voice.speech cimport SpeechDecoder
from voice.token_bucket cimport TokenBucket

cdef enum Mode:
    IDLE  # counted, and heard by nobody
    BUFFERED  # through the jitter buffer, a frame for each turn of the clock
    DIRECT  # at once, as it comes: the far end has a jitter buffer of its own
    RELAYED  # as it is
    GIVEN  # by Python, a frame for each turn of the clock

cdef enum Format:  # what a payload type means, where it is no codec
    UNKNOWN = -1
    EVENT = -2
    NOISE = -3

cdef enum News:  # what the engine has to tell of a packet, besides its audio
    NOTHING
    EVENT_CAME
    NOISE_CAME


cdef class Receiver:
    cdef readonly Counters counters
    cdef readonly Reception reception
    cdef Bank narrow, wide
    cdef Sender sink  # who hears it alone; None: nobody, or a mix
    cdef void *leg  # borrowed; the leg owns its receiver
    cdef Mode mode
    cdef bint may_relay
    cdef readonly Playback playback
    cdef int buffered_codec, rate
    cdef signed char formats[128]
    cdef int event_clock_rate
    cdef int level_extension
    cdef bint guards_ssrc  # a second source is refused while the first speaks
    cdef bint decodes_anew  # `playback` is for another codec than what comes
    cdef int wanted_codec
    cdef readonly double heard_at  # seconds; when anything of the far end was believed last
    cdef readonly int64_t packets_received, octets_received  # octets of their payloads
    cdef readonly int level  # -dBov of the newest frame
    cdef public object give_frame  # of a leg without a port: fills a frame, or returns False
    cdef int row  # of the newest frame, in this tick; -1: none
    cdef object tap  # gets a copy of each frame; None: nobody listens
    cdef bint finds_tones  # digits are looked for in the sound
    cdef bint began  # a stream of audio has begun since the slot was last chosen
    cdef double _resumed  # seconds: when the clock has gone on after it had left frames out
    cdef double _left_out  # seconds of them that were not yet left out of what passes directly
    cdef int _discarded  # packets that were not passed on, as frames had been left out
    cdef TokenBucket _audio
    cdef uint32_t _ssrc
    cdef bint _has_ssrc
    cdef double _spoke_at
    cdef uint8_t[::1] _rest  # codes that make no whole frame yet
    cdef int _rest_size, _cut_codec
    cdef int _direct_codec  # of the newest audio
    cdef SpeechDecoder _decoder  # of a codec with state that is not buffered
    cdef PcmConcealer _concealer
    cdef NoiseGenerator _noise
    cdef bint noisy
    cdef double _noise_due, _noise_level

    cdef News take(
        self, const uint8_t[::1] packet, RtpHeader *header, double arrival, double now
    ) noexcept nogil
    cdef bint _follows(self, const RtpHeader *header, double now) noexcept nogil
    cdef void _take_audio(
        self, const uint8_t[::1] packet, RtpHeader *header, int codec, double arrival, double now
    ) noexcept nogil
    cdef void _buffer(
        self, const uint8_t[::1] packet, RtpHeader *header, bint audio, double arrival, double now
    ) noexcept nogil
    cdef void _relay(
        self, const uint8_t[::1] packet, RtpHeader *header, int units, int clock_rate, double now
    ) noexcept nogil
    cdef void _pass_direct(
        self,
        const uint8_t[::1] packet,
        RtpHeader *header,
        int codec,
        int units,
        double now,
    ) noexcept nogil
    cdef void _cut(
        self, const uint8_t[::1] packet, RtpHeader *header, CodecFacts *facts, int gap
    ) noexcept nogil
    cdef bint _add_frame(
        self, const uint8_t[::1] codes, int at, int size, CodecFacts *facts, int offset, int gap
    ) noexcept nogil
    cdef void *bank_at(self, int rate) noexcept nogil  # a borrowed Bank
    cdef bint wants_earlier(self) noexcept nogil
    cdef int _decode(self, const uint8_t *codes, int size, Bank bank, int row) noexcept nogil
    cdef int pull(self, double now) noexcept nogil
    cdef void conceal_before(self, Bank bank, int row) noexcept nogil
    cdef bint lacks_concealer(self, Bank bank, int row) noexcept nogil
    cdef void make_noise(self, double now) noexcept nogil
    cdef int64_t discarded_since(self) noexcept nogil
    cdef void note_level(self, int level) noexcept nogil
    cdef bint lags(self) noexcept nogil
    cdef bint _leaves_out(self, double arrival, double length) noexcept nogil
    cdef void skip(self, int frames, double resumed) noexcept nogil
