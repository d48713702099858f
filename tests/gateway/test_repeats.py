from __future__ import annotations

from gateway.repeats import MOST_KINDS, Repeats
from tests.gateway.admission.clock import Clock


def test_the_same_is_written_once_a_minute_with_a_count() -> None:
    clock = Clock()
    repeats = Repeats(clock, lines=20)
    assert [repeats.add("a") for _ in range(4)] == [0, None, None, None]
    clock.now += 59
    assert repeats.add("a") is None
    clock.now += 1
    assert [repeats.add("a") for _ in range(2)] == [4, None]
    clock.now += 600
    assert repeats.add("a") == 1


def test_another_client_and_another_reason_have_lines_of_their_own() -> None:
    repeats = Repeats(Clock(), lines=20)
    kinds = [("192.0.2.1", "origin"), ("192.0.2.1", "blocked"), ("192.0.2.2", "origin")]
    assert [repeats.add(kind) for kind in kinds] == [0, 0, 0]
    assert [repeats.add(kind) for kind in kinds] == [None, None, None]


def test_many_clients_write_so_many_lines_and_no_more() -> None:
    clock = Clock()
    repeats = Repeats(clock, lines=20)
    for _ in range(3):
        written = [repeats.add(number) for number in range(20 + 500)]
        assert sum(each is not None for each in written) == 20
        clock.now += 60


def test_who_found_no_room_is_counted() -> None:
    clock = Clock()
    repeats = Repeats(clock, lines=20)
    for number in range(20):
        repeats.add(number)
    assert repeats.add("late") is None
    clock.now += 60
    assert repeats.add("late") == 1


def test_the_silent_are_forgotten_first() -> None:
    repeats = Repeats(Clock(), lines=2 * MOST_KINDS)
    repeats.add("busy")
    repeats.add("silent")
    for number in range(MOST_KINDS - 1):
        repeats.add(number)
        assert repeats.add("busy") is None
    assert repeats.add("silent") == 0, "it is as new"


def test_memory_is_bounded() -> None:
    repeats = Repeats(Clock(), lines=20)
    for number in range(10 * MOST_KINDS):
        repeats.add(number)
    assert len(repeats) == MOST_KINDS
