"""A browser's packets pass to the trunk as they are, under a header of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Error as SrtpError

from gateway.media.engine.bridge import BridgeKind
from gateway.media.engine.clock import SLOTS
from tests.gateway.media.engine.line import digits_in, sequence_steps, timestamp_steps
from tests.gateway.media.engine.rig import EVENT_TYPE, Browser, Rig, Trunk, join
from tests.voice.signals import make_speech
from voice.opus import OpusEncoder
from voice.rtp import RtpPacket
from voice.telephone_event import EventSender
from voice.time_line import WIDEST_GAP
from voice.tones import DTMF, DigitDetector

UNITS = 960  # of a packet of 20 ms
TRUNK_TYPE = 107

# Opus to whoever reads the first byte (RFC 6716 section 3.1), by its length in units
HEADS = {0: b"", 120: b"\x80", 960: b"\x08", 5760: b"\x19"}


def payload_of(number: int, units: int = UNITS) -> bytes:
    head = HEADS[units]
    return head and head + number.to_bytes(8, "big")


class Relay:
    """A browser and a trunk that speak Opus both."""

    def __init__(self, rig: Rig, *, events: bool = True) -> None:
        self.rig = rig
        self.browser = Browser(rig)
        self.trunk = Trunk(rig, "OPUS", TRUNK_TYPE, events=events)
        self.trunk.leg.set_digits(EVENT_TYPE if events else None, 48000)
        self.bridge = join(rig, self.browser.leg, self.trunk.leg)
        self._heard: list[RtpPacket] = []

    def run(self, frames: int) -> None:
        """Let frames pass."""
        for _ in range(frames):
            self.rig.tick(SLOTS)
            self._heard += self.trunk.heard()

    def send(
        self, *numbers: int, ssrc: int = 1234, frames: int = 1, timestamp: int | None = None
    ) -> None:
        """Let packets come from the browser, each with `frames` of 20 ms to itself."""
        for number in numbers:
            self.browser.sequence = number & 0xFFFF
            when = number * UNITS if timestamp is None else timestamp
            self.browser.timestamp = when & 0xFFFFFFFF
            self.browser.say(payload_of(number), ssrc=ssrc)
            self.run(frames)

    def received(self) -> list[RtpPacket]:
        """Return what has come to the trunk since the last time."""
        packets, self._heard = self._heard + self.trunk.heard(), []
        return packets

    def relayed(self, *numbers: int) -> list[RtpPacket]:
        """Send packets, and return what has come of them."""
        self.send(*numbers)
        return self.received()


@pytest.fixture
def relay() -> Iterator[Relay]:
    rig = Rig()
    yield Relay(rig)
    rig.close()


def numbers_of(packets: list[RtpPacket]) -> list[int]:
    return [int.from_bytes(each.payload[1:], "big") for each in packets]


def audio_of(packets: list[RtpPacket]) -> list[RtpPacket]:
    return [each for each in packets if each.payload_type == TRUNK_TYPE]


def test_the_bridge_relays(relay: Relay) -> None:
    assert relay.bridge.kind is BridgeKind.RELAY


def test_packets_pass_as_they_are_on_the_senders_clock(relay: Relay) -> None:
    packets = relay.relayed(*range(65534, 65539))
    assert numbers_of(packets) == [*range(65534, 65539)]
    assert {each.ssrc for each in packets} == {relay.trunk.leg.sender.ssrc}
    assert {each.payload_type for each in packets} == {TRUNK_TYPE}
    assert set(sequence_steps(packets)) == {1}
    assert set(timestamp_steps(packets)) == {UNITS}
    assert [each.marker for each in packets] == [True, False, False, False, False]
    assert {each.extension for each in packets} == {b""}


def test_they_pass_at_once(relay: Relay) -> None:
    """Not a slot later: there is nothing to wait for."""
    relay.browser.say(payload_of(1))
    relay.rig.tick(1)
    assert numbers_of(relay.trunk.heard()) == [1]


def test_what_was_sent_is_counted(relay: Relay) -> None:
    relay.send(1, 2, 3)
    sender, packets = relay.trunk.leg.sender, relay.received()
    assert sender.packets_sent == 3
    assert sender.octets_sent == sum(len(each.payload) for each in packets)


def test_a_loss_stays_a_gap_in_both(relay: Relay) -> None:
    relay.send(1)
    relay.send(2, frames=3)
    relay.send(5)
    packets = relay.received()
    assert sequence_steps(packets) == [1, 3]
    assert timestamp_steps(packets) == [UNITS, 3 * UNITS]
    assert not packets[2].marker


def test_a_late_packet_takes_its_own_place(relay: Relay) -> None:
    packets = relay.relayed(1, 2, 4, 3, 5)
    assert numbers_of(packets) == [1, 2, 4, 3, 5]
    in_order = sorted(packets, key=lambda each: (each.sequence - packets[0].sequence) & 0xFFFF)
    assert numbers_of(in_order) == [1, 2, 3, 4, 5]
    assert set(timestamp_steps(in_order)) == {UNITS}


def test_a_pause_is_one_in_time_only(relay: Relay) -> None:
    relay.send(1, frames=49)
    relay.send(2, timestamp=50 * UNITS)
    packets = relay.received()
    assert sequence_steps(packets) == [1]
    assert timestamp_steps(packets) == [49 * UNITS]
    assert packets[1].marker


def test_events_are_no_gap(relay: Relay) -> None:
    relay.send(1)
    for number in (2, 3, 4):
        relay.browser.sequence, relay.browser.timestamp = number, 2 * UNITS
        relay.browser.say(bytes([5, 10, 0, 40 * number]), payload_type=EVENT_TYPE)
        relay.run(1)
    relay.send(5)
    packets = relay.received()
    assert numbers_of(packets) == [1, 5], "a digit is for the browser's owner to pass on"
    assert sequence_steps(packets) == [1]
    assert len(relay.browser.owner.events) == 3


def test_a_wide_gap_is_a_new_start(relay: Relay) -> None:
    packets = relay.relayed(1, 3 + WIDEST_GAP)
    assert sequence_steps(packets) == [1]


def test_a_source_that_starts_anew_goes_on(relay: Relay) -> None:
    packets = relay.relayed(1, 40000, 40001)
    assert numbers_of(packets) == [1, 40001]
    assert sequence_steps(packets) == [1]


def test_a_new_source_goes_on_where_the_old_one_ended(relay: Relay) -> None:
    relay.send(1, frames=10)
    relay.send(7000, ssrc=99)
    packets = relay.received()
    assert numbers_of(packets) == [1, 7000]
    assert sequence_steps(packets) == [1]
    assert timestamp_steps(packets) == [10 * UNITS]
    assert packets[1].marker
    assert len({each.ssrc for each in packets}) == 1


def test_before_the_answer_there_is_silence_and_not_what_comes(relay: Relay) -> None:
    relay.trunk.leg.silence(True)
    relay.bridge.route()
    assert relay.bridge.kind is BridgeKind.PAIR
    relay.send(*range(10))
    silence = relay.received()
    assert not {payload_of(number) for number in range(10)} & {each.payload for each in silence}
    relay.trunk.leg.silence(False)
    relay.bridge.route()
    relay.send(*range(10, 20))
    packets = relay.received()
    assert numbers_of(packets) == [*range(10, 20)]
    assert set(sequence_steps(silence + packets)) == {1}
    assert set(timestamp_steps(silence)) == {UNITS}
    (*_, step) = timestamp_steps([*silence, packets[0]])
    assert step == pytest.approx(UNITS, abs=UNITS)


def test_digits_stand_between_packets_on_one_clock(relay: Relay) -> None:
    relay.send(*range(5))
    relay.trunk.leg.send_digits("5")
    relay.send(*range(5, 30))
    packets = relay.received()
    assert {each.payload_type for each in packets} == {EVENT_TYPE, TRUNK_TYPE}
    assert digits_in(packets, 48000) == ["5"]
    kinds = [each.payload_type for each in packets]
    first = kinds.index(EVENT_TYPE)
    assert set(kinds[first : first + kinds.count(EVENT_TYPE)]) == {EVENT_TYPE}, "no audio between"
    assert set(sequence_steps(packets)) == {1}
    audio = audio_of(packets)
    assert numbers_of(audio)[-1] == 29
    passed = audio[-1].timestamp - audio[0].timestamp & 0xFFFFFFFF
    assert passed == pytest.approx(29 * UNITS, abs=2 * UNITS)


def test_a_hold_takes_its_time(relay: Relay) -> None:
    relay.send(*range(5))
    relay.trunk.leg.hold(True)
    relay.bridge.route()
    relay.send(*range(5, 105))
    assert len(relay.received()) == 5
    relay.trunk.leg.hold(False)
    relay.bridge.route()
    relay.send(*range(105, 110))
    packets = relay.received()
    assert numbers_of(packets) == [*range(105, 110)]
    assert set(sequence_steps(packets)) == {1}


def test_a_hold_with_digits_waiting_takes_its_time_once(relay: Relay) -> None:
    relay.send(*range(5))
    relay.trunk.leg.hold(True)
    relay.trunk.leg.send_digits("5")
    relay.send(*range(5, 105))
    relay.trunk.leg.hold(False)
    relay.send(*range(105, 126))
    packets = relay.received()
    audio = audio_of(packets)
    passed = (audio[-1].timestamp - audio[0].timestamp) % 2**32
    assert numbers_of(audio)[-1] == 125
    assert digits_in(packets, 48000) == ["5"]
    assert passed == pytest.approx(125 * UNITS, abs=2 * UNITS)


def test_a_trunk_that_takes_no_events_hears_digits_as_tones() -> None:
    """They are encoded in between, on the same clock."""
    rig = Rig()
    relay = Relay(rig, events=False)
    assert relay.bridge.kind is BridgeKind.RELAY
    encoder, speech = OpusEncoder(8000), make_speech(8000, 2)
    for number in range(80):
        if number == 20:
            relay.trunk.leg.send_digits("159#D")
        relay.browser.say(encoder.encode(speech[160 * number : 160 * (number + 1)]))
        relay.run(1)
    packets = relay.received()
    assert set(sequence_steps(packets)) == {1}
    passed = packets[-1].timestamp - packets[0].timestamp & 0xFFFFFFFF
    assert passed == pytest.approx(79 * UNITS, abs=2 * UNITS)
    sound = relay.browser.listen(packets)
    detector = DigitDetector(1, 8000)
    found = [
        digit for frame in sound.reshape(-1, 160) for _, digit in detector.detect(frame[None, :])
    ]
    assert found == [*"159#D"]
    assert set(found) <= set(DTMF)
    rig.close()


@pytest.mark.parametrize("units", [0, 120, 960, 5760])
def test_a_flood_is_cut_down_to_twice_what_a_call_needs(relay: Relay, units: int) -> None:
    sent = 0
    for number in range(16 * 400):
        relay.browser.sequence, relay.browser.timestamp = number & 0xFFFF, number * UNITS
        relay.browser.say(payload_of(number, units))
        if number % 16 == 15:
            relay.rig.tick(1)
            sent += len(relay.trunk.heard())
    length = max(units / 48000, 0.01)
    assert sent <= (2 * 2 + 0.5) / length + 2
    counters = relay.browser.leg.counters
    assert counters["rejected_flood"] == 16 * 400 - sent


def test_a_stall_is_no_flood(relay: Relay) -> None:
    for number in range(25):
        relay.browser.sequence, relay.browser.timestamp = number, number * UNITS
        relay.browser.say(payload_of(number))
    relay.run(1)
    assert len(relay.received()) == 25


def test_a_browser_that_dials_while_it_speaks(relay: Relay) -> None:
    """Its events go to its owner; the packets around them keep their places."""
    keys = EventSender(48000)
    keys.send("5")
    sent = 0
    for number in range(40):
        relay.browser.sequence = number
        packet, suppress = keys.tick(number * UNITS)
        if packet is not None:
            relay.browser.timestamp = packet.timestamp
            relay.browser.say(packet.payload, payload_type=EVENT_TYPE)
            relay.run(1)
        elif not suppress:
            relay.send(number)
            sent += 1
        else:
            relay.run(1)
    packets = relay.received()
    assert len(packets) == sent
    passed = packets[-1].timestamp - packets[0].timestamp & 0xFFFFFFFF
    assert passed <= 40 * UNITS


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 65535) | st.integers(0, 30),
            st.integers(0, 2**32 - 1),
            st.binary(max_size=60),
            st.sampled_from([111, EVENT_TYPE, 13, 96]),
            st.sampled_from([1, 2]),
            st.integers(0, 8),
        ),
        max_size=40,
    )
)
def test_whatever_comes_no_more_goes_than_has_come(
    packets: list[tuple[int, int, bytes, int, int, int]],
) -> None:
    rig = Rig()
    relay = Relay(rig)
    for sequence, timestamp, payload, payload_type, ssrc, ticks in packets:
        packet = RtpPacket(payload_type, False, sequence, timestamp, ssrc, payload)
        relay.browser.sequence, relay.browser.timestamp = sequence, timestamp
        with suppress(SrtpError):  # libsrtp sends no number twice
            relay.browser.say(packet.payload, payload_type=payload_type, ssrc=ssrc)
        rig.tick(ticks)
    rig.tick(4)
    sent = relay.trunk.heard()
    assert len(sent) <= len(packets)
    assert {each.payload_type for each in sent} <= {TRUNK_TYPE}
    assert {each.ssrc for each in sent} <= {relay.trunk.leg.sender.ssrc}
    rig.close()


def test_noise_stands_for_a_browser_that_is_lost(relay: Relay) -> None:
    """As the browser's party asks for; it stops when the browser speaks again."""
    before = relay.relayed(*range(10))
    relay.rig.engine.post(relay.browser.leg.fill_pause, bytes([70]), relay.rig.now)
    relay.run(50)
    noise = relay.received()
    assert 48 <= len(noise) <= 52
    after = relay.relayed(*range(60, 70))
    packets = [*before, *noise, *after]
    assert set(sequence_steps(packets)) == {1}
    assert set(timestamp_steps(packets)) == {UNITS}
    assert [packet.payload for packet in after] == [payload_of(n) for n in range(60, 70)]
    relay.run(10)
    assert relay.received() == []
