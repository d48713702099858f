"""Whether a page may try another WebSocket, in a browser that lets one wait after failures."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Route

from tests.peers.ports import free_port
from tests.web.conftest import OpenPage

FIREFOX = "Object.defineProperty(navigator, 'userAgent', { value: 'Gecko/20100101 Firefox/140.0' })"
ASK = "([url, since]) => import('/sdk/voice/patience.js').then(({ mayTry }) => mayTry(url, since))"
GATEWAY = "wss://calls.test/v1/ws"
NEVER = float("inf")


async def may_try(page: Page, url: str, since: float) -> bool:
    """Ask, so many ms after the last try."""
    answer = await page.evaluate(ASK, [url, since])
    assert isinstance(answer, bool)
    return answer


async def open_firefox(open_page: OpenPage) -> Page:
    """Open a page of a browser that takes itself for Firefox."""
    page = await open_page()
    await page.evaluate(FIREFOX)
    return page


async def test_the_first_try_is_made_without_a_question(open_page: OpenPage) -> None:
    page = await open_firefox(open_page)
    nowhere = f"ws://127.0.0.1:{free_port()}/v1/ws"
    assert await may_try(page, nowhere, NEVER)
    assert await may_try(page, nowhere, 10_001)  # a page may be forbidden to ask
    assert not await may_try(page, nowhere, 9_999)


async def test_other_browsers_try_at_once(open_page: OpenPage) -> None:
    page = await open_page()
    assert await may_try(page, f"ws://127.0.0.1:{free_port()}/v1/ws", 0)


@pytest.mark.parametrize(("status", "there"), [(200, True), (502, False), (503, False)])
async def test_a_proxy_may_answer_for_a_gateway_that_is_away(
    open_page: OpenPage, status: int, there: bool
) -> None:
    page = await open_firefox(open_page)
    asked: list[str] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        everybody = {"Access-Control-Allow-Origin": "*"}
        await route.fulfill(status=status, headers=everybody, json={})

    await page.route("https://calls.test/**", answer)
    assert await may_try(page, GATEWAY, 0) is there
    assert asked == ["https://calls.test/v1/ws"]


async def test_a_network_that_swallows_the_question(open_page: OpenPage) -> None:
    page = await open_firefox(open_page)
    await page.route("https://calls.test/**", lambda route: None)
    assert not await may_try(page, GATEWAY, 0)
