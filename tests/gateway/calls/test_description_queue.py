"""The order in which the trunk's descriptions are followed while one of them waits for a name."""

from __future__ import annotations

import pytest

from gateway.calls.description_queue import DescriptionQueue
from gateway.calls.events import Described
from gateway.trunk import Answered, Offered, Progress, Settled

EARLY = Progress(183, "Session Progress", "v=0 early")


def queue(waiting: Described, *behind: Described) -> DescriptionQueue:
    """Return a queue in which one waits, and others have come since."""
    made = DescriptionQueue()
    made.put(waiting)
    assert made.next() is waiting
    made.wait(waiting)
    for each in behind:
        made.put(each)
    return made


def rest(queue: DescriptionQueue) -> list[Described]:
    found: list[Described] = []
    while (described := queue.next()) is not None:
        found.append(described)
    return found


def test_they_come_out_as_they_came() -> None:
    made = DescriptionQueue()
    for each in (EARLY, Offered(1, "v=0"), Settled("")):
        made.put(each)
    assert rest(made) == [EARLY, Offered(1, "v=0"), Settled("")]


@pytest.mark.parametrize("later", [Answered(""), Offered(1, "v=0"), Settled("")])
def test_later_ones_wait_behind_one_that_waits(later: Described) -> None:
    made = queue(EARLY, later)
    assert made.next() is None
    assert made.resume(EARLY, again=True)
    assert rest(made) == [EARLY, later]


@pytest.mark.parametrize("later", [Answered("v=0 final"), Progress(183, "Again", "v=0 later")])
def test_a_newer_answer_replaces_a_preview_that_waits(later: Described) -> None:
    made = queue(EARLY, later)
    assert rest(made) == [later]
    assert not made.resume(EARLY, again=True), "its address has come too late"
    assert rest(made) == []


def test_previews_behind_one_that_waits_are_not_piled_up() -> None:
    """However many a trunk sends while a name is looked up."""
    offered = Offered(1, "v=0")
    previews = [Progress(183, "Session Progress", f"v=0 {number}") for number in range(100)]
    made = queue(offered, *previews)
    made.resume(offered, again=False)
    assert rest(made) == [previews[-1]]


def test_one_without_an_address_is_left_out() -> None:
    made = queue(EARLY, Answered(""))
    assert made.resume(EARLY, again=False)
    assert rest(made) == [Answered("")]
