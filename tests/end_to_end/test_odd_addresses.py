"""Where an answer says that its media is: a name, loopback, the gateway itself.

The calls are made in a network of their own (see `own_network`); here is what must come of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import TONE
from tests.end_to_end.own_network import LATE, TRUNK_TONE, run_in_own_network

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

USUAL = 0.5  # seconds from the trunk's 200 to `answered`, on a busy machine
LONGEST = 2.0  # that a name may take
AT_LEAST = 25  # packets, of the 40 in the time that both ends speak

Told = dict[str, dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every call."""
    return await asyncio.to_thread(run_in_own_network, 100)


def assert_up(facts: dict[str, Any]) -> None:
    """Expect a call that was answered, and heard at both ends until the caller hung up."""
    assert facts["answered"] is not None, facts
    assert (facts["said"], facts["heard"]) == (TONE, TRUNK_TONE), facts
    assert facts["packets"] > AT_LEAST
    end = facts["end"]
    assert (end["by"], end["cause"], end["sipCode"]) == ("local", "hangup", 200)


def assert_refused(facts: dict[str, Any], *words: str) -> None:
    """Expect a call that was never up, and an end whose sentence has one of these words."""
    assert facts["answered"] is None, facts
    assert facts["packets"] == 0
    end = facts["end"]
    assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "incompatible-media", 488)
    assert any(word in end["message"] for word in words), end["message"]
    assert facts["requests"] == ["INVITE", "ACK", "BYE"]


@pytest.mark.parametrize("call", ["the trunk's address", "a name", "a name in capitals"])
async def test_up_at_once(told: Told, call: str) -> None:
    assert_up(told[call])
    assert told[call]["answered"] < USUAL


async def test_a_name_that_takes_a_second(told: Told) -> None:
    facts = told["a late name"]
    assert_up(facts)
    assert LATE <= facts["answered"] < LATE + USUAL


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("no such name", "nobody.example.net"),
        ("a name without address", "nothing.example.net"),
    ],
)
async def test_a_name_without_address(told: Told, call: str, name: str) -> None:
    assert_refused(told[call], name)
    assert told[call]["ended"] < USUAL


async def test_a_name_that_is_never_resolved(told: Told) -> None:
    facts = told["a slow name"]
    assert_refused(facts, "slow.example.net")
    assert USUAL < facts["ended"] < LONGEST + USUAL


async def test_other_calls_do_not_wait_for_a_slow_name(told: Told) -> None:
    facts = told["as usual, while a name is slow"]
    assert_up(facts)
    assert facts["answered"] < USUAL


@pytest.mark.parametrize("call", ["loopback", "loopback, another", "a name of loopback"])
async def test_loopback(told: Told, call: str) -> None:
    """Nobody else is there: neither is the trunk, which came by another address."""
    assert_refused(told[call], "loopback")


@pytest.mark.parametrize(
    "call", ["the gateway's own port", "the gateway's SIP", "a name of the gateway"]
)
async def test_the_gateway_itself(told: Told, call: str) -> None:
    assert_refused(told[call], "gateway's own")


async def test_early_media_where_none_may_be(told: Told) -> None:
    """The 183 costs nothing, and nothing is sent there; the 200 counts."""
    assert_up(told["early media at loopback"])


@pytest.mark.parametrize("call", ["moves to loopback", "moves to the gateway"])
async def test_a_move_that_is_refused(told: Told, call: str) -> None:
    """488, and the call goes on where it was."""
    assert_up(told[call])
    assert told[call]["codes"] == [488]
    assert told[call]["waited"][0] < USUAL


async def test_a_move_to_a_name(told: Told) -> None:
    assert_up(told["moves to a name"])
    assert told["moves to a name"]["codes"] == [200]


async def test_a_move_to_a_name_that_is_never_resolved(told: Told) -> None:
    facts = told["moves to a slow name"]
    assert_up(facts)
    assert facts["codes"] == [488]
    assert USUAL < facts["waited"][0] < LONGEST + USUAL


async def test_a_move_that_is_taken_back(told: Told) -> None:
    """CANCEL finds the re-INVITE that still waits for its name: 487, and the call goes on."""
    facts = told["moves to a slow name, and takes it back"]
    assert_up(facts)
    assert facts["codes"] == [487]
    assert facts["waited"][0] < 0.3 + USUAL
