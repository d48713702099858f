"""Calls through a real TURN server, where the direct path is blocked.

They are made in a network of their own (see `relayed_network`); here is what must come of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from tests.end_to_end.conftest import TONE
from tests.end_to_end.odd_calls import TRUNK_TONE
from tests.end_to_end.relayed_network import CALLS, OTHER_SECRET, SECRET, run_relayed
from tests.peers.requirement import require

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

Told = dict[str, dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told() -> Told:
    """The facts of every call."""
    for program in ("chromium", "openssl", "turnserver"):
        require(program)
    return await asyncio.to_thread(run_relayed, 100)


def assert_up(facts: dict[str, Any]) -> None:
    """Expect a call in which each side heard the other's tone until the client hung up."""
    # To ten Hz: a relay by TCP may give sound late, and what fills the pause has no exact tone
    wanted = pytest.approx((TONE, TRUNK_TONE), abs=10)
    assert (facts["said"], facts["heard"]) == wanted, facts
    assert (facts["end"]["by"], facts["end"]["cause"]) == ("local", "hangup"), facts


def assert_dead(facts: dict[str, Any], cause: str = "no-media-path") -> None:
    """Expect a call in which nobody heard anything."""
    assert (facts["said"], facts["heard"]) == (None, None), facts
    assert facts["end"]["cause"] == cause, facts


async def test_without_a_relay_no_call_is_possible(told: Told) -> None:
    """The direct path is blocked: else no other test here would prove anything."""
    assert_dead(told["no server"])
    assert told["no server"]["candidates"] == ["host"]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_both_sides_are_heard_by_the_relay(told: Told, transport: str) -> None:
    assert_up(told[transport])
    assert told[transport]["candidates"] == ["host", "relay"]


async def test_relay_policy_leaves_relay_candidates_only(told: Told) -> None:
    assert_up(told["relay"])
    assert told["relay"]["candidates"] == ["relay"]


async def test_wrong_secret_is_told_and_the_call_has_no_path(told: Told) -> None:
    facts = told["wrong secret"]
    assert_dead(facts)
    assert facts["candidates"] == ["host"]
    assert "401" in facts["error"]


async def test_wrong_secret_with_relay_policy_fails_the_call_at_once(told: Told) -> None:
    facts = told["wrong secret, relay"]
    assert not facts["answered"]
    assert facts["candidates"] == []
    assert "no TURN server can be used" in facts["error"]
    assert "401" in facts["error"]


async def test_credentials_are_good_until_they_end(told: Told) -> None:
    """The server takes fresh ones, and none that ended a moment ago."""
    assert told["fresh"]["answered"], told["fresh"]
    assert not told["expired"]["answered"]
    assert "401" in told["expired"]["error"]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_chromium_calls_by_the_relay(told: Told, transport: str) -> None:
    facts = told[f"browser, {transport}"]
    assert_up(facts)
    assert facts["selected"] == f"relay {transport}"


async def test_chromium_obeys_the_relay_policy(told: Told) -> None:
    assert CALLS["browser, tls"].policy == "relay"
    assert set(told["browser, tls"]["candidates"]) == {"relay"}
    assert "host" in told["browser, udp"]["candidates"]


async def test_logs_hold_neither_secret_nor_credentials(told: Told) -> None:
    logs = "".join(told[name]["log"] for name in CALLS)
    assert "session opened" in logs
    for word in (SECRET, OTHER_SECRET, "credential"):
        assert word not in logs


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_preflight_tells_that_sound_has_to_take_a_detour(
    told: Told, transport: str
) -> None:
    """UDP to the gateway is blocked, and to the relay none was offered."""
    report = told[transport]["report"]
    verdicts = {reason["name"]: reason["verdict"] for reason in report["reasons"]}
    for name in ("jitter-high", "round-trip-high"):  # of a machine that has too much to do
        verdicts.pop(name, None)
    assert verdicts == {"udp-blocked": "fair"}, report
    path, sample = report["echo"]["path"], report["echo"]["sample"]
    assert (path["kind"], path["protocol"]) == ("relay", transport)
    assert sample["received"] > 100
    states = {way: result["state"] for way, result in report["ways"].items()}
    assert states[f"relay-{transport}"] == "passed"
    assert states["relay-udp"] == "skipped"
    rules = {rule["name"]: rule for rule in report["administrator"]}
    assert [rules[name]["works"] for name in ("socket", "udp", "relay")] == [True, False, True]
    assert f"198.51.100.1, ports {report['echo']['ports'][0]}" in rules["udp"]["message"]
    assert f"({transport.upper()})" in rules["relay"]["message"]


async def test_a_preflight_by_a_relay_of_udp_is_as_good_as_a_direct_one(told: Told) -> None:
    report = told["udp"]["report"]
    path = report["echo"]["path"]
    assert (path["kind"], path["protocol"]) == ("relay", "udp"), report
    assert "udp-blocked" not in [reason["name"] for reason in report["reasons"]], report


async def test_a_preflight_without_any_way_says_what_to_open(told: Told) -> None:
    report = told["no server"]["report"]
    assert (report["verdict"], report["echo"]["path"]) == ("failed", None), report
    assert [reason["name"] for reason in report["reasons"]] == ["no-media-path"]
    rules = {rule["name"]: rule["works"] for rule in report["administrator"]}
    assert rules == {"socket": True, "udp": False}


async def test_chromium_tells_the_page_what_the_server_refused(told: Told) -> None:
    facts = told["browser, wrong secret"]
    assert_dead(facts, "media-failed")  # the page is faster
    assert facts["end"]["by"] == "local"
    assert "401" in facts["end"]["reason"], facts
