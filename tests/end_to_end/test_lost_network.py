"""A client that loses its network for 2, 5 and 20 s keeps its call, and loses no more than that.

The calls are made in a network of their own (see `lost_network`); here is what must come of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.lost_network import OUTAGES, run_outages

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

Told = dict[str, dict[str, Any]]

# Beyond the outage: frames of each side that are on their way, a jitter buffer that fills, and a
# machine with other work, which lets the clients speak and listen late
LATE = 0.5  # seconds

# The gateway, not the test: the kernel tells when packets came. On a busy machine it leaves out
# frames, and an outage is four times as long at least
STALL = 0.5  # seconds


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every call."""
    return await asyncio.to_thread(run_outages, 90)


@pytest.mark.parametrize("seconds", OUTAGES)
async def test_the_call_lives_and_the_gap_is_the_outage(told: Told, seconds: float) -> None:
    facts = told[f"{seconds:g}"]
    assert not facts["error"], facts
    assert facts["end"] == ["local", "hangup", 200], facts
    assert facts["gap"] <= facts["outage"] + LATE, facts
    assert facts["deaf"] <= facts["outage"] + LATE, facts


@pytest.mark.parametrize("seconds", OUTAGES)
async def test_the_trunk_hears_one_stream_all_the_time(told: Told, seconds: float) -> None:
    facts = told[f"{seconds:g}"]
    assert (facts["sources"], facts["missing"]) == (1, 0), facts
    assert facts["silence"] < STALL, facts
