"""The pages of examples/, as whoever tries them finds them: by one command, with a demo gateway."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.examples.demo_site import TONE, DemoSite, Visitor, examples, hear, served, visitor
from tests.examples.firefox import BUTTON, DESKTOP, TWILIO, FirefoxVisitor, firefox_visitor
from tests.examples.sites import site_command, with_folder_of
from tests.peers.process import PeerError
from tests.peers.requirement import require, require_own_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.peers.chromium import Chromium

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

PEER_TONE = 440.0  # Hz, what the demo's number 603 plays
TONES, BUSY, CALLS_BACK = "603", "620", "800"

# As in a browser whose user has forbidden sites to keep anything
NO_STORAGE = """Object.defineProperty(window, "localStorage", {
    get() { throw new DOMException("denied", "SecurityError"); },
})"""

FRAMEWORKS = ("react", "vue")
INSTALL = ("ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firefox() -> AsyncIterator[FirefoxVisitor]:
    """One Firefox for all examples, whose calls are placed beside those in Chromium."""
    async with firefox_visitor() as firefox:
        yield firefox


@pytest.fixture(scope="module")
def folder(demo: DemoSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, with the ports of this test."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("tokens", "click-to-call", "agent-desktop", "migrate-twilio", *FRAMEWORKS):
        demo.copy(examples(name), folder / name)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installed(folder: Path) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
    """What npm installs, for all frameworks at once, while the tests before are at work."""
    npm = str(require("npm"))
    tasks = {name: asyncio.create_task(install(npm, folder / name)) for name in FRAMEWORKS}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def install(npm: str, folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        npm,
        *INSTALL,
        cwd=folder,
        env=with_folder_of(npm),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise PeerError(f"npm {' '.join(INSTALL)} in {folder.name}\n{said.decode()}")


async def press(page: Page, button: str) -> None:
    await page.get_by_role("button", name=button, exact=True).click()


async def press_and_hear(page: Page, button: str) -> None:
    """Call by the button, hear oneself by the echo, and hang up."""
    await press(page, button)
    await expect_call(page, "open")
    await hear(page, present=TONE)
    await page.get_by_role("button", name="Hang up").click()
    await expect_call(page, "ended")


async def expect_call(page: Page, state: str) -> None:
    await page.wait_for_function(
        "(state) => document.querySelector('click-to-call').state === state", arg=state
    )


@pytest.mark.parametrize("back_end", ["python", "node", "php"])
async def test_click_to_call(
    demo: DemoSite,
    folder: Path,
    installed: object,
    person: Visitor,
    firefox: FirefoxVisitor,
    back_end: str,
) -> None:
    make = str(require("make"))
    here = folder / "click-to-call"
    async with served(demo, here, make, back_end, f"PORT={demo.site_port}") as url:
        page = await person.open(url)
        if back_end == "python":
            async with asyncio.TaskGroup() as both:
                both.create_task(press_and_hear(page, "Call us"))
                both.create_task(firefox.call(url, BUTTON))
        else:
            await press(page, "Call us")
            await expect_call(page, "open")
            # By the keyboard: so soon a click is taken for the second one of a double click
            await page.get_by_role("button", name="Hang up").press("Enter")
            await expect_call(page, "ended")


# The agent's desktop


@pytest_asyncio.fixture(loop_scope="module")
async def desktop(demo: DemoSite, folder: Path) -> AsyncIterator[str]:
    require_own_engine()  # the stock one has no hold
    here = folder / "agent-desktop"
    async with served(demo, here, sys.executable, "serve.py", str(demo.site_port)) as url:
        yield url


async def open_desktop(person: Visitor, url: str, *, available: bool = False) -> Page:
    page = await person.open(url)
    await page.locator("[data-ready]").wait_for()
    if available:
        await page.get_by_role("switch", name="Take calls").click()
        await expect(page.locator("#reach")).to_have_text("Calls to sales ring here")
    return page


async def dial(page: Page, number: str) -> None:
    await page.get_by_label("Number", exact=True).fill(number)
    await page.get_by_role("button", name="Call", exact=True).click()


async def expect_state(page: Page, state: str) -> None:
    await expect(page.locator(".call .state").first).to_have_text(state, timeout=15_000)


async def test_agent_calls_and_holds(
    desktop: str, person: Visitor, firefox: FirefoxVisitor
) -> None:
    async with asyncio.TaskGroup() as both:
        both.create_task(call_and_hold(desktop, person))
        both.create_task(firefox.call(desktop, DESKTOP))


async def call_and_hold(desktop: str, person: Visitor) -> None:
    page = await open_desktop(person, desktop)
    await page.add_init_script(NO_STORAGE)  # the history needs none
    await page.reload()
    await page.locator("[data-ready]").wait_for()
    await page.get_by_label("Number", exact=True).fill("+1 555 010 0600")
    for _ in range(2):  # one call all the same
        await page.keyboard.press("Enter")
    await expect_state(page, "Connected")
    await hear(page, present=TONE)
    await page.get_by_role("button", name="Hold").click()
    await expect_state(page, "On hold: they hear music")
    await page.get_by_role("button", name="Hold").click()
    await expect_state(page, "Connected")
    await page.get_by_role("button", name="Keypad").click()
    await page.locator(".call").get_by_role("button", name="5", exact=True).click()
    await page.get_by_role("button", name="Mute").click()
    await expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Hang up").click()
    await expect(page.locator("#history .number")).to_have_text("+15550100600")
    await expect(page.locator(".call")).to_have_count(0)
    await expect(page.locator("#notice")).to_be_hidden()


async def test_agent_is_called_during_a_call(desktop: str, person: Visitor) -> None:
    """The second one is taken, and the first one waits meanwhile."""
    page = await open_desktop(person, desktop, available=True)
    await dial(page, CALLS_BACK)
    await expect(page.locator("#history .number")).to_have_text(CALLS_BACK)
    await dial(page, TONES)
    await expect_state(page, "Connected")
    await expect(page.get_by_role("heading", name="The demo")).to_be_visible(timeout=15_000)
    await expect(page).to_have_title("The demo is calling")
    await page.get_by_role("button", name="Accept").click()
    first, second = page.locator(".call").nth(1), page.locator(".call").nth(0)
    await expect(second.locator(".state")).to_have_text("Connected")
    await expect(first.locator(".state")).to_have_text("On hold: they hear music")
    await second.get_by_role("button", name="Transfer").click()
    join = second.get_by_role("button", name=f"Connect them with {TONES}")
    await join.click()  # which the demo's phone refuses: the call goes on, and the agent is told
    await expect(page.get_by_role("alert")).to_contain_text("transferred")
    await expect(second.locator(".state")).to_have_text("Connected")
    for _ in range(2):
        await page.get_by_role("button", name="Hang up").first.click()
    await expect(page.locator(".call")).to_have_count(0)


async def test_agent_hands_a_call_over_to_a_colleague(
    desktop: str, person: Visitor, chromium: Chromium
) -> None:
    async with visitor(chromium) as other:
        page = await open_desktop(person, desktop)
        colleague = await open_desktop(other, desktop, available=True)
        await dial(page, TONES)
        await expect_state(page, "Connected")
        await page.get_by_role("button", name="Transfer").click()
        await page.get_by_label("Number or colleague").fill("sales")
        await page.keyboard.press("Enter")
        await colleague.get_by_role("button", name="Accept").click()
        await expect_state(colleague, "Connected")
        await expect(page.locator(".call")).to_have_count(0)
        await hear(colleague, present=PEER_TONE, absent=[TONE])
        await colleague.get_by_role("button", name="Hang up").click()


async def test_agent_reads_why_a_call_has_failed_and_calls_again(
    desktop: str, person: Visitor
) -> None:
    page = await open_desktop(person, desktop)
    await dial(page, BUSY)
    await expect(page.get_by_role("alert")).to_contain_text("busy")
    again = page.get_by_role("button", name=re.compile(BUSY))
    await again.click()
    await expect(page.locator("#history li")).to_have_count(2)
    await page.reload()
    await expect(page.locator("#history li")).to_have_count(2)


# What was written for another SDK


async def test_page_for_twilio(demo: DemoSite, folder: Path, firefox: FirefoxVisitor) -> None:
    """With a site's tokens for calls out; in Chromium it is tested with calls in as well."""
    here = folder / "migrate-twilio"
    command = site_command("server.py", here, demo.site_port)
    async with served(demo, here, *command) as url:
        await firefox.call(url, TWILIO)


# Last, when npm has had time


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_framework(
    demo: DemoSite,
    folder: Path,
    installed: dict[str, asyncio.Task[None]],
    person: Visitor,
    firefox: FirefoxVisitor,
    name: str,
) -> None:
    await installed[name]
    port = str(demo.site_port)
    npm = str(require("npm"))
    async with served(demo, folder / name, npm, "start", "--", "--port", port) as url:
        page = await person.open(url)
        state = page.locator("#state")
        await expect(state).to_have_text("idle")
        async with asyncio.TaskGroup() as both:
            both.create_task(press_and_hear(page, "Call"))
            both.create_task(firefox.call(url, BUTTON))
        await expect(state).to_have_text("ended")
