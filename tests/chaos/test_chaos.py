"""Each piece is killed or stalled in turn while fifty people talk: who survives, and what is left.

A gap is allowed to be as long as the outage and a tenth of a second more. What the machine itself
stood still for is known from our own packets, and is allowed on top; where that is not enough, the
case is tried once more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.cases import ALL, CALLS, CASES
from tests.chaos.suite import HUNG_UP, SETUP
from tests.peers.namespace import run_isolated
from tests.peers.requirement import require, require_own_engine

pytestmark = [pytest.mark.peer, pytest.mark.timeout(400)]

LIMIT = 380.0  # seconds for all of them, on a busy machine
GROWTH = (
    16 * 1024 * 1024
)  # bytes that a case may add to the process: a leak is in `left` long before

Told = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    require_own_engine()
    for program in ("gcc", "nft"):
        require(program)
    folder: Path = tmp_path_factory.mktemp("chaos")
    text = run_isolated(
        "tests.chaos.suite",
        str(folder),
        json.dumps(list(CASES)),
        limit=LIMIT,
        setup=SETUP,
        mounts=True,
    )
    facts: Told = json.loads(text)
    return facts


@pytest.mark.parametrize("name", CASES)
def test_who_survives(told: Told, name: str) -> None:
    case, facts = CASES[name], told[name]
    assert not facts["failed"], facts["failed"]
    shown = json.dumps(facts)
    assert facts["survivors"] == case.survivors, shown
    if case.cause:
        assert facts["ended"].get(case.cause) == CALLS, shown
    if case.meanwhile is not None:
        assert set(facts["meanwhile"]) == {case.meanwhile}
    assert not facts["too_long"], shown
    assert facts["left"] == {}
    assert facts["faults"] == 0
    assert facts["memory"] < GROWTH


def test_nothing_is_left_of_the_calls(told: Told) -> None:
    """Once all have hung up: no port, descriptor, task, thread or dialog more than before them."""
    assert told[HUNG_UP]["left"] == {}


def test_the_readme_has_each_case() -> None:
    lines = Path(__file__).with_name("README.md").read_text().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]
    assert len(rows) == len(ALL)
    for name, row in zip(sorted(ALL), sorted(rows), strict=True):
        assert row.startswith(name)
