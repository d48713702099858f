"""A trunk as the event loop sees it: digits told once, whatever its packets look like."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway.media.engine.engine import Engine
from gateway.media.parameters import EventFormat, TrunkRemote
from gateway.media.party import DIGIT_BURST, DIGIT_RATE, TONE_DURATION
from gateway.media.thread import MediaThread, Owner
from gateway.media.trunk_party import TrunkParty
from tests.gateway.media.engine.rig import Browser, Rig, join
from tests.gateway.media.engine.trunk_call import NUMBERS, encode_samples
from voice.codec import CODECS
from voice.rtp import pack_header
from voice.telephone_event import EventSender, TelephoneEvent, encode
from voice.tones import DtmfTones

EVENT = EventFormat(101, 8000)
FRAME = 160  # units of G.711
DIALED = "0123456789*#" * 3
LOSS = 0.1
SEEDS = range(8)


class Thread(MediaThread):
    """A thread whose engine is turned by hand."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.post = engine.post

    def order(self, owner: Owner, function: Callable[..., None], *arguments: object) -> None:
        function(*arguments)


class Call:
    """A trunk's party, and the trunk."""

    def __init__(self, rig: Rig, event: EventFormat | None = EVENT) -> None:
        self.rig = rig
        self.digits: list[tuple[str, int]] = []
        self.counters: Counter[str] = Counter()
        self.sock = rig.far_end()
        self.party = TrunkParty(
            Thread(rig.engine),
            rig.socket_pair(),
            self.counters,
            on_digit=lambda digit, duration: self.digits.append((digit, duration)),
            on_fault=pytest.fail,
            on_second=lambda now: None,
        )
        rig.engine.add(self.party.leg)
        host, port = self.sock.getsockname()[:2]
        self.remote = TrunkRemote(
            host,
            port,
            "PCMU",
            0,
            event,
            tuple((number, name) for name, number in NUMBERS.items()),
            () if event is None else (event.payload_type,),
        )
        self.sequence, self.timestamp, self.ssrc = 65500, 2**32 - 3000, 5
        self.event_sequence = 100
        self.describe(self.remote)

    def describe(self, remote: TrunkRemote) -> None:
        """Take another description."""
        self.remote = remote
        self.party.connect(remote)

    def packet(
        self,
        payload: bytes,
        payload_type: int,
        *,
        marker: bool = False,
        timestamp: int | None = None,
        ssrc: int | None = None,
    ) -> None:
        """Send a packet; one of an SSRC of its own has a sequence number of its own."""
        own = ssrc is not None and ssrc != self.ssrc
        when = self.timestamp if timestamp is None else timestamp
        header = pack_header(
            payload_type,
            (self.event_sequence if own else self.sequence) & 0xFFFF,
            when & 0xFFFFFFFF,
            self.ssrc if ssrc is None else ssrc,
            marker=marker,
        )
        self.sock.sendto(header + payload, self.party.address)
        if own:
            self.event_sequence += 1
        else:
            self.sequence += 1

    def pass_frame(self, clock_rate: int = 8000) -> None:
        self.rig.tick(4)
        self.timestamp += clock_rate // 50

    def wait(self, seconds: float) -> None:
        """Let time pass without a packet."""
        for _ in range(round(seconds * 50)):
            self.pass_frame()

    def press(
        self,
        digits: str,
        *,
        payload_type: int = 101,
        rate: int = 8000,
        packets: int = 10**6,
        ssrc: int | None = None,
        audio: bool = False,
    ) -> None:
        """Press keys, in place of audio or beside it; no more than so many packets are sent."""
        keys = EventSender(rate)
        keys.send(digits)
        while keys.busy and packets:
            packet = keys.tick(self.timestamp * rate // 8000).packet
            if audio:
                self.packet(bytes(FRAME), 0)
            if packet is not None:
                self.packet(
                    packet.payload,
                    payload_type,
                    marker=packet.marker,
                    timestamp=packet.timestamp,
                    ssrc=ssrc,
                )
                packets -= 1
            self.pass_frame()

    def send_event(self, digit: str, duration: int, *, end: bool = False, **fields: int) -> None:
        """Send one packet of a press."""
        event = encode(TelephoneEvent("0123456789*#ABCD".index(digit), end, 10, duration))
        marker = bool(fields.pop("marker", 0))
        self.packet(event, 101, marker=marker, **fields)
        self.pass_frame()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def call(rig: Rig) -> Call:
    return Call(rig)


class TestEvents:
    def test_digits_are_told_once(self, call: Call) -> None:
        call.press("159#")
        assert call.digits == [(digit, 100) for digit in "159#"]
        assert call.counters == {"trunk_digits": 4}

    def test_a_digit_whose_end_was_lost_ends_by_itself(self, call: Call) -> None:
        call.press("5", packets=4)
        assert call.digits == []
        call.wait(2)
        assert call.digits == [("5", 80)]

    def test_a_payload_type_that_changes_in_the_middle_of_a_digit(self, call: Call) -> None:
        keys = EventSender(8000)
        keys.send("5")
        number = 101
        for frame in range(10):
            packet = keys.tick(call.timestamp).packet
            if frame == 3:
                number = 96
                event = EventFormat(96, 8000)
                call.describe(replace(call.remote, event=event, event_payload_types=(96,)))
            if packet is not None:
                call.packet(
                    packet.payload, number, marker=packet.marker, timestamp=packet.timestamp
                )
            call.pass_frame()
        assert call.digits == [("5", 100)]

    def test_a_clock_rate_that_changes_between_digits(self, call: Call) -> None:
        call.press("1")
        event = EventFormat(102, 48000)
        call.describe(replace(call.remote, event=event, event_payload_types=(102,)))
        call.press("2", payload_type=102, rate=48000)
        assert call.digits == [("1", 100), ("2", 100)]

    def test_a_number_that_the_answer_leaves_out_is_taken_as_offered(self, call: Call) -> None:
        call.describe(replace(call.remote, event=None, event_payload_types=(101,)))
        call.press("12")
        assert call.digits == [("1", 100), ("2", 100)]

    def test_a_burst_of_events_does_not_flood_who_is_told(self, call: Call) -> None:
        for _ in range(200):
            for _ in range(4):
                call.packet(bytes([5, 0x8A, 3, 0x20]), 101, marker=True)
                call.timestamp += 800
            call.rig.tick()
        assert DIGIT_BURST < len(call.digits) <= DIGIT_BURST + DIGIT_RATE + 1
        assert call.counters["trunk_digits"] == len(call.digits)
        assert call.counters["trunk_rejected_digit-flood"] == 800 - len(call.digits)

    def test_what_is_no_event_is_counted(self, call: Call) -> None:
        call.packet(b"123", 101)
        call.pass_frame()
        assert call.counters == {"trunk_rejected_event": 1}

    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("rate", [8000, 48000])
    def test_with_a_tenth_of_all_packets_lost(self, rig: Rig, seed: int, rate: int) -> None:
        call = Call(rig, EventFormat(101, rate))
        chance = random.Random(seed)
        keys = EventSender(rate)
        keys.send(DIALED)
        for _ in range(len(DIALED) * 8 + 60):
            tick = keys.tick(call.timestamp)
            lost = chance.random() < LOSS
            if lost:
                call.sequence += 1
            elif tick.packet is not None:
                event = tick.packet
                call.packet(event.payload, 101, marker=event.marker, timestamp=event.timestamp)
            elif not tick.suppress:
                call.packet(b"\xff" * FRAME, 0)
            call.pass_frame(rate)
        assert [digit for digit, _ in call.digits] == [*DIALED]


class TestAsTrunksSendThem:
    """Each press is one digit, told once, and two presses stay two."""

    @pytest.mark.parametrize("audio", [True, False])
    def test_on_an_ssrc_of_their_own(self, call: Call, audio: bool) -> None:
        call.press("159#55", ssrc=66, audio=audio)
        assert [digit for digit, _ in call.digits] == [*"159#55"]
        assert call.rig.engine.trunk_counters["rejected_ssrc"] == 0

    def test_different_digits_under_one_timestamp(self, call: Call) -> None:
        for digit in "159":
            for packet in range(1, 6):
                call.send_event(
                    digit, FRAME * packet, marker=packet == 1, end=packet == 5, timestamp=1000
                )
        call.wait(2)
        assert [digit for digit, _ in call.digits] == [*"159"]

    @pytest.mark.parametrize("told_by", ["marker", "end", "duration"])
    def test_the_same_digit_twice_under_one_timestamp(self, call: Call, told_by: str) -> None:
        for _ in range(2):
            for packet in range(1, 6):
                call.send_event(
                    "5",
                    FRAME * packet,
                    marker=packet == 1 and told_by == "marker",
                    end=packet == 5 and told_by == "end",
                    timestamp=1000,
                )
        call.wait(2)
        assert [digit for digit, _ in call.digits] == ["5", "5"]

    def test_one_press_whose_timestamp_grows_with_every_packet(self, call: Call) -> None:
        for packet in range(1, 7):
            call.send_event("5", FRAME * packet, marker=packet == 1, end=packet == 6)
        call.wait(2)
        assert [digit for digit, _ in call.digits] == ["5"]

    def test_two_true_presses_stay_two(self, call: Call) -> None:
        call.press("5")
        call.wait(0.06)
        call.press("5")
        assert call.digits == [("5", 100), ("5", 100)]


def listen(call: Call) -> None:
    """Have somebody hear the trunk: nobody looks for digits in what is not heard."""
    join(call.rig, call.party.leg, Browser(call.rig).leg)


def say(call: Call, codec: str, digits: str) -> None:
    """Let the trunk say digits in its sound."""
    rate = CODECS[codec].sample_rate
    tones = DtmfTones(rate)
    tones.send(digits)
    frames: NDArray[np.int16] = np.zeros((50, rate // 50), np.int16)
    for frame in frames:
        if tones.busy:
            tones.fill(frame)
    for payload in encode_samples(codec, frames):
        call.packet(payload, NUMBERS[codec])
        call.pass_frame(CODECS[codec].clock_rate)


class TestTones:
    @pytest.mark.parametrize("codec", ["PCMU", "PCMA", "L16", "G722"])
    def test_digits_in_the_sound_are_told_once_where_there_are_no_events(
        self, rig: Rig, codec: str
    ) -> None:
        call = Call(rig, None)
        listen(call)
        say(call, codec, "159#")
        assert call.digits == [(digit, TONE_DURATION) for digit in "159#"]

    def test_nobody_listens_any_longer_once_events_come(self, rig: Rig) -> None:
        """Of a trunk that sends both a key would be told twice."""
        call = Call(rig, EVENT)
        call.describe(replace(call.remote, event=None))
        listen(call)
        call.press("5")
        call.wait(0.1)
        say(call, "PCMU", "5")
        assert call.digits == [("5", 100)]

    def test_nobody_listens_for_tones_where_there_are_events(self, call: Call) -> None:
        listen(call)
        say(call, "PCMU", "5")
        assert call.digits == []


class TestMoved:
    def test_a_line_of_the_log_says_so_once(
        self, call: Call, caplog: pytest.LogCaptureFixture
    ) -> None:
        host = call.remote.host
        call.describe(replace(call.remote, host="192.0.2.9", also_from=host))
        with caplog.at_level(logging.INFO, "gateway.media"):
            for _ in range(5):
                call.packet(bytes(FRAME), 0)
                call.pass_frame()
        port = call.party.address[1]
        assert caplog.messages == [
            f"port {port}: the trunk describes 192.0.2.9, its audio comes from {host} "
            "and is answered there"
        ]

    def test_what_comes_from_the_described_host_is_not_worth_a_line(
        self, call: Call, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, "gateway.media"):
            call.packet(bytes(FRAME), 0)
            call.pass_frame()
        assert caplog.messages == []
