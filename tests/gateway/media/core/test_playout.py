"""What is played when packets come in order, late, twice, or never."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.core.playout import (
    JUDGED,
    LONGEST_REPAIR,
    MOST_WAITING,
    Kind,
    Playout,
)


def kinds(playout: Playout, count: int, now: float = 0.0) -> list[Kind]:
    return [playout.take(now).kind for _ in range(count)]


def fed(*sequences: int) -> Playout:
    playout = Playout(Counter())
    for sequence in sequences:
        playout.put(sequence, b"%d" % sequence, 0.0)
    return playout


def test_packets_are_played_in_order_of_their_numbers() -> None:
    playout = fed(10, 12, 11)
    assert [playout.take(0.0).payload for _ in range(3)] == [b"10", b"11", b"12"]


def test_numbers_wrap() -> None:
    playout = fed(65534, 65535, 0, 1)
    assert [playout.take(0.0).payload for _ in range(4)] == [b"65534", b"65535", b"0", b"1"]


def test_a_single_loss_is_repaired_from_the_packet_after_it() -> None:
    playout = fed(1, 3)
    assert playout.take(0.0).payload == b"1"
    step = playout.take(0.0)
    assert (step.kind, step.payload) == (Kind.REPAIR, b"3")
    assert playout.take(0.0).payload == b"3"
    assert playout.counters["browser_packets_lost"] == 1


def test_of_two_losses_the_first_is_concealed_and_the_second_repaired() -> None:
    assert kinds(fed(1, 4), 4) == [Kind.PLAY, Kind.CONCEAL, Kind.REPAIR, Kind.PLAY]


def test_a_wide_gap_is_jumped_over() -> None:
    playout = fed(1, 3 + LONGEST_REPAIR)
    assert kinds(playout, 3) == [Kind.PLAY, Kind.CONCEAL, Kind.PLAY]
    assert playout.counters["browser_packets_lost"] == LONGEST_REPAIR + 1


def test_an_empty_buffer_does_not_move_on() -> None:
    playout = fed(1)
    assert kinds(playout, 3) == [Kind.PLAY, Kind.EMPTY, Kind.EMPTY]
    playout.put(2, b"2", 0.0)
    assert playout.take(0.0).payload == b"2"
    assert playout.counters["browser_packets_lost"] == 0


def test_nothing_is_expected_before_the_first_packet() -> None:
    assert Playout(Counter()).take(0.0).kind is Kind.QUIET


def test_a_pause_for_digits_is_no_loss() -> None:
    playout = fed(1)
    for sequence in (2, 3, 4):
        playout.put(sequence, None, 0.0)
    assert kinds(playout, 3) == [Kind.PLAY, Kind.QUIET, Kind.QUIET]
    playout.put(5, b"5", 0.0)
    assert playout.take(0.0).payload == b"5"
    assert playout.counters["browser_packets_lost"] == 0


@pytest.mark.parametrize(("again", "counted"), [(1, "late"), (3, "duplicate")])
def test_what_comes_late_or_twice_is_counted_and_not_played(again: int, counted: str) -> None:
    playout = fed(1, 2, 3)
    kinds(playout, 2)
    playout.put(again, b"again", 0.0)
    assert playout.counters[f"browser_rejected_{counted}"] == 1
    assert playout.take(0.0).payload == b"3"


def test_a_buffer_that_runs_away_lets_the_oldest_go() -> None:
    playout = fed(*range(1, MOST_WAITING + 4))
    assert playout.counters["browser_packets_let_go"] == 3
    assert playout.take(0.0).payload == b"4"


def test_a_restarted_stream_is_followed() -> None:
    playout = fed(1, 2)
    kinds(playout, 2)
    playout.put(40000, b"a", 0.0)
    playout.put(40001, b"b", 0.0)
    assert playout.take(0.0).payload == b"b"


def test_delay_that_is_never_needed_is_given_back() -> None:
    playout = fed(0, 1, 2)
    for number in range(3, JUDGED + 3):
        playout.take(number * 0.02)
        playout.put(number, b"", number * 0.02)
    assert playout.counters["browser_packets_let_go"] == 1


@given(
    st.lists(
        st.one_of(
            st.none(), st.tuples(st.integers(0, 65535), st.one_of(st.none(), st.binary(max_size=3)))
        ),
        max_size=200,
    )
)
def test_any_packets_in_any_order_are_played_or_counted(
    events: list[tuple[int, bytes | None] | None],
) -> None:
    playout = Playout(Counter())
    put = played = 0
    for now, event in enumerate(events):
        if event is None:
            played += playout.take(now * 0.02).kind is Kind.PLAY
        elif event[1] is not None:
            put += 1
            playout.put(*event, now * 0.02)
    dropped = sum(
        playout.counters[name]
        for name in playout.counters
        if name.startswith("browser_rejected") or name == "browser_packets_let_go"
    )
    assert played + dropped + playout.waiting == put
