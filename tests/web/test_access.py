"""What lets a page call: tokens, given and renewed."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.peers.ports import free_port
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway, Session, Story
from tests.web.test_call_stories import NOTHING, dial, end_of, events, until
from tests.web.test_demo_page import expect_notice, expect_state, open_demo

STUN = {"urls": ["stun:127.0.0.1:9"]}
SOON = 1_900_000_000  # seconds since the epoch
REFUSED: dict[str, Any] = {
    "code": 401,
    "name": "bad-token",
    "message": "the token has expired at 12:00:00 UTC",
}


def greet(*answers: dict[str, Any]) -> Story:
    """Answer the hellos in turn: by `welcome` with these fields, or by an error with a code."""

    async def story(session: Session) -> None:
        for number, fields in enumerate(answers):
            await session.wait_for_count("hello", number + 1)
            if "code" in fields:
                await session.send("error", **fields)
            else:
                await session.send("welcome", session="s1", calls=[], **fields)

    return story


def tokens(session: Session) -> list[object]:
    return [frame.get("token") for frame in session.find("hello")]


async def expiring(fake_gateway: FakeGateway, seconds: float = SOON) -> Session:
    """Say that the token ends."""
    session = fake_gateway.opened[-1]
    await session.send("tokenWillExpire", expires=seconds)
    return session


async def update(page: Page, token: object) -> dict[str, Any] | None:
    """Give the page a new token; return the error, if any."""
    error: dict[str, Any] | None = await page.evaluate(
        "token => harness.device.updateToken(token).then(() => null, harness.brief)", token
    )
    return error


async def test_token_is_said_and_so_is_the_challenge(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    assert await dial(page, device={"token": "t1", "challenge": "proof"}) is None
    hello = await (await fake_gateway.session()).wait_for("hello")
    assert hello == {"type": "hello", "token": "t1", "challenge": "proof"}


async def test_nobody_is_asked_for_a_proof_that_nobody_takes(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    asked = """async (nowhere) => {
        const { Device } = await import("/sdk/voice-client.js");
        let asked = 0;
        const device = new Device({ challenge: () => (asked += 1) && "proof" });
        await device.prepare();
        const away = new Device({ challenge: () => (asked += 1) && "proof", url: nowhere });
        const { name } = await away.connect({ to: "600" }).catch((error) => error);
        return [name, asked];
    }"""
    nowhere = f"ws://127.0.0.1:{free_port()}/v1/ws"
    assert await page.evaluate(asked, nowhere) == ["gateway-unreachable", 0]
    assert fake_gateway.opened == []


async def test_each_session_fetches_a_token(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page()
    assert await dial(page, device={"token": "t0", "tokens": ["t1"]}) is None
    first = await fake_gateway.session()
    await first.socket.close(1012)
    await end_of(page)
    assert await dial(page) is None
    assert (tokens(first), tokens(await fake_gateway.session())) == (["t0"], ["t1"])


async def test_token_that_cannot_be_fetched(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    page = await open_page()
    error = await dial(page, device={"tokens": []}) or {}
    assert error["name"] == "session-refused"
    assert error["reason"] == "The page could not get a call token."


async def test_token_that_is_not_to_be_had_in_time(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.clock.install()
    await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            const Socket = WebSocket;
            harness.opened = new Promise((resolve) => {
                window.WebSocket = class extends Socket {
                    constructor(...options) {
                        super(...options);
                        this.addEventListener("open", resolve);
                    }
                };
            });
            harness.make(Device, { fetchToken: () => new Promise(() => {}) });
            harness.dialed = harness.dial();
        }"""
    )
    await page.evaluate("harness.opened.then(() => null)")  # else it is the socket that is late
    await page.clock.run_for(10_000)
    error = await page.evaluate("harness.dialed")
    assert error["name"] == "session-refused"
    assert error["reason"] == "The page could not get a call token."


