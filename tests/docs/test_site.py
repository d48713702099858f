"""The site as it is built and served: complete, by itself, and allowed by the page's policy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gateway.signaling import http
from tests.docs.blocks import TREE
from tests.gateway.signaling.conftest import Gateway
from tests.gateway.signaling.test_http import get

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.chromium import Chromium

LOADED = re.compile(r'<(?:script|img|link)\b[^>]*?\b(?:src|href)="([^"]+)"')
SCRIPT_WITHIN = re.compile(r"<script(?![^>]*(?:\bsrc=|application/json))")


CONTAINER = TREE / "examples" / "container"


def copied() -> list[str]:
    """Return what of the project the container image is built from, by its Containerfile."""
    lines = (CONTAINER / "Containerfile").read_text().splitlines()
    ours = [line.split()[1:-1] for line in lines if re.match(r"COPY (?!--from)", line)]
    return [name for names in ours for name in names]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; what leads nowhere, and a page without a place, stop the build.

    It is built where the container image builds it: in a folder that holds no more than is copied.
    """
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in sorted(copied()):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if name == "docs":  # a link would lead its hook back to the tree
            shutil.copytree(TREE / name, source / name)
        elif not (source / name).exists():
            (source / name).symlink_to(TREE / name)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, cwd=source, env=told, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture
def served_site(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DOCUMENTATION", site)


def test_the_image_is_given_all_that_it_copies() -> None:
    """What no line of the ignore file lets in is not there for COPY."""
    let_in = (CONTAINER / "Containerfile.dockerignore").read_text().splitlines()
    names = {line.removeprefix("!") for line in let_in if line.startswith("!")}
    left = [name for name in copied() if not any(f"{name}/".startswith(f"{at}/") for at in names)]
    assert left == []


def test_nothing_comes_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text()
        assert [url for url in LOADED.findall(text) if re.match(r"\w+:|//", url)] == [], page
        assert SCRIPT_WITHIN.findall(text) == [], page
        assert not re.search(r"<[^>]+\sstyle=", text), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?https?:|@import", sheet.read_text())


def test_nothing_is_left_of_how_it_was_written(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert "<!-- made:" not in text, page
        assert "&amp;#124;" not in text, page  # a pipe of a table


def test_it_is_small(site: Path) -> None:
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 4_000_000


def test_what_code_knows_is_found_by_the_search(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text()
    for word in (
        "symmetric_rtp",
        "tokenWillExpire",
        "gateway_trunk_up",
        "/v1/blocks",
        "sendDigits",
    ):
        assert word in index


@pytest.mark.usefixtures("served_site")
async def test_the_gateway_serves_it(gateway: Gateway) -> None:
    status, headers, body = await get(gateway, "/docs")  # urllib follows
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"WebRTC-to-SIP gateway" in body
    status, headers, body = await get(gateway, "/docs/nothing/at/all")
    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b'href="/docs/assets/' in body
    assert "unsafe-inline" not in headers["Content-Security-Policy"]


async def test_a_line_says_how_it_is_built(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DOCUMENTATION", tmp_path)
    for path in ("/docs", "/docs/trunks/"):
        status, headers, body = await get(gateway, path)
        assert status == 404
        assert headers["Content-Type"].startswith("text/plain")
        assert body == b"The documentation is not built: type `make docs`.\n"


@pytest.mark.usefixtures("served_site")
async def test_a_browser_finds_a_key(gateway: Gateway, chromium: Chromium) -> None:
    """Its scripts run under the policy of the gateway's pages, the search's worker among them."""
    page = await chromium.new_page()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    home = f"http://127.0.0.1:{gateway.port}/docs/"
    await page.goto(f"{home}?q=symmetric_rtp")  # asked once its scripts are there
    await page.page.locator(".md-search-result__link").first.click()
    await page.page.wait_for_url(re.compile(r"/docs/(configuration|trunks)/"))
    assert page.console == []
    assert [url for url in asked if not url.startswith((home, "data:", "blob:"))] == []


@pytest.mark.usefixtures("served_site")
async def test_a_phone_scrolls_down_only(gateway: Gateway, chromium: Chromium) -> None:
    page = await chromium.new_page()
    await page.page.set_viewport_size({"width": 390, "height": 800})
    for name in ("", "configuration/", "protocol/", "http-api/", "errors/"):
        await page.goto(f"http://127.0.0.1:{gateway.port}/docs/{name}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
