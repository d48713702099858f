"""Packets of any length leave at even distances, though they are made in frames of 20 ms."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.engine.packetizer import Packetizer

TICKS = 4  # of the clock in a frame
FRAME = 160  # bytes


def frames(count: int) -> bytes:
    return bytes(n & 0xFF for n in range(count * FRAME))


def run(packetizer: Packetizer, count: int, at: list[int] | None = None) -> list[tuple[int, bytes]]:
    """Put a frame every 4 ticks (or at these), and take what is due at each tick."""
    codes = frames(count)
    due = [n * TICKS for n in range(count)] if at is None else at
    sent = []
    for tick in range(due[-1] + 2 * TICKS):
        for number in [n for n, when in enumerate(due) if when == tick]:
            packetizer.put(codes[number * FRAME : (number + 1) * FRAME], tick)
        while (payload := packetizer.take(tick)) is not None:
            sent.append((tick, payload))
    return sent


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
def test_packets_leave_at_even_distances_and_hold_everything(ptime: int) -> None:
    sent = run(Packetizer(ptime, 8 * ptime), 60)
    assert {after - before for (before, _), (after, _) in pairwise(sent)} == {ptime // 5}
    assert {len(payload) for _, payload in sent} == {8 * ptime}
    whole = b"".join(payload for _, payload in sent)
    assert whole == frames(60)[: len(whole)]
    assert len(whole) > 57 * FRAME


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 50, 60])
def test_nothing_waits_longer_than_it_must(ptime: int) -> None:
    """The first packet leaves as soon as it is whole, and the others keep its time."""
    sent = run(Packetizer(ptime, 8 * ptime), 60)
    whole = -(-ptime // 20) - 1  # the frame that completes it
    assert sent[0][0] == whole * TICKS
    for number, (tick, _) in enumerate(sent):
        complete = -(-(number + 1) * ptime // 20) - 1
        assert 0 <= tick - complete * TICKS <= ptime // 5


def test_a_stream_that_moves_earlier_is_followed() -> None:
    """The clock has moved it by a slot: the packets after it come earlier, too."""
    at = [n * TICKS - (1 if n >= 10 else 0) for n in range(40)]
    sent = run(Packetizer(30, 240), 40, at)
    steps = [after - before for (before, _), (after, _) in pairwise(sent)]
    assert all(1 <= step <= 6 for step in steps)
    assert sent[-1][0] <= at[-1] + 6


def test_a_stream_that_moves_later_is_followed() -> None:
    at = [n * TICKS + (3 if n >= 10 else 0) for n in range(40)]
    sent = run(Packetizer(30, 240), 40, at)
    assert all(after > before for (before, _), (after, _) in pairwise(sent))
    assert sent[-1][0] <= at[-1] + 6


def test_after_a_pause_it_begins_anew() -> None:
    packetizer = Packetizer(30, 240)
    packetizer.put(bytes(FRAME), 0)
    packetizer.clear()
    packetizer.put(frames(1), 100)
    packetizer.put(frames(1), 104)
    assert packetizer.take(104) == frames(1) + frames(1)[:80]
    assert packetizer.take(200) is None


@given(
    st.sampled_from([10, 20, 30, 40, 50, 60]),
    # Four ticks from frame to frame, three when the clock moves the stream a slot earlier
    st.lists(st.integers(3, 12), min_size=1, max_size=60),
)
def test_whenever_frames_come_none_is_lost(ptime: int, steps: list[int]) -> None:
    at = [sum(steps[: n + 1]) for n in range(len(steps))]
    packetizer = Packetizer(ptime, 8 * ptime)
    sent = run(packetizer, len(at), at)
    while (payload := packetizer.take(10**6)) is not None:
        sent.append((10**6, payload))
    whole = b"".join(payload for _, payload in sent)
    assert whole == frames(len(at))[: len(whole)]
    assert len(at) * FRAME - len(whole) < 8 * ptime
