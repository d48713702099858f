"""Which long run is a failure, by figures alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.growth import STIR, Look, Run
from tests.chaos.page import Look as PageLook
from tests.chaos.page import page_faults
from tests.chaos.soak import tell

MIB = 2**20


def run(calls: int, change: Callable[[int, Look], Look] = lambda _, look: look) -> Run:
    """Return a run of twenty looks that holds the same all along, but for a change."""
    looks = [
        change(each, Look(each * 10.0, each * calls // 20, 100 * MIB, 12, 40, 9, 0))
        for each in range(1, 21)
    ]
    return Run(looks)


def faults(found: Run) -> list[str]:
    return list(found.faults())


def test_what_stays_the_same_is_none() -> None:
    assert faults(run(18_000)) == []


def test_memory_that_each_call_leaves() -> None:
    assert faults(run(18_000, lambda _, at: replace(at, resident=at.calls * 900))) == []
    [told] = faults(run(18_000, lambda _, at: replace(at, resident=at.calls * 1100)))
    assert told == "each of 12600 calls has left 1100 bytes, 1000 are allowed"


def test_a_few_calls_are_not_judged_by_what_a_process_stirs() -> None:
    assert faults(run(400, lambda _, at: replace(at, resident=at.calls * 9000))) == []
    more = 2 * STIR // 300
    assert len(faults(run(400, lambda _, at: replace(at, resident=at.calls * more)))) == 1


def test_memory_of_the_first_quarter_does_not_count() -> None:
    assert faults(run(18_000, lambda n, at: replace(at, resident=min(n, 5) * 9 * MIB))) == []


@pytest.mark.parametrize("name", ["threads", "descriptors", "tasks", "dialogs"])
def test_more_at_the_end_than_after_the_first_quarter(name: str) -> None:
    [told] = faults(run(18_000, lambda n, at: replace(at, **{name: 50 + n // 5})))
    assert told == f"53 {name} at the end, 51 after the first quarter"


def test_what_has_just_ended_may_be_there_at_one_look() -> None:
    assert faults(run(18_000, lambda n, at: replace(at, tasks=9 + n % 2))) == []


def test_each_lost_call_is_told() -> None:
    found = run(18_000)
    found.count("error 503 busy")
    found.count("not up", 2)
    assert faults(found) == ["1 lost: error 503 busy", "2 lost: not up"]


def test_no_look_is_no_success() -> None:
    assert faults(Run()) == ["nobody has looked"]


def test_what_is_wrong_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell([]) == 0
    assert tell(faults(Run())) == 1
    assert capsys.readouterr().out == "FAILED: nobody has looked\n"


def page(calls: int, heap: float, tracks: int = 0, descriptors: int = 30) -> PageLook:
    return PageLook(calls, calls * 2.0, heap, 50, 9, 0, tracks, 0, 0, 100.0, descriptors)


def test_a_page_that_grows() -> None:
    flat = [page(calls, 3000.0) for calls in range(20, 201, 20)]
    assert page_faults(flat) == []
    assert page_faults([page(each, 1300.0 + each * 20.0) for each in range(1, 11)]) == []
    assert page_faults([page(each.calls, each.calls * 5.0) for each in flat]) == [
        "each call has left 5120 bytes of the page's heap, 4000 are allowed"
    ]
    last = [page(each.calls, 3000.0, tracks=1, descriptors=31) for each in flat[-2:]]
    assert page_faults([*flat[:-2], *last]) == [
        "1 tracks at the end, 0 after the first quarter",
        "31 descriptors at the end, 30 after the first quarter",
    ]
