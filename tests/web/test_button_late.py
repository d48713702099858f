"""What a page says to the element and takes back: the last word counts."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.web.button import open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway


@pytest.mark.parametrize(
    "taken_back", ["e.fetchToken = undefined", "e.setAttribute('token-url', '')"]
)
async def test_without_a_source_of_tokens_nobody_is_asked_for_one(
    fake_gateway: FakeGateway, open_page: OpenPage, taken_back: str
) -> None:
    """As a framework says it of what the page has not given: the page itself is no token server."""
    asked: list[str] = []
    button = await open_button(fake_gateway, open_page)
    button.page.on("request", lambda request: asked.append(request.method))
    await button.element.evaluate(f"e => {{ {taken_back}; }}")
    await button.call()
    await button.expect_state("open")
    assert "token" not in (await fake_gateway.session()).find("hello")[0]
    assert "POST" not in asked
