"""What the documents give to copy, word by word but for numbers and addresses, in a browser."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Page, expect

from tests.docs.blocks import blocks, read
from tests.examples.demo_site import TONE, DemoSite, Visitor, examples, hear, served

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

CLIENT = "gateway/web/README.md"
ECHO, NUMBER = "+15550100600", "+15551234567"  # what is called here, and there
CALLS_BACK = "800"


class Snippets:
    """The blocks of a page, with the number and the gateway of this test."""

    def __init__(self, page: str, demo: DemoSite) -> None:
        text = read(page).replace(NUMBER, ECHO)
        text = text.replace("https://gateway.example", f"http://127.0.0.1:{demo.gateway_port}")
        self._texts = [block.text for block in blocks(page, text)]

    def __getitem__(self, begins: str) -> str:
        (text,) = [text for text in self._texts if text.startswith(begins)]
        return text


@pytest.fixture
def client(demo: DemoSite) -> Snippets:
    """Those of the client's README."""
    return Snippets(CLIENT, demo)


@pytest.fixture(scope="module")
def folder(demo: DemoSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The back ends of two examples, one of which issues tokens for calls in."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("tokens", "agent-desktop"):
        demo.copy(examples(name), folder / name)
    return folder


def imported(client: Snippets) -> str:
    (line,) = re.findall(r"^ *import .*$", client["<button"], re.MULTILINE)
    return str(line)


async def expect_state(page: Page, text: str) -> None:
    await expect(page.get_by_role("status")).to_contain_text(text, timeout=15_000)


async def test_a_button_of_ones_own(
    demo: DemoSite, folder: Path, client: Snippets, person: Visitor, tmp_path: Path
) -> None:
    # This gateway wants tokens: the line with the device is the one of that section
    device = client["const device = new Device({ f"]
    text = re.sub(r"^ *const device = .*$", lambda _: device, client["<button"], flags=re.MULTILINE)
    assert text != client["<button"]
    (tmp_path / "index.html").write_text(text)
    command = (sys.executable, "server.py", str(tmp_path), str(demo.site_port))
    async with served(demo, folder / "tokens", *command) as url:
        page = await person.open(url)
        await page.get_by_role("button", name="Call us").click()
        await expect_state(page, "Connected")
        await hear(page, present=TONE)
        await page.get_by_role("button", name="Hang up").click()
        await expect_state(page, "You ended the call.")


async def test_calls_into_the_page(
    demo: DemoSite, folder: Path, client: Snippets, person: Visitor
) -> None:
    """By the tokens of the agent's desktop: its site is served, with one more page."""
    here = folder / "agent-desktop"
    (here / "site" / "snippet.html").write_text(f"""
<button id="answerButton">Answer</button> <button id="rejectButton">Reject</button>
<p id="state" role="status"></p>
<script type="module">
{imported(client)}
{client["const device = new Device({ f"]}
const show = (text) => (document.getElementById("state").textContent = text);
{client['device.on("incoming"']}
show("Registered");
window.device = device;
</script>""")
    async with served(demo, here, sys.executable, "serve.py", str(demo.site_port)) as url:
        page = await person.open(f"{url}/snippet.html")
        await expect_state(page, "Registered")
        for _ in range(2):
            await page.evaluate(
                """async (to) => {
                    const call = await device.connect({ to });
                    await new Promise((ended) => call.on("disconnect", ended));
                }""",
                CALLS_BACK,
            )
            await expect_state(page, "is calling")
            if await page.evaluate("window.answered"):
                await page.get_by_role("button", name="Reject").click()
                await page.wait_for_function("device.calls.length === 0")
            else:
                await page.get_by_role("button", name="Answer").click()
                await expect_state(page, "Connected")
                await page.evaluate("window.answered = true; device.disconnectAll()")
                await expect_state(page, "You ended the call.")


async def test_a_call_that_outlives_its_page(
    demo: DemoSite, folder: Path, client: Snippets, person: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(f"""<p id="state" role="status"></p>
<script type="module">
{imported(client)}
{client["const device = new Device({ f"]}
const show = (call) => (document.getElementById("state").textContent = `It is ${{call.state}}`);
{client['device.on("restored"']}
window.device = device;
</script>""")
    command = (sys.executable, "server.py", str(tmp_path), str(demo.site_port))
    async with served(demo, folder / "tokens", *command) as url:
        page = await person.open(url)
        await page.wait_for_function("window.device")
        await page.evaluate(
            """async (to) => {
                const call = await device.connect({ to });
                await new Promise((accepted) => call.on("accept", accepted));
            }""",
            ECHO,
        )
        await page.reload()
        await expect_state(page, "It is open")
        await page.wait_for_function("window.heard")
        await hear(page, present=TONE)
        await page.evaluate("device.disconnectAll()")


async def test_a_preflight(
    demo: DemoSite, folder: Path, client: Snippets, person: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(f"""<script type="module">
{imported(client)}
const shown = [];
const show = (...words) => shown.push(words);
const token = await (await fetch("/token", {{ method: "POST" }})).text();
{client["const test = Device.runPreflight"]}
window.told = {{ report, shown }};
</script>""")
    command = (sys.executable, "server.py", str(tmp_path), str(demo.site_port))
    async with served(demo, folder / "tokens", *command) as url:
        page = await person.open(url)
        told = await (await page.wait_for_function("window.told", timeout=30_000)).json_value()
    verdict = told["report"]["verdict"]
    assert verdict in ("good", "fair", "poor"), "a loaded machine's sound has gaps"
    assert told["shown"] == [[verdict, told["report"]["message"]]]


@pytest.mark.parametrize("document", ["README.md", "docs/button.md"])
async def test_the_element(
    demo: DemoSite, folder: Path, person: Visitor, tmp_path: Path, document: str
) -> None:
    (tmp_path / "index.html").write_text(Snippets(document, demo)["<script"])
    command = (sys.executable, "server.py", str(tmp_path), str(demo.site_port))
    async with served(demo, folder / "tokens", *command) as url:
        page = await person.open(url)
        await page.locator("click-to-call").get_by_role("button").first.click()
        await page.wait_for_function("document.querySelector('click-to-call').state === 'open'")
        await hear(page, present=TONE)
        await page.get_by_role("button", name="Hang up").click()
        await page.wait_for_function("document.querySelector('click-to-call').state === 'ended'")
