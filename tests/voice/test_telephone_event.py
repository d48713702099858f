"""RFC 4733: payloads, the schedule of a sender, and a receiver that counts each digit once."""

from __future__ import annotations

import contextlib
import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.telephone_event import (
    DIGITS,
    END_PACKETS,
    EventEnded,
    EventError,
    EventPacket,
    EventReceiver,
    EventSender,
    EventStarted,
    TelephoneEvent,
    Tick,
    encode,
    parse,
)
from voice.telephone_press import LONGEST_SEGMENT

PTIME = 0.020  # seconds
Told = list[EventStarted | EventEnded]


def run_sender(sender: EventSender, rate: int, timestamp: int = 0) -> list[Tick]:
    """Return every frame until the sender has nothing more to send."""
    frames = []
    while sender.busy:
        frames.append(sender.tick(timestamp))
        timestamp += rate // 50
        assert len(frames) < 10000
    return frames


def send(digits: str, rate: int, duration: int = 100, gap: int = 60, start: int = 0) -> list[Tick]:
    sender = EventSender(rate)
    sender.send(digits, duration=duration, gap=gap)
    return run_sender(sender, rate, start)


def packets_of(frames: list[Tick]) -> list[EventPacket]:
    return [frame.packet for frame in frames if frame.packet is not None]


def started(told: Told) -> str:
    return "".join(event.digit for event in told if isinstance(event, EventStarted))


def ended(told: Told) -> str:
    return "".join(event.digit for event in told if isinstance(event, EventEnded))


class TestPayload:
    def test_the_textbook(self) -> None:
        assert parse(bytes.fromhex("0b8a0320")) == TelephoneEvent(11, True, 10, 800)
        assert parse(bytes.fromhex("0b8a0320")).digit == "#"

    def test_the_reserved_bit_is_ignored(self) -> None:
        assert parse(bytes.fromhex("01ca0320")) == TelephoneEvent(1, True, 10, 800)

    def test_other_events_are_no_digits(self) -> None:
        assert parse(bytes.fromhex("100a0320")).digit is None  # flash

    def test_of_several_events_the_first_is_read(self) -> None:
        assert parse(bytes.fromhex("018a0320028a0320")).digit == "1"

    @given(st.binary(max_size=12))
    def test_any_bytes_are_read_or_refused(self, payload: bytes) -> None:
        if len(payload) < 4:
            with pytest.raises(EventError, match=f"{len(payload)} bytes"):
                parse(payload)
        else:
            reserved = bytes([payload[0], payload[1] & 0xBF]) + payload[2:4]
            assert encode(parse(payload)) == reserved

    @pytest.mark.parametrize(
        "event", [(256, False, 0, 0), (-1, False, 0, 0), (0, False, 64, 0), (0, False, 0, 65536)]
    )
    def test_fields_that_do_not_fit_are_refused(self, event: tuple[int, bool, int, int]) -> None:
        with pytest.raises(EventError, match="up to 65535"):
            encode(TelephoneEvent(*event))


