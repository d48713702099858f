"""Whatever goes wrong, the client's promises reject with a CallError, in words for people."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway
from tests.web.test_call_stories import NOTHING, open_call, until

ODD = ["undefined", "null", "7", "{}", "[]", "Symbol('s')", "() => {}", "{ to: 7 }"]

# Each public method that is asynchronous, with something odd; what it does is `[name, typed, told]`
TRY = """async ([methods, odd]) => {
    const { CallError, Call, Device } = await import("/sdk/voice-client.js");
    const values = odd.map((text) => eval(`(${text})`));
    const wrong = [];
    let rejected = 0;
    for (const [target, names] of methods) {
        for (const name of names) {
            for (const value of values) {
                const on = harness[target];
                try {
                    await on[name](value);
                } catch (error) {
                    rejected += 1;
                    const typed = error instanceof CallError && typeof error.reason === "string";
                    if (!typed || !error.message) wrong.push(`${name}(${String(value)}): ${error}`);
                }
            }
        }
    }
    return [rejected, wrong];
}"""

ASYNC = """async () => {
    const { Call, Device } = await import("/sdk/voice-client.js");
    const methods = ({ prototype }) =>
        Object.entries(Object.getOwnPropertyDescriptors(prototype))
            .filter(([name, { value }]) => name !== "constructor" && typeof value === "function")
            .map(([name]) => name);
    return [methods(Device), methods(Call)];
}"""

# Those that end what the others need
ENDING = {
    "destroy",
    "disconnectAll",
    "disconnect",
    "hangup",
    "terminate",
    "reject",
    "decline",
    "ignore",
}


async def test_every_method_rejects_with_a_call_error(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await open_call(page)
    device, call = await page.evaluate(ASYNC)
    assert {"connect", "register", "updateToken"} <= set(device)
    assert {"accept", "hold", "transfer", "setInputDevice"} <= set(call)
    # A fake gateway answers no hold, and the walk must not wait for it
    await page.clock.install()
    await page.evaluate("setInterval(() => {}, 1000)")
    walk = [
        [
            "device",
            sorted(set(device) - ENDING - {"register", "unregister", "updateToken", "restore"}),
        ],
        [
            "call",
            sorted(set(call) - ENDING - {"hold", "resume", "unhold", "toggleHold", "getStats"}),
        ],
    ]
    rejected, wrong = await page.evaluate(TRY, [walk, ODD])
    assert wrong == []
    assert rejected > 20
    await page.evaluate(
        "harness.call.disconnect(); harness.device.destroy(); harness.gone = harness.device"
    )
    rejected, wrong = await page.evaluate(TRY, [[["gone", ["connect", "register"]]], ODD])
    assert (rejected, wrong) == (2 * len(ODD), [])


@pytest.mark.parametrize(
    ("breakage", "name"),
    [
        ("navigator.mediaDevices.getUserMedia = async () => { throw 'odd'; }", "microphone-failed"),
        (
            "navigator.mediaDevices.getUserMedia = async () => new MediaStream()",
            "microphone-failed",
        ),
        (
            "RTCPeerConnection.prototype.addTransceiver = () => { throw new TypeError('x'); }",
            "client-fault",
        ),
        (
            "window.RTCPeerConnection.prototype.setLocalDescription = async () => { throw new "
            "DOMException('x', 'OperationError'); }",
            "client-fault",
        ),
    ],
)
async def test_odd_browsers(
    fake_gateway: FakeGateway, open_page: OpenPage, breakage: str, name: str
) -> None:
    page = await open_page()
    await page.evaluate(f"() => {{ {breakage} }}")
    error: dict[str, Any] = await page.evaluate("harness.dial()")
    assert error["name"] == name
    assert error["message"]
    await until(page, f"JSON.stringify(harness.open()) === '{_json(NOTHING)}'")


async def test_the_language_of_the_page(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page()
    chosen = await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            document.documentElement.lang = "en-GB";
            return [new Device().language, new Device({ language: "tlh" }).language];
        }"""
    )
    assert chosen == ["en", "en"]


async def test_a_language_that_comes_late_counts(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """The sentence is looked up when it is read, so no call waits for a language."""
    page = await open_page()
    told = await page.evaluate(
        """async () => {
            const { LANGUAGES } = await import("/sdk/texts/index.js");
            const { Device } = await import("/sdk/voice-client.js");
            let arrive;
            const load = () => new Promise((resolve) => (arrive = resolve));
            LANGUAGES.xx = { name: "X", direction: "ltr", load };
            const device = new Device({ language: "xx" });
            const error = await device.connect({ to: "" }).catch((error) => error);
            const before = error.message;
            arrive({ default: { "error.invalid-argument": "later" } });
            await new Promise((resolve) => setTimeout(resolve));
            return [before, error.message, error.name];
        }"""
    )
    assert told == ["Something on this page is set up wrongly.", "later", "invalid-argument"]


def _json(value: dict[str, int]) -> str:
    return "{" + ",".join(f'"{key}":{number}' for key, number in value.items()) + "}"
