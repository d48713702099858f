"""The example's page, written for Twilio's Voice SDK, on a real gateway: calls out and in."""

from __future__ import annotations

import json
import secrets
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from gateway.admission.token import CallClaim, Claims, issue, new_id
from tests.end_to_end.calling_trunk import trunk_call
from tests.end_to_end.conftest import LAB_TONE, TONE
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.recording import assert_heard
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.browser import record
from tests.peers.gateway import GatewayConfig, run_gateway
from tests.peers.process import TREE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.peers.asterisk import AsteriskLab
    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.gateway import Gateway

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

PAGE = (TREE / "examples/migrate-twilio/index.html").read_text()
GATEWAY = "http://127.0.0.1:8080"
NUMBER = "+15550100"
RINGTONE = "[data-voice-tone]"
REMOTE = "document.querySelector('[data-voice-call]').srcObject"


@contextmanager
def site(token: Callable[[], str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve the page, and tokens; yield the site's address, and its page to be written."""
    pages = {"/": PAGE}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("text/html", pages.get(self.path, ""))

        def do_POST(self) -> None:
            self._answer("application/json", json.dumps({"token": token()}))

        def _answer(self, kind: str, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", pages
        finally:
            server.shutdown()


@asynccontextmanager
async def migrated(
    chromium: Chromium, lab: AsteriskLab, folder: Path
) -> AsyncIterator[tuple[ChromiumPage, Gateway]]:
    """Open the page on a site of its own, with tokens of a gateway that asks for them."""
    secret = secrets.token_urlsafe(32)
    (folder / "token-secret").write_text(f"{secret}\n")

    def token() -> str:
        now = time.time()
        call = CallClaim(to=("*",), incoming=True)
        return issue(secret, Claims(sub="sales", jti=new_id(), exp=now + 300, call=call), now)

    with site(token) as (address, pages):
        config = GatewayConfig(
            [lab_trunk(lab)],
            incoming=[{"to": NUMBER, "identity": "sales"}],
            overrides={
                "admission": {
                    "mode": "token",
                    "token_secret_file": str(folder / "token-secret"),
                    "origins": [address],
                    "allow": ["*"],
                }
            },
        )
        async with run_gateway(config, folder) as gateway:
            assert GATEWAY in PAGE
            pages["/"] = PAGE.replace(GATEWAY, gateway.url)
            page = await chromium.new_page()
            await page.goto(f"{address}/")
            await expect(page.page.locator("#device")).to_have_text("sales: registered")
            yield page, gateway
            await page.page.close()
            await idle(gateway)
            assert [line for line in page.console if "uncaught" in line] == []


async def test_calls_out_and_in(chromium: Chromium, lab: AsteriskLab, tmp_path: Path) -> None:
    async with migrated(chromium, lab, tmp_path) as (opened, gateway):
        page = opened.page
        status = page.locator("#status")
        await page.click("#call")
        await expect(status).to_have_text("open")
        assert await page.locator("#microphone option").count() > 0
        samples, rate = await record(opened, REMOTE, seconds=2)
        assert_heard(samples[-rate:], rate, present=[TONE])
        await page.click("#call")  # `isBusy` keeps a second one away
        await page.click("#mute")
        await expect(page.locator("#mute")).to_have_text("Unmute")
        await page.click("#mute")
        await page.click("#five")
        await page.click("#hangup")
        await expect(status).to_have_text("closed")

        async with open_sound(LAB_TONE) as sound, trunk_call(gateway, NUMBER) as call:
            call.invite(describe(sound.port))
            await expect(status).to_have_text("+15550001 is calling")
            await expect(page.locator(RINGTONE)).to_be_attached()  # as Twilio's, unasked
            await page.click("#answer")
            await expect(status).to_have_text("open")
            await expect(page.locator(RINGTONE)).to_have_count(0)
            samples, rate = await record(opened, REMOTE, seconds=2)
            assert_heard(samples[-rate:], rate, present=[LAB_TONE], absent=[TONE])
            call.request("BYE")
            await expect(status).to_have_text("closed")
