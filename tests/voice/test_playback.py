"""One stream's packets become frames of 20 ms, whatever they hold and whatever is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.tones import assert_tone, make_tone
from tests.voice.signals import levels_of, make_speech, measure_snr
from voice.codec import PCMA, PCMU
from voice.counters import Counters
from voice.g711 import encode_alaw, encode_ulaw
from voice.opus import OpusDecoder, OpusEncoder
from voice.opus_frames import has_fec
from voice.pcm import PcmDecoder
from voice.playback import FADE, LONGEST_CONCEALMENT, Filled, Playback
from voice.speech import SpeechDecoder

TONE = 440.0
START = 50.0  # seconds
FRAME = 0.02  # seconds
SPOKEN, FAINT = 20, 70  # -dBov
Frame = NDArray[np.int16]


def packets(
    milliseconds: int = 20, seconds: float = 2.4, *, fec: bool = True, rate: int = 48000
) -> list[bytes]:
    encoder = OpusEncoder(rate, bitrate=32000, fec=fec, expected_loss=20)
    size = rate * milliseconds // 1000
    samples = make_tone(TONE, 3 * TONE, seconds=seconds, rate=rate)
    samples[:: rate // 10] //= 2  # not quite periodic, so that it cannot be guessed
    return [encoder.encode(samples[at : at + size]) for at in range(0, len(samples), size)]


def speech(milliseconds: int, *, fec: bool) -> list[bytes]:
    encoder = OpusEncoder(16000, bitrate=24000, fec=fec, expected_loss=20)
    samples, size = make_speech(16000, 4.8), 16 * milliseconds
    return [encoder.encode(samples[at : at + size]) for at in range(0, len(samples), size)]


def make_decoder(codec: str, rate: int) -> SpeechDecoder:
    if codec == "OPUS":
        return OpusDecoder(rate)
    return PcmDecoder({"PCMU": PCMU, "PCMA": PCMA}[codec], rate)


class Player:
    """Feeds a stream packet by packet and plays it frame by frame, each at its time."""

    def __init__(
        self, rate: int = 8000, codec: str = "OPUS", *, clock: int = 48000, spoken: bool = True
    ) -> None:
        self.counters = Counters()
        self.playback = Playback(self.counters, make_decoder(codec, rate), 1)
        self.now = START
        self.frames: list[Frame] = []
        self._clock = clock
        self._timestamp = 2**32 - 5000
        self._number = 65530
        if spoken:
            self.speak()

    def speak(self, floor: int = SPOKEN) -> None:
        """Tell the meter that somebody speaks, before a noise of this level."""
        self.playback.meter.note(floor)
        self.playback.meter.note(SPOKEN)

    def pause(self) -> None:
        """Tell the meter that nobody speaks."""
        self.playback.meter.note(FAINT)

    def put(self, payload: bytes, milliseconds: int = 20, *, lost: bool = False) -> None:
        """Let a packet come, and the next after its time."""
        if not lost:
            sequence, timestamp = self._number & 0xFFFF, self._timestamp & 0xFFFFFFFF
            self.playback.buffer.push(sequence, timestamp, payload, self.now, stale=False)
        self._number += 1
        self._timestamp += milliseconds * self._clock // 1000

    def play(self, count: int) -> Frame:
        """Play frames and return their sound; asks again in the next slot as the clock does."""
        begin = len(self.frames)
        while len(self.frames) < begin + count:
            out: Frame = np.full(self.playback.frame, 77, np.int16)
            if self.playback.fill(out, self.now) is Filled.LATE:
                self.now += FRAME / 4
                continue
            self.frames.append(out)
            self.now += FRAME
        return np.concatenate(self.frames[begin:])

    def talk(
        self, payloads: list[bytes], milliseconds: int = 20, lost: Collection[int] = ()
    ) -> Frame:
        """Put and play packets of whole frames in turn."""
        begin = len(self.frames)
        for number, payload in enumerate(payloads):
            self.put(payload, milliseconds, lost=number in lost)
            self.play(milliseconds // 20)
        return np.concatenate(self.frames[begin:])


class TestLengths:
    @pytest.mark.parametrize("rate", [8000, 16000])
    @pytest.mark.parametrize("milliseconds", [20, 40, 60])
    def test_packets_of_any_length_come_out_as_whole_frames(
        self, milliseconds: int, rate: int
    ) -> None:
        player = Player(rate)
        whole = player.talk(packets(milliseconds), milliseconds)
        assert_tone(whole[rate // 2 :], rate, present=[TONE, 3 * TONE])
        assert player.counters["frames_concealed"] == 0

    @pytest.mark.parametrize("rate", [8000, 16000])
    def test_two_packets_make_a_frame(self, rate: int) -> None:
        player = Player(rate)
        sent = packets(10)
        for first, second in zip(sent[::2], sent[1::2], strict=True):
            player.put(first, 10)
            player.put(second, 10)
            player.play(1)
        whole = np.concatenate(player.frames)
        assert_tone(whole[rate // 2 :], rate, present=[TONE, 3 * TONE])
        assert player.counters["frames_concealed"] == 0

    def test_packets_of_mixed_lengths(self) -> None:
        """The encoder changes its mind four times a second; the sound goes on without a seam."""
        player = Player()
        encoder = OpusEncoder(48000, bitrate=32000)
        samples = make_tone(TONE, seconds=4, rate=48000)
        at = 0
        for turn in range(16):
            milliseconds = (20, 60, 10, 40)[turn % 4]
            for _ in range(max(4, 120 // milliseconds)):
                size = 48 * milliseconds
                player.put(encoder.encode(samples[at : at + size]), milliseconds)
                at += size
                while at * 1000 // 48 > (len(player.frames) + 1) * 20000:
                    player.play(1)
        whole = np.concatenate(player.frames)
        assert_tone(whole[4000:], 8000, present=[TONE], ratio=25)
        assert player.counters["frames_concealed"] == 0

    def test_wideband_has_what_narrowband_has_not(self) -> None:
        encoder = OpusEncoder(48000, bitrate=32000)
        samples = make_tone(TONE, 6000, seconds=2, rate=48000, level=-15)
        sent = [encoder.encode(samples[at : at + 960]) for at in range(0, len(samples), 960)]
        assert_tone(Player(16000).talk(sent)[8000:], 16000, present=[TONE, 6000])
        assert_tone(Player(8000).talk(sent)[4000:], 8000, present=[TONE], absent=[2000])


class TestLoss:
    @pytest.mark.parametrize("milliseconds", [20, 40, 60])
    def test_a_lost_packet_is_repaired_from_the_next(self, milliseconds: int) -> None:
        errors = {}
        for fec in (True, False):
            sent = speech(milliseconds, fec=fec)
            lost = set(range(11, len(sent) - 5, 7))
            sounds = []
            for gone in (lost, set[int]()):
                player = Player()
                player.put(sent[0], milliseconds)
                for number, packet in enumerate(sent[1:], 1):  # one packet is always in hand
                    player.put(packet, milliseconds, lost=number in gone)
                    player.play(milliseconds // 20)
                sounds.append(np.concatenate(player.frames))
                if gone:
                    assert player.counters["packets_lost"] == len(lost)
                    repairs = sum(has_fec(sent[number + 1]) for number in lost)
                    assert player.counters["frames_repaired"] == repairs
                    assert (repairs > 2) is fec
            errors[fec] = -measure_snr(*sounds)
        assert errors[True] < errors[False] - 1  # dB

    @pytest.mark.parametrize("milliseconds", [10, 40, 60])
    def test_losses_do_not_move_what_is_not_lost(self, milliseconds: int) -> None:
        sent = packets(milliseconds, seconds=4.8, fec=False)
        lost = set(range(5, len(sent) - 5, 9))
        player = Player()
        per_turn = max(1, 20 // milliseconds)
        for number in range(0, len(sent) - per_turn + 1, per_turn):
            for each in range(number, number + per_turn):
                player.put(sent[each], milliseconds, lost=each in lost)
            player.play(max(1, milliseconds // 20))
        assert len(player.frames) == 240
        assert player.counters["packets_lost"] == len(lost)
        assert player.counters["frames_dropped"] == 0
        assert player.counters["frames_accelerated"] == 0

    def test_what_is_missing_is_made_up_then_the_noise_of_the_room(self) -> None:
        player = Player()
        player.talk(packets(seconds=0.4))
        player.speak(floor=55)
        sound = player.play(LONGEST_CONCEALMENT + 10)
        levels = levels_of(sound.reshape(-1, 160))
        spoken = int(levels_of(player.frames[15][None, :])[0])
        assert abs(levels[0] - spoken) <= 6
        assert np.all(np.abs(levels[LONGEST_CONCEALMENT:] - 55) <= 2)
        assert player.counters["frames_concealed"] == LONGEST_CONCEALMENT

    def test_the_guess_fades_into_the_noise_without_a_step(self) -> None:
        player = Player()
        player.talk(packets(seconds=0.4))
        player.speak(floor=60)
        sound = player.play(LONGEST_CONCEALMENT + 1)
        fading = sound[(LONGEST_CONCEALMENT - FADE) * 160 :]
        power = np.sqrt(np.square(fading.reshape(-1, 40).astype(float)).mean(axis=1))
        assert power[0] > 10 * power[-1]
        assert np.all(power[1:] < 1.6 * power[:-1] + 50)

    def test_with_nothing_known_of_the_room_there_is_silence(self) -> None:
        player = Player(spoken=False)
        player.talk(packets(seconds=0.2))
        player.play(LONGEST_CONCEALMENT)
        assert not player.play(3).any()

    def test_before_the_first_packet_there_is_silence(self) -> None:
        assert not Player(spoken=False).play(5).any()

    @pytest.mark.parametrize(
        "garbage", [b"", b"\xff", b"\x0b\xff\xff", b"\x03\x00", bytes(range(200))]
    )
    def test_garbage_is_counted_and_the_stream_goes_on(self, garbage: bytes) -> None:
        player = Player()
        sent = packets(seconds=1.0)
        sent[10] = garbage
        sound = player.talk(sent)
        assert len(player.frames) == 50
        assert_tone(sound[-1600:], 8000, present=[TONE, 3 * TONE])
        assert player.counters["rejected_payload"] + player.counters["packets_lost"] <= 1

    def test_malformed_payloads_have_a_reason(self) -> None:
        player = Player()
        sent = packets(seconds=0.4)
        sent[10] = b"\x0b\xff\xff"
        player.talk(sent)
        assert player.counters["rejected_payload"] == 1
        assert player.counters["frames_concealed"] == 1


class TestPcm:
    @pytest.mark.parametrize(("codec", "encode"), [("PCMU", encode_ulaw), ("PCMA", encode_alaw)])
    @pytest.mark.parametrize("rate", [8000, 16000])
    @pytest.mark.parametrize("milliseconds", [20, 40])
    def test_a_browser_that_speaks_g711(
        self, codec: str, encode: Callable[[Frame], NDArray[np.uint8]], rate: int, milliseconds: int
    ) -> None:
        player = Player(rate, codec, clock=8000)
        size = 8 * milliseconds
        codes = encode(make_tone(TONE, seconds=2)).tobytes()
        sound = player.talk(
            [codes[at : at + size] for at in range(0, len(codes), size)], milliseconds
        )
        assert_tone(sound[rate // 4 :], rate, present=[TONE], ratio=25)

    def test_a_lost_packet_is_made_up(self) -> None:
        player = Player(codec="PCMU", clock=8000)
        codes = encode_ulaw(make_tone(TONE, seconds=2)).tobytes()
        sound = player.talk([codes[at : at + 160] for at in range(0, 16000, 160)], lost={50, 70})
        assert player.counters["frames_concealed"] == 2
        assert player.counters["packets_lost"] == 2
        assert np.abs(sound.reshape(-1, 160)).max(axis=1)[10:].min() > 2000

    @pytest.mark.parametrize("size", [0, 1, 7, 961, 1400])
    def test_payloads_of_no_sensible_length(self, size: int) -> None:
        player = Player(codec="PCMU", clock=8000)
        for _ in range(10):
            player.put(bytes(size), max(1, size // 8))
            player.play(1)
        assert len(player.frames) == 10


class TestStream:
    def test_a_new_stream_begins_afresh(self) -> None:
        player = Player()
        player.talk(packets(40, seconds=0.4), 40)
        player.playback.restart()
        other = Player()
        other.playback, other.counters = player.playback, player.counters
        other._number, other._timestamp = 7, 123456
        assert_tone(other.talk(packets())[4000:], 8000, present=[TONE, 3 * TONE])
        assert player.counters["rejected_sequence"] == 0

    def test_the_rate_may_change_in_mid_call(self) -> None:
        player = Player(8000)
        sent = packets(seconds=3)
        player.talk(sent[:70])
        player.playback.change_decoder(OpusDecoder(16000))
        begin = len(player.frames)
        for payload in sent[70:]:
            player.put(payload)
            player.play(1)
        assert {frame.size for frame in player.frames[begin:]} == {320}
        whole = np.concatenate(player.frames[begin:])
        # 40 ms after the change all is as it was
        assert_tone(whole[640 : 640 + 16000], 16000, present=[TONE, 3 * TONE])

    def test_words_are_accelerated_when_nobody_pauses(self) -> None:
        """Ten packets too many, in speech: gone without one that is dropped."""
        encoder = OpusEncoder(48000, bitrate=32000)
        speech = make_speech(48000, 10)
        sent = [encoder.encode(speech[at : at + 960]) for at in range(0, len(speech), 960)]
        player = Player()
        player.talk(sent[:200])  # what a call begins with is another matter
        for payload in sent[200:210]:
            player.put(payload)
        player.talk(sent[210:])
        assert player.counters["frames_accelerated"] > 5
        assert player.counters["frames_dropped"] == 0
        assert player.playback.buffer.waiting <= 4

    def test_a_frame_of_another_size_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="161 samples: a frame has 160"):
            Player().playback.fill(np.zeros(161, np.int16), START)

    def test_the_delay_is_known_to_the_stream_of_another_codec(self) -> None:
        """As of a trunk whose early media had another codec: the network is the same."""
        player = Player()
        late = [number % 3 == 1 for number in range(300)]
        play_late(player, packets(seconds=6), late)
        delay = player.playback.buffer.delay.target
        assert delay == pytest.approx(0.06, abs=0.015)
        other = Player(16000)
        other.playback.adopt_delay(player.playback)
        for payload in packets(seconds=0.02):
            other.put(payload)
        assert other.playback.buffer.delay.target == pytest.approx(delay, abs=0.001)


def play_late(player: Player, sent: list[bytes], late: list[bool]) -> None:
    """Play packets of which some come three frames after their time."""
    waiting: list[tuple[int, int, int, bytes]] = []
    for number, (payload, is_late) in enumerate(zip(sent, late, strict=True)):
        waiting.append((number + 3 * is_late, number, number * 960, payload))
        for each in sorted(waiting):
            if each[0] <= number:
                player.playback.buffer.push(each[1], each[2], each[3], player.now, stale=False)
                waiting.remove(each)
        player.play(1)


class TestStart:
    """A call whose first packets are late: the sender is busy, and catches up."""

    @pytest.mark.parametrize("late", [5, 10, 17])
    def test_delay_is_given_back_in_one_piece_within_a_second_and_a_half(self, late: int) -> None:
        encoder = OpusEncoder(48000, bitrate=32000)
        speech = make_speech(48000, 4)
        sent = [encoder.encode(speech[at : at + 960]) for at in range(0, len(speech), 960)]
        player = Player()
        for payload in sent[: late + 1]:  # all of these come at once
            player.put(payload)
        player.play(1)
        gaps = drop_gaps(player, sent[late + 1 :])
        assert sum(gaps.values()) == late
        assert len(gaps) == 1
        assert max(gaps) * FRAME < 1.5
        assert player.counters["frames_accelerated"] == 0

    def test_nobody_waits_who_is_not_heard(self) -> None:
        player = Player()
        player.playback.unheard = True
        sent = packets()
        for payload in sent[:11]:
            player.put(payload)
        player.play(1)
        gaps = drop_gaps(player, sent[11:])
        assert sum(gaps.values()) == 10
        assert max(gaps) * FRAME < 0.75


def drop_gaps(player: Player, sent: list[bytes]) -> dict[int, int]:
    """Play packets, each at its time; return how many frames were dropped, by when."""
    gaps: dict[int, int] = {}
    for number, payload in enumerate(sent):
        dropped = player.counters["frames_dropped"]
        player.put(payload)
        player.play(1)
        if player.counters["frames_dropped"] > dropped:
            gaps[number] = player.counters["frames_dropped"] - dropped
    return gaps


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=60) | st.binary(min_size=1, max_size=3),
            st.integers(0, 12),
            st.sampled_from([0, 480, 960, 2880, 2**31]),
            st.booleans(),
        ),
        max_size=40,
    ),
    st.sampled_from(["OPUS", "PCMU", "PCMA"]),
    st.sampled_from([8000, 16000]),
)
def test_whatever_comes_there_is_a_frame_for_each_frame(
    arriving: list[tuple[bytes, int, int, bool]], codec: str, rate: int
) -> None:
    player = Player(rate, codec)
    timestamp = 0
    for number, (payload, missing, step, quiet) in enumerate(arriving):
        timestamp += step
        if quiet:
            player.pause()
        else:
            player.speak()
        player.playback.buffer.push(
            (number + missing) & 0xFFFF, timestamp & 0xFFFFFFFF, payload, player.now, stale=False
        )
        player.play(1)
    assert len(player.frames) == len(arriving)
