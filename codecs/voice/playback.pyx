"""One stream's way from packets to frames of 20 ms: jitter buffer, decoder and what stands in.

What the jitter buffer asks for is done here: packets are decoded, repaired, accelerated or
concealed, and parts of a packet that a frame has no room for wait for the next frame. A frame is
always made: what a decoder refuses is counted and concealed.
"""

from libc.stdint cimport int64_t

import numpy as np
from numpy.typing import NDArray

from voice.counters cimport (
    FRAMES_ACCELERATED,
    FRAMES_CONCEALED,
    FRAMES_REPAIRED,
    REJECTED_PAYLOAD,
)
from voice.jitter_buffer cimport ACCELERATE, CONCEAL, DROP, LATER, PLAY, REPAIR, SILENCE
from voice.stretch cimport shorten_samples

cdef enum:
    FRAMES_PER_SECOND = 50
    STEPS_PER_SECOND = 400  # Opus is made up in steps of 2.5 ms
    SHORTEST_ACCELERATED = 30  # ms: the longest period, and as much signal to compare

# Where a delay is given back in one piece (see `JitterBuffer`), so many dB below the loudest of
# late will do in the end
cdef double DIP = 15.0
cdef double FADING = 0.2  # dB for each frame, by which the loudest is forgotten
cdef double LAST_SEARCH = 0.3  # seconds


