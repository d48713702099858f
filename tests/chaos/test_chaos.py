"""Each piece is killed or stalled in turn while fifty people talk: who survives, and what is left.

No survivor's gap may be longer than the outage and a tenth of a second. What the machine itself
stood still for is known from our own packets, and is allowed on top, up to half a second; a case
with too long a gap is tried once more, and fails if that is no better. Cases go in lanes, each with
a gateway and people of its own: they mostly wait.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.cases import ALL, LANES
from tests.chaos.facts import Facts, complaints
from tests.chaos.suite import HUNG_UP, SETUP
from tests.peers.namespace import run_isolated
from tests.peers.postgres import program
from tests.peers.requirement import require, require_own_engine

pytestmark = [pytest.mark.peer, pytest.mark.timeout(400)]

LIMIT = 380.0  # seconds for all of them, on a busy machine

Told = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """What each lane tells of its cases."""
    require_own_engine()
    for needed in ("gcc", "nft"):
        require(needed)
    program("initdb")
    folder: Path = tmp_path_factory.mktemp("chaos")
    with ThreadPoolExecutor() as all_lanes:
        runs = list(all_lanes.map(partial(run_lane, folder), LANES))
    return dict(zip(LANES, runs, strict=True))


def run_lane(folder: Path, lane: str) -> Told:
    """Run a lane in a namespace of its own; return what it tells."""
    own = folder / lane
    own.mkdir()
    arguments = (str(own), lane)
    text = run_isolated("tests.chaos.suite", *arguments, limit=LIMIT, setup=SETUP, mounts=True)
    told: Told = json.loads(text)
    return told


@pytest.mark.parametrize(
    ("lane", "name"),
    [(lane, name) for lane in LANES for name in LANES[lane].cases],
)
def test_who_survives(told: dict[str, Told], lane: str, name: str) -> None:
    facts = Facts(**told[lane][name])
    assert complaints(ALL[name], facts) == [], str(facts)


@pytest.mark.parametrize("lane", LANES)
def test_nothing_is_left_of_the_calls(told: dict[str, Told], lane: str) -> None:
    """Once all have hung up: no port, descriptor, task, thread or dialog more than before them."""
    assert told[lane][HUNG_UP]["left"] == {}


def test_the_readme_has_each_case() -> None:
    lines = Path(__file__).with_name("README.md").read_text().splitlines()
    rows = [line.split("|")[1].strip() for line in lines if line.startswith("| ")][1:]
    assert len(rows) == len(ALL)
    for name, row in zip(sorted(ALL), sorted(rows), strict=True):
        assert row.startswith(name)
