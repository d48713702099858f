"""A gateway that asks for tokens, its trunk, and what its operator has: files, signals, the API."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.admission.keys import new_key
from gateway.admission.token import CallClaim, Claims, issue, new_id
from tests.end_to_end.odd_sound import open_sound
from tests.end_to_end.odd_trunk import Line, OddTrunk, describe, odd_trunk
from tests.end_to_end.phone import PhoneCall, calling
from tests.end_to_end.trunks import open_trunk
from tests.peers.gateway import Gateway, GatewayConfig, run_gateway
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

NOTHING: Mapping[str, Mapping[str, object]] = {}
OFFER = {"type": "offer", "sdp": "v=0\r\n"}


@dataclass
class World:
    """A gateway that asks for tokens, its trunk, and the operator's files."""

    gateway: Gateway
    trunk: OddTrunk
    folder: Path
    secret: str
    key: str

    def token(self, to: str, secret: str | None = None) -> str:
        claims = Claims(
            sub="visitor", jti=new_id(), exp=time.time() + 300, call=CallClaim(to=(to,))
        )
        return issue(secret or self.secret, claims, time.time())

    @asynccontextmanager
    async def talk(self, line: Line) -> AsyncIterator[PhoneCall]:
        """Be in a call that was answered."""
        token = self.token(line.number)
        async with calling(self.gateway, line.number, token=token) as call, open_sound(440) as it:
            await line.hear("INVITE")
            await line.answer(describe(it.port))
            await call.hear("answered")
            yield call

    def configure(self, **tables: dict[str, object]) -> None:
        """Write the file anew, with other tables."""
        config = self.gateway.config
        overrides = {name: dict(table) for name, table in config.overrides.items()}
        for name, table in tables.items():
            overrides[name] = {**overrides.get(name, {}), **table}
        changed = GatewayConfig(
            config.trunks, config.http_port, config.sip_port, config.media_ports, overrides
        )
        (self.folder / "gateway.toml").write_text(changed.render())

    async def signal(self, number: signal.Signals, sign: str) -> None:
        """Send a signal, and wait until the log says that it was followed."""
        before = self.gateway.log().count(sign)
        os.kill(self.gateway.pid, number)
        await wait_until(lambda: self.gateway.log().count(sign) > before, limit=5, what=sign)

    async def operate(self, method: str, path: str, **fields: Any) -> Any:
        async with httpx.AsyncClient(base_url=self.gateway.url, trust_env=False) as http:
            response = await http.request(
                method, path, headers={"Authorization": f"Bearer {self.key}"}, **fields
            )
        return response.json()

    async def audit(self, *events: str) -> list[dict[str, Any]]:
        """Return the lines of the audit log once it has these events; a thread writes them."""

        def read() -> list[dict[str, Any]]:
            text = (self.folder / "audit.log").read_text()
            return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]

        await wait_until(
            lambda: {line["event"] for line in read()}.issuperset(events),
            limit=5,
            what=f"the audit log has {', '.join(events)}",
        )
        return read()


@asynccontextmanager
async def open_world(
    folder: Path, tables: Mapping[str, Mapping[str, object]] = NOTHING, *, wait_ready: bool = True
) -> AsyncIterator[World]:
    secret = secrets.token_urlsafe(32)
    (folder / "token-secret").write_text(f"{secret}\n")
    key, line = new_key()
    (folder / "keys").write_text(line)
    overrides: dict[str, dict[str, object]] = {
        "http": {"api_keys_file": str(folder / "keys"), **tables.get("http", {})},
        "admission": {
            "mode": "token",
            "token_secret_file": str(folder / "token-secret"),
            **tables.get("admission", {}),
        },
        "log": {"audit_file": str(folder / "audit.log")},
    }
    overrides |= {name: dict(table) for name, table in tables.items() if name not in overrides}
    async with odd_trunk() as trunk:
        config = GatewayConfig([open_trunk(trunk.port)], overrides=overrides)
        async with run_gateway(config, folder, wait_ready=wait_ready) as gateway:
            yield World(gateway, trunk, folder, secret, key)


async def refused(world: World, to: str, token: str | None = None) -> str:
    """Place a call that is refused; return by which error."""
    async with connect(
        world.gateway.websocket_url, subprotocols=[Subprotocol("gateway.v1")], proxy=None
    ) as socket:
        await socket.send(json.dumps({"type": "hello", "token": token or world.token(to)}))
        welcome = json.loads(await socket.recv())
        if welcome["type"] == "error":
            return str(welcome["name"])
        await socket.send(json.dumps({"type": "call", "call": "c1", "to": to, "offer": OFFER}))
        return str(json.loads(await socket.recv())["name"])
