"""The matrix: a test for each cell that has a story, and the table that says what has passed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.end_to_end.trunks import idle
from tests.interop.matrix.cells import Result, Site
from tests.interop.matrix.columns import COLUMNS
from tests.interop.matrix.house import CALLER_TONE
from tests.interop.matrix.table import (
    publish,
    published,
    read_record,
    regressions,
    render,
    updated,
    write_record,
)
from tests.interop.matrix.telling import Telling, tell_all
from tests.peers.authority import Authority
from tests.peers.process import PeerError
from tests.tones import make_tone, write_wav

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.asterisk import AsteriskLab
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

RECORD = read_record()
CELLS = [(row, column.name) for column in COLUMNS for row in column.stories()]


def asked_for(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """Return for each column the rows whose tests have been selected."""
    rows: dict[str, list[str]] = {column.name: [] for column in COLUMNS}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module:
            params: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
            if "cell" in params:
                row, column = params["cell"]
                rows[column].append(row)
    return {column: found for column, found in rows.items() if found}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(
    request: pytest.FixtureRequest, lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Telling, Gateway]]:
    """The stories that are asked for, on their way, and the gateway."""
    folder = tmp_path_factory.mktemp("matrix")
    tone = write_wav(folder / "tone.wav", make_tone(CALLER_TONE, seconds=1, rate=48000), 48000)
    rows = asked_for(request)
    columns = [column for column in COLUMNS if column.name in rows]
    async with tell_all(columns, rows, Site(folder, lab, tone, Authority(folder))) as told:
        yield told


@pytest.mark.parametrize("cell", CELLS, ids="-".join)
async def test_cell(told: tuple[Telling, Gateway], cell: tuple[str, str]) -> None:
    known = RECORD.get(cell)
    try:
        await told[0].hear(*cell)
    except (AssertionError, PeerError, TimeoutError):
        if known is None or known.result is not Result.FAIL:
            raise
        pytest.xfail(known.why)


async def test_the_table(told: tuple[Telling, Gateway]) -> None:
    """What has passed is recorded, and README.md shows it; but nothing that has got worse."""
    heard = await told[0].over()
    assert not regressions(RECORD, heard)
    table = updated(RECORD, heard, COLUMNS)
    text = render(table, COLUMNS)
    if table != RECORD or published() != text.strip():
        if os.environ.get("CI") == "true":
            pytest.fail("README.md is not what the matrix gives: `make test` writes it")
        write_record(table)
        publish(text)


async def test_nothing_is_left(told: tuple[Telling, Gateway]) -> None:
    await told[0].over()
    await idle(told[1])
