"""Where an answer says that its media is: a name, loopback, the gateway itself.

The calls are made in a network of their own (see `own_network`); here is what must come of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import TALK, TRUNK_TONE
from tests.end_to_end.own_network import LATE, run_in_own_network

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

GIVEN_UP = 5.0  # seconds, after which the machine's resolver would ask the name server again

Told = dict[str, dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every call."""
    return await asyncio.to_thread(run_in_own_network, 100)


def assert_up(facts: dict[str, Any]) -> None:
    """Expect a call that was answered, and heard at both ends until the caller hung up."""
    assert facts["answered"] is not None, facts
    assert (facts["said"], facts["heard"]) == (TONE, TRUNK_TONE), facts
    assert facts["packets"] >= TALK
    end = facts["end"]
    assert (end["by"], end["cause"], end["sipCode"]) == ("local", "hangup", 200)


def assert_refused(facts: dict[str, Any], *words: str) -> None:
    """Expect a call that was never up, and an end of which the log alone has these words."""
    assert facts["answered"] is None, facts
    assert facts["packets"] == 0
    end = facts["end"]
    assert (end["by"], end["cause"], end["sipCode"]) == ("gateway", "incompatible-media", 488)
    assert all(word in facts["log"] for word in words), facts["log"]
    assert not any(word in end["message"] for word in words), end["message"]
    assert facts["requests"] == ["INVITE", "ACK", "BYE"]


async def test_an_address_needs_no_name_server(told: Told) -> None:
    """It is up at once: another call still waits for a name."""
    facts = told["the trunk's address"]
    assert_up(facts)
    assert (facts["at_once"], facts["asked"]) == (True, 0)


@pytest.mark.parametrize("call", ["a name", "a name in capitals"])
async def test_a_name(told: Told, call: str) -> None:
    """Another call waits for its own name longer."""
    facts = told[call]
    assert_up(facts)
    assert facts["at_once"]
    assert facts["asked"] > 0


async def test_a_name_that_takes_its_time(told: Told) -> None:
    facts = told["a late name"]
    assert_up(facts)
    assert facts["at_once"]
    assert facts["answered"] >= LATE


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("no such name", "nobody.example.net"),
        ("a name without address", "nothing.example.net"),
    ],
)
async def test_a_name_without_address(told: Told, call: str, name: str) -> None:
    facts = told[call]
    assert_refused(facts, name)
    assert facts["at_once"]
    assert facts["asked"] > 0


async def test_a_name_that_is_never_resolved(told: Told) -> None:
    facts = told["a slow name"]
    assert_refused(facts, "slow.example.net")
    assert facts["asked"] > 0
    assert LATE < facts["ended"] < GIVEN_UP


@pytest.mark.parametrize("call", ["loopback", "loopback, another", "a name of loopback"])
async def test_loopback(told: Told, call: str) -> None:
    """Nobody else is there: neither is the trunk, which came by another address."""
    assert_refused(told[call], "loopback")
    assert told[call]["stray"] == 0


@pytest.mark.parametrize(
    "call", ["the gateway's own port", "the gateway's SIP", "a name of the gateway"]
)
async def test_the_gateway_itself(told: Told, call: str) -> None:
    assert_refused(told[call], "gateway's own")


async def test_early_media_where_none_may_be(told: Told) -> None:
    """The 183 costs nothing, and nothing is sent there; the 200 counts."""
    facts = told["early media at loopback"]
    assert_up(facts)
    assert facts["stray"] == 0


@pytest.mark.parametrize(
    ("call", "word"),
    [("moves to loopback", "loopback"), ("moves to the gateway", "gateway's own")],
)
async def test_a_move_that_is_refused(told: Told, call: str, word: str) -> None:
    """488 at once, with the reason, and the call goes on where it was."""
    facts = told[call]
    assert_up(facts)
    assert facts["codes"] == [488]
    assert word in facts["why"][0]
    assert facts["at_once"]
    assert facts["stray"] == 0


async def test_a_move_to_a_name(told: Told) -> None:
    facts = told["moves to a name"]
    assert_up(facts)
    assert facts["codes"] == [200]
    assert facts["asked"] > 0


async def test_a_move_to_a_name_that_is_never_resolved(told: Told) -> None:
    facts = told["moves to a slow name"]
    assert_up(facts)
    assert facts["codes"] == [488]
    assert "slow-move.example.net" in facts["why"][0]
    assert LATE < facts["waited"][0] < GIVEN_UP


async def test_a_move_that_is_taken_back(told: Told) -> None:
    """CANCEL finds the re-INVITE that still waits for its name: 487, and the call goes on."""
    facts = told["moves to a slow name, and takes it back"]
    assert_up(facts)
    assert facts["codes"] == [487]
    assert facts["at_once"]
    assert facts["asked"] > 0
