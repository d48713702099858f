from __future__ import annotations

from gateway.admission.repeats import MOST_KINDS, MOST_LINES, Repeats
from tests.gateway.admission.clock import Clock


def test_the_same_is_written_once_a_minute_with_a_count() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    assert [repeats.add("a") for _ in range(4)] == [0, None, None, None]
    clock.now += 59
    assert repeats.add("a") is None
    clock.now += 1
    assert [repeats.add("a") for _ in range(2)] == [4, None]
    clock.now += 600
    assert repeats.add("a") == 1


def test_another_client_and_another_reason_have_lines_of_their_own() -> None:
    repeats = Repeats(Clock())
    kinds = [("192.0.2.1", "origin"), ("192.0.2.1", "blocked"), ("192.0.2.2", "origin")]
    assert [repeats.add(kind) for kind in kinds] == [0, 0, 0]
    assert [repeats.add(kind) for kind in kinds] == [None, None, None]


def test_many_clients_write_so_many_lines_and_no_more() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    for _ in range(3):
        written = [repeats.add(number) for number in range(MOST_LINES + 500)]
        assert sum(each is not None for each in written) == MOST_LINES
        clock.now += 60


def test_who_found_no_room_is_counted() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    for number in range(MOST_LINES):
        repeats.add(number)
    assert repeats.add("late") is None
    clock.now += 60
    assert repeats.add("late") == 1


def test_memory_is_bounded() -> None:
    repeats = Repeats(Clock())
    for number in range(10 * MOST_KINDS):
        repeats.add(number)
    assert len(repeats) == MOST_KINDS
