"""Microphones and speakers that come and go while a call runs."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, answer_call, connect_incoming
from tests.web.test_call_stories import dial, end_of, events, open_call, until
from tests.web.test_incoming import calling
from tests.web.test_registration import register

# Chromium's fake devices cannot be unplugged: what the browser would say is said in its place
LOSE = """async () => {
    const [track] = harness.call.localStream.getAudioTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
}"""
UNPLUG = """() => {
    window.open = navigator.mediaDevices.getUserMedia;
    window.asked = 0;
    navigator.mediaDevices.getUserMedia = async () => {
        window.asked += 1;
        throw new DOMException("none", "NotFoundError");
    };
}"""
PLUG = """() => {
    navigator.mediaDevices.getUserMedia = window.open;
    navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
}"""
LIST = """kept => {
    const { mediaDevices } = navigator;
    window.real ??= mediaDevices.enumerateDevices.bind(mediaDevices);
    const stays = ({ kind, deviceId }) => kind === "audioinput" || kept.includes(deviceId);
    mediaDevices.enumerateDevices = async () => (await window.real()).filter(stays);
    mediaDevices.dispatchEvent(new Event("devicechange"));
}"""


# A browser settles nothing that a closed connection was asked for
NEVER_REPLACED = """async () => {
    const { getUserMedia } = navigator.mediaDevices;
    let opened;
    navigator.mediaDevices.getUserMedia = async (wanted) => (opened = await getUserMedia(wanted));
    const asked = new Promise((resolve) => {
        RTCRtpSender.prototype.replaceTrack = () => (resolve(), new Promise(() => {}));
    });
    const chosen = harness.device.audio.setInputDevice("");
    await asked;
    harness.call.disconnect();
    await chosen;
    return opened.getTracks().map(({ readyState }) => readyState);
}"""
TWO_CALLS = """async ([good, broken]) => {
    const { AudioDevices } = await import("/sdk/voice/audio-devices.js");
    const used = ["", ""];
    const call = (at) => ({
        setInputDevice: async (id) => {
            if (at && id === broken) throw new Error("busy");
            used[at] = id;
        },
    });
    const audio = new AudioDevices(() => [call(0), call(1)], new AbortController().signal);
    await audio.setInputDevice(good);
    const refused = await audio.setInputDevice(broken).catch(() => true);
    return { used, refused, input: audio.input };
}"""
CHOOSE = """async (id) => {
    harness.device ??= new (await import("/sdk/voice-client.js")).Device();
    const { audio } = harness.device;
    const name = (choice) => choice.then(() => null, ({ name }) => name);
    const said = [await name(audio.setInputDevice(id)), await name(audio.setOutputDevice(id))];
    said.push(await name(audio.ringtoneDevices.set(id)));
    return [...said, audio.input, audio.output, audio.ringtoneOutput];
}"""
# What a browser says, where it is to say something else
SAY = """devices => {
    navigator.mediaDevices.enumerateDevices = async () => devices;
}"""

ELEMENT = """() => {
    window.speaker = document.createElement("audio");
    document.body.append(window.speaker);
}"""
DIAL_WITH_IT = "harness.dial({ element: window.speaker })"


async def is_live(page: Page) -> None:
    await until(page, "harness.call.localStream.getAudioTracks()[0].readyState === 'live'")


async def test_a_lost_microphone_is_replaced_by_the_default_one(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate(LOSE)
    await until(page, "harness.named('warning-cleared').includes('microphone-lost')")
    assert await events(page, "warning") == ["microphone-lost"]
    await is_live(page)
    await page.evaluate("harness.call.disconnect()")
    await end_of(page)


async def test_where_there_is_none_the_call_waits_for_one_to_be_plugged_in(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate(UNPLUG)
    await page.evaluate(LOSE)
    await until(page, "window.asked === 1")
    assert await events(page, "warning") == ["microphone-lost"]
    assert await page.evaluate("harness.call.state") == "open"
    await page.evaluate(PLUG)
    await until(page, "harness.named('warning-cleared').includes('microphone-lost')")
    await is_live(page)


async def test_a_lost_speaker_gives_way_to_the_default_one(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate("harness.device.audio.refresh()")
    outputs = await page.evaluate(
        "harness.device.audio.outputs.map((each) => each.deviceId).filter((id) => id !== 'default')"
    )
    await page.evaluate("id => harness.device.audio.setOutputDevice(id)", outputs[0])
    assert await page.evaluate("harness.call.audioElement.sinkId") == outputs[0]
    await page.evaluate(
        "harness.device.audio.on('deviceChange', (lost) => (harness.lost = lost)) && null"
    )
    await page.evaluate(LIST, ["default"])
    await until(page, "harness.lost && harness.call.audioElement.sinkId === ''")
    assert await page.evaluate("harness.lost.length") >= 1
    assert await page.evaluate("harness.device.audio.output") == ""
    await page.evaluate(LIST, ["default", *outputs])
    await until(page, f"harness.device.audio.availableOutputDevices.has('{outputs[0]}')")
    assert await page.evaluate("harness.call.state") == "open"


@pytest.mark.parametrize("goes", ["unplugged", "chosen"])
async def test_speaker_of_the_last_call_is_not_that_of_the_next_one(
    fake_gateway: FakeGateway, open_page: OpenPage, goes: str
) -> None:
    """The page's own element has it still, and would be silent where it was unplugged."""
    page = await open_page()
    await page.evaluate(ELEMENT)
    await page.evaluate(DIAL_WITH_IT)
    await until(page, "harness.call.state === 'open'")
    await page.evaluate("harness.device.audio.refresh()")
    outputs = await page.evaluate(
        "harness.device.audio.outputs.map((each) => each.deviceId).filter((id) => id !== 'default')"
    )
    await page.evaluate("id => harness.device.audio.setOutputDevice(id)", outputs[0])
    assert await page.evaluate("speaker.sinkId") == outputs[0]
    await page.evaluate("harness.call.disconnect()")
    if goes == "unplugged":
        await page.evaluate(LIST, ["default"])
    else:
        await page.evaluate("harness.device.audio.setOutputDevice('')")
    await until(page, "harness.device.audio.output === ''")
    await page.evaluate(DIAL_WITH_IT)
    await until(page, "speaker.sinkId === ''")


