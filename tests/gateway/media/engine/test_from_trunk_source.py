"""Whatever a trunk's sources count, the browser hears them at once and on one time line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gateway.media.engine.rig import EVENT_TYPE, Rig
from tests.gateway.media.engine.trunk_call import (
    NUMBERS,
    SIZE,
    TONE,
    Call,
    encode,
    sequences,
    timestamps,
)
from tests.tones import assert_tone
from voice.codec import CODECS
from voice.telephone_event import EventSender


class TestSource:
    def test_another_ssrc_is_heard_at_once(self, call: Call) -> None:
        """Nothing is lost of it, and the browser's time goes on with real time."""
        call.speak(frames=25)
        call.ssrc, call.sequence, call.timestamp = 9, 100, 123456
        before = call.counted("packets_received")
        for payload in encode("PCMU", TONE, 25):
            call.packet(payload)
            call.tick()
            assert len(call.sent) == 25 + call.counted("packets_received") - before
            call.tick(3)
            call.timestamp += SIZE
        assert set(sequences(call.sent)) == {1}
        assert set(timestamps(call.sent)) == {960}
        assert [n for n, packet in enumerate(call.sent) if packet.marker] == [0, 25]
        assert_tone(call.heard()[4000:], 16000, present=[TONE])

    @pytest.mark.parametrize("overlap", [1, 2])
    def test_packets_of_the_former_one_that_come_after_it_are_refused(
        self, call: Call, overlap: int
    ) -> None:
        call.speak(frames=25)
        sequence, timestamp = call.sequence, call.timestamp
        call.ssrc, call.sequence, call.timestamp = 9, 100, 123456
        for n in range(25):
            call.packet(bytes(SIZE))
            if n < overlap:
                call.packet(
                    bytes(SIZE), ssrc=5, sequence=sequence + n, timestamp=timestamp + n * SIZE
                )
            call.pass_frame()
        assert call.counted("rejected_ssrc") == overlap
        assert set(sequences(call.sent)) == {1}
        assert set(timestamps(call.sent)) == {960}

    def test_the_gap_between_two_sources_is_as_long_as_it_was(self, call: Call) -> None:
        call.speak(frames=25)
        call.tick(4 * 24)
        call.ssrc, call.sequence, call.timestamp = 9, 100, 123456
        call.speak(frames=5)
        assert timestamps(call.sent)[24] == 25 * 960
        assert call.sent[25].marker

    @pytest.mark.parametrize("restart", [0, 1_000_000, 2**31, 2**32 - 500])
    def test_timestamps_that_begin_anew_are_heard_at_once(self, call: Call, restart: int) -> None:
        """On the same SSRC and sequence, as some media servers do."""
        call.speak(frames=25)
        call.timestamp = restart
        call.speak(frames=25)
        assert len(call.sent) == 50
        assert set(timestamps(call.sent)) == {960}

    def test_sequence_numbers_that_begin_anew_are_followed_from_the_second_packet(
        self, call: Call
    ) -> None:
        call.speak(frames=25)
        call.sequence = 40000
        call.speak(frames=25)
        assert len(call.sent) == 49
        assert set(sequences(call.sent)) == {1}
        assert set(timestamps(call.sent)) == {960}  # 20 ms are no pause yet
        assert call.counted("rejected_late") == 1

    def test_sources_that_take_turns_never_run_ahead(self, call: Call) -> None:
        start = call.rig.now
        first = None
        for turn in range(12):
            call.ssrc, call.sequence = 100 + turn, turn * 777
            call.timestamp = turn * 999_999
            for _ in range(7):
                call.packet(bytes(SIZE))
                call.pass_frame()
                if first is None:
                    first = call.sent[0].timestamp
                passed = round((call.rig.now - start) * 48000)
                assert (call.sent[-1].timestamp - first) % 2**32 <= passed
        assert all(0 < step < 2**31 for step in timestamps(call.sent))

    def test_in_a_conference_a_trunk_may_change_its_codec_and_source(self, rig: Rig) -> None:
        """Through the jitter buffer; see the bridge's tests for what is mixed."""
        call, third = Call(rig), Call(rig)
        third.bridge.leave(third.browser.leg)
        call.bridge.join(third.browser.leg)
        for codec in ("PCMU", "G722", "L16", "PCMA", "OPUS", "PCMU"):
            call.speak(codec, 20)
            call.packet(bytes([5, 0x0A, 0, 160]), EVENT_TYPE)
            call.ssrc += 1
        assert call.failures == third.failures == 0
        assert set(sequences(call.sent)) == {1}
        assert len(call.sent) >= 119


