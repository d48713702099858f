"""examples/tokens: each serves a folder, and tokens that the gateway takes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest

from gateway.admission.token import SharedSecrets, Tokens
from gateway.config_file_values import read_secrets
from gateway.errors import TokenError
from tests.docs.blocks import blocks
from tests.examples.sites import TOKENS, run_site, site_command
from tests.peers.ports import free_port
from tests.peers.requirement import require

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

# As an operator keeps it who is replacing a secret
FIRST, SECOND = "first-secret-of-48-characters-with-a-/+=-inside-it", "second-secret-" + "x" * 32
SECRETS = f"# since today\n\n{FIRST}  \n{SECOND}\n"

BACK_ENDS = ("server.py", "server.mjs", "server.php")
pytestmark = pytest.mark.parametrize("name", BACK_ENDS)


@asynccontextmanager
async def running(name: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run a back end on a folder with a page; yield a browser without cookies."""
    port, secret, site = free_port(), folder / "token-secret", folder / "site"
    secret.write_text(SECRETS)
    site.mkdir()
    (site / "index.html").write_text("<h1>A page</h1>")
    command = site_command(name, site, port)
    async with (
        run_site(command, port=port, secret=secret, log=folder / "site.log") as url,
        httpx.AsyncClient(base_url=url, headers={"Origin": url}, trust_env=False) as client,
    ):
        yield client


def claims_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    claims: dict[str, Any] = jwt.decode(
        answer.json()["token"], FIRST, ["HS256"], options={"require": ["exp", "jti"]}
    )
    return claims


async def type_by_hand(site: str) -> dict[str, str]:
    """Ask for a token as the README says, of this site; return the answer."""
    readme = (TOKENS / "README.md").read_text()
    (block,) = [block for block in blocks("README.md", readme) if block.text.startswith("curl")]
    require("curl")
    command = block.text.replace("127.0.0.1:8000", site)
    shell = await asyncio.create_subprocess_exec("sh", "-euc", command, stdout=subprocess.PIPE)
    answer, _ = await shell.communicate()
    typed: dict[str, str] = json.loads(answer)
    return typed


async def test_the_gateway_takes_its_tokens(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as client:
        answer = await client.post("/token")
        typed = await type_by_hand(client.base_url.netloc.decode())
    assert typed.keys() == {"token"}
    claims = claims_of(answer)
    assert 0 < claims["exp"] - time.time() <= 60
    secrets = read_secrets(tmp_path / "token-secret")
    token = answer.json()["token"]
    grant = await Tokens(SharedSecrets(secrets), time.time).verify(token)
    assert (grant.identity, grant.token) == (claims["sub"], claims["jti"])
    assert (grant.to, grant.once, grant.max_calls) == (("+15550100600",), True, 1)
    assert (grant.max_duration, grant.incoming, grant.caller) == (600, False, None)
    assert grant.origins == (str(client.base_url).rstrip("/"),)
    with pytest.raises(TokenError):
        await Tokens(SharedSecrets([SECOND]), time.time).verify(token)


async def test_a_visitor_stays_the_same(name: str, tmp_path: Path) -> None:
    """Limits go by it; and nobody picks the name of somebody else, as an agent's."""
    async with running(name, tmp_path) as client:
        answers = [await client.post("/token"), await client.post("/token")]
        first, second = map(claims_of, answers)
        client.cookies.clear()
        other = claims_of(await client.post("/token", headers={"Cookie": "visitor=sales"}))
    kept = answers[0].headers["set-cookie"].lower()
    assert "httponly" in kept
    assert "samesite=strict" in kept
    assert "secure" not in kept
    assert first["sub"] == second["sub"]
    assert first["jti"] != second["jti"]
    assert first["sub"].startswith("visitor-")
    assert other["sub"].startswith("visitor-")
    assert other["sub"] not in (first["sub"], "visitor-sales")


async def test_only_its_own_pages_get_a_token(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as client:
        url = str(client.base_url).rstrip("/")
        secure = url.replace("http:", "https:")  # by a proxy
        for origin in ("https://elsewhere.example", f"{url}.elsewhere.example", "null", "", None):
            headers = {} if origin is None else {"Origin": origin}
            request = httpx.Request("POST", f"{url}/token", headers=headers)
            refused = await client.send(request)
            assert refused.status_code == 403, origin
            assert "set-cookie" not in refused.headers
            assert "token" not in refused.text
        answer = await client.post("/token", headers={"Origin": secure})
    assert claims_of(answer)["call"]["origins"] == [secure]
    assert "; secure" in answer.headers["set-cookie"].lower()


async def test_it_serves_its_folder_and_no_other(name: str, tmp_path: Path) -> None:
    async with running(name, tmp_path) as client:
        page = await client.get("/")
        assert (page.status_code, page.text) == (200, "<h1>A page</h1>")
        assert page.headers["content-type"].startswith("text/html")
        for path in ("/none", "/%", "/token"):
            answer = await client.get(path)
            # PHP's server has the page for whatever it does not find
            assert answer.status_code in (400, 404, 405) or answer.text == page.text
            assert (await client.post("/none")).status_code != 500
        port = client.base_url.port
        assert port is not None
        for path in ("/../token-secret", "/%2e%2e/token-secret", "/..%2ftoken-secret"):
            assert b"secret-of-48" not in await ask(port, path), path


async def ask(port: int, path: str) -> bytes:
    """Ask for a path as it stands, which a client would put right."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: site\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


def test_each_is_short_and_explained(name: str) -> None:
    readme = (TOKENS / "README.md").read_text()
    lines = [line for line in (TOKENS / name).read_text().splitlines() if line.strip()]
    assert len(lines) <= 55, "to be read in two minutes"
    assert f"`{name}`" in readme