async def test_speaker_that_is_chosen_before_the_other_side_answers(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Chromium takes none for an element without a track."""
    begin = asyncio.Event()

    async def answer_later(session: Session) -> None:
        await begin.wait()
        await answer_call(session)

    fake_gateway.story = answer_later
    page = await open_page()
    assert await dial(page) is None
    await page.evaluate("harness.device.audio.refresh()")
    speaker = await page.evaluate("harness.device.audio.outputs.at(-1).deviceId")
    await page.evaluate("id => { harness.asked = harness.ask('setSinkId', id); }", speaker)
    begin.set()
    assert await page.evaluate("harness.asked") is None
    assert await page.evaluate("harness.call.audioElement.sinkId") == speaker


async def test_speaker_that_the_page_gives_its_element_stays(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.evaluate(ELEMENT)
    await page.evaluate(DIAL_WITH_IT)
    await page.evaluate("harness.device.audio.refresh()")
    own = await page.evaluate("harness.device.audio.outputs.at(-1).deviceId")
    await page.evaluate("harness.call.disconnect()")
    await page.evaluate("id => speaker.setSinkId(id)", own)
    await page.evaluate(DIAL_WITH_IT)
    await until(page, "harness.call.state === 'open'")
    assert await page.evaluate("speaker.sinkId") == own


async def test_what_was_chosen_counts_for_the_next_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    await page.evaluate("harness.device.audio.refresh()")
    ids = await page.evaluate(
        "harness.device.audio.inputs.map((each) => each.deviceId).filter((id) => id !== 'default')"
    )
    await page.evaluate("id => harness.device.audio.setInputDevice(id)", ids[-1])
    speaker = await page.evaluate("harness.device.audio.outputs.at(-1).deviceId")
    await page.evaluate("id => harness.device.audio.setOutputDevice(id)", speaker)
    await page.evaluate("harness.call.disconnect()")
    assert await dial(page) is None
    await until(page, f"harness.call.audioElement.sinkId === '{speaker}'")
    assert await page.evaluate("harness.device.audio.output") == speaker
    assert await page.evaluate(TWO_CALLS, ids) == {
        "used": [ids[0], ids[0]],
        "refused": True,
        "input": ids[0],
    }, "all or none of several calls"
    used = "harness.call.localStream.getAudioTracks()[0].getSettings().deviceId"
    assert await page.evaluate(used) == ids[-1]
    assert await page.evaluate(NEVER_REPLACED) == ["ended"], "the call was over before it was used"


async def test_what_is_not_there_is_refused_at_once(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    refused = ["microphone-not-found", "speaker-failed", "speaker-failed"]
    assert await page.evaluate(CHOOSE, "nowhere") == [*refused, "", "", ""]
    assert await page.evaluate(CHOOSE, "") == [None, None, None, "", "", ""]
    # So it is before a microphone is permitted
    await page.evaluate(SAY, [{"kind": "audiooutput", "deviceId": ""}])
    await page.evaluate("harness.device.audio.refresh()")
    assert await page.evaluate(CHOOSE, "kept") == [None, None, None, "kept", "kept", "kept"]
    await page.evaluate("harness.device.audio.unsetInputDevice()")
    await open_call(page)
    await until(page, "harness.device.audio.output === ''")
    assert await page.evaluate("harness.call.audioElement.sinkId") == ""
    assert await page.evaluate("harness.call.state") == "open"


async def test_microphone_chosen_while_a_call_rings_is_that_of_the_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Also after one that could not be opened, and with what the page wants of any microphone."""
    fake_gateway.greeting = calling(connect_incoming)
    page = await open_page()
    await register(page, audio={"echoCancellation": False})
    await until(page, "harness.call")
    await page.evaluate("harness.device.audio.refresh()")
    first, *_, last = await page.evaluate(
        "harness.device.audio.inputs.map((each) => each.deviceId).filter((id) => id !== 'default')"
    )
    await page.evaluate("id => harness.device.audio.setInputDevice(id)", first)
    await page.evaluate(UNPLUG)
    assert (await page.evaluate("harness.ask('accept')"))["name"] == "microphone-not-found"
    await page.evaluate(PLUG)
    await page.evaluate("id => harness.device.audio.setInputDevice(id)", last)
    assert await page.evaluate("harness.ask('accept')") is None
    await until(page, "harness.call.state === 'open'")
    used = "harness.call.localStream.getAudioTracks()[0].getSettings()"
    assert await page.evaluate(f"{used}.deviceId") == last
    await page.evaluate("id => harness.device.audio.setInputDevice(id)", first)
    assert await page.evaluate(f"{used}.deviceId") == first
    assert await page.evaluate(f"{used}.echoCancellation") is False
