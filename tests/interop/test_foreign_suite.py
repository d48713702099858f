"""pjproject's own tests, run against the gateway: no file that has passed may fail."""

from __future__ import annotations

import pytest

from tests.interop.__main__ import LIMIT, run_suite
from tests.interop.designs import BY_DESIGN
from tests.interop.publication import Result, Row, read_published
from tests.peers.requirement import require, require_own_engine

PUBLISHED = read_published()
RUN = [file for file, row in PUBLISHED.items() if row.result is not Result.BY_DESIGN]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """What came of each file, all of them run once."""
    require("sipp")
    require_own_engine()
    return run_suite(tmp_path_factory.mktemp("interop"))


@pytest.mark.peer
@pytest.mark.timeout(LIMIT + 60)
@pytest.mark.parametrize("file", RUN)
def test_file(rows: dict[str, Row], file: str) -> None:
    published, now = PUBLISHED[file], rows[file]
    if published.result is Result.FAIL and now.result is Result.FAIL:
        pytest.xfail(now.why)
    assert now.result is published.result, now.why or "it passes now: `make interop` says so"


@pytest.mark.peer
def test_table_has_every_file(rows: dict[str, Row]) -> None:
    assert list(PUBLISHED) == list(rows)
    assert set(BY_DESIGN) <= set(rows), "a file that the suite has not got"
    left_out = {file: row.why for file, row in PUBLISHED.items() if row.result is Result.BY_DESIGN}
    assert left_out == BY_DESIGN