@pytest.mark.parametrize("code", [1008, 4408])  # of gateways before this one
async def test_slow_token_outlasts_the_gateways_patience(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int
) -> None:
    """The gateway waits 5 s for a hello: a site's server, or a person, may take longer."""

    async def have_enough(session: Session) -> None:
        if len(fake_gateway.opened) == 1:
            await until(page, "harness.asked !== undefined")
            await session.socket.close(code, "no hello within 5 s")
        else:
            await greet({})(session)

    fake_gateway.greeting = have_enough
    page = await open_page()
    await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            const fetchToken = () => new Promise((resolve) => (harness.asked = resolve));
            harness.make(Device, { fetchToken });
            harness.dialed = harness.dial();
        }"""
    )
    await (await fake_gateway.session()).gone.wait()
    await page.evaluate("harness.asked('late')")
    assert await page.evaluate("harness.dialed") is None
    assert tokens(await fake_gateway.session()) == ["late"]
    assert await page.evaluate("harness.device.token") == "late"


@pytest.mark.parametrize("code", [1008, 4408])
async def test_hello_that_crosses_the_end_of_the_gateways_patience(
    fake_gateway: FakeGateway, open_page: OpenPage, code: int
) -> None:
    """It is said once more, and no more often: the gateway may have something against it."""

    async def have_enough(session: Session) -> None:
        await session.wait_for("hello")
        if len(fake_gateway.opened) == patience:
            await session.send("welcome", session="s1", calls=[])
        else:
            await session.socket.close(code, "no hello within 5 s")

    patience = 2

    fake_gateway.greeting = have_enough
    page = await open_page()
    assert await dial(page, device={"tokens": ["late", "t2"]}) is None
    assert [tokens(each) for each in fake_gateway.opened] == [["late"], ["late"]]

    fake_gateway.opened.clear()
    patience = 0
    other = await open_page()
    assert (await dial(other) or {})["name"] in ("gateway-unreachable", "session-refused")
    assert len(fake_gateway.opened) == 2


async def test_token_is_fetched_while_the_socket_opens(open_page: OpenPage) -> None:
    page = await open_page()
    with socket.create_server(("127.0.0.1", 0)) as server:
        await page.evaluate(
            """async (url) => {
                const { Device } = await import("/sdk/voice-client.js");
                const fetchToken = async () => (harness.asked = true) && "t1";
                harness.make(Device, { url, fetchToken });
                harness.device.prepare();
            }""",
            f"ws://127.0.0.1:{server.getsockname()[1]}/v1/ws",
        )
        await until(page, "harness.asked")  # of a gateway that has said nothing yet
        await page.evaluate("harness.device.destroy()")


async def test_refused_token_is_a_typed_failure(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet({**REFUSED, "fatal": True})
    page = await open_page()
    error = await dial(page, device={"token": "old"}) or {}
    assert (error["name"], error["code"], error["sipCode"]) == ("bad-token", 401, 401)
    assert (error["fatal"], error["reason"]) == (True, REFUSED["message"])
    assert await page.evaluate("harness.open()") == NOTHING


async def test_token_is_renewed_by_itself_in_mid_call(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet({"iceServers": []}, {"iceServers": [STUN]})
    page = await open_page()
    assert await dial(page, device={"tokens": ["t1", "t2"]}) is None
    await until(page, "harness.call.state === 'open'")
    session = await expiring(fake_gateway)
    await session.wait_for("hello", token="t2")
    assert await events(page, "expiring") == [SOON * 1000]
    assert await page.evaluate("harness.call.state") == "open"
    assert await events(page, "device-error") == []


async def test_same_end_is_told_and_renewed_once(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """A page whose back end gives the same token again would renew it for ever."""
    fake_gateway.greeting = greet({}, {}, {})
    page = await open_page()
    assert await dial(page, device={"tokens": ["t1", "t1", "t1"]}) is None
    await until(page, "harness.call.state === 'open'")
    for _ in range(3):
        session = await expiring(fake_gateway)
    await session.wait_for_count("hello", 2)
    await session.send("error", code=500, name="internal", message="after all of them")
    await until(page, "harness.named('device-error').length > 0")
    assert (len(tokens(session)), await events(page, "expiring")) == (2, [SOON * 1000])


async def test_renewal_that_fails_is_told_and_tried_again(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet({}, REFUSED, {})
    page = await open_page()
    await page.clock.install()
    assert await dial(page, device={"tokens": ["t1", None, "t2", "t3"]}) is None
    await until(page, "harness.call.state === 'open'")
    session = await expiring(fake_gateway)
    await until(page, "harness.named('device-error').length === 1")
    await page.clock.run_for(5_000)
    await until(page, "harness.named('device-error').length === 2")
    await page.clock.run_for(5_000)
    await session.wait_for("hello", token="t3")
    failed = await events(page, "device-error")
    assert [(each["name"], each["fatal"]) for each in failed] == [("bad-token", False)] * 2
    assert failed[1]["reason"] == REFUSED["message"]
    assert await page.evaluate("harness.call.state") == "open"


async def test_page_is_told_of_the_end_and_gives_a_new_token(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet({"iceServers": []}, {"iceServers": [STUN]})
    page = await open_page()
    assert await dial(page, device={"token": "t1"}) is None
    session = await expiring(fake_gateway)
    await until(page, "harness.named('expiring').length === 1")
    assert await update(page, "t2") is None
    assert tokens(session) == ["t1", "t2"]
    await page.evaluate("harness.call.disconnect()")
    await until(page, "harness.device.calls.length === 0")
    assert await dial(page) is None
    assert (await page.evaluate("harness.configuration()"))["iceServers"][0]["urls"] == STUN["urls"]
    assert len(fake_gateway.opened) == 1


async def test_refused_update_leaves_session_call_and_token(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet({}, REFUSED)
    page = await open_page()
    assert await dial(page, device={"token": "t1"}) is None
    await until(page, "harness.call.state === 'open'")
    error = await update(page, "forged") or {}
    assert (error["name"], error["code"], error["fatal"]) == ("bad-token", 401, False)
    assert await page.evaluate("harness.call.state") == "open"
    assert await events(page, "device-error") == []
    await fake_gateway.opened[0].socket.close(1012)
    await end_of(page)
    fake_gateway.greeting = greet({})
    assert await dial(page) is None
    assert tokens(fake_gateway.opened[1]) == ["t1"]


async def test_update_without_a_session_is_for_the_next_one(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page()
    await page.evaluate(
        """async () => {
            const { Device } = await import("/sdk/voice-client.js");
            harness.make(Device, { token: "t1" });
        }"""
    )
    assert await update(page, "t2") is None
    assert fake_gateway.opened == []
    assert await dial(page) is None
    assert tokens(await fake_gateway.session()) == ["t2"]


@pytest.mark.parametrize("token", ["", None, 7])
async def test_update_wants_a_token(open_page: OpenPage, token: object) -> None:
    page = await open_page()
    assert await dial(page) is None
    assert (await update(page, token) or {})["name"] == "invalid-argument"


async def test_session_that_ends_ends_the_update(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    async def close(session: Session) -> None:
        await session.wait_for("hello", token="t2")
        await session.socket.close(1012)

    page = await open_page()
    assert await dial(page, device={"token": "t1"}) is None
    fake_gateway.story = close
    await page.evaluate("harness.call.disconnect()")
    assert await dial(page) is None
    assert (await update(page, "t2") or {})["name"] == "shutdown"


# The demo page


async def test_demo_takes_the_token_from_its_address_and_hides_it(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    page = await open_page("/blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{fake_gateway.url}/?to=602#token=secret-1")
    await expect(page.locator("#app")).to_have_attribute("data-ready", "")
    assert page.url == f"{fake_gateway.url}/?to=602"
    await page.click("#call")
    await expect_state(page, "open")
    assert tokens(fake_gateway.opened[-1]) == ["secret-1"]
    assert asked
    assert not any("secret-1" in url for url in asked)
    assert "secret-1" not in await page.locator("#log").inner_text()


async def test_demo_asks_for_another_token_when_one_is_refused(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    fake_gateway.greeting = greet({**REFUSED, "fatal": True})
    page = await open_demo(open_page)
    await expect(page.locator("#token")).to_be_hidden()
    await page.click("#call")
    await expect_notice(page, "bad-token", "This page may not call, or no longer.")
    await expect(page.locator("#notice-advice")).not_to_contain_text(REFUSED["message"])
    await expect(page.locator("#log")).to_contain_text(REFUSED["message"])
    fake_gateway.greeting = greet({}, {})
    await page.get_by_label("Call token").fill("better")
    await page.get_by_label("Call token").press("Tab")
    await page.click("#call")
    await expect_state(page, "open")
    assert tokens(fake_gateway.opened[-1]) == ["better"]
    await page.evaluate("location.hash = 'token=1234'")
    await fake_gateway.opened[-1].wait_for("hello", token="1234")
    await page.get_by_label("Call token").press_sequentially("5")  # no digit of the call's
    await expect(page.get_by_label("Call token")).to_have_value("51234")
