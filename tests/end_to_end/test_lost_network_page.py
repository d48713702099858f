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
from tests.end_to_end.lost_network_page import BROWSERS, OUTAGES, run_page_outages
from tests.end_to_end.odd_calls import TRUNK_TONE
from tests.peers import firefox

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

Told = dict[str, Any]

TONES = {"chromium": [TRUNK_TONE, TONE], "firefox": [TRUNK_TONE, firefox.TONE]}
# Beyond the outage. Of 20 s the audio connection may die, and the next one needs the session first:
# Firefox lets a WebSocket wait for up to 7 s by itself after ten that failed, and Chromium learns
# its addresses after 3
LATE = {2.0: 2.0, 5.0: 2.5, 20.0: 10.0}  # seconds, on a busy machine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every browser."""
    return await asyncio.to_thread(run_page_outages, 150)


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("seconds", OUTAGES)
async def test_the_gap_is_the_outage(told: Told, browser: str, seconds: float) -> None:
    facts = told[browser]
    assert not facts["error"], facts
    outage = facts["outages"][f"{seconds:g}"]
    assert outage["tones"] == TONES[browser], outage
    assert outage["gap"] <= outage["outage"] + LATE[seconds], outage
    assert outage["deaf"] <= outage["outage"] + LATE[seconds], outage


@pytest.mark.parametrize("browser", BROWSERS)
async def test_the_page_says_that_it_is_reconnecting(told: Told, browser: str) -> None:
    outage = told[browser]["outages"]["20"]
    assert outage["said"] == "Reconnecting…", outage
    assert outage["back"] is not None, outage


@pytest.mark.parametrize("browser", BROWSERS)
async def test_the_trunk_notices_nothing(told: Told, browser: str) -> None:
    facts = told[browser]
    assert facts["requests"] == ["INVITE", "ACK", "BYE"], facts
    assert (facts["sources"], facts["missing"]) == (1, 0), facts


@pytest.mark.parametrize("browser", BROWSERS)
async def test_the_call_outlives_the_service(told: Told, browser: str) -> None:
    """Until it is hung up. Whoever calls meanwhile is told to try again."""
    facts = told[browser]
    assert 0 < facts["draining"] <= 300, facts
    assert facts["tones"] == TONES[browser], facts
    cause, sentence = facts["refused"]
    assert cause == "draining", facts
    assert "The phone service is about to restart." in sentence
    assert (facts["end"]["by"], facts["end"]["cause"]) == ("local", "hangup"), facts


async def test_the_gateway_ends_with_its_last_call(told: Told) -> None:
    assert told["gateway"] == 0
