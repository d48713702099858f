"""Many calls through one gateway: at once with no packet lost, and one after the other for nothing.

The callers live in the test's own process, all of them on one event loop.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from gateway.caller.call import CallerCall, CallOptions
from gateway.caller.sound import RATE
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.trunks import idle, media_events
from tests.peers.process import wait_until
from tests.peers.requirement import missing
from tests.tones import make_tone, strongest_tone, write_wav

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.caller.call import Outcome
    from tests.peers.ami import Manager
    from tests.peers.gateway import Gateway
    from tests.peers.process import Usage

pytestmark = [
    pytest.mark.peer,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]

CALLS = 50
SECONDS = 4.0  # of speaking
TAIL = 50  # packets of a call that one side may send when the other has hung up: a second of them

BATCH = 200  # calls, one after the other in each of so many lines:
LINES = 4
# What a call leaves behind is kept for as long as its messages may be repeated (32 s, timers H and
# J of RFC 3261). So twice as many calls come first, and the others when that time has passed: they
# find room enough in what those have needed.
LINGER = 34.0  # seconds
GROWTH = 4 * 1024 * 1024  # bytes: 20 KiB a call, where a session's buffers alone have more


async def require_lines(gateway: Gateway, count: int) -> None:
    """Skip the test where the SIP engine is the stock one, with its four calls at a time."""
    capacity = (await gateway.metrics())["gateway_calls_capacity"]
    if capacity < count:
        missing(f"the SIP engine carries {capacity:g} calls, {count} are needed: run make engine")


async def test_fifty_calls_at_once(gateway: Gateway, manager: Manager, tmp_path: Path) -> None:
    """Each caller plays a tone of its own to an echo, and hears that one and no other."""
    await require_lines(gateway, CALLS)
    before = media_events(await idle(gateway))
    tones = [400.0 + 40.0 * number for number in range(CALLS)]
    async with AsyncExitStack() as stack:
        calls: list[PhoneCall] = []
        for number, frequency in enumerate(tones):
            samples = make_tone(frequency, seconds=1, rate=RATE)
            wav = write_wav(tmp_path / f"{number}.wav", samples, RATE)
            to = f"+1555{number:04}600"
            calls.append(await stack.enter_async_context(calling(gateway, to, play=wav)))
        await asyncio.gather(*(call.hear("answered", limit=30) for call in calls))
        assert (await gateway.metrics())["gateway_calls_active"] == CALLS
        await asyncio.sleep(SECONDS)
        outcomes = await asyncio.gather(*(call.hang_up(limit=30) for call in calls))
    await manager.wait("LabHangup", count=CALLS, limit=10)
    after = media_events(await idle(gateway))
    counted = {name: after[name] - before.get(name, 0) for name in after}
    assert {name for name, count in counted.items() if count and "rejected" in name} == set()
    assert "faults" not in counted
    check_packets(outcomes, counted, manager.matching("LabHangup"))
    heard = [strongest_tone(outcome.heard[-RATE:], RATE).frequency for outcome in outcomes]  # type: ignore[index]
    assert [round(each / 40) * 40.0 for each in heard] == tones


def check_packets(
    outcomes: list[Outcome], counted: dict[str, int], hangups: list[dict[str, str]]
) -> None:
    """No sequence number is missing anywhere, and what one side has sent the next one has got."""
    # The gateway keeps the trunk's gaps for the browser: these are those of both ways down
    assert [outcome.lost for outcome in outcomes] == [0] * CALLS
    assert counted.get("browser_packets_lost", 0) == 0
    assert [float(each["RxPloss"]) for each in hangups] == [0.0] * CALLS
    assert all(outcome.received > 0.9 * SECONDS * 50 for outcome in outcomes)
    sent, received = (
        sum(getattr(outcome, name) for outcome in outcomes) for name in ("sent", "received")
    )
    assert 0 <= sent - counted["browser_packets_received"] <= TAIL * CALLS
    assert 0 <= counted["browser_packets_sent"] - received <= TAIL * CALLS
    sent, received = (sum(int(each[name]) for each in hangups) for name in ("RtpTx", "RtpRx"))
    assert 0 <= sent - counted["trunk_packets_received"] <= TAIL * CALLS
    assert 0 <= counted["trunk_packets_sent"] - received <= TAIL * CALLS
    # Come too late to be played: the callers are one process and stall together, on a busy machine
    assert counted.get("browser_packets_let_go", 0) <= 0.05 * counted["browser_packets_received"]


async def churn(gateway: Gateway, count: int) -> None:
    """Place calls that the lab answers and ends at once, in a few lines side by side."""

    async def line() -> None:
        for _ in range(count // LINES):
            call = CallerCall(CallOptions(to="640", url=gateway.websocket_url))
            async with asyncio.timeout(20):
                outcome = await call.run()
            assert outcome.answered, outcome.messages
            assert (outcome.last["by"], outcome.last["cause"]) == ("remote", "hangup")

    await asyncio.gather(*(line() for _ in range(LINES)))


async def test_two_hundred_calls_leave_nothing_behind(gateway: Gateway) -> None:
    await churn(gateway, 2 * BATCH)
    await idle(gateway)
    await asyncio.sleep(LINGER)
    before = gateway.usage()
    await churn(gateway, BATCH)
    await idle(gateway)
    # The WebSockets that were the last ones may still be closing
    await wait_until(
        lambda: holdings(gateway.usage()) == holdings(before),
        limit=5,
        what=f"{holdings(before)} processes, threads, descriptors and sockets again",
    )
    grown = gateway.usage().resident - before.resident
    assert grown < GROWTH, f"{BATCH} calls took {grown / 1024 / BATCH:.1f} KiB each"


def holdings(usage: Usage) -> tuple[int, int, int, int]:
    return usage.processes, usage.threads, usage.descriptors, usage.sockets
