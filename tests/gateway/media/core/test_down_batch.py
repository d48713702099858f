"""All packets of a tick for all browsers: each gets its own, and what was lost can be repaired."""

from __future__ import annotations

import gc
import weakref
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.core.down import DownPacket, DownStream
from gateway.media.core.down_batch import VOICE, DownBatch, DownLeg, ToneFinder
from tests.tones import assert_tone, make_tone
from tests.voice.signals import find_delay, make_speech
from voice.codec import L16, PCMA, PCMU, PayloadCodec
from voice.levels import measure
from voice.levels import parse as parse_level
from voice.opus import OpusDecoder, OpusEncoder, has_fec
from voice.rtp import RtpPacket, parse
from voice.rtp_extension import find
from voice.tones import DtmfTones

Samples = NDArray[np.int16]
SIZE = 160


class Browser:
    """A leg, and what it was sent."""

    def __init__(self, rate: int = 8000, **settings: int | None) -> None:
        self.packets: list[RtpPacket] = []
        self.failures = 0
        self.digits: list[str] = []
        self.leg = DownLeg(
            OpusEncoder(rate, complexity=0, bitrate=32000, expected_loss=20).encode,
            lambda packet: self.packets.append(parse(packet)),
            self._fail,
            ssrc=id(self) & 0xFFFFFFFF,
            **settings,  # type: ignore[arg-type]
        )
        self.counters: Counter[str] = Counter()
        self.stream = DownStream(0, 0, self.counters)
        self._sequence = 0

    def _fail(self) -> None:
        self.failures += 1

    def take(
        self, batch: DownBatch, codes: bytes, codec: PayloadCodec = PCMU, *, lost: bool = False
    ) -> None:
        """Let the trunk's next packet come, or not."""
        number = self._sequence
        self._sequence += 1
        if lost:
            return
        timestamp = number * codec.clock_rate // 50
        gap = self.stream.begin(1, number, timestamp, codec, number * 0.02)
        packet = DownPacket(codes, timestamp, False, codec.bytes_per_sample)
        for frame in self.stream.cut(packet, len(codes), gap):
            batch.add(self.leg, codec, frame)

    def heard(self, rate: int = 8000) -> Samples:
        decoder, chunks = OpusDecoder(rate), []
        for packet in self.packets:
            out: Samples = np.zeros(rate // 50, np.int16)
            decoder.decode(packet.payload, out)
            chunks.append(out)
        return np.concatenate(chunks)


def frames(codec: PayloadCodec, samples: Samples) -> list[bytes]:
    size = codec.sample_rate // 50
    return [codec.encode(frame).tobytes() for frame in samples.reshape(-1, size)]


def test_each_browser_hears_its_own_trunk() -> None:
    batch = DownBatch(Counter())
    codecs = [PCMU, PCMA, L16, PCMU, L16]
    browsers = [Browser(codec.sample_rate) for codec in codecs]
    tones = [300.0 + 200 * n for n in range(len(codecs))]
    coded = [
        frames(codec, make_tone(tone, seconds=1, rate=codec.sample_rate))
        for codec, tone in zip(codecs, tones, strict=True)
    ]
    for n in range(50):
        for browser, codec, payloads in zip(browsers, codecs, coded, strict=True):
            browser.take(batch, payloads[n], codec)
        batch.serve()
    for browser, tone in zip(browsers, tones, strict=True):
        others = [each for each in tones if each != tone]
        assert len(browser.packets) == 50
        assert_tone(browser.heard()[2000:], 8000, present=[tone], absent=others)


def test_several_packets_of_one_browser_in_a_tick_stay_in_order() -> None:
    batch, browser = DownBatch(Counter()), Browser()
    for payload in frames(PCMU, make_tone(440, seconds=0.5)):
        browser.take(batch, payload)
    batch.serve()
    assert [packet.sequence for packet in browser.packets] == [*range(25)]
    assert_tone(browser.heard()[800:], 8000, present=[440])


def test_what_was_served_is_not_served_again() -> None:
    batch, browser = DownBatch(Counter()), Browser()
    browser.take(batch, bytes(SIZE))
    batch.serve()
    batch.serve()
    assert len(browser.packets) == 1


def test_what_was_sent_is_counted_for_reports() -> None:
    batch, browser = DownBatch(Counter()), Browser()
    for _ in range(3):
        browser.take(batch, b"\xff" * SIZE)
    batch.serve()
    leg = browser.leg
    assert leg.packets_sent == 3
    assert leg.octets_sent == sum(len(packet.payload) for packet in browser.packets)
    assert leg.timestamp == browser.packets[-1].timestamp


class TestRepair:
    """A browser that has lost nothing of ours still lacks what the trunk's packets lacked."""

    def errors(self, *, hears: bool) -> list[float]:
        """Return the error of each repaired frame, as a share of its power."""
        speech = make_speech(8000, 8)
        lost = set(range(40, 395, 7))
        batch, browser = DownBatch(Counter()), Browser()
        if not hears:
            browser.stream._lost = lambda count: []  # type: ignore[method-assign]
        for n, payload in enumerate(frames(PCMU, speech)):
            browser.take(batch, payload, lost=n in lost)
            batch.serve()
        sent = {packet.sequence: packet.payload for packet in browser.packets}
        assert lost.isdisjoint(sent)
        decoder, errors = OpusDecoder(8000), []
        heard = []
        for n in range(400):
            out: Samples = np.zeros(SIZE, np.int16)
            if n in sent:
                decoder.decode(sent[n], out)
            elif has_fec(sent[n + 1]):
                decoder.decode_fec(sent[n + 1], out, SIZE)
            else:
                decoder.conceal(out, SIZE)
            heard.append(out)
        wave = np.concatenate(heard).astype(float)
        delay = find_delay(np.concatenate(heard), speech, 200)
        for n in sorted(lost):
            if not has_fec(sent[n + 1]):
                continue
            was = speech[n * SIZE - delay : (n + 1) * SIZE - delay].astype(float)
            now = wave[n * SIZE : (n + 1) * SIZE]
            errors.append(float(np.square(now - was).sum() / max(np.square(was).sum(), 1.0)))
        return errors

    def test_what_the_encoder_heard_for_a_gap_is_what_the_browser_repairs_it_with(self) -> None:
        """Else the packet after the gap repairs it with what was before the gap, once more."""
        hearing, deaf = self.errors(hears=True), self.errors(hears=False)
        assert len(hearing) > 10
        # Measured: 0.37 and 0.98
        assert np.median(hearing) < 0.6 * np.median(deaf)

    def test_what_was_made_up_is_not_sent(self) -> None:
        counters: Counter[str] = Counter()
        batch, browser = DownBatch(counters), Browser()
        for n, payload in enumerate(frames(PCMU, make_tone(440, seconds=1))):
            browser.take(batch, payload, lost=n in (20, 30, 31, 40, 41, 42))
            batch.serve()
        assert len(browser.packets) == 44
        assert counters["trunk_frames_concealed"] == 1 + 2 + 2
        steps = {
            b.sequence - a.sequence
            for a, b in zip(browser.packets, browser.packets[1:], strict=False)
        }
        assert steps == {1, 2, 3, 4}

    def test_the_packet_after_a_gap_joins_what_was_made_up(self) -> None:
        batch, browser = DownBatch(Counter()), Browser()
        given: list[Samples] = []
        encode = browser.leg.encode

        def listen(samples: Samples) -> bytes:
            given.append(samples.copy())
            return encode(samples)

        browser.leg.encode = listen
        for n, payload in enumerate(frames(PCMU, make_tone(430, seconds=1))):
            browser.take(batch, payload, lost=n in (20, 21))
            batch.serve()
        sound = np.concatenate(given).astype(int)
        steps = np.abs(np.diff(sound))
        assert steps[19 * SIZE : 24 * SIZE].max() < 1.6 * steps[: 19 * SIZE].max()
        assert browser.leg.concealer is None

    def test_the_loss_of_one_leg_leaves_the_batch_of_the_others_whole(self) -> None:
        batch, lossy, sound = DownBatch(Counter()), Browser(), Browser()
        lossy.take(batch, bytes(SIZE))
        batch.serve()
        sound.take(batch, bytes(SIZE))
        lossy.take(batch, bytes(SIZE), lost=True)
        lossy.take(batch, bytes(SIZE))
        assert len(sound.packets) == 0
        batch.serve()
        assert (len(sound.packets), len(lossy.packets)) == (1, 2)

    def test_losses_among_packets_of_one_tick_are_heard_in_order(self) -> None:
        batch, browser = DownBatch(Counter()), Browser()
        given: list[Samples] = []
        browser.leg.encode = lambda samples: given.append(samples.copy()) or b""  # type: ignore[func-returns-value]
        tone = make_tone(430, seconds=0.4)
        for n, payload in enumerate(frames(PCMU, tone)):
            browser.take(batch, payload, lost=n in (10, 13))
        batch.serve()
        assert len(given) == 20
        sound = np.concatenate(given).astype(float)
        # A frame in another's place would be nothing like the tone
        error = np.square(sound - tone).reshape(-1, SIZE).mean(axis=1)
        assert error.max() < 0.05 * np.square(tone.astype(float)).mean()

    def test_what_was_made_up_at_one_rate_joins_nothing_at_another(self) -> None:
        batch, browser = DownBatch(Counter()), Browser()
        for n, payload in enumerate(frames(PCMU, make_tone(440, seconds=0.4))):
            browser.take(batch, payload, lost=n == 19)
        batch.serve()
        lost = browser.stream._lost(1)
        browser.leg.encode = lambda samples: samples.tobytes()
        batch.add(browser.leg, PCMU, lost[0])
        wide = make_tone(440, seconds=0.02, rate=16000)
        batch.add_samples(browser.leg, 16000, browser.stream.extend(), wide)
        batch.serve()
        assert browser.packets[-1].payload == wide.tobytes()
        assert browser.leg.concealer is None


class TestLevel:
    @pytest.mark.parametrize("amplitude", [0, 20, 300, 8000])
    def test_the_browser_is_told_how_loud_a_frame_is(self, amplitude: int) -> None:
        batch, browser = DownBatch(Counter()), Browser(level_extension=5)
        samples = (make_tone(440, seconds=0.1).astype(int) * amplitude // 8231).astype(np.int16)
        for payload in frames(PCMU, samples):
            browser.take(batch, payload)
        batch.serve()
        (expected,) = measure(PCMU.decode(PCMU.encode(samples[-SIZE:]))[None, :]).tolist()
        told = parse_level(find(browser.packets[-1], 5) or b"")
        assert told is not None
        assert told.level == expected == browser.leg.level
        assert told.voice == (expected <= VOICE)

    def test_without_the_extension_there_is_none(self) -> None:
        batch, browser = DownBatch(Counter()), Browser()
        browser.take(batch, bytes(SIZE))
        batch.serve()
        assert browser.packets[0].profile is None


class TestFaults:
    @pytest.mark.parametrize("which", ["encode", "send"])
    def test_the_fault_of_one_leg_is_its_own(
        self, which: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(data: object) -> bytes:
            raise ZeroDivisionError("on purpose")

        batch, faulty, sound = DownBatch(Counter()), Browser(), Browser()
        setattr(faulty.leg, which, fail)
        for _ in range(3):
            faulty.take(batch, bytes(SIZE))
            sound.take(batch, bytes(SIZE))
            batch.serve()
        assert (faulty.failures, sound.failures) == (3, 0)
        assert len(sound.packets) == 3
        assert "on purpose" in caplog.text


def dial(digits: str, rate: int = 8000) -> list[Samples]:
    tones = DtmfTones(rate)
    tones.send(digits)
    made = []
    while tones.busy:
        frame: Samples = np.zeros(rate // 50, np.int16)
        tones.fill(frame)
        made.append(frame)
    return made + [np.zeros(rate // 50, np.int16)] * 3


class TestTones:
    def listening(self, rate: int = 8000) -> Browser:
        browser = Browser(rate)
        browser.leg.on_tone = browser.digits.append
        return browser

    @pytest.mark.parametrize("codec", [PCMU, L16])
    @pytest.mark.parametrize("together", [1, 2, 5])
    def test_digits_are_found_once_however_packets_come(
        self, codec: PayloadCodec, together: int
    ) -> None:
        batch, browser = DownBatch(Counter()), self.listening(codec.sample_rate)
        for n, frame in enumerate(dial("159#", codec.sample_rate)):
            browser.take(batch, codec.encode(frame).tobytes(), codec)
            if n % together == together - 1:
                batch.serve()
        batch.serve()
        assert browser.digits == [*"159#"]

    def test_each_leg_hears_its_own_digits(self) -> None:
        batch = DownBatch(Counter())
        dialed = ["123", "456", "", "789", "*0#"]
        browsers = [self.listening() for _ in dialed]
        sounds = [dial(digits) for digits in dialed]
        for n in range(max(map(len, sounds))):
            for browser, sound in zip(browsers, sounds, strict=True):
                if n < len(sound):
                    browser.take(batch, PCMU.encode(sound[n]).tobytes())
            batch.serve()
        assert [browser.digits for browser in browsers] == [[*digits] for digits in dialed]

    def test_who_does_not_listen_is_told_nothing(self) -> None:
        batch, browser = DownBatch(Counter()), Browser()
        for frame in dial("5"):
            browser.take(batch, PCMU.encode(frame).tobytes())
            batch.serve()
        assert browser.digits == []
        assert not batch._detectors

    def test_rows_are_given_back(self) -> None:
        """A thousand calls one after the other need the memory of those at one time."""
        batch = DownBatch(Counter())
        rows = set()
        for _ in range(50):
            browsers = [self.listening() for _ in range(3)]
            for browser in browsers:
                browser.take(batch, b"\xff" * SIZE)
            batch.serve()
            rows |= {batch._finder(8000)._rows[browser.leg] for browser in browsers}
            for browser in browsers:
                batch.forget(browser.leg)
        assert rows == {0, 1, 2}
        assert batch._finder(8000)._detector.streams == 3

    def test_a_leg_that_spoke_at_two_rates_is_forgotten_at_both(self) -> None:
        """Else the finders keep its session alive, and their rows grow call by call."""
        batch, other = DownBatch(Counter()), self.listening()
        other.take(batch, b"\xff" * SIZE)
        batch.serve()
        for _ in range(3):
            browser = self.listening()
            for codec in (PCMU, L16, PCMU, L16):
                samples: Samples = np.zeros(codec.sample_rate // 50, np.int16)
                browser.leg.encode = lambda pcm: b""
                browser.take(batch, codec.encode(samples).tobytes(), codec)
                batch.serve()
            batch.forget(browser.leg)
            gone = weakref.ref(browser)
            del browser
            gc.collect()
            assert gone() is None
        assert [finder._detector.streams for finder in batch._detectors.values()] == [2, 1]

    def test_a_row_that_was_given_back_remembers_nothing(self) -> None:
        """Half a digit of the last call and half a one of the next are none."""
        finder = ToneFinder(8000)
        sound = dial("5")
        first, second = self.listening(), self.listening()
        finder.find([first.leg], sound[0][None, :])
        before = finder._rows[first.leg]
        finder.forget(first.leg)
        finder.find([second.leg], sound[1][None, :])
        assert finder._rows == {second.leg: before}
        assert (first.digits, second.digits) == ([], [])

    def test_a_leg_that_is_forgotten_may_come_again(self) -> None:
        finder = ToneFinder(8000)
        browser, other = self.listening(), self.listening()
        finder.find([browser.leg], np.zeros((1, SIZE), np.int16))
        finder.forget(browser.leg)
        finder.forget(browser.leg)
        finder.find([other.leg], np.zeros((1, SIZE), np.int16))
        for frame in dial("7"):
            finder.find([browser.leg, other.leg], np.stack([frame, np.zeros(SIZE, np.int16)]))
        assert finder._rows[browser.leg] != finder._rows[other.leg]
        assert (browser.digits, other.digits) == (["7"], [])


def test_an_empty_tick_is_served() -> None:
    DownBatch(Counter()).serve()
