"""A page with `<click-to-call>` at a gateway that asks for tokens, with Asterisk behind it."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from playwright.async_api import expect

from gateway.admission.keys import new_key
from gateway.admission.token import CallClaim, Claims, issue, new_id
from tests.end_to_end.handed_over import INCOMING
from tests.end_to_end.site import ELEMENT, PLACE, PUT
from tests.end_to_end.trunks import idle, lab_trunk
from tests.peers.gateway import GatewayConfig, Table, run_gateway
from tests.peers.process import poll
from tests.tones import make_tone, write_wav
from tests.web.button import Button

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.peers.asterisk import AsteriskLab
    from tests.peers.chromium import Chromium, ChromiumPage
    from tests.peers.gateway import Gateway

NUMBER, IDENTITY = "+15550100", "sales"
DENIED = "+19005550100"
MUSIC = 1250.0  # Hz, what whoever is on hold hears


@dataclass(frozen=True)
class Office:
    """A gateway, what its tokens are signed with, and the key of its API."""

    gateway: Gateway
    secret: str
    key: str

    def token(self, identity: str, *to: str) -> str:
        """Return a token for calls to these numbers, and for those that come in."""
        now = time.time()
        call = CallClaim(to=to, incoming=True)
        return issue(self.secret, Claims(sub=identity, jti=new_id(), exp=now + 300, call=call), now)

    def attributes(self, to: str, *more: str) -> dict[str, str]:
        """Return what stands at an element that calls a number, and may transfer to more."""
        return {"to": to, "token": self.token(IDENTITY, to, *more), "feedback": ""}

    async def reachable(self) -> None:
        """Wait until a page may be rung."""

        async def registered() -> bool:
            return (await self.gateway.metrics())["gateway_pages_registered"] > 0

        await poll(registered, limit=5, what="a page is registered")

    async def record(self, **fields: object) -> dict[str, Any]:
        """Wait until the newest record of a call has these; return it."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as http:

            async def found() -> dict[str, Any]:
                answer = await http.get(f"{self.gateway.url}/v1/records")
                newest: dict[str, Any] = answer.json()["records"][0]
                return newest if fields.items() <= newest.items() else {}

            return await poll(found, limit=5, what=f"a record with {fields}")


@asynccontextmanager
async def run_office(
    lab: AsteriskLab, folder: Path, *, origins: Sequence[str] = ()
) -> AsyncIterator[Office]:
    """Run a gateway where the lab looks for one; it keeps the calls of a page loaded again."""
    secret = secrets.token_urlsafe(32)
    (folder / "token-secret").write_text(f"{secret}\n")
    key, line = new_key()
    (folder / "keys").write_text(line)
    music = write_wav(folder / "music.wav", make_tone(MUSIC, seconds=1, rate=16000), 16000)
    overrides: dict[str, Table] = {
        "http": {"api_keys_file": str(folder / "keys")},
        "media": {"hold_music": str(music)},
        "admission": {
            "mode": "token",
            "token_secret_file": str(folder / "token-secret"),
            "allow": ["*"],
            "deny": [DENIED],
            "origins": list(origins),
        },
        "records": {"database": f"sqlite:///{folder / 'gateway.db'}"},
        "sessions": {"resume_window": 20},
    }
    config = GatewayConfig(
        [lab_trunk(lab)],
        sip_port=lab.gateway_port,
        incoming=[{"to": NUMBER, "identity": IDENTITY}, *INCOMING],
        overrides=overrides,
    )
    async with run_gateway(config, folder) as gateway:
        yield Office(gateway, secret, key)


@asynccontextmanager
async def open_site(
    chromium: Chromium, office: Office, attributes: dict[str, str], *, limit: float = 5.0
) -> AsyncIterator[tuple[ChromiumPage, Button]]:
    """Open a page with the element; at the end the gateway is idle within `limit` seconds."""
    page = await chromium.new_page()
    put = f"({PUT})({json.dumps(attributes)})"
    await page.page.add_init_script(f"addEventListener('DOMContentLoaded', () => {put})")
    button = Button(page.page)
    await page.goto(f"{office.gateway.url}{PLACE}")
    await expect(button.launcher).to_be_visible()
    yield page, button
    # A tab that is closed looks like one that is loaded again: its call would wait
    await page.evaluate(f"{ELEMENT}.hangUp()")
    await page.page.close()
    await idle(office.gateway, limit)
    assert button.problems == []