cdef class Playback:
    """Turns one stream's packets into frames of 20 ms.

    Parameters
    ----------
    counters
        Where it is counted what became of packets and frames.
    decoder
        Of the stream's codec, at the rate of the frames.
    seed
        Of the comfort noise; streams that are mixed should not have the same.

    Attributes
    ----------
    buffer
        The packets between arrival and playing; packets are pushed there.
    meter
        To be told each frame's level.
    decoder
        As it was given.
    frame
        Samples of a frame.
    unheard
        Nobody hears the stream yet, so that its delay may change without care.
    """

    def __cinit__(
        self, Counters counters not None, SpeechDecoder decoder not None, seed: int = 0
    ) -> None:
        self.buffer = JitterBuffer(counters, decoder)
        self.meter = LevelMeter()
        self._loudest = self.meter.level
        self._counters = counters
        self._noise = NoiseGenerator(seed)
        self.change_decoder(decoder)

    cpdef void change_decoder(self, SpeechDecoder decoder):
        """Go on with the stream at another sample rate.

        Parameters
        ----------
        decoder
            Of the same codec; what waits in the buffer is decoded by it.
        """
        self.buffer.change_decoder(decoder)
        self.decoder = decoder
        self.frame = decoder.sample_rate // FRAMES_PER_SECOND
        # One packet to be accelerated may follow another
        self._samples = np.zeros(2 * LONGEST_PACKET * self.frame, np.int16)
        self._rest = self._rest_size = self._missing = 0

    cpdef void adopt_delay(self, Playback other) noexcept:
        """Begin with the delay that another stream of the same network has needed."""
        self.buffer.delay.expect_delay(other.buffer.delay.target_delay())

    def fill(self, out: NDArray[np.int16], now: float) -> Filled:
        """Fill `out` with what is due at `now`.

        Parameters
        ----------
        out
            int16[frame].
        now
            Seconds of the clock that packets' arrivals are told by.

        Raises
        ------
        ValueError
            `out` is no frame.
        """
        if len(out) != self.frame:
            raise ValueError(f"{len(out)} samples: a frame has {self.frame}")
        return self.fill_frame(out, now)

    cpdef void restart(self) noexcept nogil:
        """Begin with a new stream; what waits of the old one is forgotten."""
        self.buffer.restart()
        self.decoder.restart()
        self._rest_size = 0

    cpdef void resume(self) noexcept nogil:
        """Go on with a stream that was not listened to: what came before is no loss."""
        cdef double delay = self.buffer.delay.target_delay()
        self.restart()
        self.buffer.delay.expect_delay(delay)

    cdef Filled fill_frame(self, int16_t[::1] out, double now) noexcept nogil:
        cdef bint quiet = self._is_quiet(now)
        cdef int filled = 0
        cdef int surplus
        cdef Action action
        self.buffer.earlier = False
        if self._rest_size:
            if quiet:  # a part of a frame that is ahead of the packets is delay for nothing
                surplus = self._rest_size % self.frame
                self._rest += surplus
                self._rest_size -= surplus
            filled = self._take_rest(out, 0)
        while filled < self.frame:
            action = self.buffer.next_action(
                now, quiet, <double>filled / self.decoder.sample_rate
            )
            if action == LATER:
                return LATE
            filled = self._play(action, out, filled)
        return FRAME

    cdef bint _is_quiet(self, double now) noexcept nogil:
        """Whether nobody would hear a frame more or less."""
        self._loudest = min(<double>self.meter.level, self._loudest + FADING)
        if not self.buffer.giving_back:
            return self.unheard or self.meter.quiet
        # One gap is to be made. A later one is heard less than one in the first words; at the end
        # of the search anything will do that is far from the loudest
        cdef bint dip = self.meter.level > self._loudest + DIP
        return self.unheard or (dip and now > self.buffer.give_back_by - LAST_SEARCH)

    cdef int _take_rest(self, int16_t[::1] out, int filled) noexcept nogil:
        """Play what is decoded, as far as the frame has room; return how full it is then."""
        cdef int count = min(self._rest_size, self.frame - filled)
        cdef int place
        for place in range(count):
            out[filled + place] = self._samples[self._rest + place]
        self._rest += count
        self._rest_size -= count
        return filled + count

    cdef int _keep(self, int count) noexcept nogil:
        """So many samples have been decoded, which a frame may have no room for."""
        self._rest = 0
        self._rest_size = max(count, 0)
        return count

    cdef int _play(self, Action action, int16_t[::1] out, int filled) noexcept nogil:
        """Do what the jitter buffer asks for, and return how full the frame is then."""
        if action == SILENCE:
            self._noise.fill_white(out, filled, self.frame - filled, self.meter.floor)
            return self.frame
        if action == CONCEAL:
            return self._conceal(out, filled)
        if action == REPAIR:
            self._counters.count(FRAMES_REPAIRED, 1)
        if action != DROP:
            self._missing = 0
        cdef int result = self._decode(action, out, filled)
        if result >= 0:
            return result
        self._counters.count(REJECTED_PAYLOAD, 1)
        return self._conceal(out, filled)

    cdef int _decode(self, Action action, int16_t[::1] out, int filled) noexcept nogil:
        """Decode a packet; how full the frame is then, negative if the decoder refuses it."""
        cdef int samples
        if action == PLAY:
            if not filled and self.buffer.one_frame:
                return self._decode_packet(out, 0)
            samples = self._keep(self._decode_packet(self._samples, 0))
        elif action == ACCELERATE:
            samples = self._keep(self._decode_accelerated())
        elif action == REPAIR:
            samples = self._asked_for()
            if not filled and samples == self.frame:
                return self._repair_packet(out, samples)
            samples = self._keep(self._repair_packet(self._samples, samples))
        else:  # DROP: only the decoder is to hear it
            samples = self._decode_packet(self._samples, 0)
            return filled if samples >= 0 else samples
        return self._take_rest(out, filled) if samples >= 0 else samples

    cdef int _decode_packet(self, int16_t[::1] out, int at) noexcept nogil:
        return self.decoder.decode_packet(
            self.buffer.payload_data, self.buffer.payload_size, out, at
        )

    cdef int _repair_packet(self, int16_t[::1] out, int samples) noexcept nogil:
        return self.decoder.repair_packet(
            self.buffer.payload_data, self.buffer.payload_size, out, 0, samples
        )

    cdef int _decode_accelerated(self) noexcept nogil:
        """Decode a packet, and the next if it is here, and take one pitch period out of them."""
        cdef int rate = self.decoder.sample_rate
        cdef int count = self._decode_packet(self._samples, 0)
        cdef int following, shorter
        if count >= 0 and self.buffer.next_packet():
            following = self._decode_packet(self._samples, count)
            count = count + following if following >= 0 else following
        if count < rate * SHORTEST_ACCELERATED // 1000:
            return count
        shorter = shorten_samples(self._samples, count, rate)
        if shorter < count:
            self._counters.count(FRAMES_ACCELERATED, 1)
        return shorter

    cdef int _conceal(self, int16_t[::1] out, int filled) noexcept nogil:
        """Play what could have been said: a guess, then the noise of the room."""
        cdef int samples = self._asked_for()
        cdef bint whole = not filled and samples == self.frame
        cdef int16_t[::1] into = out if whole else self._samples
        if self._missing < LONGEST_CONCEALMENT * self.frame:
            self._counters.count(FRAMES_CONCEALED, 1)
            self._guess(into, samples)
        else:
            self._noise.fill_white(into, 0, samples, self.meter.floor)
        if whole:
            return samples
        self._keep(samples)
        return self._take_rest(out, filled)

    cdef void _guess(self, int16_t[::1] into, int samples) noexcept nogil:
        """What the codec makes up, fading into the noise of the room."""
        cdef int fade = FADE * self.frame
        cdef int begin = self._missing - (LONGEST_CONCEALMENT * self.frame - fade)
        cdef double floor = self.meter.floor
        self._missing += samples
        if self.decoder.conceal_samples(into, 0, samples) < 0:
            self._noise.fill_white(into, 0, samples, floor)
            return
        cdef int first = min(max(-begin, 0), samples)  # that noise is added to
        cdef int last = min(max(fade - begin, 0), samples)  # from here on there is nothing else
        if first < last:
            self._noise.fade_in(
                into,
                first,
                last - first,
                floor,
                <double>(begin + first) / fade,
                <double>(begin + last) / fade,
            )
        if last < samples:
            self._noise.fill_white(into, last, samples - last, floor)

    cdef int _asked_for(self) noexcept nogil:
        """Return how many samples the jitter buffer asks for, in steps that a codec can make."""
        cdef int64_t steps = <int64_t>self.buffer.length * STEPS_PER_SECOND
        steps = max(steps // self.buffer.clock_rate, <int64_t>1)
        cdef int64_t samples = steps * (self.decoder.sample_rate // STEPS_PER_SECOND)
        return <int>min(samples, <int64_t>(LONGEST_PACKET * self.frame))
