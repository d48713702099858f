"""What goes to one leg, for the packet path; sender.pyx says more."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t

from gateway.media.engine.bank cimport Bank, Row
from gateway.media.engine.packetizer cimport Packetizer
from gateway.media.engine.transport cimport Transport
from voice.codec_facts cimport CodecFacts
from voice.counters cimport Counters
from voice.half_band cimport HalfBand
from voice.rtp cimport RtpHeader
from voice.speech cimport SpeechEncoder
from voice.time_line cimport Stamp, TimeLine


cdef class Sender:
    cdef readonly Counters counters
    cdef Transport transport
    cdef readonly TimeLine line
    cdef readonly uint32_t ssrc
    cdef int codec  # its index in the registry; -1: not known yet
    cdef CodecFacts facts
    cdef uint8_t payload_type
    cdef bint receives  # the far end wants to hear anything (it does not on hold)
    cdef bint silenced  # nobody may be heard yet: silence is sent
    cdef bint framed  # its source gives it frames by the clock
    cdef bint _relayed  # its newest packet was another's, so that the pause after it is real time
    cdef bint steady  # one packet for every frame of the clock, whatever the source does
    cdef int level_extension  # id of RFC 6464's element; 0: none is sent
    cdef Packetizer packetizer
    cdef int ptime  # milliseconds of a packet
    cdef SpeechEncoder narrow, wide  # of frames at 8 and 16 kHz
    cdef object make_encoder  # (rate) -> SpeechEncoder; None for payload codecs
    # Of a payload codec, whose frames may be made at another rate; None for all others
    cdef HalfBand _half_band
    cdef int16_t _last  # sample of the frame before
    cdef int16_t[::1] _converted
    cdef int expected_loss  # per cent
    cdef object take_frame  # of a leg without a port: gets a copy of each frame
    cdef object digits  # EventSender or DtmfTones
    cdef int event_payload_type
    cdef bint sending_digits
    cdef bint _marked  # the next packet begins a stretch of audio
    cdef readonly int64_t packets_sent, octets_sent
    cdef readonly uint32_t timestamp  # of the newest packet

    cdef bint hears(self) noexcept nogil
    cdef void *encoder_at(self, int rate) noexcept nogil  # a borrowed SpeechEncoder
    cdef bint has_encoder(self, int rate) noexcept nogil
    cdef bint lacks_encoder(self, int rate) noexcept nogil
    cdef void send_row(self, Bank bank, int row, int64_t tick, double now) noexcept nogil
    cdef int _encode(self, Bank bank, int row, uint8_t[::1] out, int at) noexcept nogil
    cdef void send_due(self, int64_t tick) noexcept nogil
    cdef void pass_frames(self, int frames) noexcept nogil
    cdef void relay(
        self, const uint8_t[::1] packet, const RtpHeader *header, const Stamp *stamp
    ) noexcept nogil
    cdef bint _send(self, uint8_t[::1] out, int at, int size, const Stamp *stamp) noexcept nogil
    cdef int _header_size(self) noexcept nogil
    cdef void _write_level(self, uint8_t[::1] out, int level) noexcept nogil
    cdef void _next_stamp(self, const Row *row, double now, Stamp *stamp) noexcept nogil
    cdef int frame_units(self) noexcept nogil
