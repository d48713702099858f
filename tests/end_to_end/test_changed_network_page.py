"""A call survives that its page's computer changes its network, and with it its address.

The calls are made in a network of their own (see `changed_network_page`); here is what must come of
them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.changed_network_page import PAGES, run_changes
from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import TRUNK_TONE
from tests.peers import firefox

LIMIT = 120  # seconds on a busy machine
pytestmark = [
    pytest.mark.peer,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(LIMIT + 30),
]

Told = dict[str, Any]

TONES = {"chromium": [TRUNK_TONE, TONE], "firefox": [TRUNK_TONE, firefox.TONE]}
# Beyond the time without a link. Where ICE finds another way, Chromium takes it after 3.5 s. Where
# it does not, a socket that has lost its network is given up 3 s after the first doubt, and the
# audio is made anew by the next one. Of a silence alone the page learns within 2 s
LATE = 7.0  # seconds, on a busy machine; 3.4 to 4.3 are usual
SOCKET = 8.0  # 4.1 to 5.6


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every page."""
    return await asyncio.to_thread(run_changes, LIMIT)


@pytest.mark.parametrize("page", PAGES)
async def test_sound_goes_on_both_ways(told: Told, page: str) -> None:
    facts = told[page]
    browser, _, kind = page.partition("-")
    assert not facts["error"], facts
    outage = facts["outages"][kind]
    assert outage["tones"] == TONES[browser], outage
    assert outage["gap"] <= outage["outage"] + LATE, outage
    assert outage["deaf"] <= outage["outage"] + LATE, outage


@pytest.mark.parametrize("page", PAGES)
async def test_the_page_has_another_socket(told: Told, page: str) -> None:
    """So that a hang-up arrives, also where nothing else than silence has told of the change."""
    facts = told[page]
    assert facts["socket"] <= SOCKET, facts
    assert (facts["end"]["by"], facts["end"]["cause"]) == ("local", "hangup"), facts


@pytest.mark.parametrize("page", PAGES)
async def test_the_trunk_notices_nothing(told: Told, page: str) -> None:
    """It has one stream all the time: noise while the page is not heard."""
    facts = told[page]
    assert facts["requests"] == ["INVITE", "ACK", "BYE"], facts
    assert (facts["sources"], facts["missing"]) == (1, 0), facts
    assert facts["pause"] < 1, facts
