"""What pages written for other SDKs call things: each name does what ours does."""

from __future__ import annotations

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call
from tests.web.test_call_stories import open_call, until


async def take_holds(session: Session) -> None:
    await answer_call(session)
    await session.wait_for("hold")
    await session.reply("held", by="local")
    await session.wait_for("resume")
    await session.reply("resumed", by="local")


async def test_names_of_a_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    fake_gateway.story = take_holds
    page = await open_page()
    await open_call(page)
    done = await page.evaluate(
        """async () => {
            const { call } = harness;
            const seen = [];
            call.muteAudio(); seen.push(call.isMuted());
            call.toggleAudioMute(); seen.push(call.isMuted());
            call.toggleMute(); call.unmute(); seen.push(call.isMuted());
            await call.toggleHold(); seen.push(call.isOnHold().local);
            await call.unhold(); seen.push(call.isOnHold().local);
            call.sendDTMF(5, { duration: 80, interToneGap: 50 });
            call.dtmf("6");
            seen.push(call.getLocalStream() === call.localStream, call.getRemoteStream().active);
            seen.push(call.status(), call.isEstablished(), call.isInProgress(), call.isEnded());
            const { CallSid, To } = call.parameters;
            seen.push(CallSid === call.id, To);
            call.removeAllListeners();
            call.terminate();
            seen.push(call.isEnded(), call.status(), harness.device.calls.length);
            return seen;
        }"""
    )
    assert done[:5] == [True, False, False, True, False]
    assert done[5:11] == [True, True, "open", True, False, False]
    assert done[11:] == [True, "600", True, "closed", 0]
    digits = (await fake_gateway.session()).find("dtmf")
    assert [(each["digits"], each["duration"], each["gap"]) for each in digits] == [
        ("5", 80, 50),
        ("6", 100, 70),
    ]


@pytest.mark.parametrize(
    "call",
    [
        "connect({ params: { To: '602', 'X-Order': '7', Other: 'x' } })",
        "connect({ to: '602', headers: { 'X-Order': '7' } })",
        "call('602', { headers: { 'X-Order': '7' } })",
        "newCall({ destinationNumber: '602', customHeaders: [{ name: 'X-Order', value: '7' }] })",
    ],
)
async def test_names_of_a_device(fake_gateway: FakeGateway, open_page: OpenPage, call: str) -> None:
    page = await open_page()
    states = await page.evaluate(
        f"""async () => {{
            const {{ Device }} = await import("/sdk/voice-client.js");
            const device = new Device("a token", {{ closeProtection: true }});
            const states = [Device.isSupported, device.state, device.isRegistered()];
            window.call = await device.{call};
            device.terminateSessions();
            states.push(device.calls.length);
            device.destroy();
            return [...states, device.state];
        }}"""
    )
    assert states == [True, "unregistered", False, 0, "destroyed"]
    session = await fake_gateway.session()
    frame = await session.wait_for("call")
    assert (frame["to"], frame["headers"]) == ("602", {"X-Order": "7"})
    assert session.find("hello")[0]["token"] == "a token"


async def test_the_client_hears_what_the_page_listens_to_no_more(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate("harness.call.off('disconnect'); harness.call.disconnect()")
    await until(page, "harness.device.calls.length === 0")