class TestSender:
    def test_one_digit(self) -> None:
        frames = send("5", 8000, duration=100, gap=80, start=4000)
        events = [parse(packet.payload) for packet in packets_of(frames)]
        assert events == [
            *(TelephoneEvent(5, False, 10, duration) for duration in (160, 320, 480, 640)),
            *(TelephoneEvent(5, True, 10, 800) for _ in range(END_PACKETS)),
        ]
        assert [packet.marker for packet in packets_of(frames)] == [True] + 6 * [False]
        assert {packet.timestamp for packet in packets_of(frames)} == {4000}
        assert len(frames) == 5 + 4
        assert all(frame.suppress for frame in frames)
        assert frames[-1].packet is None

    @pytest.mark.parametrize(("rate", "units"), [(8000, 160), (48000, 960)])
    def test_durations_count_in_the_clock_rate(self, rate: int, units: int) -> None:
        first = packets_of(send("1", rate))[0]
        assert parse(first.payload).duration == units

    def test_a_duration_between_frames_is_told_exactly(self) -> None:
        events = [parse(packet.payload) for packet in packets_of(send("1", 8000, duration=50))]
        assert [event.duration for event in events] == [160, 320, 400, 400, 400]

    def test_digits_follow_each_other(self) -> None:
        packets = packets_of(send("12", 8000, duration=40, gap=60, start=1000))
        assert [packet.marker for packet in packets].count(True) == 2
        # 2 frames of sound, 3 of gap: the second begins with the sixth
        assert sorted({packet.timestamp for packet in packets}) == [1000, 1800]

    def test_a_gap_is_never_shorter_than_the_repetitions(self) -> None:
        frames = send("11", 8000, duration=40, gap=0)
        assert len(frames) == 2 * (2 + 2)
        assert all(frame.packet for frame in frames)

    def test_digits_may_be_added_while_some_are_sent(self) -> None:
        sender = EventSender(8000)
        sender.send("1")
        frames = [sender.tick(0)]
        sender.send("2")
        frames += run_sender(sender, 8000, 160)
        digits = [parse(p.payload).digit for p in packets_of(frames) if p.marker]
        assert digits == ["1", "2"]

    def test_idle_sends_nothing_and_suppresses_nothing(self) -> None:
        sender = EventSender(8000)
        assert sender.tick(0) == Tick(None, suppress=False)
        assert not sender.busy

    def test_every_digit(self) -> None:
        packets = packets_of(send(DIGITS.lower(), 8000))
        assert [parse(p.payload).digit for p in packets if p.marker] == list(DIGITS)

    def test_timestamps_wrap(self) -> None:
        packets = packets_of(send("1", 8000, start=2**32 + 7))
        assert {packet.timestamp for packet in packets} == {7}

    @pytest.mark.parametrize(
        ("rate", "duration"),
        [(8000, 8191), (8000, 8192), (8000, 20000), (48000, 1366), (48000, 6000)],
    )
    def test_long_events_go_in_segments(self, rate: int, duration: int) -> None:
        frames = send("9", rate, duration=duration, start=100)
        packets = packets_of(frames)
        events = [parse(packet.payload) for packet in packets]
        total = duration * rate // 1000
        segments = sorted({packet.timestamp for packet in packets})
        count = -(-total // LONGEST_SEGMENT)
        assert segments == [100 + i * LONGEST_SEGMENT for i in range(count)]
        for segment in segments[:-1]:
            last = [e for e, p in zip(events, packets, strict=True) if p.timestamp == segment][-1]
            assert (last.duration, last.end) == (LONGEST_SEGMENT, False)
        assert [event.end for event in events].count(True) == END_PACKETS
        assert segments[-1] - 100 + events[-1].duration == total
        assert [packet.marker for packet in packets].count(True) == 1
        assert packets[0].marker

    @pytest.mark.parametrize("digits", ["1x", "1 2", "é", "12\r\n"])
    def test_what_is_no_digit_is_refused_whole(self, digits: str) -> None:
        sender = EventSender(8000)
        with pytest.raises(EventError, match="is no digit"):
            sender.send(digits)
        assert not sender.busy

    def test_impossible_times_are_refused(self) -> None:
        with pytest.raises(ValueError, match="0 ms, 60 ms apart"):
            EventSender(8000).send("1", duration=0)
        with pytest.raises(ValueError, match="-1 ms apart"):
            EventSender(8000).send("1", gap=-1)

    @pytest.mark.parametrize(
        ("digits", "starts"),
        [("12", [0, 8]), ("1w2", [0, 33]), ("1,W2", [0, 133]), (",1", [100]), ("ww1", [50])],
    )
    def test_a_pause_delays_what_is_behind_it(self, digits: str, starts: list[int]) -> None:
        """In frames of 20 ms: a digit is 5 of them, and its gap 3."""
        frames = send(digits, 8000)
        marked = [i for i, frame in enumerate(frames) if frame.packet and frame.packet.marker]
        assert marked == starts
        pauses = starts[-1] - 8 * (len(starts) - 1)
        assert [frame.suppress for frame in frames].count(False) == pauses, "audio goes on in one"

    def test_nothing_but_a_pause_sends_nothing(self) -> None:
        frames = send(",", 8000)
        assert frames == [Tick(None, suppress=False)] * 100

    @pytest.mark.parametrize("sent", range(12))
    def test_a_pause_in_a_digit_repeats_no_end_after_it(self, sent: int) -> None:
        sender = EventSender(8000)
        sender.send("12")
        packets = [sender.tick(160 * number).packet for number in range(sent)]
        sender.interrupt()
        first = [parse(packet.payload) for packet in packets if packet is not None]
        rest = [parse(packet.payload) for packet in packets_of(run_sender(sender, 8000, 90000))]
        ended = [event.digit for event in first if event.end]
        again = [event.digit for event in rest if event.end]
        assert {*ended, *again} == {"1", "2"}, "each digit ends"
        assert not {*ended} & {*again}, "and not on both sides of the pause"


SSRC = 7


class Sent(NamedTuple):
    """A packet of a source's, with the number that it sends it under."""

    sequence: int
    packet: EventPacket


def numbered(packets: list[EventPacket], sequence: int = 65500) -> list[Sent]:
    return [Sent((sequence + n) & 0xFFFF, packet) for n, packet in enumerate(packets)]


def receive(receiver: EventReceiver, sent: Sent, now: float) -> Told:
    packet = sent.packet
    return receiver.receive(
        SSRC, sent.sequence, packet.timestamp, packet.marker, packet.payload, now
    )


def receive_all(receiver: EventReceiver, packets: list[Sent]) -> Told:
    told: Told = []
    now = 0.0
    for packet in packets:
        now += PTIME
        told += receiver.expire(now)
        told += receive(receiver, packet, now)
    return told + receiver.expire(now + 10)


class TestReceiver:
    @pytest.mark.parametrize("rate", [8000, 48000])
    def test_each_digit_starts_and_ends_once(self, rate: int) -> None:
        told = receive_all(
            EventReceiver(rate), numbered(packets_of(send("147*", rate, duration=120)))
        )
        assert told == [
            event for digit in "147*" for event in (EventStarted(digit), EventEnded(digit, 120))
        ]

    def test_the_start_is_told_by_the_first_packet(self) -> None:
        receiver = EventReceiver(8000)
        first, *rest = numbered(packets_of(send("1", 8000)))
        assert receive(receiver, first, 0.0) == [EventStarted("1")]
        for packet in rest[:3]:
            assert receive(receiver, packet, 0.1) == []
        assert receive(receiver, rest[3], 0.1) == [EventEnded("1", 100)]

    def test_the_same_digit_twice_is_two(self) -> None:
        packets = numbered(packets_of(send("1111", 8000)))
        assert started(receive_all(EventReceiver(8000), packets)) == "1111"

    @pytest.mark.parametrize("seed", range(30))
    def test_digits_are_counted_exactly_at_ten_per_cent_loss(self, seed: int) -> None:
        rng = random.Random(seed)
        digits = "".join(rng.choices(DIGITS, k=100))
        packets = [p for p in numbered(packets_of(send(digits, 8000))) if rng.random() >= 0.1]
        told = receive_all(EventReceiver(8000), packets)
        assert started(told) == digits
        assert ended(told) == digits

    @pytest.mark.parametrize("seed", range(10))
    def test_duplicates_and_reordering_change_nothing(self, seed: int) -> None:
        rng = random.Random(seed)
        digits = "".join(rng.choices(DIGITS, k=60))
        late = sorted(
            (i + rng.uniform(0, 4), packet)
            for i, packet in enumerate(numbered(packets_of(send(digits, 8000))))
            for _ in range(rng.choice([1, 1, 2]))
        )
        told = receive_all(EventReceiver(8000), [packet for _, packet in late])
        assert started(told) == digits
        assert ended(told) == digits

    def test_chromium_with_8000(self) -> None:
        """A short digit as three end packets with marker, counted at 48 kHz whatever the name."""
        receiver = EventReceiver(48000)
        told: Told = []
        sequence = 0
        for start, digit in ((96000, 1), (105600, 1), (115200, 2)):
            payload = encode(TelephoneEvent(digit, True, 10, 4800))
            for _ in range(3):
                told += receiver.receive(SSRC, sequence, start, True, payload, start / 48000)
                sequence += 1
        assert started(told) == "112"
        assert set(told[1::2]) == {EventEnded("1", 100), EventEnded("2", 100)}

    def test_lost_ends_are_made_up_by_the_next_digit(self) -> None:
        packets = numbered(packets_of(send("12", 8000)))
        packets = [sent for sent in packets if not parse(sent.packet.payload).end]
        told = receive_all(EventReceiver(8000), packets)
        assert told == [
            EventStarted("1"),
            EventEnded("1", 80),
            EventStarted("2"),
            EventEnded("2", 80),
        ]

    def test_lost_ends_are_made_up_by_the_clock(self) -> None:
        receiver = EventReceiver(8000, timeout=0.5)
        receive(receiver, numbered(packets_of(send("1", 8000)))[0], 10.0)
        assert receiver.expire(10.49) == []
        assert receiver.expire(10.5) == [EventEnded("1", 20)]
        assert receiver.expire(20) == []

    def test_packets_after_the_timeout_are_of_the_same_digit(self) -> None:
        receiver = EventReceiver(8000)
        packets = numbered(packets_of(send("1", 8000)))
        told = receive(receiver, packets[0], 0.0)
        told += receiver.expire(1.0)
        for packet in packets[1:]:
            told += receive(receiver, packet, 1.0)
        assert (started(told), ended(told)) == ("1", "1")

    @pytest.mark.parametrize("rate", [8000, 48000])
    @pytest.mark.parametrize("lost", [(), (408, 409, 410), (66, 67, 68, 69)])
    def test_segments_are_one_digit(self, rate: int, lost: tuple[int, ...]) -> None:
        duration = 20000 if rate == 8000 else 5000
        packets = numbered(packets_of(send("9", rate, duration=duration)))
        heard = [packet for i, packet in enumerate(packets) if i not in lost]
        told = receive_all(EventReceiver(rate), heard)
        assert told == [EventStarted("9"), EventEnded("9", duration)]

    def test_a_whole_digit_out_of_order_is_told_on_arrival(self) -> None:
        first, second = packets_of(send("1", 8000)), packets_of(send("2", 8000, start=2000))
        sent = numbered([*first, *second])
        late, begin, rest = sent[len(first) - 1], sent[len(first)], sent[len(first) + 1 :]
        told = receive_all(EventReceiver(8000), [begin, late, late, *rest])
        assert told == [
            EventStarted("2"),
            EventStarted("1"),
            EventEnded("1", 100),
            EventEnded("2", 100),
        ]

    def test_timestamps_wrap_and_jump(self) -> None:
        receiver = EventReceiver(8000)
        packets = [
            *packets_of(send("12", 8000, start=2**32 - 400)),
            *packets_of(send("34", 8000, start=2**31)),
            *packets_of(send("56", 8000, start=5)),
        ]
        assert started(receive_all(receiver, numbered(packets))) == "123456"

    def test_another_event_tells_nothing(self) -> None:
        flash = encode(TelephoneEvent(16, True, 10, 800))
        assert EventReceiver(8000).receive(SSRC, 0, 0, True, flash, 0.0) == []

    def test_a_malformed_payload_changes_nothing(self) -> None:
        receiver = EventReceiver(8000)
        packets = numbered(packets_of(send("1", 8000)))
        receive(receiver, packets[0], 0.0)
        malformed = packets[1].packet._replace(payload=b"\1")
        with pytest.raises(EventError):
            receive(receiver, Sent(9, malformed), 0.0)
        assert receive(receiver, packets[-1], 0.0) == [EventEnded("1", 100)]

    def test_reset_ends_what_is_on_and_forgets(self) -> None:
        receiver = EventReceiver(8000)
        packet = numbered(packets_of(send("1", 8000)))[0]
        receive(receiver, packet, 0.0)
        assert receiver.reset() == [EventEnded("1", 20)]
        assert receiver.reset() == []
        assert receive(receiver, packet, 0.0) == [EventStarted("1")]

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.one_of(st.integers(0, 12), st.integers(0, 65535)),
                st.one_of(st.integers(0, 5), st.integers(65535, 65540), st.integers(0, 2**32 - 1)),
                st.booleans(),
                st.one_of(
                    st.binary(max_size=6),
                    st.builds(
                        TelephoneEvent,
                        st.integers(0, 3),
                        st.booleans(),
                        st.just(10),
                        st.integers(0, 65535),
                    ).map(encode),
                ),
                st.floats(0, 1),
            ),
            max_size=40,
        )
    )
    def test_any_packets_start_and_end_in_turn(
        self, packets: list[tuple[int, int, int, bool, bytes, float]]
    ) -> None:
        receiver, told, now = EventReceiver(8000), [], 0.0
        for ssrc, sequence, timestamp, marker, payload, pause in packets:
            now += pause
            told += receiver.expire(now)
            with contextlib.suppress(EventError):
                told += receiver.receive(ssrc, sequence, timestamp, marker, payload, now)
        told += receiver.expire(now + 10)
        on: list[str] = []
        for event in told:
            if isinstance(event, EventStarted):
                on.append(event.digit)
            else:
                on.remove(event.digit)
                assert event.duration_ms >= 0
            assert len(on) <= 2  # the newest, and one that came out of order
        assert not on
