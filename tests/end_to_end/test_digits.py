"""Digits where they are easily lost or doubled: as tones, muted, on hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.demo import dial, expect_state, open_demo
from tests.end_to_end.phone import calling
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.gateway import GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab
    from tests.peers.chromium import Chromium
    from tests.peers.gateway import Gateway

import pytest_asyncio

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

ALL = "0123456789*#ABCD"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def inband(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway whose trunk knows no telephone events."""
    trunk = lab_trunk(lab, username="trunk-inband", codecs=("PCMU", "PCMA"))
    config = GatewayConfig([trunk], overrides={"admission": {"allow": ["*"]}})
    async with run_gateway(config, tmp_path_factory.mktemp("inband")) as gateway:
        yield gateway


async def test_tones_towards_the_trunk(inband: Gateway, manager: Manager, tone: Path) -> None:
    """The caller sends events and speaks on; the trunk's detector hears tones."""
    digits = ALL.replace("#", "") + "#"  # which ends what is read
    async with calling(inband, "650", dtmf=digits, play=tone) as call:
        heard = await manager.wait("LabDTMF", limit=20)
        await call.hang_up()
    assert heard["Digits"] == digits[:-1]
    await idle(inband)


async def test_tones_from_the_trunk(inband: Gateway) -> None:
    """Each is told once, and the noise of the codecs is no digit."""
    async with calling(inband, "660") as call:
        await call.hear("dtmf", count=len(ALL), limit=20)
        outcome = await call.hang_up()
    assert outcome.digits == ALL
    await idle(inband)


async def test_speech_is_no_digit(inband: Gateway) -> None:
    """A sweep through all of the telephone band, and single tones."""
    async with calling(inband, "605") as call:
        await call.hear("quality", count=3, limit=15)
        outcome = await call.hang_up()
    assert outcome.digits == ""
    await idle(inband)


async def test_keys_while_the_microphone_is_muted(
    chromium: Chromium, gateway: Gateway, manager: Manager
) -> None:
    """Chromium's RFC 4733 goes on while its audio is silence."""
    async with open_demo(chromium, gateway) as demo:
        page = demo.page
        await dial(page, "650")
        await expect_state(page, "open")
        await page.click("#mute")
        for digit in "1590*#":
            await page.click(f"[data-digit='{digit}']")
        heard = await manager.wait("LabDTMF", limit=10)
        await page.click("#hangup")
    assert heard["Digits"] == "1590*"


async def test_keys_while_the_trunk_holds_the_call(
    chromium: Chromium, gateway: Gateway, manager: Manager
) -> None:
    """What is pressed while nobody may hear it is heard, once, when the call is resumed."""
    async with open_demo(chromium, gateway) as demo:
        page = demo.page
        await dial(page, "670")
        await expect_state(page, "open")
        await manager.wait("LabHold", State="hold", limit=10)
        for digit in "159":
            await page.click(f"[data-digit='{digit}']")
        await manager.wait("LabHold", State="resumed", limit=10)
        for digit in "0#":
            await page.click(f"[data-digit='{digit}']")
        await manager.wait("LabHold", State="hold", count=2, limit=10)
        await manager.wait("LabHold", State="resumed", count=2, limit=10)
        await page.click("#hangup")
        await manager.wait("LabHangup")
    digits = [event["Digit"] for event in manager.matching("DTMFEnd", Direction="Received")]
    assert "".join(digits) == "1590#"
