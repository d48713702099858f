"""A gateway as it stands on the internet, and those who come: with a token, a key, or neither.

Calls need a token, pages come from one site, and the operator has an API key. Everything is allowed
that a token grants, so that what is refused is refused by what is under attack.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from gateway.admission.keys import new_key
from gateway.admission.token import CallClaim, Claims, issue, new_id
from gateway.caller.call import SUBPROTOCOL, CallOptions
from tests.end_to_end.odd_calls import TRUNK_TONE, Dialed
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import describe
from tests.end_to_end.page import Page
from tests.end_to_end.phone import LONG, PhoneCall
from tests.end_to_end.trunks import open_trunk
from tests.peers.coturn import make_certificate
from tests.peers.gateway import Gateway, GatewayConfig, Table, run_gateway
from tests.peers.process import wait_until
from tests.sdp.descriptions import BROWSER_OFFER
from tests.security.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

SECRET = "correct horse battery staple, all of it in one line"
ORIGIN = "https://shop.example"
PROXY = "127.0.0.9"  # whose X-Forwarded-For is believed
_LAST = "last-line-"  # how identities begin that are no attacker's


class Turned(NamedTuple):
    """How a visitor was turned away: the error, and how the socket was closed."""

    error: dict[str, Any]
    code: int
    reason: str


@dataclass
class House:
    """The gateway, its trunk, its files and its keys. Use `open_house`.

    `sent_out` counts the INVITEs that tests have allowed so far.
    """

    gateway: Gateway
    exchange: Exchange
    folder: Path
    key: str
    tls: ssl.SSLContext | None = None
    sent_out: int = 0
    _names: int = field(default=0)

    # -- who comes

    def name(self) -> str:
        """Return an identity that nobody has had."""
        self._names += 1
        return f"visitor-{self._names}"

    def address(self) -> str:
        """Return an address of loopback that nobody has had: its limits are untouched, and its
        refusals are written.
        """
        self._names += 1
        return f"127.0.{100 + self._names // 250}.{self._names % 250 + 1}"

    def token(
        self,
        *to: str,
        sub: str | None = None,
        expires: float = 300,
        secret: str = SECRET,
        **call: Any,
    ) -> str:
        """Return a call token for these numbers; `expires` in seconds from now."""
        claim = CallClaim(to=to or ("+1*",), **call)
        claims = Claims(sub=sub or self.name(), exp=time() + expires, jti=new_id(), call=claim)
        return issue(secret, claims, time() - 60)

    @asynccontextmanager
    async def socket(
        self,
        *,
        origin: str | None = ORIGIN,
        address: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[ClientConnection]:
        """Open a WebSocket as a page of an origin, from an address, else one that nobody has had.

        Tests are faster than one address may be.
        """
        async with connect(
            self.gateway.websocket_url.replace("ws:", "wss:" if self.tls else "ws:"),
            ssl=self.tls,
            subprotocols=[SUBPROTOCOL],
            origin=None if origin is None else Origin(origin),
            additional_headers=headers,
            local_addr=(address or self.address(), 0),
            ping_interval=None,
            close_timeout=1,
        ) as socket:
            yield socket

    @asynccontextmanager
    async def page(self, token: str | None = None, **options: Any) -> AsyncIterator[Page]:
        """Open a WebSocket and be welcomed; the token is for +1 unless one is given."""
        async with self.socket(**options) as socket:
            page = Page(socket)
            await page.send(type="hello", token=token or self.token())
            welcome = await page.receive()
            assert welcome["type"] == "welcome", welcome
            yield page

    async def turn_away(self, first: str | bytes, **options: Any) -> Turned:
        """Send a first frame that is not welcome; return what comes of it."""
        async with self.socket(**options) as socket:
            await socket.send(first)
            return await self.closed(socket)

    async def closed(self, socket: ClientConnection) -> Turned:
        """Read to the end; return the last error, and how the socket was closed."""
        error: dict[str, Any] = {}
        try:
            while True:
                error = json.loads(await socket.recv())
        except ConnectionClosed as end:
            if end.rcvd is None:
                raise
            return Turned(error, end.rcvd.code, end.rcvd.reason)

    # -- who may call

    async def serves(self, **options: Any) -> None:
        """Have somebody who may call do so: the trunk is reached, and says that it is busy."""
        line = self.exchange.line()
        self.sent_out += 1
        async with self.page(**options) as page:
            assert (await page.call(line.number, BROWSER_OFFER))["type"] == "trying"
            await line.hear("INVITE")
            line.respond(486)
            assert (await page.until("ended"))["sipCode"] == 486

    @asynccontextmanager
    async def conversation(self, tone: Path, **options: Any) -> AsyncIterator[Dialed]:
        """Have somebody call who is answered, and go on when sound goes both ways."""
        line = self.exchange.line()
        self.sent_out += 1
        async with open_sound(TRUNK_TONE) as sound:
            call = PhoneCall(
                CallOptions(
                    to=line.number,
                    url=self.gateway.websocket_url,
                    token=self.token(**options),
                    origin=ORIGIN,
                    play=tone,
                    duration=LONG,
                )
            )
            try:
                await line.hear("INVITE")
                await line.answer(describe(sound.port))
                await call.hear("answered")
                await sound.hear(5)
                yield Dialed(line, call, sound)
            finally:
                await call.take_down()

    # -- what the operator does

    async def operate(self, method: str, path: str, **fields: Any) -> Any:
        """Ask the operator's API; return what it answers."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(base_url=self.gateway.url, trust_env=False) as http:
            response = await http.request(method, path, headers=headers, **fields)
        assert response.is_success, response.text
        return response.json()

    async def read_again(self) -> None:
        """Have the gateway read its files again (SIGHUP)."""
        sign = "the configuration was read again"
        before = self.gateway.log().count(sign)
        os.kill(self.gateway.pid, signal.SIGHUP)
        await wait_until(lambda: self.gateway.log().count(sign) > before, limit=5, what=sign)

    # -- what is left of it

    async def audit(self, skip: int = 0) -> list[dict[str, Any]]:
        """Return the lines of the audit log without the first ones; each is one JSON object.

        A thread writes them in their order, so all are there once a last one of ours is. That one
        is left out.
        """
        last = f"{_LAST}{self.name()}"
        await self.operate("POST", "/v1/tokens", json={"sub": last, "to": ["+1*"]})
        path = self.folder / "audit.jsonl"
        await wait_until(lambda: last in path.read_text(), limit=5, what="the audit log is written")
        text = path.read_text()
        assert text.endswith("\n")
        lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        return [each for each in lines if _LAST not in str(each.get("identity"))][skip:]

    async def counted(self, metric: str, **labels: str) -> float:
        """Return a metric, 0 if nothing has been counted yet."""
        label = ",".join(f'{name}="{value}"' for name, value in labels.items())
        return (await self.gateway.metrics()).get(f"{metric}{{{label}}}" if label else metric, 0.0)


