"""What is told of a call's quality: to the page every two seconds, to both ends by RTCP."""

from __future__ import annotations

import json
from statistics import median, median_low
from time import perf_counter
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
PACKETS = 50  # in a second
FIRST = 3.0  # seconds after the answer until the first must have come
REPORTS = 7  # messages: some 14 s, in which both ends have sent a report or two (every 5 s)


def check_leg(reports: list[dict[str, Any]], seconds: float, *, who: str) -> None:
    """Fail unless this is a leg on a clean network, with a tone of some -15 dBFS on it.

    A busy machine makes some packets late, and what a report has too few the next one has too
    many: of jitter the usual counts, of packets all that came in these `seconds`.
    """
    for leg in reports:
        assert leg["loss"] == 0, f"{who}: {leg}"
        assert 4.0 < leg["mos"] <= 4.5, f"{who}: {leg}"
        assert 5 <= leg["level"] <= 30, f"{who}: {leg}"
    jitters = [leg["jitterMs"] for leg in reports]
    assert min(jitters) >= 0, f"{who}: {jitters}"
    assert median(jitters) < 20, f"{who}: {jitters}"
    packets = [leg["packets"] for leg in reports]
    assert 0.85 < sum(packets) / (PACKETS * seconds) < 1.15, f"{who}: {packets} in {seconds} s"


def check_round_trip(reports: list[dict[str, Any]], *, who: str) -> None:
    """Fail unless the last report has one of loopback, or most of them do."""
    assert reports[-1]["rttMs"] is not None, f"{who}: {reports[-1]}"
    times = [leg["rttMs"] for leg in reports if leg["rttMs"] is not None]
    assert min(times) >= 0, f"{who}: {times}"
    assert min(times[-1], median_low(times)) < 100, f"{who}: {times}"


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
    passed = times[-1] - times[0]
    assert abs(passed / (len(times) - 1) - INTERVAL) < 0.4, times
    told = qualities(call.messages)
    for name in ("browser", "trunk"):
        # The first one has the beginning in it
        check_leg([message[name] for message in told[1:]], passed, who=name)
    # Asterisk answers a report when its own is due
    check_round_trip([message["trunk"] for message in told], who="trunk")
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
    times: list[float] = []  # of the messages on quality

    def take(frame: str | bytes) -> None:
        told.append(json.loads(frame))
        if told[-1]["type"] == "quality":
            times.append(perf_counter())

    def follow(socket: WebSocket) -> None:
        socket.on("framereceived", take)

    async with open_demo(chromium, gateway) as demo:
        demo.page.on("websocket", follow)
        await dial(demo.page, "603")
        await expect_state(demo.page, "open")
        await wait_until(lambda: len(qualities(told)) >= REPORTS, limit=20, what="the messages")
        remote = await remote_inbound(demo)
        await demo.page.click("#hangup")
    for name in ("browser", "trunk"):
        reports = [message[name] for message in qualities(told)]
        check_leg(reports[1:], times[-1] - times[0], who=name)
        check_round_trip(reports, who=name)
    # What a busy machine delays is nothing beside the seconds between two reports, or a wrong unit
    assert (count := remote["roundTripTimeMeasurements"]) >= 1, remote
    assert 0 <= remote["totalRoundTripTime"] / count < 0.25, remote
    assert remote["fractionLost"] == 0, remote
    assert remote["packetsLost"] <= 1, remote  # while ICE and DTLS came up
    assert remote["jitter"] < 0.1, remote


async def remote_inbound(page: ChromiumPage) -> dict[str, Any]:
    """Return what Chromium knows by RTCP of how its stream arrives at the gateway."""
    found = await page.evaluate(
        "demo.call.getStats().then((report) =>"
        ' [...report.values()].find((each) => each.type === "remote-inbound-rtp"))'
    )
    assert isinstance(found, dict), "the browser has got no receiver report"
    return found
