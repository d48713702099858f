"""Call tokens from page to phone: a real page, a gateway that asks for tokens, and a trunk."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import expect

from gateway.admission.token import CallClaim, Claims, issue, new_id
from tests.end_to_end.demo import expect_state
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.trunks import open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

    from tests.peers.chromium import Chromium

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

SECRET = secrets.token_urlsafe(32)
TOLD = 30  # seconds before its end a page is told; a token that lives little longer is told at once

# A page of a site: `nextToken` is its back end
SITE = """async () => {
    const { Device } = await import("/sdk/voice-client.js");
    const told = [];
    const device = new Device({ fetchToken: () => nextToken(), allowSeveralCalls: true });
    device.on("tokenWillExpire", (_, expires) => told.push(expires.getTime()));
    device.on("error", (error, call) => told.push(`${error.name}: ${error.message}`));
    Object.assign(window, { device, told });
}"""
SITE_WITH_A_TOKEN = """async (token) => {
    const { Device } = await import("/sdk/voice-client.js");
    window.device = new Device({ token, allowSeveralCalls: true });
}"""
CALL = """async (to) => {
    const call = await device.connect({ to }).catch((error) => error);
    if (call instanceof Error) return call.name;
    return new Promise((resolve) => {
        call.on("accept", () => resolve("open"));
        call.on("disconnect", (_, end) => resolve(end.cause));
    });
}"""


@dataclass(frozen=True)
class Site:
    """A gateway that asks for tokens, and its trunk."""

    gateway: Gateway
    trunk: OddTrunk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "token-secret").write_text(f"{SECRET}\n")
    admission = {"mode": "token", "token_secret_file": str(folder / "token-secret")}
    async with odd_trunk() as trunk:
        config = GatewayConfig([open_trunk(trunk.port)], overrides={"admission": admission})
        async with run_gateway(config, folder) as gateway:
            yield Site(gateway, trunk)


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium: Chromium, site: Site) -> AsyncIterator[Page]:
    """A page that is not on the gateway yet."""
    page = (await chromium.new_page()).page
    page.set_default_timeout(10_000)
    yield page
    await page.close()


def token_for(*lines: Line, lives: float = 300, once: bool = False, sub: str = "visitor") -> str:
    """Issue a token for these numbers."""
    now = time.time()
    allowed = CallClaim(to=tuple(line.number for line in lines), once=once)
    return issue(SECRET, Claims(sub=sub, jti=new_id(), exp=now + lives, call=allowed), now)


async def pick_up(line: Line) -> None:
    async with open_sound(440) as sound:
        await line.hear("INVITE")
        await line.answer(describe(sound.port))


async def open_site(page: Page, site: Site, *tokens: str) -> asyncio.Event:
    """Open a page whose back end hands out these tokens in turn; say when the last has gone."""
    left, out = list(tokens), asyncio.Event()

    def hand_out() -> str:
        token = left.pop(0)
        if not left:
            out.set()
        return token

    await page.expose_function("nextToken", hand_out)
    await page.goto(site.gateway.url)
    await page.evaluate(SITE)
    return out


async def call(page: Page, line: Line) -> str:
    """Call a line that picks up; return how far the call came."""
    outcome, _ = await asyncio.gather(page.evaluate(CALL, line.number), pick_up(line))
    return str(outcome)


async def test_demo_page_calls_with_the_token_of_its_address(page: Page, site: Site) -> None:
    line = site.trunk.line()
    token = token_for(line)
    await page.goto(f"{site.gateway.url}/?to=%2B{line.number[1:]}#token={token}")
    await page.click("#call")
    await pick_up(line)
    await expect_state(page, "open")
    await page.click("#hangup")
    await expect_state(page, "idle")
    assert token not in site.gateway.log()


async def test_demo_page_without_a_token_says_what_is_missing(page: Page, site: Site) -> None:
    await page.goto(site.gateway.url)
    await page.fill("#number", site.trunk.line().number)
    await page.click("#call")
    await expect(page.locator("#notice")).to_have_attribute("data-cause", "bad-token")
    await expect(page.locator("#token")).to_be_visible()


async def test_token_that_ends_is_renewed_in_the_session_that_is_open(
    page: Page, site: Site
) -> None:
    """Each token is for another number, so that it shows which of them counts."""
    first, second = site.trunk.line(), site.trunk.line()
    renewed = await open_site(page, site, token_for(first, lives=TOLD + 2), token_for(second))
    assert await call(page, first) == "open"
    async with asyncio.timeout(10):
        await renewed.wait()
    assert await call(page, second) == "open"  # beside the first one, which the old token allowed
    assert await page.evaluate("device.calls.length") == 2
    assert len(await page.evaluate("told")) == 1  # and no error
    sessions = (await site.gateway.metrics())["gateway_websocket_sessions"]
    assert sessions == 1
    assert await page.evaluate(CALL, first.number) == "not-allowed"


async def test_second_call_of_a_session_with_tokens_for_one_call(page: Page, site: Site) -> None:
    lines = site.trunk.line(), site.trunk.line()
    await open_site(page, site, *(token_for(*lines, once=True) for _ in lines))
    for line in lines:
        assert await call(page, line) == "open"
        await page.evaluate("device.disconnectAll()")
    assert (await site.gateway.metrics())["gateway_websocket_sessions"] == 1
    assert await page.evaluate("told") == []


async def test_two_calls_at_the_same_time_with_tokens_for_one_call(page: Page, site: Site) -> None:
    lines = site.trunk.line(), site.trunk.line()
    # Calls of earlier tests may be ending: nobody else's count here
    one_call = [token_for(*lines, once=True, sub="hurried") for _ in lines]
    await open_site(page, site, *one_call)
    outcomes = await asyncio.gather(*(call(page, line) for line in lines))
    assert outcomes == ["open", "open"]
    assert await page.evaluate("device.calls.length") == 2
    assert await page.evaluate("told") == []


async def test_used_token_of_a_page_that_fetches_none_is_refused(page: Page, site: Site) -> None:
    first, second = site.trunk.line(), site.trunk.line()
    await page.goto(site.gateway.url)
    await page.evaluate(SITE_WITH_A_TOKEN, token_for(first, second, once=True))
    assert await call(page, first) == "open"
    await page.evaluate("device.disconnectAll()")
    assert await page.evaluate(CALL, second.number) == "bad-token"
    assert await page.evaluate("device.calls.length") == 0


async def test_token_for_another_number_is_refused_with_a_word(page: Page, site: Site) -> None:
    line, other = site.trunk.line(), site.trunk.line()
    await open_site(page, site, token_for(other))
    assert await page.evaluate(CALL, line.number) == "not-allowed"


async def test_token_that_has_ended_is_refused_with_a_word(page: Page, site: Site) -> None:
    line = site.trunk.line()
    await open_site(page, site, token_for(line, lives=-60))
    assert await page.evaluate(CALL, line.number) == "bad-token"
