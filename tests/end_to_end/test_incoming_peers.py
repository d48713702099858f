"""Calls into pages from Asterisk, and from sipp."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import waiting
from tests.end_to_end.recording import assert_heard, read_recording
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.process import PeerError
from tests.peers.sipp import run_caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway where the lab looks for one."""
    config = GatewayConfig(
        [{**lab_trunk(lab), "srtp": "optional"}],
        sip_port=lab.gateway_port,
        incoming=[{"to": NUMBER, "identity": "sales", "trunk": "lab"}],
    )
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "endpoint", ["gateway", "gateway-ulaw", "gateway-timers", "gateway-info", "gateway-srtp"]
)
async def test_asterisk_calls_two_pages(
    gateway: Gateway, manager: Manager, tone: Path, endpoint: str
) -> None:
    """Both ring, one accepts, and each side hears the other's tone."""
    async with waiting(gateway, "sales", play=tone) as first, waiting(gateway, "sales") as second:
        await manager.originate(
            NUMBER, endpoint=endpoint, extension="9603", caller='"Alice" <+15550001>'
        )
        for page in (first, second):
            ring = await page.hear("incoming")
            assert (ring["from"], ring["displayName"], ring["to"]) == (
                "+15550001",
                "Alice",
                NUMBER,
            )
        await first.accept()
        await first.hear("answered")
        await second.end()
        assert second.ended() == ("gateway", "answered-elsewhere", 487)
        await asyncio.sleep(2)  # of sound
        outcome = await first.hang_up()
    record = await manager.wait("LabRecord")
    await manager.wait("LabHangup", CallID=record["CallID"])
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[LAB_TONE], absent=[TONE])
    received, rate = await read_recording(Path(record["Rx"]))
    assert_heard(received[-rate:], rate, present=[TONE], absent=[LAB_TONE])
    await idle(gateway)


async def test_asterisk_puts_the_page_on_hold(gateway: Gateway, manager: Manager) -> None:
    """Re-INVITEs after the answer follow the description that was in our 200."""
    async with waiting(gateway, "sales", pick_up=0) as page:
        await manager.originate(NUMBER, extension="672")
        await page.hear("answered")
        await asyncio.sleep(3.5)
        outcome = await page.hang_up()
    assert outcome.last["cause"] == "hangup"
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[LAB_TONE])
    await idle(gateway)


@pytest.mark.parametrize("endpoint", ["gateway", "gateway-info"])
async def test_digits_go_as_asterisk_takes_them(
    gateway: Gateway, manager: Manager, endpoint: str
) -> None:
    """As events, or by INFO where there are none and its INVITE allows that."""
    async with waiting(gateway, "sales", pick_up=0, dtmf="1239*#") as page:
        await manager.originate(NUMBER, endpoint=endpoint, extension="650")
        digits = await manager.wait("LabDTMF", limit=10)
        await page.hang_up()
    assert digits["Digits"] == "1239*"  # `#` ends what is read
    await idle(gateway)


async def test_the_page_holds_asterisk_and_resumes(gateway: Gateway, manager: Manager) -> None:
    async with waiting(gateway, "sales", pick_up=0) as page:
        await manager.originate(NUMBER, extension="603")
        await page.hear("answered")
        await page.ask("hold")
        assert (await page.hear("held"))["by"] == "local"
        await page.ask("resume")
        assert (await page.hear("resumed"))["by"] == "local"
        await asyncio.sleep(1.5)  # of sound
        outcome = await page.hang_up()
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[LAB_TONE])
    await idle(gateway)


async def test_asterisk_hears_a_rejection(gateway: Gateway, manager: Manager) -> None:
    async with waiting(gateway, "sales") as page:
        await manager.originate(NUMBER)
        await page.hear("incoming")
        await page.reject(486)
        await page.end()
    await manager.wait("Hangup", Cause="17")  # of Q.850: user busy
    await idle(gateway)


async def test_sipp_calls_two_pages(gateway: Gateway, tmp_path: Path) -> None:
    async with waiting(gateway, "sales") as first, waiting(gateway, "sales") as second:
        async with run_caller(
            "uac",
            tmp_path,
            target=gateway.config.sip_port,
            number=NUMBER,
            options=("-d", "500"),
        ) as sipp:
            await first.hear("incoming")
            await second.hear("incoming")
            await second.accept()
            await second.end()
            await first.end()
            messages = await sipp.finish()
        assert second.ended() == ("remote", "hangup", 200)
        assert first.ended() == ("gateway", "answered-elsewhere", 487)
    statuses = [each.status for each in messages if not each.sent and each.method == "INVITE"]
    assert statuses == [100, 180, 200]
    await idle(gateway)


async def test_sipp_is_refused_at_once(gateway: Gateway, tmp_path: Path) -> None:
    async with run_caller("uac", tmp_path, target=gateway.config.sip_port, number=NUMBER) as sipp:
        with pytest.raises(PeerError):  # sipp counts any refusal as a failed call
            await sipp.finish()
        assert 480 in [each.status for each in sipp.messages()]
    await idle(gateway)
