"""Asterisk hands a page over to somebody else, in a call of the page's and in one of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from gateway.caller.sound import RATE
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.phone import calling, waiting
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.end_to_end.phone import PhoneCall
    from tests.peers.ami import Manager
    from tests.peers.asterisk import AsteriskLab

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

NUMBER = "+15550100"
REFERS = "680"  # the caller to 600, which is an echo


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    lab: AsteriskLab, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Gateway]:
    """A gateway whom the lab may refer to others."""
    config = GatewayConfig(
        [{**lab_trunk(lab), "transfers": "allow"}],
        sip_port=lab.gateway_port,
        incoming=[{"to": NUMBER, "identity": "sales", "trunk": "lab"}],
        overrides={"admission": {"allow": ["*"]}},
    )
    async with run_gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


async def handed_over(call: PhoneCall, manager: Manager) -> None:
    """Talk to the echo, of which the lab has heard that it has answered."""
    redirected = await call.hear("redirected")
    assert redirected["to"] == "600"
    assert (await manager.wait("LabTransfer"))["Status"] == "SUCCESS"
    await manager.wait("LabCall", Dialed="600")
    await asyncio.sleep(1.5)  # of sound
    outcome = await call.hang_up()
    assert call.ended() == ("local", "hangup", 200)
    assert outcome.heard is not None
    assert_heard(outcome.heard[-RATE:], RATE, present=[TONE], absent=[LAB_TONE])


async def test_a_call_of_the_page(gateway: Gateway, manager: Manager, tone: Path) -> None:
    async with calling(gateway, REFERS, play=tone) as call:
        await handed_over(call, manager)
    await idle(gateway, limit=15)  # Asterisk sends RTCP for some seconds more


async def test_a_call_of_its_own(gateway: Gateway, manager: Manager, tone: Path) -> None:
    async with waiting(gateway, "sales", pick_up=0, play=tone) as page:
        await manager.originate(NUMBER, extension=REFERS)
        await handed_over(page, manager)
    await idle(gateway, limit=15)
