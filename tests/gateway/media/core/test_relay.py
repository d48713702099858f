"""A browser's packets pass to the trunk as they are, under a header of ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.core.down import WIDEST_GAP
from gateway.media.core.relay import UpRelay
from gateway.media.parameters import Flow
from tests.gateway.media.core.line import Line, open_line, step
from voice.rtp import RtpPacket

TICKS = 960
NOW = 10.0  # seconds of the clock


@pytest.fixture
def line() -> Iterator[Line]:
    with open_line("OPUS") as line:
        line.sender.set_flow(Flow.AUDIO)
        line.sender.relaying = True
        yield line


def packet(number: int, *, ssrc: int = 1, timestamp: int | None = None) -> RtpPacket:
    when = number * TICKS if timestamp is None else timestamp
    payload = number.to_bytes(8, "big")
    return RtpPacket(111, False, number & 0xFFFF, when & 0xFFFFFFFF, ssrc, payload)


def relayed(line: Line, *numbers: int) -> list[RtpPacket]:
    relay = UpRelay(line.sender)
    for number in numbers:
        relay.send(packet(number), TICKS, NOW)
    return line.received()


def numbers_of(packets: list[RtpPacket]) -> list[int]:
    return [int.from_bytes(each.payload, "big") for each in packets]


def test_packets_pass_as_they_are_on_the_senders_clock(line: Line) -> None:
    first = line.sender.sequence, line.sender.timestamp
    packets = relayed(line, *range(65534, 65539))
    assert numbers_of(packets) == [*range(65534, 65539)]
    assert (packets[0].sequence, packets[0].timestamp) == first
    assert {each.ssrc for each in packets} == {line.sender.ssrc}
    assert {each.payload_type for each in packets} == {line.remote.payload_type}
    assert set(step([each.sequence for each in packets], 16)) == {1}
    assert set(step([each.timestamp for each in packets], 32)) == {TICKS}
    assert [each.marker for each in packets] == [True, False, False, False, False]


def test_a_loss_stays_a_gap_in_both(line: Line) -> None:
    packets = relayed(line, 1, 2, 5)
    assert step([each.sequence for each in packets], 16) == [1, 3]
    assert step([each.timestamp for each in packets], 32) == [TICKS, 3 * TICKS]


def test_a_late_packet_takes_its_own_place(line: Line) -> None:
    packets = relayed(line, 1, 2, 4, 3, 5)
    assert numbers_of(packets) == [1, 2, 4, 3, 5]
    in_order = sorted(packets, key=lambda each: (each.sequence - packets[0].sequence) & 0xFFFF)
    assert numbers_of(in_order) == [1, 2, 3, 4, 5]
    assert set(step([each.timestamp for each in in_order], 32)) == {TICKS}


def test_a_pause_is_one_in_time_only(line: Line) -> None:
    relay = UpRelay(line.sender)
    relay.send(packet(1), TICKS, NOW)
    relay.send(packet(2, timestamp=50 * TICKS), TICKS, NOW)
    packets = line.received()
    assert step([each.sequence for each in packets], 16) == [1]
    assert step([each.timestamp for each in packets], 32) == [49 * TICKS]


def test_events_are_no_gap(line: Line) -> None:
    relay = UpRelay(line.sender)
    relay.send(packet(1), TICKS, NOW)
    for number in (2, 3, 4):
        relay.pass_over(number)
    relay.send(packet(5), TICKS, NOW)
    assert step([each.sequence for each in line.received()], 16) == [1]


def test_a_wide_gap_is_a_new_start(line: Line) -> None:
    packets = relayed(line, 1, 3 + WIDEST_GAP)
    assert step([each.sequence for each in packets], 16) == [1]


def test_a_source_that_starts_anew_goes_on(line: Line) -> None:
    packets = relayed(line, 1, 40000, 40001)
    assert numbers_of(packets) == [1, 40001]
    assert step([each.sequence for each in packets], 16) == [1]


def test_a_new_source_goes_on_where_the_old_one_ended(line: Line) -> None:
    relay = UpRelay(line.sender)
    relay.send(packet(1), TICKS, NOW)
    relay.restart()
    relay.send(packet(7000), TICKS, NOW)
    packets = line.received()
    assert step([each.sequence for each in packets], 16) == [1]
    assert step([each.timestamp for each in packets], 32) == [TICKS]


def test_digits_stand_between_packets_on_one_clock(line: Line) -> None:
    relay = UpRelay(line.sender)
    for number in range(5):
        relay.send(packet(number), TICKS, NOW)
    line.sender.press("5")
    line.run(12)
    for number in range(17, 20):
        relay.send(packet(number), TICKS, NOW)
    packets = line.received()
    assert {each.payload_type for each in packets} == {101, line.remote.payload_type}
    steps = step([each.sequence for each in packets], 16)
    assert all(each >= 1 for each in steps)
    assert max(each for each in steps) < 2**15
    audio = [each for each in packets if each.payload_type != 101]
    assert all(0 < each < 100 * TICKS for each in step([each.timestamp for each in audio], 32))


def test_a_hold_with_digits_waiting_takes_its_time_once(line: Line) -> None:
    relay, sender = UpRelay(line.sender), line.sender
    for number in range(5):
        relay.send(packet(number), TICKS, NOW)
    sender.connect(replace(line.remote, receives=False))
    sender.press("5")
    for number in range(5, 105):
        relay.pass_over(number)
        line.run(1)
    sender.connect(line.remote)
    relay.interrupt(packet(105))
    for number in range(106, 126):
        line.run(1)
        if sender.pressing:
            relay.interrupt(packet(number))
        else:
            relay.send(packet(number), TICKS, NOW)
    packets = line.received()
    audio = [each for each in packets if each.payload_type == line.remote.payload_type]
    passed = (audio[-1].timestamp - audio[0].timestamp) % 2**32
    assert numbers_of(audio)[-1] == 125
    assert abs(passed - 125 * TICKS) <= 2 * TICKS


@pytest.mark.parametrize("ticks", [0, 120, 960, 5760])
def test_a_flood_is_cut_down_to_twice_what_a_call_needs(line: Line, ticks: int) -> None:
    relay = UpRelay(line.sender)
    sent = 0
    for number in range(16 * 400):
        relay.send(packet(number), ticks, NOW + number // 16 * 0.005)
        sent += len(line.received())
    length = max(ticks / 48000, 0.01)
    assert sent <= (2 * 2 + 0.5) / length + 2
    assert line.counters["browser_rejected_flood"] == 16 * 400 - sent


def test_a_stall_is_no_flood(line: Line) -> None:
    relay = UpRelay(line.sender)
    for number in range(25):
        relay.send(packet(number), TICKS, NOW)
    assert len(line.received()) == 25


@given(
    st.lists(
        st.tuples(
            st.integers(0, 65535) | st.integers(0, 30),
            st.integers(0, 2**32 - 1),
            st.integers(0, 5760),
            st.sampled_from(["send", "pass", "restart"]),
        ),
        max_size=40,
    )
)
def test_whatever_comes_the_fields_fit(packets: list[tuple[int, int, int, str]]) -> None:
    with open_line("OPUS") as line:
        line.sender.relaying = True
        relay = UpRelay(line.sender)
        for sequence, timestamp, ticks, what in packets:
            if what == "send":
                relay.send(packet(sequence, timestamp=timestamp), ticks, NOW)
            elif what == "pass":
                relay.pass_over(sequence)
            else:
                relay.restart()
            assert 0 <= line.sender.sequence < 2**16
            assert 0 <= line.sender.timestamp < 2**32
        assert len(line.received()) <= len(packets)
