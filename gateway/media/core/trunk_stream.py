"""What comes from one trunk: audio to the down batch or on to the browser, digits to the call."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gateway.media.core.allowance import Allowance, AudioAllowance
from gateway.media.core.down import MOST_MADE_UP, DownPacket, DownStream, Frame
from gateway.media.core.down_batch import DownBatch, DownLeg
from gateway.media.core.reports import LegReports
from gateway.media.core.speech import FORMATS
from gateway.media.core.trunk_sender import bytes_per_tick
from gateway.media.core.up import FRAMES_PER_SECOND
from gateway.media.counters import rejected
from gateway.media.parameters import BrowserRemote, TrunkRemote
from voice import comfort_noise
from voice.codec import CODECS, OPUS, PAYLOAD_CODECS, PayloadCodec, StreamCodec, StreamDecoder
from voice.comfort_noise import NoiseGenerator
from voice.opus import OpusEncoder
from voice.rtp import RtpPacket
from voice.telephone_event import EventEnded, EventError, EventReceiver, EventStarted

TELEPHONE = 8000  # Hz, of events and of comfort noise (RFC 3389 section 4)
FRAME = 1 / FRAMES_PER_SECOND

# Per cent of packets that the encoder may be told to expect the loss of. Repair takes bits from the
# words themselves, so there is more of it only as the browser reports losses. Never none: a first
# loss comes before its report
EXPECTED = (5, 10, 20, 30)
LEAST_EXPECTED = EXPECTED[0]

# A tone in the sound is told when it is found, and how long it will last nobody knows yet
TONE_DURATION = 100  # ms

# Nobody presses faster, and whoever is told has a queue that ends somewhere
DIGIT_RATE = 20.0  # per second
DIGIT_BURST = 20.0

Samples = NDArray[np.int16]


class TrunkStream:
    """Sorts a trunk's packets by payload type; all of them have passed the latch.

    Attributes
    ----------
    open
        The browser can be sent to.
    noisy
        Comfort noise stands for the trunk's silence: `make_noise` is to be called every tick, as
        `on_silence` has asked.
    """

    def __init__(
        self,
        batch: DownBatch,
        send: Callable[[bytes], None],
        on_digit: Callable[[str, int], None],
        failed: Callable[[], None],
        reports: LegReports,
        counters: Counter[str],
        *,
        ssrc: int,
        on_silence: Callable[[], None],
        complexity: int,
        bitrate: int,
    ) -> None:
        self._batch = batch
        self._on_digit = on_digit
        self._reports = reports
        self._counters = counters
        self._on_silence = on_silence
        self._complexity, self._bitrate = complexity, bitrate
        self._expected_loss = LEAST_EXPECTED
        self._encoder: OpusEncoder | None = None
        self._rate = 0  # of the encoder's samples
        self._browser = "OPUS"
        self.leg = DownLeg(_nothing, send, failed, ssrc=ssrc)
        self._down = DownStream(secrets.randbits(16), secrets.randbits(32), counters)
        self._remote: TrunkRemote | None = None
        self._codecs: dict[int, PayloadCodec | StreamCodec] = {}
        self._decoder: tuple[StreamCodec, StreamDecoder] | None = None
        self._audio_allowed = AudioAllowance()
        self._digits = EventReceiver(TELEPHONE)
        self._digits_allowed = Allowance(DIGIT_RATE, DIGIT_BURST)
        self._latest = 0.0  # when a packet came
        self._noise = NoiseGenerator(secrets.randbits(16))
        self._noise_wanted = comfort_noise.ComfortNoise(127)
        self._noise_due = 0.0
        self.noisy = False
        self.open = False

    def serve(self, browser: BrowserRemote) -> None:
        """Send what this browser's description says."""
        self.leg.payload_type = browser.payload_type
        self.leg.level_extension = browser.level_extension
        if browser.codec != self._browser:
            self._browser = browser.codec
            self._down.clock_rate = FORMATS[browser.codec].clock_rate
            self._rate = 0

    def expect(self, remote: TrunkRemote) -> None:
        """Take what this description announces."""
        self._codecs = {number: CODECS[name] for number, name in remote.codecs}
        self._remote = remote
        self.leg.on_tone = self._tone if remote.event is None else None
        # Under another payload type alone a digit goes on
        if remote.event is not None and remote.event.clock_rate != self._digits.clock_rate:
            self._tell(self._digits.reset(), self._latest)
            self._digits = EventReceiver(remote.event.clock_rate)

    def take(self, packet: RtpPacket, now: float) -> None:
        """Take a packet from the trunk."""
        remote = self._remote
        if remote is None:
            return
        self._latest = now
        codec = self._codecs.get(packet.payload_type)
        if codec is not None:
            self._reports.heard(
                packet.sequence, packet.timestamp, now, packet.ssrc, codec.clock_rate
            )
            self._take_audio(packet, codec, now)
        elif packet.payload_type in remote.event_payload_types:
            self._heard(packet, remote.event.clock_rate if remote.event else TELEPHONE, now)
            self._down.pass_over(packet.ssrc, packet.sequence)
            self._take_event(packet, now)
        elif packet.payload_type == comfort_noise.PAYLOAD_TYPE:
            self._heard(packet, TELEPHONE, now)
            self._down.pass_over(packet.ssrc, packet.sequence)
            self._take_noise(packet.payload, now)
        else:
            # A keepalive may have any payload type (RFC 6263 section 4.6): a sign of life
            self._reports.wait_anew(now)
            self._counters[rejected("trunk", "payload-type")] += 1

    def _heard(self, packet: RtpPacket, clock_rate: int, now: float) -> None:
        self._reports.heard(packet.sequence, packet.timestamp, now, packet.ssrc, clock_rate)

    def _take_audio(self, packet: RtpPacket, codec: PayloadCodec | StreamCodec, now: float) -> None:
        if not self._audio_allowed.allows(now):
            self._counters[rejected("trunk", "flood")] += 1
            return
        down = self._down
        gap = down.begin(packet.ssrc, packet.sequence, packet.timestamp, codec, now)
        if gap < 0:
            return
        self.noisy = False
        audio = DownPacket(packet.payload, packet.timestamp, packet.marker, bytes_per_tick(codec))
        if codec.name.upper() == self._browser:
            ticks = FORMATS[self._browser].length(packet.payload)
            self._audio_allowed.spend(ticks / codec.clock_rate)
            frame = down.whole(audio, ticks, gap)
            if self.open:
                self.leg.put(frame, frame.codes)
            return
        if codec is OPUS:  # and this browser does not understand it
            self._counters[rejected("trunk", "payload-type")] += 1
            return
        length = len(packet.payload) / audio.bytes_per_tick / codec.clock_rate
        self._audio_allowed.spend(length + FRAME * min(gap, MOST_MADE_UP))
        size = codec.clock_rate // FRAMES_PER_SECOND * audio.bytes_per_tick
        for frame in down.cut(audio, size, gap):
            if self.open:
                self._add(codec, frame)

    def _add(self, codec: PayloadCodec | StreamCodec, frame: Frame) -> None:
        self._encode_at(codec.sample_rate)
        if isinstance(codec, PayloadCodec):
            self._batch.add(self.leg, codec, frame)
            return
        if self._decoder is None or self._decoder[0] is not codec:
            self._decoder = (codec, codec.decoder())
        try:
            self._batch.add_coded(self.leg, codec, self._decoder[1], frame)
        except ValueError:
            self._counters[rejected("trunk", "payload")] += 1

    def _encode_at(self, rate: int) -> None:
        """Have an encoder for the browser that takes samples of this rate."""
        if rate == self._rate:
            return
        self._rate = rate
        self._encoder = None
        if self._browser == "OPUS":
            self._encoder = OpusEncoder(
                rate,
                complexity=self._complexity,
                bitrate=self._bitrate,
                expected_loss=self._expected_loss,
            )
            self.leg.encode = self._encoder.encode
        else:
            self.leg.encode = partial(_encode_pcm, PAYLOAD_CODECS[self._browser], rate)

    def expect_loss(self, share: float) -> None:
        """Spend bits on repair as it is worth where this share of packets is lost."""
        wanted = next(each for each in EXPECTED if each >= 100 * share or each == EXPECTED[-1])
        if wanted != self._expected_loss:
            self._expected_loss = wanted
            if self._encoder is not None:
                self._encoder.expected_loss = wanted

    def _take_noise(self, payload: bytes, now: float) -> None:
        """The trunk stops sending, and says what its silence sounds like (RFC 3389)."""
        try:
            self._noise_wanted = comfort_noise.parse(payload)
        except comfort_noise.ComfortNoiseError:
            self._counters[rejected("trunk", "comfort-noise")] += 1
            return
        if not self.noisy:
            self.noisy = True
            self._noise_due = now
            self._on_silence()

    def make_noise(self, now: float) -> bool:
        """Send the noise that is due; false once the trunk sends audio again."""
        if not self.noisy or not self.open:
            return self.noisy
        # After a stall the pause is shorter for the browser, not made up for
        self._noise_due = max(self._noise_due, now - 2 * FRAME)
        while self._noise_due <= now:
            self._noise_due += FRAME
            self._encode_at(self._rate or TELEPHONE)
            pcm: Samples = np.zeros(self._rate // FRAMES_PER_SECOND, np.int16)
            wanted = self._noise_wanted
            self._noise.fill(pcm, wanted.level, wanted.reflection)
            self._batch.add_samples(self.leg, self._rate, self._down.extend(), pcm)
        return True

    def _take_event(self, packet: RtpPacket, now: float) -> None:
        try:
            told = self._digits.receive(packet.timestamp, packet.marker, packet.payload, now)
        except EventError:
            self._counters[rejected("trunk", "event")] += 1
            return
        self._tell(told, now)

    def expire(self, now: float) -> None:
        """Called every now and then: ends a digit whose last packets were lost."""
        self._tell(self._digits.expire(now), now)

    def _tell(self, told: list[EventStarted | EventEnded], now: float) -> None:
        for event in told:
            if not isinstance(event, EventEnded):
                continue
            if not self._digits_allowed.allows(now):
                self._counters[rejected("trunk", "digit-flood")] += 1
                continue
            self._digits_allowed.spend(1)
            self._counters["trunk_digits"] += 1
            self._on_digit(event.digit, event.duration_ms)

    def _tone(self, digit: str) -> None:
        self._counters["trunk_digits"] += 1
        self._on_digit(digit, TONE_DURATION)


def _nothing(samples: Samples) -> bytes:
    """Encode for a browser that is not known yet."""
    return b""


def _encode_pcm(codec: PayloadCodec, rate: int, samples: Samples) -> bytes:
    """G.711 for the browser; of samples at twice the rate each pair is one."""
    if rate == 2 * codec.sample_rate:
        pairs = samples.reshape(-1, 2).sum(axis=1, dtype=np.int32)
        samples = (pairs // 2).astype(np.int16)
    return codec.encode(samples).tobytes()