def tables(folder: Path, key_line: str, limits: Mapping[str, object]) -> dict[str, Table]:
    """Write the files with secrets; return what the configuration says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "secrets").write_text(SECRET + "\n")
    (folder / "keys").write_text(key_line + "\n")
    return {
        "http": {"api_keys_file": str(folder / "keys"), "trusted_proxies": [PROXY]},
        "admission": {
            "mode": "token",
            "token_secret_file": str(folder / "secrets"),
            "origins": [ORIGIN],
            "allow": ["*"],
        },
        "admission.limits": dict(limits),
        "log": {"audit_file": str(folder / "audit.jsonl"), "numbers": "full"},
    }


@asynccontextmanager
async def open_house(
    exchange: Exchange,
    folder: Path,
    *,
    limits: Mapping[str, object] | None = None,
    overrides: Mapping[str, Mapping[str, object]] | None = None,
    tls: bool = False,
) -> AsyncIterator[House]:
    """Start the gateway; `overrides` are laid over its tables key by key."""
    key, line = new_key()
    ours = tables(folder, line, limits or {})
    context = _encrypt(folder, ours["http"]) if tls else None
    for name, table in (overrides or {}).items():
        ours[name] = {**ours.get(name, {}), **table}
    config = GatewayConfig([open_trunk(exchange.port)], overrides=ours)
    async with run_gateway(config, folder, wait_ready=not tls) as gateway:
        up = "The gateway is at http"
        await wait_until(lambda: up in gateway.log(), limit=20, what=up)
        yield House(gateway, exchange, folder, key, context)


def _encrypt(folder: Path, http: Table) -> ssl.SSLContext:
    """Give the gateway a certificate; return what trusts it."""
    certificate, key = make_certificate(folder, "127.0.0.1")
    http |= {"certificate": str(certificate), "key": str(key)}
    return ssl.create_default_context(cafile=certificate)
