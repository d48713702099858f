"""What comes from one leg: believed, counted, and made into frames, or passed on as it is.

A receiver does not know who is at the other end of the call. Its bridge tells it who hears it, and
by which of three ways: through the jitter buffer, where frames are needed by the clock; directly,
where the far end has a jitter buffer of its own; or relayed, where it speaks the same codec.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

import secrets

import numpy as np

from gateway.media.engine.bank cimport Bank, Row
from gateway.media.engine.sender cimport Sender
from voice.codec_facts cimport CodecFacts, codec_facts
from voice.counters cimport (
    FRAMES_CONCEALED,
    PACKETS_DISCARDED,
    PACKETS_LOST,
    REJECTED_FLOOD,
    REJECTED_LATE,
    REJECTED_PAYLOAD,
    REJECTED_PAYLOAD_TYPE,
    REJECTED_SSRC,
    Counters,
)
from voice.opus_frames cimport packet_units
from voice.playback cimport LATE
from voice.rtp cimport RtpHeader
from voice.rtp_extension cimport audio_level
from voice.sample_coder cimport SampleCoder
from voice.speech cimport SpeechEncoder
from voice.time_line cimport NOT_PLACED, Stamp

from gateway.media.engine.bank import FRAMES_PER_SECOND
from gateway.media.engine.clock import LONGEST_CATCH_UP
from voice.codec import CODECS, StreamCodec
from voice.comfort_noise import NoiseGenerator, parse as parse_noise
from voice.concealment import PcmConcealer
from voice.playback import Playback
from voice.reception import Reception
from voice.token_bucket import AudioBucket

cdef enum:
    # Frames that are made up where packets were lost. They are not sent: the encoder hears them, so
    # that the FEC of the packet after the gap repairs what was lost and not what was before it
    MOST_CONCEALED = 2
    LEVEL_PERIOD = 8  # packets of a relayed stream, of one of which the level is read
    WIDE = 16000  # Hz
    LONGEST_FRAME = 640  # bytes: L16 at 16 kHz

# A second source is believed once the first has been silent for this long
cdef double SSRC_SILENCE = 0.1  # seconds
# A packet that came so much after its tick's time has waited for us: its arrival is no news
cdef double STALE = 0.001  # seconds
cdef double FRAME_SECONDS = 1 / FRAMES_PER_SECOND
# The clock is behind the time by no more than this once it has left frames out, and two frames more
cdef double STILL_LATE = LONGEST_CATCH_UP + 2 / FRAMES_PER_SECOND
cdef int _frames_per_second = FRAMES_PER_SECOND

_CONCEALER_MEMORY = 0.1  # seconds: of a stream whose far end conceals for itself


def _name_of(index: int) -> str | None:
    return next((name for name, codec in CODECS.items() if codec.index == index), None)


cdef class Receiver:
    """The incoming half of a leg.

    Parameters
    ----------
    guards_ssrc
        Refuse a second source while the first still speaks. A trunk's latch does that itself.
    """

    def __init__(
        self, counters: Counters, narrow: Bank, wide: Bank, *, guards_ssrc: bool
    ) -> None:
        self.counters = counters
        self.narrow, self.wide = narrow, wide
        self.guards_ssrc = guards_ssrc
        self.reception = Reception()
        self._audio = AudioBucket()
        self._rest = np.zeros(LONGEST_FRAME, np.uint8)
        self._noise = NoiseGenerator(secrets.randbits(16))
        self.buffered_codec = self._direct_codec = -1
        self.rate = 8000
        self.row = -1
        self.level = 127
        self.heard_at = self._spoke_at = self._resumed = float("-inf")
        memset(self.formats, UNKNOWN, sizeof(self.formats))

    def set_formats(
        self,
        audio: dict[int, str],
        *,
        events: tuple[int, ...] = (),
        event_clock_rate: int = 8000,
        noise: int | None = None,
        level_extension: int | None = None,
    ) -> None:
        """Say what payload types mean: codecs by their name in capitals, events, comfort noise.

        Raises
        ------
        ValueError
            A payload type that has more than 7 bits.
        """
        for payload_type in (*audio, *events, *(() if noise is None else (noise,))):
            if not 0 <= payload_type < 128:
                raise ValueError(f"payload type {payload_type}: they are 0 to 127")
        memset(self.formats, UNKNOWN, sizeof(self.formats))
        if noise is not None:
            self.formats[noise] = NOISE
        for payload_type in events:
            self.formats[payload_type] = EVENT
        for payload_type, name in audio.items():
            codec = CODECS[name]
            self.formats[payload_type] = codec.index
            if isinstance(codec, StreamCodec) and codec.bytes_per_unit and self._decoder is None:
                self._decoder = codec.decoder(codec.sample_rate)
        names = list(audio.values())
        expected = [CODECS[name].index for name in names]
        if expected and self.buffered_codec not in expected:
            self.buffered_codec, self.playback = expected[0], None
        if self._direct_codec not in expected:
            self._direct_codec = -1
        self.event_clock_rate = event_clock_rate
        self.level_extension = level_extension or 0

    def decode_at(self, rate: int, codec: str | None = None) -> None:
        """Make frames of this rate in Hz from now on, through the jitter buffer.

        What the buffer has learned of the network stays. With `codec` that codec is expected, else
        the one that came last.
        """
        index = self.buffered_codec if codec is None else CODECS[codec].index
        present = self.playback is not None and index == self.buffered_codec
        self.rate = rate
        if index < 0 or (present and rate == self.playback.decoder.sample_rate):
            return
        name = _name_of(index)
        if present:  # the same stream, and what waits of it
            self.playback.change_decoder(CODECS[name].decoder(rate))
            return
        before = self.playback
        self.buffered_codec = index
        self.playback = Playback(
            self.counters, CODECS[name].decoder(rate), secrets.randbits(16)
        )
        if before is not None:
            self.playback.unheard = before.unheard
            self.playback.adopt_delay(before)
        self.decodes_anew = False

    def decode_wanted(self) -> None:
        """Follow a stream that has changed its codec."""
        self.decodes_anew = False
        self.decode_at(self.rate, _name_of(self.wanted_codec))

    @property
    def codec(self) -> str | None:
        """What comes, by its name in capitals; before the first packet, what is expected."""
        return _name_of(self._direct_codec if self._direct_codec >= 0 else self.buffered_codec)

    def begin_noise(self, payload: bytes, now: float) -> bool:
        """Make noise until audio comes again (RFC 3389); false if the payload describes none."""
        try:
            wanted = parse_noise(payload)
        except ValueError:
            return False
        self._noise_level = wanted.level
        self._noise.set_color(wanted.reflection)
        if not self.noisy:
            self.noisy = True
            self._noise_due = now
        return True

    cdef void *bank_at(self, int rate) noexcept nogil:
        return <void *> self.wide if rate == WIDE else <void *> self.narrow

    cdef News take(
        self, const uint8_t[::1] packet, RtpHeader *header, double arrival, double now
    ) noexcept nogil:
        """Take a packet that is the far end's; say what else it tells."""
        cdef int codec = self.formats[header.payload_type & 0x7F]
        cdef int clock_rate
        self.heard_at = arrival
        if codec >= 0 or self.guards_ssrc:
            if not self._follows(header, arrival):
                return NOTHING
        if codec >= 0:
            clock_rate = codec_facts(codec).clock_rate
        elif self._direct_codec >= 0 and self.guards_ssrc:
            clock_rate = codec_facts(self._direct_codec).clock_rate
        else:
            clock_rate = self.event_clock_rate
        if self._has_ssrc and header.ssrc == self._ssrc and codec != UNKNOWN:
            self.packets_received += 1
            self.octets_received += header.size
            self.reception.count(
                header.ssrc, header.sequence, header.timestamp, arrival, clock_rate
            )
        if codec >= 0:
            self._direct_codec = codec
            self._take_audio(packet, header, codec, arrival, now)
            return NOTHING
        if codec == UNKNOWN:  # a keepalive may have any payload type (RFC 6263 section 4.6)
            self.counters.count(REJECTED_PAYLOAD_TYPE, 1)
            return NOTHING
        if self._has_ssrc and header.ssrc == self._ssrc:
            if self.mode == BUFFERED:
                self._buffer(packet, header, False, arrival, now)
            elif self.sink is not None:
                self.sink.line.pass_over(header.ssrc, header.sequence)
        return EVENT_CAME if codec == EVENT else NOISE_CAME

    cdef bint _follows(self, const RtpHeader *header, double now) noexcept nogil:
        """A new source is a new stream; false while the old one still speaks."""
        if self._has_ssrc and header.ssrc == self._ssrc:
            self._spoke_at = now
            return True
        if self.guards_ssrc and self._has_ssrc and now - self._spoke_at < SSRC_SILENCE:
            self.counters.count(REJECTED_SSRC, 1)
            return False
        self._ssrc, self._has_ssrc = header.ssrc, True
        self._spoke_at = now
        self._rest_size = 0
        if self.playback is not None:
            self.playback.restart()
        if self._decoder is not None:
            self._decoder.restart()
        if self._concealer is not None:
            self._concealer.restart()
        self.began = True
        return True

    cdef void _take_audio(
        self, const uint8_t[::1] packet, RtpHeader *header, int codec, double arrival, double now
    ) noexcept nogil:
        cdef CodecFacts facts
        cdef int units
        if self.mode == BUFFERED:
            self.noisy = False
            if codec != self.buffered_codec or self.playback is None:
                self.decodes_anew, self.wanted_codec = True, codec
                return
            self._buffer(packet, header, True, arrival, now)
            return
        if self.sink is None or self.mode == IDLE:
            self.noisy = False
            return
        facts = codec_facts(codec)
        if facts.bytes_per_unit:
            units = header.size // facts.bytes_per_unit
        elif header.size:
            units = packet_units(&packet[header.start], header.size)
        else:
            units = 0
        if self._leaves_out(arrival, <double> units / facts.clock_rate):
            self.sink.line.pass_over(header.ssrc, header.sequence)
            self.counters.count(PACKETS_DISCARDED, 1)
            self._discarded += 1
            return
        if not self._audio.has_tokens(arrival):
            self.counters.count(REJECTED_FLOOD, 1)
            return
        if codec == self.sink.codec and (self.mode == RELAYED or self.may_relay):
            self._relay(packet, header, units, facts.clock_rate, arrival)
        elif self.mode == DIRECT and facts.bytes_per_unit:
            self._pass_direct(packet, header, codec, units, arrival)
        else:  # by this way it cannot go: the bridge will choose another
            self.decodes_anew, self.wanted_codec = True, codec
            self.counters.count(REJECTED_PAYLOAD_TYPE, 1)

    cdef void _buffer(
        self, const uint8_t[::1] packet, RtpHeader *header, bint audio, double arrival, double now
    ) noexcept nogil:
        cdef const uint8_t *payload = NULL
        # What came after the time that the tick was for is played as if it had come just then
        cdef bint stale = arrival - now > STALE or not audio
        if self.playback is None:
            return
        if header.size:
            payload = &packet[header.start]
        self.playback.buffer.push_packet(
            header.sequence,
            header.timestamp,
            payload,
            header.size,
            arrival if arrival < now else now,
            audio,
            stale,
        )

    cdef void _relay(
        self, const uint8_t[::1] packet, RtpHeader *header, int units, int clock_rate, double now
    ) noexcept nogil:
        """Send a packet on as it is; a loss stays a gap, and a late packet has its old place."""
        cdef Stamp stamp
        cdef int gap, level
        self._audio.spend(<double> units / clock_rate)
        # Nobody decodes it, so the level is what the far end says; often enough for what it is for
        if self.level_extension and not header.sequence % LEVEL_PERIOD:
            level = audio_level(packet, header, self.level_extension)
            if level >= 0:
                self.note_level(level & 0x7F)
        if not self.sink.hears() or self.sink.sending_digits:
            self.sink.line.pass_over(header.ssrc, header.sequence)
            return
        gap = self.sink.line.place(
            header.ssrc, header.sequence, header.timestamp, header.marker, clock_rate, units, now
        )
        if gap == NOT_PLACED:
            if self.sink.line.place_late(
                header.ssrc, header.sequence, header.timestamp, clock_rate, &stamp
            ):
                self.sink.relay(packet, header, &stamp)
            else:
                self.counters.count(REJECTED_LATE, 1)
            return
        self.noisy = False
        self.counters.count(PACKETS_LOST, gap)
        self.sink.line.stamp_frame(
            0, <int> (<int64_t> units * self.sink.line.clock_rate // clock_rate), &stamp
        )
        self.sink.relay(packet, header, &stamp)

    cdef void _pass_direct(
        self,
        const uint8_t[::1] packet,
        RtpHeader *header,
        int codec,
        int units,
        double now,
    ) noexcept nogil:
        """Give a packet's frames to the bank, each with its place on the sink's time line."""
        cdef CodecFacts facts = codec_facts(codec)
        cdef int gap
        gap = self.sink.line.place(
            header.ssrc,
            header.sequence,
            header.timestamp,
            header.marker,
            facts.clock_rate,
            units,
            now,
        )
        if gap == NOT_PLACED:
            self.counters.count(REJECTED_LATE, 1)
            return
        self.noisy = False
        self.counters.count(PACKETS_LOST, gap)
        if gap or self.sink.line.apart or codec != self._cut_codec:
            self._rest_size, self._cut_codec = 0, codec
        if gap > MOST_CONCEALED:
            gap = MOST_CONCEALED
        self._audio.spend(<double> units / facts.clock_rate + FRAME_SECONDS * gap)
        if self.sink.hears() and self.sink.transport.is_open():
            self._cut(packet, header, &facts, gap)

    cdef void _cut(
        self, const uint8_t[::1] packet, RtpHeader *header, CodecFacts *facts, int gap
    ) noexcept nogil:
        """Cut codes into frames; what makes no whole one waits for the next packet."""
        cdef int unit = facts.bytes_per_unit
        cdef int units = facts.clock_rate // _frames_per_second
        cdef int size = units * unit  # bytes of a frame
        cdef int at = header.start, offset = -(self._rest_size // unit), part
        # A sample that is cut off would put all that follow out of step
        cdef int left = header.size - header.size % unit
        while self._rest_size + left >= size:
            if self._rest_size:
                part = size - self._rest_size
                memcpy(&self._rest[self._rest_size], &packet[at], part)
                self._add_frame(self._rest, 0, size, facts, offset, gap)
                self._rest_size = 0
            else:
                part = size
                self._add_frame(packet, at, size, facts, offset, gap)
            at, left = at + part, left - part
            offset, gap = offset + units, 0
        if left:
            memcpy(&self._rest[self._rest_size], &packet[at], left)
            self._rest_size += left

    cdef bint _add_frame(
        self, const uint8_t[::1] codes, int at, int size, CodecFacts *facts, int offset, int gap
    ) noexcept nogil:
        cdef void *bank = self.bank_at(facts.sample_rate)
        cdef int length, ours = self.sink.line.clock_rate
        cdef int place = (<Bank> bank).add_row(<void *> self, <void *> self.sink)
        cdef Row *row
        if place < 0:
            self.counters.count(REJECTED_FLOOD, 1)
            return False
        length = self._decode(&codes[at], size, <Bank> bank, place)
        if length < 0:
            self.counters.count(REJECTED_PAYLOAD, 1)
            (<Bank> bank).drop_row()
            return False
        if length < (<Bank> bank).frame:
            memset(&(<Bank> bank).pcm[place, length], 0, 2 * ((<Bank> bank).frame - length))
        row = &(<Bank> bank).rows[place]
        row.stamped, row.gap = True, gap
        length = size // facts.bytes_per_unit
        self.sink.line.stamp_frame(
            <int> (<int64_t> offset * ours // facts.clock_rate),
            <int> (<int64_t> length * ours // facts.clock_rate),
            &row.stamp,
        )
        return True

    cdef int _decode(self, const uint8_t *codes, int size, Bank bank, int row) noexcept nogil:
        """Decode a frame of what is cut into a row; return its samples, negative if it is none."""
        cdef void *coder = bank.coders[self._cut_codec]
        if coder == NULL:
            if self._decoder is None:
                return -1
            return self._decoder.decode_packet(codes, size, bank.pcm[row], 0)
        (<SampleCoder> coder).decode(codes, bank.pcm[row], 0, bank.frame)
        return bank.frame

    cdef int pull(self, double now) noexcept nogil:
        """Play a frame into a row; return its place, -1 if its packet is only just late."""
        cdef void *bank = self.bank_at(self.rate)
        cdef void *sink = NULL
        if self.sink is not None:
            sink = <void *> self.sink
        cdef int place = (<Bank> bank).add_row(<void *> self, sink)
        if place < 0:
            self.counters.count(REJECTED_FLOOD, 1)
            return -1
        self.row = place
        if self.mode == GIVEN:
            return place
        if self.playback is None:
            memset(&(<Bank> bank).pcm[place, 0], 0, 2 * (<Bank> bank).frame)
        elif self.playback.fill_frame((<Bank> bank).pcm[place], now) == LATE:
            (<Bank> bank).drop_row()
            self.row = -1
            return -1
        return place

    cdef bint wants_earlier(self) noexcept nogil:
        """Whether the frame played last could have been played a slot earlier."""
        return self.playback is not None and self.playback.buffer.earlier

    cdef void conceal_before(self, Bank bank, int row) noexcept nogil:
        """Make up what was lost before a row, for its encoder to hear, and join the row to it."""
        cdef int _count
        cdef void *sink = bank.rows[row].sink
        if not (<Sender> sink).has_encoder(bank.rate) or self.lacks_concealer(bank, row):
            return
        for _count in range(bank.rows[row].gap):
            self._concealer.make_up(bank.spare, 0, bank.frame)
            (<SpeechEncoder> (<Sender> sink).encoder_at(bank.rate)).encode_frame(
                bank.spare, bank.spare_codes, 0
            )
            self.counters.count(FRAMES_CONCEALED, 1)
        self._concealer.hear(bank.pcm[row], 0, bank.frame)

    def make_concealer(self, rate: int) -> None:
        """Have what makes up the lost frames of this rate."""
        self._concealer = PcmConcealer(rate, secrets.randbits(16), memory=_CONCEALER_MEMORY)

    cdef bint lacks_concealer(self, Bank bank, int row) noexcept nogil:
        """Whether `make_concealer` has to be called before a row can be sent.

        It hears all that is encoded as it comes, so that it knows what was before a loss.
        """
        if not bank.rows[row].stamped or (<Sender> bank.rows[row].sink).make_encoder is None:
            return False
        return self._concealer is None or self._concealer.rate != bank.rate

    cdef void make_noise(self, double now) noexcept nogil:
        """Add the frames of comfort noise that are due."""
        cdef void *bank = <void *> self.narrow
        cdef int place, units
        if self.mode != DIRECT and self.mode != RELAYED:  # a jitter buffer makes noise of its own
            return
        if self.sink is None or not self.sink.hears() or not self.sink.transport.is_open():
            return
        if self._direct_codec >= 0:
            bank = self.bank_at(codec_facts(self._direct_codec).sample_rate)
        # After a stall the pause is shorter for the far end, not made up for
        if self._noise_due < now - 2 * FRAME_SECONDS:
            self._noise_due = now - 2 * FRAME_SECONDS
        units = self.sink.line.clock_rate // _frames_per_second
        while self._noise_due <= now:
            self._noise_due += FRAME_SECONDS
            if not self.sink.line.is_due(units, now):  # the audio before it is not over yet
                continue
            place = (<Bank> bank).add_row(<void *> self, <void *> self.sink)
            if place < 0:
                return
            self._noise.fill_colored(
                (<Bank> bank).pcm[place], 0, (<Bank> bank).frame, self._noise_level
            )
            (<Bank> bank).rows[place].stamped = True
            self.sink.line.extend(units, now, &(<Bank> bank).rows[place].stamp)

    cdef int64_t discarded_since(self) noexcept nogil:
        """Return how many packets have come since the last call that nobody will hear."""
        cdef int64_t discarded = self._discarded
        self._discarded = 0
        if self.mode == BUFFERED and self.playback is not None:
            discarded += self.playback.buffer.discarded_since()
        return discarded

    cdef void note_level(self, int level) noexcept nogil:
        self.level = level
        if self.playback is not None:
            self.playback.meter.note(level)

    cdef bint lags(self) noexcept nogil:
        """Whether something is to be left out of what passes directly."""
        return self._left_out >= FRAME_SECONDS / 2

    cdef bint _leaves_out(self, double arrival, double length) noexcept nogil:
        """Whether a packet is not passed on, since as much was left out of what is played."""
        if not self.lags() or arrival > self._resumed + STILL_LATE:
            return False
        self._left_out -= length
        return True

    cdef void skip(self, int frames, double resumed) noexcept nogil:
        """Let frames pass that the process had no time for; the clock goes on at `resumed`.

        What waits in a jitter buffer of ours is dropped. What passes directly loses as much, be it
        that it has waited in the socket, or that the clock is behind its time for long: a call
        loses the same both ways.
        """
        if self.mode == DIRECT or self.mode == RELAYED:
            if resumed > self._resumed + STILL_LATE or self._left_out < 0:
                self._left_out = 0
            self._left_out += frames * FRAME_SECONDS
            self._resumed = resumed
        if self.playback is not None:
            self.playback.buffer.skip_frames(frames)
