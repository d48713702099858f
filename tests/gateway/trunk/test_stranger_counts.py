"""Strangers are counted one by one, and logged seldom."""

from __future__ import annotations

import pytest

from gateway.repeats import INTERVAL
from gateway.trunk.screening import RULES
from gateway.trunk.strangers import MOST_LINES, Strangers
from tests.gateway.admission.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def strangers(clock: Clock) -> Strangers:
    return Strangers(clock)


def test_counted_by_method_and_answer(strangers: Strangers) -> None:
    for method, code in (("REGISTER", 405), ("REGISTER", 405), ("INVITE", 403), ("BYE", 0)):
        strangers.add("192.0.2.1", method, code)
    assert strangers.counts == {
        ("REGISTER", "405"): 2,
        ("INVITE", "403"): 1,
        ("BYE", "none"): 1,
    }


def test_methods_that_nobody_knows_are_one(strangers: Strangers) -> None:
    lines = [strangers.add(f"192.0.2.{n}", f"SCAN{n}\r\n", 501) for n in range(9)]
    assert strangers.counts == {("other", "501"): 9}
    assert all(line and "SCAN" not in line and "\n" not in line for line in lines)


def test_logged_once_per_source_and_minute(strangers: Strangers, clock: Clock) -> None:
    said = [strangers.add("192.0.2.1", "OPTIONS", 200) for _ in range(5)]
    assert said == ["192.0.2.1 sent OPTIONS, which belongs to no call, answered 200", *[None] * 4]
    assert (
        strangers.add("192.0.2.2", "BYE", 0)
        == "192.0.2.2 sent BYE, which belongs to no call, not answered"
    )
    clock.now += INTERVAL - 0.1
    assert strangers.add("192.0.2.1", "INVITE", 403) is None
    clock.now += 0.1
    assert strangers.add("192.0.2.1", "INVITE", 403) == (
        "192.0.2.1 sent INVITE, which belongs to no call, answered 403; "
        "5 more requests since the last line about it"
    )
    assert strangers.add("192.0.2.1", "INVITE", 403) is None


def test_a_flood_of_forged_sources_is_a_few_lines_a_minute(
    strangers: Strangers, clock: Clock
) -> None:
    def flood() -> int:
        return sum(strangers.add(f"host{n}", "REGISTER", 405) is not None for n in range(5000))

    assert flood() == MOST_LINES
    clock.now += INTERVAL
    assert flood() == MOST_LINES
    assert strangers.counts == {("REGISTER", "405"): 10_000}


def test_a_source_that_the_limit_kept_silent_is_logged_later(
    strangers: Strangers, clock: Clock
) -> None:
    for n in range(MOST_LINES):
        strangers.add(f"host{n}", "REGISTER", 405)
    assert strangers.add("late", "REGISTER", 405) is None
    clock.now += INTERVAL
    assert "1 more" in (strangers.add("late", "REGISTER", 405) or "")


def test_labels_are_few(strangers: Strangers) -> None:
    for n in range(3000):
        strangers.add("192.0.2.1", f"M{n}", 501)
    for method in RULES:
        strangers.add("192.0.2.1", method, 405)
    assert len(strangers.counts) == len(RULES) + 1
