from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.windows import MAX_ENTRIES, Numbers, Tries, Windows

SPAN = 60.0


class Story:
    """One key's window, and what it has let through."""

    def __init__(self, window: Tries | Numbers, most: int) -> None:
        self.window = window
        self.most = most
        self.passed: list[tuple[float, str]] = []

    def attempt(self, now: float, to: str = "") -> bool:
        within = self.window.attempt(to, now, now - SPAN, self.most)
        if within:
            self.passed.append((now, to))
        return within


def test_tries_beyond_the_limit_wait_for_the_window_to_move() -> None:
    story = Story(Tries(), 2)
    assert [story.attempt(now) for now in (0, 1, 2, 59.9)] == [True, True, False, False]
    # the refused tries are the two latest: both have to leave first
    assert not story.attempt(61)
    assert story.attempt(121)


def test_a_client_that_hammers_does_not_get_in_between() -> None:
    story = Story(Tries(), 3)
    assert sum(story.attempt(second / 2) for second in range(1000)) == 3


def test_a_number_that_passed_may_be_called_again() -> None:
    story = Story(Numbers(), 2)
    assert story.attempt(0, "a")
    assert story.attempt(1, "b")
    assert not story.attempt(2, "c")
    assert story.attempt(3, "a")
    assert story.attempt(4, "b")


def test_a_refused_number_is_refused_again() -> None:
    """To be remembered must not be taken for being let through."""
    story = Story(Numbers(), 2)
    story.attempt(0, "a")
    story.attempt(0, "b")
    assert [story.attempt(now, "c") for now in (1, 2, 3)] == [False] * 3
    assert not story.attempt(4, "d")
    assert not story.attempt(5, "c")


def test_the_same_refused_number_passes_once_another_has_left() -> None:
    story = Story(Numbers(), 2)
    story.attempt(0, "a")
    story.attempt(30, "b")
    assert not story.attempt(40, "c")
    assert story.attempt(61, "c")


def test_a_scan_of_numbers_stays_shut_while_it_goes_on() -> None:
    story = Story(Numbers(), 20)
    assert sum(story.attempt(second, str(second)) for second in range(1000)) == 20


tries = st.lists(st.tuples(st.floats(0, 40), st.sampled_from("abcdefg")), max_size=60)


@given(tries, st.integers(1, 4), st.sampled_from([Tries, Numbers]))
def test_no_window_of_time_ever_holds_more_than_the_limit(
    steps: list[tuple[float, str]], most: int, kind: type[Tries | Numbers]
) -> None:
    story = Story(kind(), most)
    now = 0.0
    for pause, to in steps:
        now += pause
        story.attempt(now, to)
        recent = [number for at, number in story.passed if at > now - SPAN]
        assert len(set(recent) if kind is Numbers else recent) <= most
        assert len(story.window) <= most + 1


@given(tries, st.integers(1, 4))
def test_who_stays_below_the_limit_is_never_refused(
    steps: list[tuple[float, str]], most: int
) -> None:
    story = Story(Tries(), most)
    now = 0.0
    done: list[float] = []
    for pause, _ in steps:
        now += pause
        if sum(at > now - SPAN for at in done) < most:
            assert story.attempt(now)
            done.append(now)


def test_keys_do_not_share_a_window() -> None:
    windows = Windows(Tries, SPAN)
    assert windows.attempt("a", "", 0, 1)
    assert windows.attempt("b", "", 0, 1)
    assert not windows.attempt("a", "", 1, 1)


def test_quiet_keys_go() -> None:
    windows = Windows(Tries, SPAN)
    for key in range(100):
        windows.attempt(str(key), "", 0, 5)
    for second in range(30):
        windows.attempt("busy", "", SPAN + second, 5)
    assert len(windows) == 1


def test_beyond_the_bound_the_quietest_key_goes_first() -> None:
    windows = Windows(Tries, SPAN, max_entries=10)
    windows.attempt("quiet", "", 0, 1)
    for key in range(8):
        windows.attempt(str(key), "", 1, 1)
    windows.attempt("hammers", "", 1, 1)
    for key in range(100, 150):
        assert not windows.attempt("hammers", "", 2, 1)
        windows.attempt(str(key), "", 2, 1)
    assert len(windows) == 10
    assert windows.attempt("quiet", "", 3, 1)


def test_one_key_may_fill_the_bound_and_stays() -> None:
    windows = Windows(Tries, SPAN, max_entries=10)
    assert sum(windows.attempt("a", "", 0, 20) for _ in range(50)) == 20


@pytest.mark.parametrize("kind", [Tries, Numbers])
def test_a_million_keys_take_bounded_memory(kind: type[Tries | Numbers]) -> None:
    """Beyond the bound nothing grows: what holds for twice the bound holds for a million."""
    windows = Windows(kind, SPAN, max_entries=MAX_ENTRIES // 20)
    tracemalloc.start()
    try:
        for key in range(MAX_ENTRIES // 10):
            windows.attempt(f"192.0.2.{key}", f"+1555{key:07}", 0, 20)
        half, _ = tracemalloc.get_traced_memory()
        for key in range(MAX_ENTRIES // 10):
            windows.attempt(f"198.51.100.{key}", f"+1556{key:07}", 0, 20)
        full, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(windows) == MAX_ENTRIES // 20
    assert full < half * 1.1
    assert full < 1000 * len(windows)
