"""What goes to one leg: encoded, packed, and stamped on a time line of ours.

A sender does not know where its frames come from. A *steady* one (towards a trunk) sends a packet
for every frame of the media clock; any other keeps the shape of what came from its source, so that
the browser's own jitter buffer sees losses and pauses as they are.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

import secrets
from functools import partial

import numpy as np

from gateway.media.engine.bank cimport Bank, Row
from gateway.media.engine.receive cimport LONGEST_PACKET
from voice.codec_facts cimport codec_facts
from voice.counters cimport FAULTS, PACKETS_SENT, Counters
from voice.half_band cimport HalfBand
from voice.pcm cimport double_row
from voice.rtp cimport HEADER_SIZE, RtpHeader, write_header
from voice.sample_coder cimport SampleCoder
from voice.speech cimport SpeechEncoder
from voice.time_line cimport Stamp

from gateway.media.engine.bank import FRAMES_PER_SECOND
from voice.codec import CODECS, StreamCodec
from voice.time_line import TimeLine

cdef enum:
    EXTENSION_SIZE = 8  # bytes: RFC 8285's header, and one element of one byte
    VOICE = 45  # -dBov: RFC 6464's flag for voice; the noise of an empty line is softer
    EXTENDED = 0x10  # RFC 3550 section 5.1: a header extension follows
    WIDE = 16000  # Hz

_FRAME_MS = 1000 // FRAMES_PER_SECOND
cdef int _frames_per_second = FRAMES_PER_SECOND


def _make_encoder(codec: StreamCodec, settings: dict[str, int], rate: int) -> SpeechEncoder:
    encoder = codec.encoder(rate)
    for name, value in settings.items():
        setattr(encoder, name, value)
    return encoder


cdef class Sender:
    """The outgoing half of a leg."""

    def __init__(self, counters: Counters, transport: Transport, *, steady: bool) -> None:
        self.counters = counters
        self.transport = transport
        self.steady = steady
        self.ssrc = secrets.randbits(32)
        # Half the numbers: who decrypts counts from the first packet that reaches it how often they
        # have begun anew, and would never come right if they did so before it (RFC 3711 3.3.1)
        self.line = TimeLine(secrets.randbits(15), secrets.randbits(32))
        self.codec = -1
        self.receives = True
        self._marked = True

    def set_codec(
        self,
        name: str,
        payload_type: int,
        *,
        ptime: int = _FRAME_MS,
        level_extension: int | None = None,
        **settings: int,
    ) -> None:
        """Send this codec from the next frame on; its time line goes on.

        Parameters
        ----------
        name
            In capitals, as the registry has it.
        ptime
            Milliseconds of a packet, where the codec can be cut.
        settings
            Of the encoder, for a codec with state.
        """
        codec = CODECS[name]
        self.payload_type = payload_type
        self.level_extension = level_extension or 0
        self.make_encoder = None
        if isinstance(codec, StreamCodec):
            self.make_encoder = partial(_make_encoder, codec, settings)
        if (self.codec, self.ptime) == (codec.index, ptime):
            return  # a description that says the same again must not cost a packet
        if self.codec != codec.index:
            self.codec = codec.index
            self.facts = codec_facts(self.codec)
            self.line.clock_rate = codec.clock_rate
            self.narrow = self.wide = None
            self._last, self._converted, self._half_band = 0, None, None
            if self.make_encoder is None:  # frames are made at the rate of who says them
                self._converted = np.zeros(codec.samples_per_frame, np.int16)
                if codec.sample_rate < WIDE:
                    self._half_band = HalfBand()
        self.ptime, self.packetizer = ptime, None
        if ptime != _FRAME_MS and codec.bytes_per_unit:
            size = codec.clock_rate * ptime // 1000 * codec.bytes_per_unit
            self.packetizer = Packetizer(ptime, size)

    def expect_loss(self, percent: int) -> None:
        """Spend bits on repair as it is worth where so many packets are lost."""
        self.expected_loss = percent
        if self.narrow is not None:
            self.narrow.expect_loss(percent)
        if self.wide is not None:
            self.wide.expect_loss(percent)

    def make_encoder_at(self, rate: int) -> None:
        """Have an encoder for frames of this rate."""
        cdef SpeechEncoder encoder = self.make_encoder(rate)
        if self.expected_loss:
            encoder.expect_loss(self.expected_loss)
        if rate == WIDE:
            self.wide = encoder
        else:
            self.narrow = encoder

    def send_event(self, payload: bytes, timestamp: int, marker: bool) -> None:
        """Send a telephone event under the stream's next number (RFC 4733)."""
        cdef uint8_t[::1] out = self.transport.next_packet()
        cdef int size = len(payload)
        cdef Stamp stamp
        if out is None or not self.transport.is_open():
            return
        self.line.stamp_event(&stamp)
        memcpy(&out[HEADER_SIZE], <const char *> payload, size)
        write_header(
            out, self.event_payload_type, marker, stamp.sequence, timestamp, self.ssrc
        )
        if self.transport.send_packet(HEADER_SIZE + size):
            self.counters.count(PACKETS_SENT, 1)
            self.packets_sent += 1
            self.octets_sent += size

    cdef bint hears(self) noexcept nogil:
        """Whether the far end may hear the source now."""
        return self.receives and not self.silenced and self.codec >= 0

    cdef int frame_units(self) noexcept nogil:
        return self.facts.clock_rate // _frames_per_second

    cdef void *encoder_at(self, int rate) noexcept nogil:
        return <void *> self.wide if rate == WIDE else <void *> self.narrow

    cdef bint lacks_encoder(self, int rate) noexcept nogil:
        """Whether `make_encoder_at` has to be called before frames of this rate can be sent."""
        return self.make_encoder is not None and not self.has_encoder(rate)

    cdef bint has_encoder(self, int rate) noexcept nogil:
        return self.wide is not None if rate == WIDE else self.narrow is not None

    cdef void send_row(self, Bank bank, int row, int64_t tick, double now) noexcept nogil:
        """Encode a frame and send it, or what packets of another length it makes whole."""
        cdef uint8_t[::1] out
        cdef Stamp stamp
        cdef int at = self._header_size(), size
        if self.codec < 0 or not self.transport.is_open():
            return
        if not self.receives:  # on hold, time goes on
            self.pass_frames(1)
            return
        out = self.transport.next_packet()
        size = self._encode(bank, row, out, at)
        if size < 0:
            self.counters.count(FAULTS, 1)
            return
        if self.packetizer is not None:
            self.packetizer.put_codes(out[at:at + size], size, tick)
            self.send_due(tick)
            return
        self._next_stamp(&bank.rows[row], now, &stamp)
        if at > HEADER_SIZE:
            self._write_level(out, bank.levels[row])
        self._send(out, at, size, &stamp)

    cdef int _encode(self, Bank bank, int row, uint8_t[::1] out, int at) noexcept nogil:
        """Encode a row into out[at] on; return the bytes, negative if that cannot be done."""
        cdef void *coder
        if self.make_encoder is not None:
            if not self.has_encoder(bank.rate):
                return -1
            return (<SpeechEncoder> self.encoder_at(bank.rate)).encode_frame(
                bank.pcm[row], out, at
            )
        coder = bank.coders[self.codec]
        if coder == NULL:
            return -1
        if self.facts.sample_rate == bank.rate:
            return (<SampleCoder> coder).encode(bank.pcm[row], bank.frame, out, at)
        if self.facts.sample_rate < bank.rate:
            self._half_band.halve(bank.pcm[row], self._converted, 0)
        else:
            double_row(bank.pcm[row], self._last, self._converted, 0)
            self._last = bank.pcm[row, bank.frame - 1]
        return (<SampleCoder> coder).encode(
            self._converted, self.facts.samples_per_frame, out, at
        )

    cdef void send_due(self, int64_t tick) noexcept nogil:
        """Send the packets of another length than a frame whose time has come."""
        cdef uint8_t[::1] out = self.transport.next_packet()
        cdef Stamp stamp
        cdef int size
        while self.receives:
            size = self.packetizer.take_due(tick, out, HEADER_SIZE)
            if not size:
                return
            self.line.follow(size // self.facts.bytes_per_unit, &stamp)
            stamp.marker = self._marked
            self._marked = False
            self._send(out, HEADER_SIZE, size, &stamp)
            out = self.transport.next_packet()

    cdef void pass_frames(self, int frames) noexcept nogil:
        """Let the time of frames pass without audio; what comes next begins a stretch of it."""
        if self.codec < 0:
            return
        self.line.pass_units(frames * self.frame_units())
        self._marked = True
        if self.packetizer is not None:
            self.packetizer.drop_all()

    cdef void relay(
        self, const uint8_t[::1] packet, const RtpHeader *header, const Stamp *stamp
    ) noexcept nogil:
        """Send a packet of the same codec as it is, under a header of ours."""
        cdef uint8_t[::1] out
        if not self.transport.is_open() or HEADER_SIZE + header.size > LONGEST_PACKET:
            return
        self._relayed = True
        out = self.transport.next_packet()
        if header.size:
            memcpy(&out[HEADER_SIZE], &packet[header.start], header.size)
        self._send(out, HEADER_SIZE, header.size, stamp)

    cdef int _header_size(self) noexcept nogil:
        if self.level_extension and self.packetizer is None:
            return HEADER_SIZE + EXTENSION_SIZE
        return HEADER_SIZE

    cdef void _write_level(self, uint8_t[::1] out, int level) noexcept nogil:
        """Write the header extension that tells a frame's level (RFC 6464, RFC 8285 4.2)."""
        out[12], out[13], out[14], out[15] = 0xBE, 0xDE, 0, 1
        out[16] = self.level_extension << 4
        out[17] = level | (0x80 if level <= VOICE else 0)
        out[18] = out[19] = 0

    cdef void _next_stamp(self, const Row *row, double now, Stamp *stamp) noexcept nogil:
        if row.stamped:
            stamp[0] = row.stamp
            return
        if not self.steady:  # a pause of its sources is one of its own
            self.line.extend(self.frame_units(), now, stamp)
            return
        if self._relayed:
            self.line.extend(self.frame_units(), now, stamp)
        else:
            self.line.follow(self.frame_units(), stamp)
        stamp.marker = self._marked or (self._relayed and stamp.marker)
        self._marked = self._relayed = False

    cdef bint _send(self, uint8_t[::1] out, int at, int size, const Stamp *stamp) noexcept nogil:
        write_header(
            out, self.payload_type, stamp.marker, stamp.sequence, stamp.timestamp, self.ssrc
        )
        if at > HEADER_SIZE:
            out[0] |= EXTENDED
        self.timestamp = stamp.timestamp
        if not self.transport.send_packet(at + size):
            return False
        self.counters.count(PACKETS_SENT, 1)
        self.packets_sent += 1
        self.octets_sent += size
        return True
