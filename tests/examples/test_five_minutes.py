"""docs/five-minutes.md, typed word by word: from a clone to a button that is heard."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.examples.demo_site import TONE, DemoSite, clean, hear, visitor
from tests.examples.typed import Block, Terminals, blocks, follow, open_terminals
from tests.peers.chromium import Chromium, run_chromium
from tests.peers.ports import free_port
from tests.peers.process import TREE, tree_environment, wait_until
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

DOCUMENT = TREE / "docs" / "five-minutes.md"
LOCALHOST = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"

# What a clone has that the path needs, and what git does not keep
CLONED = ("Makefile", "pyproject.toml", "setup.py", ".ci", "codecs", "examples", "gateway", "sdp")
LEFT_OUT = shutil.ignore_patterns("*.so", "__pycache__", "node_modules", "token-secret")


# The errors that the document explains, and words of each one's row
ROWS = {"origin": "another origin", "number": "The number in", "secret": "another secret"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoSite:
    """Free ports in place of those that the document names."""
    return DemoSite(free_port(), free_port(), tmp_path_factory.mktemp("five-minutes"))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what stands in this tree at the moment."""
    git = str(require("git"))
    folder = tmp_path_factory.mktemp("repository")
    for name in CLONED:
        source = TREE / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, folder / name)
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "-Af"), (*author, "commit", "-qm", "everything")):
        subprocess.run([git, "-C", folder, *command], check=True)
    return folder


def install(clone: Path) -> None:
    """Do what `make` does once in a minute, by what stands in this tree: libraries and modules."""
    environment = clone / ".venv"
    environment.mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (environment / name).symlink_to(Path(sys.prefix) / name)
    for module in (*TREE.glob("gateway/**/*.so"), *TREE.glob("codecs/**/*.so")):
        shutil.copy(module, clone / module.relative_to(TREE))
    for stamp in (".tools", ".runtime", ".modules", ".engine"):
        (environment / stamp).touch()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def terminals(demo: DemoSite, repository: Path) -> AsyncIterator[Terminals]:
    """The document's blocks have been typed, up to the call."""
    environment = {
        **clean(tree_environment(tree=demo.folder / "gateway")),
        "REPOSITORY": str(repository),
        "LISTEN": f"127.0.0.1:{demo.gateway_port}",  # where port 8080 is taken, says the Makefile
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of the `make test` around us
        environment.pop(name, None)
    async with open_terminals(demo.folder, environment) as terminals:
        steps = document(demo)[:-1]
        clone, *rest = steps[0].text.splitlines(keepends=True)
        await terminals.type(Block("sh", clone, None))
        install(demo.folder / "gateway")
        steps[0] = Block("sh", "".join(rest), None)
        await follow(steps, terminals)
        yield terminals


def document(demo: DemoSite) -> list[Block]:
    text = demo.fitted(DOCUMENT.read_text())
    # Its own server is told the port of the test, too
    return blocks(text.replace("server.py my-site\n", f"server.py my-site {demo.site_port}\n"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    folder = tmp_path_factory.mktemp("chromium")
    async with run_chromium(folder, tone=TONE, flags=[LOCALHOST]) as chromium:
        yield chromium


async def press(page: Page) -> None:
    await page.get_by_role("button", name="Call", exact=True).click()


async def ends(page: Page) -> None:
    await page.wait_for_function("document.querySelector('click-to-call').state === 'ended'")


async def test_the_button_is_heard(
    demo: DemoSite, terminals: Terminals, chromium: Chromium
) -> None:
    async with visitor(chromium) as person:
        page = await person.open(demo.url)
        await press(page)
        await page.wait_for_function("document.querySelector('click-to-call').state === 'open'")
        await hear(page, present=TONE)
        await page.get_by_role("button", name="Hang up").click()
        await ends(page)


@pytest.mark.parametrize("case", ROWS)
async def test_what_the_document_says_of_errors(
    demo: DemoSite, terminals: Terminals, chromium: Chromium, case: str
) -> None:
    """Each row of the table: the gateway says so, and the visitor reads a sentence."""
    page_file, secret = demo.folder / "my-site/index.html", demo.folder / "gateway/token-secret"
    page_text, secret_text = page_file.read_text(), secret.read_text()
    url = demo.url
    if case == "origin":
        url = url.replace("127.0.0.1", "localhost")
    elif case == "number":
        page_file.write_text(page_text.replace("+15550100600", "+15550100603"))
    else:
        secret.write_text("x" * 64)
    said = next(row for row in rows() if ROWS[case] in row)
    try:
        async with visitor(chromium) as person:
            page = await person.open(url)
            await press(page)
            await ends(page)
            shown = await page.locator("click-to-call").evaluate(
                "element => element.shadowRoot.querySelector('[part=status]').textContent"
            )
    finally:
        page_file.write_text(page_text)
        secret.write_text(secret_text)
    words = said.split("`")[1]
    log = terminals.logs[1]
    await wait_until(lambda: words in log.read_text(), limit=5, what=words)
    assert shown.endswith(".")
    assert not {"admission", "token", "origin"} & set(re.findall(r"\w+", shown.lower())), shown


def rows() -> list[str]:
    found = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    assert len(found) == len(ROWS)
    return found


async def test_in_earnest(demo: DemoSite, terminals: Terminals) -> None:
    """The last block writes a configuration that starts, and keeps the secret that is there."""
    secret = (demo.folder / "gateway/token-secret").read_text()
    *_, last = document(demo)
    # Without it the gateway would not start; here its stamp is there, so that nothing is built
    assert last.text.startswith("make -C gateway engine\ngateway/.venv/bin/gateway init")
    # The script in .venv is of this tree's, whatever a clone has
    text = last.text.replace("gateway/.venv/bin/gateway", f"{sys.executable} -m gateway")
    await terminals.type(Block("sh", text, None), answer="secret\n")
    written = (demo.folder / "gateway/gateway.toml").read_text()
    assert 'origins = ["https://shop.example"]' in written
    assert (demo.folder / "gateway/token-secret").read_text() == secret
    assert os.stat(demo.folder / "gateway/trunk-password").st_mode & 0o077 == 0
