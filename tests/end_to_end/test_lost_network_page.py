"""A page that loses its network for 2, 5 and 20 s, or its gateway's service, keeps its call.

The calls are made in a network of their own (see `lost_network_page`); here is what must come of
them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import TONE
from tests.end_to_end.lost_network_page import OUTAGES, PAGES, run_page_outages
from tests.end_to_end.odd_calls import TRUNK_TONE
from tests.peers import firefox

LIMIT = 150  # seconds on a busy machine; 60 are usual
pytestmark = [
    pytest.mark.peer,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(LIMIT + 30),
]

Told = dict[str, Any]

TONES = {"chromium": [TRUNK_TONE, TONE], "firefox": [TRUNK_TONE, firefox.TONE]}
# Beyond the outage. Of 20 s the audio connection may die, and the next one needs the session first;
# Chromium learns its addresses after 3
LATE = {2.0: 2.0, 5.0: 2.5, 20.0: 10.0}  # seconds, on a busy machine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every page."""
    return await asyncio.to_thread(run_page_outages, LIMIT)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("seconds", OUTAGES)
async def test_the_gap_is_the_outage(told: Told, page: str, seconds: float) -> None:
    facts = told[page]
    assert not facts["error"], facts
    outage = facts["outages"][f"{seconds:g}"]
    assert outage["tones"] == TONES[page.partition("-")[0]], outage
    assert outage["gap"] <= outage["outage"] + LATE[seconds], outage
    assert outage["deaf"] <= outage["outage"] + LATE[seconds], outage


@pytest.mark.parametrize("page", PAGES)
async def test_the_page_says_that_it_is_reconnecting(told: Told, page: str) -> None:
    outage = told[page]["outages"]["20"]
    assert (outage["said"], outage["shown"]) == ("Reconnecting…", True), outage
    assert outage["back"] is not None, outage
    assert outage["back"] <= LATE[20.0], outage  # Firefox by itself lets a WebSocket wait for 19 s


@pytest.mark.parametrize("page", PAGES)
async def test_the_trunk_notices_nothing(told: Told, page: str) -> None:
    facts = told[page]
    assert facts["requests"] == ["INVITE", "ACK", "BYE"], facts
    assert (facts["sources"], facts["missing"]) == (1, 0), facts


@pytest.mark.parametrize("page", PAGES)
async def test_the_call_outlives_the_service(told: Told, page: str) -> None:
    """Until it is hung up."""
    facts = told[page]
    assert facts["tones"] == TONES[page.partition("-")[0]], facts
    assert (facts["end"]["by"], facts["end"]["cause"]) == ("local", "hangup"), facts


@pytest.mark.parametrize("page", [page for page in PAGES if page.endswith("demo")])
async def test_who_calls_meanwhile_is_told_to_try_again(told: Told, page: str) -> None:
    facts = told[page]
    assert 0 < facts["draining"] <= 300, facts
    cause, sentence = facts["refused"]
    assert cause == "draining", facts
    assert "The phone service is about to restart." in sentence


async def test_the_gateway_ends_with_its_last_call(told: Told) -> None:
    assert told["gateway"] == 0