Count = Callable[[int], int]

SLOPPY: dict[str, Count] = {
    "restart": lambda n: n * SIZE if n < 25 else (n - 25) * SIZE,
    "jump": lambda n: n * SIZE + (1_000_000 if n >= 25 else 0),
    "jump back": lambda n: n * SIZE - (1_000_000 if n >= 25 else 0),
    "one wild": lambda n: 0xDEADBEEF if n == 25 else n * SIZE,
    "twice the rate": lambda n: 2 * n * SIZE,
    "twice the rate at first": lambda n: n * SIZE + min(n, 15) * SIZE,
    "standing still": lambda n: 7,
    "half the rate": lambda n: n * SIZE // 2,
}


class TestSloppySources:
    """A source may count as it likes: the browser hears it at once, and our time is real time."""

    @pytest.mark.parametrize("browser", ["OPUS", "PCMU"])
    @pytest.mark.parametrize("codec", ["PCMA", "G722"])
    @pytest.mark.parametrize("sloppy", SLOPPY)
    def test_timestamps_that_are_wrong(
        self, rig: Rig, sloppy: str, codec: str, browser: str
    ) -> None:
        call = Call(rig, browser, NUMBERS[browser])
        ours = CODECS[browser].units_per_frame
        for n, payload in enumerate(encode(codec, TONE, 100)):
            call.packet(payload, NUMBERS[codec], timestamp=SLOPPY[sloppy](n))
            call.tick()
            assert len(call.sent) == n + 1
            call.tick(3)
        assert set(timestamps(call.sent)) == {ours}
        assert set(sequences(call.sent)) == {1}

    @pytest.mark.parametrize("counted", ["as it was", "not at all", "anew"])
    def test_silence_of_45_seconds(self, call: Call, counted: str) -> None:
        call.speak(frames=25)
        call.tick(45 * 200)
        if counted == "as it was":
            call.timestamp += 45 * 8000
        elif counted == "anew":
            call.timestamp = 0
        call.speak(frames=25)
        assert len(call.sent) == 50
        assert set(sequences(call.sent)) == {1}
        passed = timestamps(call.sent)
        assert abs(passed[24] - (45 * 48000 + 960)) <= 480
        assert set(passed[:24] + passed[25:]) == {960}
        assert call.sent[25].marker


class TestStatistics:
    def test_losses_and_packets_are_counted(self, call: Call) -> None:
        call.speak(frames=50, lost=(10, 20, 21))
        reception = call.trunk.leg.statistics(call.rig.now).reception
        assert (reception.ssrc, reception.clock_rate) == (5, 8000)
        assert (reception.present.expected, reception.present.received) == (50, 47)
        assert reception.jitter_seconds == pytest.approx(0, abs=0.001)

    def test_events_of_an_ssrc_of_their_own_do_not_disturb_them(self, call: Call) -> None:
        events = EventSender(8000)
        events.send("5")
        number = 40000
        for payload in encode("PCMU", TONE, 25):
            call.packet(payload)
            packet = events.tick(call.timestamp + 777).packet
            if packet is not None:
                number += 1
                call.packet(
                    packet.payload,
                    EVENT_TYPE,
                    ssrc=66,
                    sequence=number,
                    timestamp=packet.timestamp,
                    marker=packet.marker,
                )
            call.pass_frame()
        told = [event[:2] for event in call.trunk.owner.events]
        assert told == [(66, 40001 + n) for n in range(len(told))]
        assert len(told) >= 5
        assert set(sequences(call.sent)) == {1}
        assert set(timestamps(call.sent)) == {960}
        assert [packet.marker for packet in call.sent] == [True] + [False] * 24
        reception = call.trunk.leg.statistics(call.rig.now).reception
        assert (reception.ssrc, reception.sources) == (5, 1)
        assert (reception.present.expected, reception.present.received) == (25, 25)
        assert call.counted("packets_lost") == call.counted("rejected_ssrc") == 0

    def test_events_alone_are_told(self, call: Call) -> None:
        for number in range(5):
            call.packet(bytes([5, 0x0A, 0, 160]), EVENT_TYPE, marker=number == 0)
            call.pass_frame()
        assert len(call.trunk.owner.events) == 5
        (first, *_) = call.trunk.owner.events
        assert first[0] == 5
        assert first[3] is True
        call.speak(frames=5)
        assert len(call.sent) == 5
