"""What the chaos suite finds fault with, by figures alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos.cases import BACK, CALLS, LATE, Case
from tests.chaos.facts import Facts, complaints

CUT = Case((), lasts=2.0, outage=2.0)
GAPS = [2.0] * CALLS
FINE = Facts(survivors=CALLS, gaps_up=GAPS, gaps_down=GAPS, late=0.02)
RESTART = replace(CUT, back=lambda _: None)


def test_nothing_is_wrong() -> None:
    assert complaints(CUT, FINE) == []


def test_one_call_of_fifty_with_a_longer_gap_is_told() -> None:
    [told] = complaints(CUT, replace(FINE, gaps_down=[2.15, 2.0, *GAPS[2:]]))
    assert told == "gaps at the browser: 2.15 2.00 2.00 s (1 of 50), 2.12 s are allowed"


def test_the_machine_s_own_delay_is_allowed_up_to_a_limit() -> None:
    gaps = [2.4] * CALLS
    assert complaints(CUT, replace(FINE, gaps_up=gaps, late=0.31)) == []
    [told] = complaints(CUT, replace(FINE, gaps_up=gaps, late=LATE + 0.1))
    assert told.startswith("the machine was too slow: 0.60 s late")


def test_an_outage_that_one_call_did_not_have_is_no_fault() -> None:
    [told] = complaints(CUT, replace(FINE, gaps_up=[0.04, *GAPS[1:]]))
    assert told.startswith("no fault: a call was without sound for 0.04 s only")


@pytest.mark.parametrize(("shown", "wrong"), [({}, 1), ({"rows": 0.5}, 1), ({"rows": 1.0}, 0)])
def test_a_fault_must_be_seen(shown: dict[str, float], wrong: int) -> None:
    case = replace(CUT, shows={"rows": 1.0})
    assert len(complaints(case, replace(FINE, shown=shown))) == wrong


@pytest.mark.parametrize(("back", "wrong"), [(None, 1), (BACK + 0.1, 1), (1.0, 0)])
def test_sound_is_back_soon_after_a_restart(back: float | None, wrong: int) -> None:
    assert len(complaints(RESTART, replace(FINE, back=back))) == wrong


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (replace(FINE, survivors=CALLS - 1), "49 survive, not 50"),
        (replace(FINE, left={"ports": 2}), "left afterwards: {'ports': 2}"),
        (replace(FINE, faults=1), "the log has 1 exceptions"),
        (replace(FINE, rows=["+1|hangup"]), "the rows are ['+1|hangup'], not []"),
        (replace(FINE, memory=1 << 24), "the process has grown by 16777216 bytes"),
        (replace(FINE, failed="it fell over"), "it fell over"),
    ],
)
def test_what_else_is_told(facts: Facts, told: str) -> None:
    assert complaints(CUT, facts) == [told]


def test_calls_that_are_to_end_must_end_for_their_reason() -> None:
    case = Case((), lasts=1.0, survivors=0, cause="interrupted(500)")
    lost = Facts(ended={"interrupted(500)": CALLS})
    assert complaints(case, lost) == []
    assert complaints(case, replace(lost, ended={"hangup(200)": CALLS})) == [
        "the rows say {'hangup(200)': 50}, not interrupted(500)"
    ]
