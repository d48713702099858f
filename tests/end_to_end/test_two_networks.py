"""`media.address = "0.0.0.0"` between two networks: each side is told the address that it reaches.

The calls are made in networks of their own (see `two_networks`); here is what must come of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import TRUNK_TONE
from tests.end_to_end.two_networks import NETWORKS, run_in_two_networks
from tests.peers.requirement import require, require_own_engine

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

Told = dict[str, dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every call."""
    require("chromium")
    require_own_engine()
    return await asyncio.to_thread(run_in_two_networks, 100)


def assert_up(facts: dict[str, Any]) -> None:
    """Expect a call in which each side heard the other's tone until the client hung up."""
    assert (facts["said"], facts["heard"]) == (TONE, TRUNK_TONE), facts
    assert (facts["end"]["by"], facts["end"]["cause"]) == ("local", "hangup"), facts


@pytest.mark.parametrize("network", NETWORKS)
async def test_browser_and_trunk_of_a_network_talk(told: Told, network: str) -> None:
    facts, (ours, _) = told[network], NETWORKS[network]
    assert_up(facts)
    assert (facts["told"], facts["source"], facts["checked"]) == (ours, ours, ours)


async def test_sound_leaves_from_the_address_that_was_told(told: Told) -> None:
    """Though the route to where it goes begins at another one."""
    facts = told["across"]
    assert_up(facts)
    assert (facts["told"], facts["source"]) == (NETWORKS["first"][0],) * 2


async def test_the_answer_to_a_trunks_call_names_the_address_of_its_network(told: Told) -> None:
    """The page that takes it is in the other one."""
    facts = told["called"]
    assert_up(facts)
    assert (facts["told"], facts["source"]) == (NETWORKS["first"][0],) * 2
