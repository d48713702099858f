"""What is told of a call's quality: to the page every two seconds, to both ends by RTCP."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.demo import dial, expect_state, open_demo
from tests.end_to_end.phone import calling
from tests.end_to_end.trunks import idle, media_events
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import WebSocket

    from tests.peers.ami import Manager
    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

INTERVAL = 2.0  # seconds
FIRST = 3.0  # seconds after the answer until the first must have come
REPORTS = 7  # messages: some 14 s, in which both ends have sent a report or two (every 5 s)


def check_leg(leg: dict[str, Any], *, who: str) -> None:
    """Fail unless this is a leg on a clean network, with a tone of some -15 dBFS on it."""
    assert leg["loss"] == 0, f"{who}: {leg}"
    assert 4.0 < leg["mos"] <= 4.5, f"{who}: {leg}"
    assert 0 <= leg["jitterMs"] < 20, f"{who}: {leg}"
    assert 85 <= leg["packets"] <= 115, f"{who}: {leg}"
    assert 5 <= leg["level"] <= 30, f"{who}: {leg}"


def qualities(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == "quality"]


async def test_every_two_seconds(gateway: Gateway, manager: Manager, tone: Path) -> None:
    """Both legs, from soon after the answer on; the trunk's round trip when reports were there."""
    async with calling(gateway, "603", play=tone) as call:
        await call.hear("answered")
        taken = await manager.wait("LabCall", Dialed="603")
        await call.hear("quality", count=REPORTS, limit=REPORTS * INTERVAL + 5)
        await call.hang_up()
    hangup = await manager.wait("LabHangup", CallID=taken["CallID"])
    times = call.came("quality")
    assert times[0] - call.came("answered")[0] < FIRST
    assert all(abs(b - a - INTERVAL) < 0.7 for a, b in pairwise(times)), times
    told = qualities(call.messages)
    for message in told[1:]:  # the first one has the beginning in it
        check_leg(message["browser"], who="browser")
        check_leg(message["trunk"], who="trunk")
    # On loopback; Asterisk answers a report when its own is due
    assert 0 <= told[-1]["trunk"]["rttMs"] < 100, told[-1]
    assert float(hangup["Rtt"]) > 0, "the lab has got none of our reports"
    counted = media_events(await idle(gateway))
    assert counted["trunk_rtcp_packets"] >= 2
    assert counted["trunk_rtcp_sent"] >= 2


async def test_silence_has_no_level_but_quality(gateway: Gateway) -> None:
    """Both sides are silent: nothing is wrong with that."""
    async with calling(gateway, "604") as call:
        await call.hear("answered")
        message = await call.hear("quality", count=2, limit=10)
        await call.hang_up()
    for leg in (message["browser"], message["trunk"]):
        assert leg["loss"] == 0
        assert leg["mos"] is None or leg["mos"] > 4.0
        assert leg["level"] is None or leg["level"] > 60


async def test_chromium_and_the_gateway_report_to_each_other(
    chromium: Chromium, gateway: Gateway
) -> None:
    """The gateway knows the browser's round trip, and the browser the gateway's."""
    told: list[dict[str, Any]] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: told.append(json.loads(frame)))

    async with open_demo(chromium, gateway) as demo:
        demo.page.on("websocket", follow)
        await dial(demo.page, "603")
        await expect_state(demo.page, "open")
        await wait_until(lambda: len(qualities(told)) >= REPORTS, limit=20, what="the messages")
        remote = await remote_inbound(demo)
        await demo.page.click("#hangup")
    for name in ("browser", "trunk"):
        for message in qualities(told)[1:]:
            check_leg(message[name], who=name)
        last = qualities(told)[-1][name]
        assert 0 <= last["rttMs"] < 100, f"{name}: {last}"
    assert remote["roundTripTimeMeasurements"] >= 1, remote
    assert 0 <= remote["roundTripTime"] < 0.1, remote
    assert remote["fractionLost"] == 0, remote
    assert remote["packetsLost"] <= 1, remote  # while ICE and DTLS came up
    assert remote["jitter"] < 0.02, remote


async def remote_inbound(page: ChromiumPage) -> dict[str, Any]:
    """Return what Chromium knows by RTCP of how its stream arrives at the gateway."""
    found = await page.evaluate(
        "demo.call.getStats().then((report) =>"
        ' [...report.values()].find((each) => each.type === "remote-inbound-rtp"))'
    )
    assert isinstance(found, dict), "the browser has got no receiver report"
    return found
