"""A pre-flight where the network is not at fault: what it says is wrong, what it leaves open."""

from __future__ import annotations

import json
from typing import Any

from playwright.async_api import Page, Route

from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, welcome
from tests.web.test_call_stories import NOTHING

RUN = """async ({ aborted, ...options }) => {
    const { Device } = await import("/sdk/voice-client.js");
    if (aborted) options.signal = AbortSignal.abort();
    const test = Device.runPreflight(options), events = [];
    test.on("completed", () => events.push("completed"));
    test.on("failed", ({ name, message, code }, report) => {
        const [worst] = report.reasons;
        events.push(name === worst.name && message === worst.message && "failed", code);
    });
    harness.device = null;
    const report = await test.finished;
    return {
        events, report, status: test.status, same: test.report === report,
        names: report.reasons.map(({ name }) => name),
    };
}"""

# What answers at the WebSocket's address by HTTP, where no WebSocket can be had
ANSWERS: dict[str, tuple[int, object, str]] = {
    "taken": (200, {"subprotocol": "gateway.v1"}, "socket-blocked"),
    "refused": (403, {"error": "not-allowed", "message": "…"}, "not-allowed"),
    "crowded": (429, {"error": "limit-reached", "message": "…"}, "limit-reached"),
    "stranger": (200, {"status": "ok"}, "gateway-unreachable"),
    "dead": (502, "<h1>Bad Gateway</h1>", "gateway-unreachable"),
}
ASKED_AT_LENGTH = """() => {
    const { mediaDevices } = navigator, ask = mediaDevices.getUserMedia;
    const permitted = new Promise((resolve) => (window.permit = resolve));
    mediaDevices.getUserMedia = async (wanted) => {
        await permitted;
        mediaDevices.getUserMedia = ask;
        return ask.call(mediaDevices, wanted);
    };
}"""


async def run(page: Page, **options: object) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate(RUN, {"url": "/v1/ws", "seconds": 1, **options})
    return found


async def answer(route: Route) -> None:
    status, body, _ = ANSWERS[route.request.url.rpartition("/")[2]]
    text = body if isinstance(body, str) else json.dumps(body)
    await route.fulfill(status=status, body=text, headers={"Access-Control-Allow-Origin": "*"})


async def test_the_gateway_says_itself_why_there_is_no_socket(open_page: OpenPage) -> None:
    page = await open_page()
    await page.route("http://127.0.0.1:9009/**", answer)
    found = await page.evaluate(
        f"async names => Promise.all(names.map((name) => ({RUN})({{ url: base + name }})))".replace(
            "base", "'ws://127.0.0.1:9009/'"
        ),
        list(ANSWERS),
    )
    assert [each["names"][0] for each in found] == [name for _, _, name in ANSWERS.values()]


async def test_what_is_no_fault_of_the_network(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    # Its code does not come
    await page.route("**/preflight/run.js", lambda route: route.abort())
    found = await run(page)
    assert (found["events"], found["status"]) == (["failed", 1021], "failed")
    assert found["same"]
    assert found["names"] == ["gateway-unreachable"]
    assert found["report"]["message"] == "Calls do not work from here."
    await page.unroute("**/preflight/run.js")
    await page.reload()

    # It was stopped before it began: nobody is asked
    found = await run(page, aborted=True)
    assert (found["names"], found["events"]) == (["stopped"], ["failed", 503])
    assert (await page.evaluate("harness.made()"))["tracks"] == 0
    assert fake_gateway.opened == []

    # The gateway has no time
    async def busy(session: Session) -> None:
        await welcome(session)
        call = (await session.wait_for("preflight"))["call"]
        await session.send("error", call=call, code=503, name="busy", message="overloaded")

    fake_gateway.greeting = busy
    found = await run(page)
    assert found["names"][0] == "no-capacity"
    port = fake_gateway.port
    assert f"127.0.0.1, port {port}." in found["report"]["administrator"][0]["message"]

    # The session is lost while the person is asked for the microphone
    async def close(session: Session) -> None:
        await welcome(session)
        await session.socket.close(1011)
        await page.evaluate("setTimeout(permit, 200) && null")

    fake_gateway.greeting = close
    await page.evaluate(ASKED_AT_LENGTH)
    assert (await run(page))["names"][0] == "network"

    # The browser's WebAudio is at fault
    fake_gateway.greeting = welcome
    await page.evaluate(
        "window.AnalyserNode = class { constructor() { throw new Error('no') } }; 0"
    )
    assert (await run(page))["names"] == ["client-fault"]
    await fake_gateway.opened[-1].gone.wait()
    assert await page.evaluate("harness.open()") == NOTHING


async def test_a_page_that_allows_the_socket_alone(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """Its policy forbids to ask by HTTP why there is no socket: that by itself is no fault."""

    async def busy(session: Session) -> None:
        await welcome(session)
        call = (await session.wait_for("preflight"))["call"]
        await session.send("error", call=call, code=503, name="busy", message="overloaded")

    async def close(session: Session) -> None:
        await session.socket.close(1011)

    fake_gateway.page = '<!doctype html><title>A site</title><script src="/harness.js"></script>'
    scripts = "script-src 'self' 'unsafe-eval'"
    socket = f"ws://127.0.0.1:{fake_gateway.port}"
    page = await open_page()
    found = []
    for allowed, greeting in ((socket, busy), (socket, close), ("'none'", welcome)):
        fake_gateway.greeting = greeting
        policy = f"default-src 'none'; {scripts}; connect-src {allowed}"
        fake_gateway.page_headers = {"Content-Security-Policy": policy}
        await page.goto(f"{fake_gateway.url}/page")
        report = (await run(page))["report"]
        found.append((report["reasons"][0]["name"], report["signaling"]["reason"]))
    (passed, _), (unreachable, why), (blocked, forbidden) = found
    assert (passed, unreachable, blocked) == (
        "no-capacity",
        "gateway-unreachable",
        "blocked-by-page",
    )
    assert f"Policy has no {fake_gateway.url} in its connect-src" in why
    assert forbidden.endswith(f"add {socket} to its connect-src.")
