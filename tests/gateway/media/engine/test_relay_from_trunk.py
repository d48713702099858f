"""A trunk's packets pass to a browser of the same codec as they are, under a header of ours."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.engine.bridge import BridgeKind
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
from tests.tones import assert_tone, make_tone
from voice.codec import PCMU
from voice.opus import OpusEncoder
from voice.time_line import WIDEST_GAP


@pytest.fixture
def call(rig: Rig) -> Call:
    return Call(rig, "PCMU", 0)


def payload(number: int) -> bytes:
    """Return a frame that tells its number."""
    return number.to_bytes(4, "big") * (SIZE // 4)


def relay(call: Call, *numbers: int) -> None:
    """Let packets of these numbers come, 20 ms apart, each with the timestamp of its number."""
    for number in numbers:
        call.packet(payload(number), sequence=number, timestamp=number * SIZE)
        call.tick(4)


def numbers_of(call: Call) -> list[int]:
    return [int.from_bytes(packet.payload[:4], "big") for packet in call.sent]


def test_packets_pass_as_they_are_on_our_clock(call: Call) -> None:
    assert call.bridge.kind is BridgeKind.RELAY
    relay(call, *range(65534, 65539))
    assert numbers_of(call) == [*range(65534, 65539)]
    assert {packet.ssrc for packet in call.sent} == {call.browser.leg.sender.ssrc}
    assert set(sequences(call.sent)) == {1}
    assert set(timestamps(call.sent)) == {SIZE}
    assert [packet.marker for packet in call.sent] == [True, False, False, False, False]


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "OPUS"])
def test_every_codec_of_browsers_passes(rig: Rig, codec: str) -> None:
    call = Call(rig, codec, NUMBERS[codec])
    payloads = encode(codec, TONE, 10)
    call.play(codec, payloads)
    assert [packet.payload for packet in call.sent] == payloads
    assert {packet.payload_type for packet in call.sent} == {NUMBERS[codec]}


@pytest.mark.parametrize("ptime", [20, 40, 60])
def test_opus_of_any_length_keeps_its_time(rig: Rig, ptime: int) -> None:
    call = Call(rig)
    encoder = OpusEncoder(8000)
    tone = make_tone(TONE, seconds=1.2)
    for at in range(0, len(tone), 8 * ptime):
        call.packet(encoder.encode(tone[at : at + 8 * ptime]), NUMBERS["OPUS"])
        call.timestamp += 48 * ptime
        call.tick(ptime // 5)
    assert len(call.sent) == 1200 // ptime
    assert set(timestamps(call.sent)) == {48 * ptime}


def test_opus_that_the_browser_does_not_speak_is_decoded(call: Call) -> None:
    """By way of a jitter buffer, which repairs it; the packet that shows it is given up."""
    call.speak("OPUS", 100)
    assert len(call.sent) >= 90
    assert set(sequences(call.sent)) == {1}
    codes = b"".join(packet.payload for packet in call.sent)
    sound = PCMU.decode(np.frombuffer(codes, np.uint8))
    assert_tone(sound[4000:], 8000, present=[TONE])


def test_a_loss_stays_a_gap_in_both(call: Call) -> None:
    for number in (1, 2, 5):
        call.packet(payload(number), sequence=number, timestamp=number * SIZE)
        call.tick(12 if number == 2 else 4)
    assert sequences(call.sent) == [1, 3]
    assert timestamps(call.sent) == [SIZE, 3 * SIZE]
    assert call.counted("packets_lost") == 2


def test_a_late_packet_takes_its_own_place(call: Call) -> None:
    relay(call, 1, 2, 4, 3, 5)
    assert numbers_of(call) == [1, 2, 4, 3, 5]
    assert sequences(call.sent) == [1, 2, 2**16 - 1, 2]
    assert timestamps(call.sent) == [SIZE, 2 * SIZE, 2**32 - SIZE, 2 * SIZE]
    assert call.counted("rejected_late") == 0


def test_what_has_come_is_not_sent_again(call: Call) -> None:
    relay(call, 1, 2, 3, 3, 2)
    assert numbers_of(call) == [1, 2, 3]
    assert call.counted("rejected_late") == 2


def test_events_between_packets_are_no_loss(call: Call) -> None:
    relay(call, 1)
    for number in (2, 3, 4):
        call.packet(bytes([5, 0x0A, 0, 160]), EVENT_TYPE, sequence=number, timestamp=2 * SIZE)
        call.tick(4)
    relay(call, 5)
    assert sequences(call.sent) == [1]


def test_a_wide_gap_is_a_new_start(call: Call) -> None:
    relay(call, 1, 3 + WIDEST_GAP)
    assert sequences(call.sent) == [1]


def test_a_source_that_starts_anew_goes_on(call: Call) -> None:
    relay(call, 1, 40000, 40001)
    assert numbers_of(call) == [1, 40001]
    assert sequences(call.sent) == [1]


def test_a_new_source_goes_on_where_the_old_one_ended(call: Call) -> None:
    relay(call, 1)
    call.ssrc += 1
    relay(call, 7000)
    assert sequences(call.sent) == [1]
    assert timestamps(call.sent) == [SIZE]
    assert call.sent[1].marker


def test_time_goes_on_in_a_hold(call: Call) -> None:
    relay(call, *range(5))
    call.browser.leg.hold(True)
    relay(call, *range(5, 105))
    call.browser.leg.hold(False)
    relay(call, *range(105, 125))
    assert numbers_of(call) == [*range(5), *range(105, 125)]
    assert timestamps(call.sent)[4] == 101 * SIZE
    assert sequences(call.sent)[4] == 1


@pytest.mark.parametrize("size", [0, 20, 160, 960])
def test_a_flood_is_cut_down_to_twice_what_a_call_needs(call: Call, size: int) -> None:
    for _ in range(400):
        for _ in range(8):
            call.packet(bytes(size))
            call.timestamp += size
        call.tick()
    length = max(size / 8000, 0.01)
    assert len(call.sent) <= (2 * 2 + 0.5) / length + 2
    assert call.counted("rejected_flood") == 8 * 400 - len(call.sent)


def test_a_stall_is_no_flood(call: Call) -> None:
    for number in range(25):
        call.packet(payload(number), sequence=number, timestamp=number * SIZE)
    call.tick(8)
    assert len(call.sent) == 25


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 65535) | st.integers(0, 30),
            st.integers(0, 2**32 - 1),
            st.integers(0, 1400),
            st.sampled_from([0, EVENT_TYPE]),
            st.integers(5, 7),
        ),
        max_size=40,
    )
)
def test_whatever_comes_one_packet_makes_one_at_most(
    packets: list[tuple[int, int, int, int, int]],
) -> None:
    with closing(Rig()) as rig:
        call = Call(rig, "PCMU", 0)
        for sequence, timestamp, size, payload_type, ssrc in packets:
            call.packet(
                bytes(size), payload_type, sequence=sequence, timestamp=timestamp, ssrc=ssrc
            )
            call.tick()
        numbers = [packet.sequence for packet in call.sent]
        assert len(numbers) <= len(packets)
        assert len(set(numbers)) == len(numbers)
        assert call.failures == 0
