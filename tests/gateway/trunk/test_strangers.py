"""What a trunk, or anybody who reaches the port, may not make the gateway do."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from gateway.trunk import Answered, Origin
from tests.gateway.trunk.conftest import OFFER, Phone
from tests.gateway.trunk.script import (
    ACK,
    ANSWER,
    BYE,
    DONE,
    HANG_UP,
    INVITE,
    OK,
    RINGING,
    Receive,
    Request,
    write_script,
)
from tests.gateway.trunk.wire import open_wire
from tests.peers.requirement import require_own_engine
from tests.peers.sipp import run_trunk
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.peer
@pytest.mark.parametrize("by", [Origin.REMOTE, Origin.LOCAL])
async def test_transfer(phone: Phone, tmp_path: Path, by: Origin) -> None:
    """A REFER is declined: nobody is dialed, and the call goes on until its own end."""
    async with open_wire() as elsewhere:
        refer = Request("REFER", 2, headers=f"Refer-To: <sip:premium@127.0.0.1:{elsewhere.port}>")
        last = HANG_UP if by is Origin.REMOTE else (BYE, DONE)
        script = write_script(tmp_path, *ANSWER, refer, Receive(603), *last)
        async with run_trunk(script, tmp_path) as sipp:
            leg, ear = await phone.dial(sipp.uri)
            await ear.hear(Answered)
            if by is Origin.LOCAL:
                await until(lambda: any(each.status == 603 for each in sipp.messages()))
                await leg.hangup()
            end = await ear.end()
            await sipp.finish()
        assert elsewhere.heard == []
    assert (end.by, end.cause) == (by, "hangup")
    assert ear.kinds == ["Trying", "Ringing", "Answered", "Ended"]


@pytest.mark.peer
async def test_replaces(phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An INVITE with Replaces takes no call over, whoever knows its tags; the call goes on."""
    monkeypatch.setattr(phone.endpoint, "on_incoming", pytest.fail)
    script = write_script(tmp_path, INVITE, RINGING, OK, ACK, BYE, DONE)
    async with run_trunk(script, tmp_path) as sipp, open_wire() as thief:
        leg, ear = await phone.dial(sipp.uri)
        await ear.hear(Answered)
        ours = re.search(r"tag=([^;>\s]+)", sipp.messages()[0].header("from") or "")
        assert ours
        named = f"Replaces: {leg.call_id};to-tag={ours[1]};from-tag=trunk1"
        thief.request("INVITE", phone.endpoint.address.port, named, sdp=OFFER)
        assert (await thief.hear(200)).code == 603
        assert ear.kinds == ["Ringing", "Answered"]
        await leg.hangup()
        end = await ear.end()
        await sipp.finish()
    assert (end.by, end.cause) == (Origin.LOCAL, "hangup")


@pytest.mark.parametrize("sdp", ["", OFFER], ids=["without SDP", "with SDP"])
async def test_invite(phone: Phone, caplog: pytest.LogCaptureFixture, sdp: str) -> None:
    """Nobody takes calls here: a refusal without a complaint, and the next one gets it too."""
    for _ in range(2):
        async with open_wire() as stranger:
            stranger.request("INVITE", phone.endpoint.address.port, sdp=sdp)
            assert (await stranger.hear(200)).code == 404
    assert "Assert failed" not in caplog.text
    async with open_wire() as silent:
        leg, ear = await phone.dial(silent.uri)
        await silent.hear("INVITE")
        await leg.hangup()
        await ear.end()


@pytest.mark.usefixtures("own_engine")
async def test_subscribe(phone: Phone) -> None:
    """Nobody may watch the gateway's presence."""
    async with open_wire() as stranger:
        port = phone.endpoint.address.port
        stranger.request("SUBSCRIBE", port, "Event: presence", "Expires: 60")
        assert (await stranger.hear(200)).code == 405
        await asyncio.sleep(0.3)  # a NOTIFY would come at once
        assert [message.method for message in stranger.heard if message.method] == []


async def test_unreadable(phone: Phone) -> None:
    """What the engine cannot parse is refused all the same, and counted with its answer."""
    require_own_engine()
    async with open_wire() as stranger:
        stranger.request("OPTIONS sip:", phone.endpoint.address.port)
        refusal = await stranger.hear(200)
        assert refusal.code == 400
        assert refusal.to_tag
        assert refusal.header("cseq") == "1 OPTIONS sip:"
        assert phone.endpoint.strangers["OPTIONS", "400"] == 1


async def test_offer_without_media(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A description that holds nothing is refused with the reason, before anybody is called."""
    require_own_engine()
    monkeypatch.setattr(phone.endpoint, "on_incoming", pytest.fail)
    async with open_wire() as caller:
        caller.request("INVITE", phone.endpoint.address.port, sdp="v=\r\no=\r\ns=\r\n")
        refusal = await caller.hear(200)
        assert refusal.code == 400
        assert "no m= lines" in (refusal.header("warning") or "")


async def test_a_trunk_that_asks_whether_we_live_is_no_stranger(phone: Phone) -> None:
    require_own_engine()
    async with open_wire() as trunk:
        leg, ear = await phone.dial(trunk.uri)
        await trunk.hear("INVITE")
        before = phone.endpoint.strangers
        for method, code in (("OPTIONS", 200), ("MESSAGE", 405)):
            trunk.request(method, phone.endpoint.address.port)
            assert (await trunk.hear(code)).code == code
        await leg.hangup()
        await ear.end()
    added = {
        key: count - before.get(key, 0)
        for key, count in phone.endpoint.strangers.items()
        if count != before.get(key, 0)
    }
    assert added == {("MESSAGE", "405"): 1}
