"""examples/tokens: each issues tokens that the gateway takes, and to signed-in users alone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from gateway.admission.token import SharedSecrets, Tokens
from gateway.config_file_values import read_secrets
from gateway.errors import TokenError
from tests.peers.gateway import TREE
from tests.peers.ports import free_port
from tests.peers.process import PeerError, end_process, tail
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FOLDER = TREE / "examples" / "tokens"
START_LIMIT = 20.0

# As an operator keeps it who is replacing a secret
FIRST, SECOND = "first-secret-of-48-characters-with-a-/+=-inside-it", "second-secret-" + "x" * 32
SECRETS = f"# since today\n\n{FIRST}  \n{SECOND}\n"

BACK_ENDS = ("token_server.py", "token-server.mjs", "token.php")


def command(name: str, port: int) -> list[str]:
    match name:
        case "token_server.py":
            return [sys.executable, "-m", "uvicorn", "token_server:app", "--port", str(port)]
        case "token-server.mjs":
            return [str(require("node")), name]
        case _:
            return [str(require("php")), "-S", f"127.0.0.1:{port}", name]


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[str]:
    """Run a back end as its users do; yield the address of its tokens."""
    port, log, secrets = free_port(), folder / "back-end.log", folder / "token-secret"
    secrets.write_text(SECRETS)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command(name, port),
            cwd=FOLDER,
            env={
                **os.environ,
                "GATEWAY_TOKEN_SECRET_FILE": str(secrets),
                "PORT": str(port),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}/token"
    try:
        async with asyncio.timeout(START_LIMIT):
            while (await fetch(url))[0] == 0:
                if process.returncode is not None:
                    raise PeerError(f"{name} has ended\n{tail(log)}")
                await asyncio.sleep(0.05)
        yield url
    finally:
        await end_process(process)


async def fetch(url: str, user: str | None = None) -> tuple[int, bytes]:
    """Return status and body; status 0 when nobody answers."""
    headers = {} if user is None else {"X-User": user}
    return await asyncio.to_thread(_fetch, urllib.request.Request(url, headers=headers))


def _fetch(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


@pytest.mark.parametrize("name", BACK_ENDS)
async def test_the_gateway_takes_its_tokens(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as url:
        status, body = await fetch(url, 'o"brien\\')
        _, another = await fetch(url, "alice")
    assert status == 200
    token = json.loads(body)["token"]
    claims: dict[str, Any] = jwt.decode(
        token, FIRST, ["HS256"], options={"require": ["exp", "jti"]}
    )
    assert claims["sub"] == 'o"brien\\'
    assert claims["call"]["to"] == ["+15551234567"]
    assert 0 < claims["exp"] - time.time() <= 60
    secrets = read_secrets(tmp_path / "token-secret")
    grant = await Tokens(SharedSecrets(secrets), time.time).verify(token)
    assert (grant.identity, grant.token) == ('o"brien\\', claims["jti"])
    assert (grant.to, grant.once, grant.max_calls) == (("+15551234567",), True, 1)
    assert (grant.max_duration, grant.incoming, grant.caller) == (600, False, None)
    assert jwt.decode(json.loads(another)["token"], FIRST, ["HS256"])["jti"] != claims["jti"]
    with pytest.raises(TokenError):
        await Tokens(SharedSecrets([SECOND]), time.time).verify(token)


@pytest.mark.parametrize("name", BACK_ENDS)
async def test_who_is_not_signed_in_gets_none(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as url:
        for user in (None, ""):
            status, body = await fetch(url, user)
            assert (status, b"token" in body) == (401, False)


def test_each_is_short_and_explained() -> None:
    readme = (FOLDER / "README.md").read_text()
    for name in BACK_ENDS:
        lines = [line for line in (FOLDER / name).read_text().splitlines() if line.strip()]
        assert len(lines) <= 20, "to be read in a minute"
        assert f"`{name}`" in readme
