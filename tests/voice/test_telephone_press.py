"""Digits as trunks really send them: each once, and two true presses two."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.telephone_event import (
    EVENTS,
    EventEnded,
    EventReceiver,
    EventStarted,
    TelephoneEvent,
    encode,
)

RATE = 8000
FRAME = 160  # units in 20 ms
TEXTBOOK = "M160 320 480 640 E800 E800 E800"


class Packet(NamedTuple):
    """As it is sent; `at` in seconds."""

    at: float
    ssrc: int
    sequence: int
    timestamp: int
    digit: str
    marker: bool
    end: bool
    duration: int


def press(
    digit: str,
    packets: str = TEXTBOOK,
    *,
    timestamp: int = 0,
    sequence: int = 100,
    at: float = 0.0,
    counts: int = 0,
    ssrc: int = 7,
    steps: int = 1,
) -> list[Packet]:
    """Return the packets of a press, 20 ms apart.

    Parameters
    ----------
    packets
        The duration of each, with M before it where the marker is set and E where it is an end;
        "-" is a packet that was lost, or one of audio.
    counts
        How far the timestamp goes on with each packet.
    steps
        How far the sequence number does.
    """
    sent = []
    for n, text in enumerate(packets.split()):
        if text != "-":
            sent.append(
                Packet(
                    at + n * 0.02,
                    ssrc,
                    (sequence + n * steps) & 0xFFFF,
                    (timestamp + n * counts) & 0xFFFFFFFF,
                    digit,
                    "M" in text,
                    "E" in text,
                    int(text.strip("ME")),
                )
            )
    return sent


def receive(
    packets: Sequence[Packet], clock_rate: int = RATE
) -> tuple[str, list[EventStarted | EventEnded]]:
    """Return the digits that were heard, and all that was told; each has its end."""
    receiver, told = EventReceiver(clock_rate), list[EventStarted | EventEnded]()
    now = 0.0
    for packet in packets:
        now = max(now, packet.at)
        told += receiver.expire(now)
        event = TelephoneEvent(EVENTS[packet.digit], packet.end, 10, packet.duration)
        told += receiver.receive(
            packet.ssrc, packet.sequence, packet.timestamp, packet.marker, encode(event), now
        )
    told += receiver.expire(now + 10)
    digits = "".join(each.digit for each in told if isinstance(each, EventStarted))
    ends = "".join(each.digit for each in told if isinstance(each, EventEnded))
    assert sorted(digits) == sorted(ends)
    return digits, told


def durations(told: list[EventStarted | EventEnded]) -> list[int]:
    return [each.duration_ms for each in told if isinstance(each, EventEnded)]


class TestOneTimestamp:
    """A sender whose clock does not move while it sends no audio."""

    def test_three_digits(self) -> None:
        packets = [
            *press("1", sequence=100, at=0.0),
            *press("2", sequence=107, at=0.2),
            *press("3", sequence=114, at=0.4),
        ]
        assert receive(packets)[0] == "123"

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (TEXTBOOK, TEXTBOOK),
            (TEXTBOOK, "- 320 480 640 E800 E800 E800"),  # told apart by the end
            (TEXTBOOK, "- - - - E640 E640 E640"),  # by the duration
            ("M160 320 480 640 - - -", TEXTBOOK),  # by the marker
            ("M160 320 480 640 - - -", "- 320 480 640 E800 E800 E800"),  # by the duration
            ("- - - - - - E800", TEXTBOOK),
            ("- - - 640 - - -", "M160 - - - - - -"),
            ("M160 320 480 640 E800 - -", "- - - 640 E800 E800 E800"),
            ("M160 E320 E320 E320", "M160 E320 E320 E320"),
            ("M0 0 0 0 E0 E0 E0", "M0 0 0 0 E0 E0 E0"),  # and no durations
        ],
    )
    def test_the_same_digit_twice(self, first: str, second: str) -> None:
        packets = [
            *press("5", first, sequence=100, at=0.0),
            *press("5", second, sequence=100 + len(first.split()), at=0.2),
        ]
        assert receive(packets)[0] == "55"

    def test_the_same_digit_twice_with_ends_out_of_order(self) -> None:
        a, b = press("5"), press("5", sequence=107, at=0.2)
        packets = [*a[:4], b[0], a[5], b[1], a[4], a[6], *b[2:]]
        assert receive(packets)[0] == "55"

    def test_the_same_digit_twice_with_starts_out_of_order(self) -> None:
        a, b = press("5"), press("5", sequence=107, at=0.2)
        packets = [*a, b[1], b[0], b[3], b[2], *b[4:]]
        digits, told = receive(packets)
        assert digits == "55"
        assert durations(told) == [100, 100]

    def test_repeated_ends_are_no_second_press(self) -> None:
        packets = press("5", "M160 320 E480 E480 E480 E480 E480 E480")
        assert receive(packets)[0] == "5"

    def test_repeated_starts_are_no_second_press(self) -> None:
        for starts in ("M0 0 0", "M160 160 160", "M160 M160 M160"):
            packets = press("5", f"{starts} 320 480 E640 E640 E640")
            assert receive(packets)[0] == "5"

    def test_the_end_may_be_shorter_than_was_said_before(self) -> None:
        digits, told = receive(press("5", "M160 320 480 E450 E450 E450"))
        assert digits == "5"
        assert durations(told) == [60]

    def test_an_end_without_a_duration(self) -> None:
        assert receive(press("5", "M160 320 480 E0 E0 E0"))[0] == "5"

    @pytest.mark.parametrize("ends", ["ME480 E480 E480", "ME480 ME480 ME480", "E480 ME480 E480"])
    def test_ends_with_a_marker(self, ends: str) -> None:
        assert receive(press("5", f"M160 320 {ends}"))[0] == "5"

    @pytest.mark.parametrize("packets", ["M160 320 M480 640 E800", "160 M320 480 640 E800"])
    def test_a_marker_within(self, packets: str) -> None:
        assert receive(press("5", packets))[0] == "5"

    @pytest.mark.parametrize("ends", ["E480 E640 E800", "E480 E480 E480"])
    def test_ends_whose_durations_go_on(self, ends: str) -> None:
        packets = press("5", f"M160 320 {ends}") + press("5", sequence=105, at=0.2)
        assert receive(packets)[0] == "55"

    def test_a_press_longer_than_the_field_that_wraps(self) -> None:
        updates = [f"{n * FRAME & 0xFFFF}" for n in range(2, 500)]
        packets = press("5", " ".join(["M160", *updates, "E14464", "E14464", "E14464"]))
        digits, told = receive(packets)
        assert digits == "5"
        assert durations(told) == [10000]

    def test_a_press_longer_than_the_field_that_stands_still(self) -> None:
        updates = [f"{min(n * FRAME, 0xFFFF)}" for n in range(2, 500)]
        packets = press("5", " ".join(["M160", *updates, "E65535", "E65535", "E65535"]))
        assert receive(packets)[0] == "5"

    def test_a_press_after_a_long_silence(self) -> None:
        packets = [
            *press("5", "M160 - - - - - -"),
            *press("5", "- 320 480 640 E800 E800 E800", sequence=107, at=8.0),
        ]
        assert receive(packets)[0] == "55"


class TestCountingTimestamp:
    """A sender whose clock goes on with every packet of a press."""

    @pytest.mark.parametrize("counts", [FRAME, FRAME - 10, FRAME + 10, 1])
    @pytest.mark.parametrize(
        "packets",
        [
            TEXTBOOK,
            "160 320 480 640 E800 E800 E800",
            "- 320 480 640 E800 E800 E800",
            "M160 - 480 - E800 E800 E800",
            "M160 320 480 640 - - E800",
            "M160 320 480 640 E800 E960 E1120",
            "M160 M320 M480 M640 ME800 ME800 ME800",
            "M160 320 480 640 ME800 ME800 ME800",
        ],
    )
    def test_one_press_is_one_digit(self, counts: int, packets: str) -> None:
        assert receive(press("5", packets, counts=counts))[0] == "5"

    @pytest.mark.parametrize(
        "packets",
        ["M400 800 1200 1600 E2000 E2000 E2000", "- 800 1200 - E2000 E2000 -", "M0 0 0 0 E0 E0"],
    )
    def test_an_update_every_50_ms(self, packets: str) -> None:
        assert receive(press("5", packets, counts=400))[0] == "5"

    @pytest.mark.parametrize("duration", [0, 160])
    def test_durations_that_stand_still(self, duration: int) -> None:
        packets = press("5", f"M{duration}" + 8 * f" {duration}" + 3 * f" E{duration}", counts=160)
        digits, told = receive(packets)
        assert digits == "5"
        assert durations(told)[0] == pytest.approx(180, abs=20)

    def test_starts_that_are_repeated_under_one(self) -> None:
        first = press("5", "M160 160 160")
        rest = press("5", "320 480 640 E800 E800 E800", sequence=103, timestamp=160, counts=160)
        assert receive([*first, *rest])[0] == "5"

    @pytest.mark.parametrize(
        "second",
        [TEXTBOOK, "- 320 480 640 E800 E800 E800", "160 320 480 E640 E640 E640"],
    )
    @pytest.mark.parametrize("first", [TEXTBOOK, "M160 320 480 640 - - -", "M160 320 E480 E480"])
    def test_two_presses_are_two(self, first: str, second: str) -> None:
        length = len(first.split())
        packets = [
            *press("5", first, counts=FRAME),
            *press(
                "5",
                second,
                counts=FRAME,
                sequence=100 + length,
                timestamp=(length + 1) * FRAME,
                at=0.2,
            ),
        ]
        assert receive(packets)[0] == "55"

    def test_packets_out_of_order(self) -> None:
        a = press("5", counts=FRAME)
        b = press("5", counts=FRAME, sequence=110, timestamp=10 * FRAME, at=0.2)
        packets = [a[1], a[0], a[3], a[2], a[5], a[4], b[0], a[6], b[2], b[1], *b[3:]]
        assert receive(packets)[0] == "55"

    def test_beside_audio(self) -> None:
        # Every other packet of the stream is audio
        a = press("5", counts=FRAME, steps=2)
        b = press("5", counts=FRAME, steps=2, sequence=130, timestamp=15 * FRAME, at=0.3)
        assert receive([*a, *b])[0] == "55"


class TestOwnStream:
    def test_an_ssrc_of_their_own(self) -> None:
        packets = [
            *press("1", sequence=3, timestamp=4000, ssrc=99),
            *press("1", sequence=10, timestamp=5600, ssrc=99, at=0.2),
        ]
        assert receive(packets)[0] == "11"

    @pytest.mark.parametrize("timestamp", [0, 1600])
    def test_an_ssrc_for_every_press(self, timestamp: int) -> None:
        packets = [
            *press("1", sequence=3, ssrc=99),
            *press("1", sequence=3, ssrc=100, timestamp=timestamp, at=0.2),
            *press("2", sequence=3, ssrc=101, timestamp=2 * timestamp, at=0.4),
        ]
        assert receive(packets)[0] == "112"

    def test_the_ssrc_changes_during_a_press(self) -> None:
        a = press("1")
        packets = [
            packet._replace(ssrc=8, sequence=packet.sequence + 30000) if n > 2 else packet
            for n, packet in enumerate(a)
        ]
        assert receive(packets)[0] == "1"

    @pytest.mark.parametrize("timestamp", [1600, 3_000_000_000])
    @pytest.mark.parametrize("digit", "12")
    def test_sequence_numbers_that_begin_anew_with_every_press(
        self, digit: str, timestamp: int
    ) -> None:
        packets = [
            *press("1", sequence=0),
            *press(digit, sequence=0, timestamp=1600, at=0.2),
            *press("3", sequence=0, timestamp=3200, at=0.4),
        ]
        if timestamp != 1600:
            packets = [p._replace(timestamp=(p.timestamp + timestamp) % 2**32) for p in packets]
        assert receive(packets)[0] == f"1{digit}3"

    def test_sequence_numbers_that_begin_anew_at_others(self) -> None:
        packets = [
            *press("1", sequence=20),
            *press("1", sequence=3, timestamp=1600, at=0.2),
            *press("2", sequence=40000, timestamp=3200, at=0.4),
        ]
        digits, told = receive(packets)
        assert digits == "112"
        assert durations(told) == [100, 100, 100]

    def test_sequence_numbers_that_stand_still_during_a_press(self) -> None:
        packets = [
            *press("1", sequence=0, steps=0),
            *press("1", sequence=1, steps=0, timestamp=1600, at=0.2),
        ]
        digits, told = receive(packets)
        assert digits == "11"
        assert durations(told) == [100, 100]

    def test_digits_alone_have_numbers_that_follow(self) -> None:
        packets = []
        for n, digit in enumerate("112233"):
            packets += press(digit, sequence=65530 + 7 * n, timestamp=1600 * n, at=0.2 * n)
        assert receive(packets)[0] == "112233"

    def test_digits_between_audio_have_numbers_far_apart(self) -> None:
        packets = []
        for n, digit in enumerate("1122"):
            packets += press(digit, sequence=4000 * n, timestamp=640000 * n, at=80.0 * n)
        assert receive(packets)[0] == "1122"


class TestChromium:
    """With telephone-event/8000: at most one start, and ends; all at the 48 kHz of Opus."""

    RATE = 48000

    @pytest.mark.parametrize(
        "packets",
        [
            "ME4800 ME4800 ME4800",
            "ME4800 - -",
            "- - ME4800",
            "M960 ME1920 ME1920 ME1920",
            "M960 E1920 E1920 E1920",
            "- ME1920 ME1920 ME1920",
            "M960 - - -",
        ],
    )
    @pytest.mark.parametrize("gap", [3360, 4800, 9600])
    def test_every_digit_once(self, packets: str, gap: int) -> None:
        sent = []
        for n, digit in enumerate("1122"):
            sent += press(digit, packets, sequence=4 * n, timestamp=gap * n, at=gap * n / self.RATE)
        assert receive(sent, self.RATE)[0] == "1122"


class TestSegments:
    @pytest.mark.parametrize("length", [0xFFFF, 0x10000, 64800])
    def test_segments_of_several_lengths_are_one_press(self, length: int) -> None:
        count = length // FRAME
        first = " ".join(["M160", *(f"{n * FRAME}" for n in range(2, count))])
        packets = [
            *press("1", f"{first} {min(length, 0xFFFF)}"),
            *press(
                "1", "160 320 E480 E480 E480", sequence=100 + count, timestamp=length, at=count / 50
            ),
        ]
        digits, told = receive(packets)
        assert digits == "1"
        assert durations(told) == [(length + 480) // 8]


STYLES = {
    "textbook": (TEXTBOOK, 1, 0),
    "one timestamp": (TEXTBOOK, 0, 0),
    "counting": (TEXTBOOK, 1, FRAME),
    "counting without markers": (TEXTBOOK.replace("M", ""), 1, FRAME),
    "no markers": (TEXTBOOK.replace("M", ""), 1, 0),
    "no markers under one timestamp": (TEXTBOOK.replace("M", ""), 0, 0),
    "no durations": ("M0 0 0 0 E0 E0 E0", 1, 0),
    "no durations under one timestamp": ("M0 0 0 0 E0 E0 E0", 0, 0),
    "ends alone": ("ME800 ME800 ME800", 1, 0),
    "markers everywhere": ("M160 M320 M480 M640 ME800 ME800 ME800", 1, 0),
    "one packet": ("E800", 1, 0),
    "starts thrice": ("M160 160 160 320 480 E640 E640 E640", 1, 0),
}


@pytest.mark.parametrize("style", STYLES)
@given(
    digits=st.text(st.sampled_from("12"), min_size=1, max_size=12),
    gap=st.integers(2, 6),  # frames from the last end to the next press
    seed=st.integers(0, 2**32),
    late=st.sampled_from([0, 0, 2, 4]),  # packets
    doubled=st.sampled_from([0.0, 0.3]),
    audio=st.sampled_from([0, 1]),  # packets in each frame of the gaps
)
def test_every_digit_once_whatever_is_late_or_doubled(
    style: str, digits: str, gap: int, seed: int, late: int, doubled: float, audio: int
) -> None:
    packets, moves, counts = STYLES[style]
    rng, sent, frame, sequence = random.Random(seed), list[Packet](), 0, seed & 0xFFFF
    length = len(packets.split())
    for digit in digits:
        sent += press(
            digit,
            packets,
            timestamp=frame * FRAME * moves,
            sequence=sequence,
            at=frame * 0.02,
            counts=counts,
        )
        frame += length + gap + (4 if length < 4 else 0)
        sequence += length + audio * gap
    shuffled = [
        (place + rng.uniform(0, late), packet)
        for place, packet in enumerate(sent)
        for _ in range(2 if rng.random() < doubled else 1)
    ]
    assert sorted(receive([packet for _, packet in sorted(shuffled)])[0]) == sorted(digits)


@pytest.mark.parametrize("style", ["textbook", "one timestamp", "counting", "ends alone"])
@pytest.mark.parametrize("seed", range(5))
def test_every_digit_once_with_one_packet_lost_of_each_press(style: str, seed: int) -> None:
    packets, moves, counts = STYLES[style]
    rng, sent, frame = random.Random(seed), list[Packet](), 0
    digits = "".join(rng.choices("12", k=100))
    length = len(packets.split())
    for n, digit in enumerate(digits):
        one = press(
            digit,
            packets,
            timestamp=frame * FRAME * moves,
            sequence=n * length,
            at=frame * 0.02,
            counts=counts,
        )
        frame += length + 5
        del one[rng.randrange(length)]
        sent += one
    assert receive(sent)[0] == digits
