"""What pages written for other SDKs call things: each name does what ours does."""

from __future__ import annotations

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call, take_registration
from tests.web.test_call_stories import dial, end_of, open_call, until


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


EVENTS_OF_JSSIP = [
    "progress", "accepted", "confirmed", "ended", "failed", "hold", "unhold", "muted", "unmuted",
    "newDTMF", "transferred",
]  # fmt: skip

LISTEN_AS_JSSIP = """(names) => {
    const { call } = harness;
    window.told = [];
    for (const name of names) call.on(name, (data) => told.push([name, data]));
    call.on("ended", () => told.push("again")).once("muted", () => told.push("once"));
    call.off("confirmed");
}"""


async def test_events_of_a_call(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def ring(session: Session) -> None:
        await session.reply("trying")

    fake_gateway.story = ring
    page = await open_page()
    assert await dial(page) is None
    await page.evaluate(LISTEN_AS_JSSIP, EVENTS_OF_JSSIP)
    session = await fake_gateway.session()
    await answer_call(session)
    await until(page, "harness.call.state === 'open'")
    for frame in ("held", "resumed"):
        await session.reply(frame, by="remote")
    await session.reply("dtmf", digit="5", duration=80)
    await until(page, "told.length === 5")
    await page.evaluate("harness.call.mute(); harness.call.mute(false); harness.call.mute()")
    await session.reply("ended", by="local", cause="transferred", sipCode=200, durationMs=9)
    await end_of(page)
    told = await page.evaluate("told")
    end = {"originator": "local", "cause": "transferred"}
    assert told[:5] == [
        ["progress", {"originator": "remote"}],
        ["accepted", {"originator": "remote"}],
        ["hold", {"originator": "remote"}],
        ["unhold", {"originator": "remote"}],
        ["newDTMF", {"originator": "remote", "dtmf": {"tone": "5", "duration": 80}}],
    ]
    audio = {"audio": True, "video": False}
    assert told[5:9] == [["muted", audio], "once", ["unmuted", audio], ["muted", audio]]
    assert told[9:] == [["ended", end], "again", ["transferred", end]]


async def test_events_of_a_call_that_fails(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    async def call_in(session: Session) -> None:
        await take_registration(session)
        await session.ring()

    fake_gateway.greeting = call_in
    page = await open_page()
    warned: list[str] = []
    page.on("console", lambda entry: warned.append(entry.text))
    steps = await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            harness.make(Device);
            const { device } = harness, steps = [];
            device.on("registering", () => steps.push(device.state));
            device.on("telnyx.notification", () => {});
            device.on("newRTCSession", ({ session, originator }) => {
                window.session = session;
                steps.push(originator);
            });
            await device.register("sales");
            return steps;
        }"""
    )
    await until(page, "harness.call")
    assert steps[:1] == ["registering"]
    assert any("telnyx.notification" in text for text in warned)
    assert await page.evaluate("session === harness.call")
    await page.evaluate(LISTEN_AS_JSSIP, EVENTS_OF_JSSIP)
    await fake_gateway.opened[0].reply("ended", by="remote", cause="canceled", sipCode=487)
    await until(page, "harness.named('disconnect').length === 1")
    failed = {"originator": "remote", "cause": "canceled"}
    assert await page.evaluate("told") == [["failed", failed]]


async def test_what_twilios_quickstart_uses(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page()
    found = await page.evaluate(
        """async () => {
            const { Call, Device } = await import("/sdk/voice-client.js");
            const speaker = { kind: "audiooutput", deviceId: "desk", label: "Desk" };
            const bell = { kind: "audiooutput", deviceId: "bell", label: "Bell" };
            navigator.mediaDevices.enumerateDevices = async () => [speaker, bell];
            const given = { allowIncomingWhileBusy: true };
            const device = new Device("a token", given);
            const { audio } = device;
            await audio.refresh();
            const chosen = () => [audio.speakerDevices, audio.ringtoneDevices]
                .map((each) => [...each.get()].map(({ label }) => label));
            await audio.speakerDevices.set(["desk"]);
            const before = chosen();
            await audio.ringtoneDevices.set("bell");
            const after = chosen();
            // Which only Chromium lists
            await audio.speakerDevices.set("default");
            await audio.ringtoneDevices.set("default");
            const usual = [audio.output, audio.ringtoneOutput];
            await audio.speakerDevices.set(["desk"]);
            await audio.ringtoneDevices.set("bell");
            const microphone = { ...bell, kind: "audioinput" };
            navigator.mediaDevices.enumerateDevices = async () => [speaker, microphone];
            navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
            await new Promise((resolve) => audio.on("deviceChange", resolve));
            device.updateOptions({ closeProtection: true, language: "de", devices: null });
            const { direction } = await device.connect({ to: "600" });
            const { State, EventName } = Device;
            return [usual, before, after, chosen(), direction, device.language, Object.keys(given),
                Call.State.Open, State.Registering === "registering", EventName.TokenWillExpire];
        }"""
    )
    desk = [["Desk"], ["Desk"]]
    assert found[:4] == [["", ""], desk, [["Desk"], ["Bell"]], desk]
    assert found[4:] == [
        "outgoing",
        "de",
        ["allowIncomingWhileBusy"],
        "open",
        True,
        "tokenWillExpire",
    ]


async def test_the_client_hears_what_the_page_listens_to_no_more(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate("harness.call.off('disconnect'); harness.call.disconnect()")
    await until(page, "harness.device.calls.length === 0")
