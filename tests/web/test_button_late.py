"""What a page says to the element and takes back: the last word counts."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.web.button import open_button
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway

# When the texts of a language have come, and all that waits for them has run
COME = """language => import(`/sdk/texts/${language}.js`)
  .then(() => new Promise((go) => setTimeout(go)))"""


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


async def test_language_that_is_taken_back_while_it_is_fetched(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    button = await open_button(fake_gateway, open_page)
    await expect(button.launcher).to_have_text("Call")
    for languages, text in (("de en", "Call"), ("fr es", "Llamar"), ("it en", "Call")):
        say = "(e, languages) => { for (const each of languages) e.lang = each; }"
        await button.element.evaluate(say, languages.split())
        for language in languages.split():
            await button.page.evaluate(COME, language)
        await expect(button.launcher).to_have_text(text)
        await expect(button.launcher).to_have_attribute("lang", languages.split()[-1])
