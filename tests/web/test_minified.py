"""The minified element in a browser: all in one file, but for the one language that is wanted."""

from __future__ import annotations

from playwright.async_api import expect

from tests.web import button
from tests.web.button import NUMBER, policy
from tests.web.conftest import OpenPage
from tests.web.fake_gateway import FakeGateway

RULES = """async (file) => {
  await import(`/sdk/${file}`);
  const { shadowRoot } = document.createElement("click-to-call");
  const rules = [...shadowRoot.adoptedStyleSheets[0].cssRules];
  return rules.map(({ cssText }) => cssText.replace(/([:,]) /g, "$1"));
}"""


async def test_one_file_and_one_language_are_fetched(
    fake_gateway: FakeGateway, open_page: OpenPage
) -> None:
    """And it finds the gateway beside it, under whatever path, as the readable file does."""
    element = f'<click-to-call to="{NUMBER}"></click-to-call>'
    site = button.SITE.replace("click-to-call.js", "click-to-call.min.js")
    fake_gateway.page = site.format(lang="de-AT", dir="ltr", elements=element)
    fake_gateway.page_headers = policy(fake_gateway)
    page = await open_page("/blank")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url.removeprefix(fake_gateway.url)))
    await page.goto(f"{fake_gateway.url}/page")
    launcher = page.locator("click-to-call .launcher")
    await expect(launcher).to_contain_text("Anrufen")
    scripts = [path for path in fetched if path.startswith("/sdk/")]
    assert scripts == ["/sdk/click-to-call.min.js", "/sdk/texts/de.js"]
    await launcher.click()
    session = await fake_gateway.session()
    await session.wait_for("call")
    await expect(page.locator("click-to-call [role=status]")).to_have_text("Verbunden")
    for file in ("voice-client.js", "voice-client.min.js"):
        client = f"import('/phone/sdk/{file}')"
        url = await page.evaluate(f"{client}.then(({{ Device }}) => new Device().url)")
        assert url == f"ws://127.0.0.1:{fake_gateway.port}/phone/v1/ws", file


async def test_style_is_that_of_the_sources(fake_gateway: FakeGateway, open_page: OpenPage) -> None:
    """It is shortened by a few rules of our own."""
    rules = [
        await (await open_page()).evaluate(RULES, f"click-to-call{kind}.js")
        for kind in ("", ".min")
    ]
    assert len(rules[0]) > 100
    assert rules[0] == rules[1]
