"""The operator's API, and files, in the hands of those who have no key."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from gateway.admission.keys import new_key
from tests.end_to_end.odd_calls import hang_up
from tests.sdp.descriptions import BROWSER_OFFER
from tests.security.attack import Got, Refusal, attack
from tests.security.raw import ask, handshake

if TYPE_CHECKING:
    from pathlib import Path

    from tests.security.house import House

TITLE = "HTTP and the operator's API"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("unharmed")]


def request(
    method: str,
    path: str,
    key: str | None = None,
    body: bytes = b"",
    *headers: str,
    length: int | None = None,
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway.example", *headers]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    if body or length is not None:
        lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def body_of(text: str) -> Any:
    return json.loads(text.partition("\r\n\r\n")[2])


NO_KEY = Refusal(401, "bad-key", "an API key is needed: Authorization: Bearer KEY")
ROUTES = [
    ("GET", "/v1/calls"),
    ("GET", "/v1/calls/1"),
    ("DELETE", "/v1/calls/1"),
    ("POST", "/v1/tokens"),
    ("GET", "/v1/admission"),
    ("PUT", "/v1/admission"),
    ("GET", "/v1/blocks"),
    ("POST", "/v1/blocks"),
    ("DELETE", "/v1/blocks?kind=number&value=1"),
    ("GET", "/v1/no-such-thing"),
    ("OPTIONS", "/v1/calls"),
    ("GET", "/v1/%63alls"),
]
STRANGERS = new_key()[0]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(header, id=name, marks=attack(f"all of the API with {name}", NO_KEY))
        for name, header in {
            "no key": "X-Nothing: 1",
            "somebody else's key": f"Authorization: Bearer {STRANGERS}",
            "an empty key": "Authorization: Bearer ",
            "a password": "Authorization: Basic YWRtaW46YWRtaW4=",
            "a key of 100,000 characters": "Authorization: Bearer " + 100_000 * "a",
            "octets that are no ASCII": "Authorization: Bearer \xc3\xa9",
            "a key in the query and in a cookie": "Cookie: key=KEY",
        }.items()
    ],
)
async def test_without_a_key(house: House, got: Got, header: str) -> None:
    for method, path in ROUTES:
        mark = "&" if "?" in path else "?"
        asked = f"{path}{mark}access_token={house.key}" if "KEY" in header else path
        status, text = await ask(
            house, request(method, asked, None, b"", header.replace("KEY", house.key))
        )
        assert status == 401, (method, path)
        got.check(body_of(text))
        assert "www-authenticate: bearer" in text.lower()


@attack(
    "the API's paths in other spellings (`//v1/calls`, `/V1/calls`, `/sdk/../v1/calls`, six more)",
    "404 or 401, never an answer",
)
async def test_other_spellings(house: House) -> None:
    for path in (
        "//v1/calls",
        "/V1/calls",
        "/sdk/../v1/calls",
        "/./v1/calls",
        "/v1%2fcalls",
        "/sdk/%2e%2e/v1/calls",
        "/v1/calls/",
        "http://x/v1/calls",
        "/;/v1/calls",
    ):
        status, text = await ask(house, request("GET", path))
        assert status in (401, 404), (path, status)
        assert '"calls"' not in text


TRAVERSALS = [
    "/sdk/../../app.py",
    "/sdk/..%2f..%2fapp.py",
    "/sdk/%2e%2e/%2e%2e/app.py",
    "/sdk/....//....//app.py",
    "/sdk/..\\..\\app.py",
    "/sdk/%5c..%5c..%5capp.py",
    "/sdk/%252e%252e/app.py",
    "/sdk//etc/passwd",
    "/sdk/%2fetc%2fpasswd",
    "/demo/../../../../../../etc/passwd",
    "/demo/..%c0%af..%c0%afetc/passwd",
    "/sdk/voice-client.js/../../../app.py",
    "/sdk/%00",
    "/sdk/voice-client.js%00.txt",
    "/../gateway.toml",
    "/gateway.toml",
    "/gateway.db",
    "/audit.jsonl",
]


@attack(
    "files outside of the pages, in 18 ways (path traversal)",
    "404 each (400 for a zero byte or a backslash); no file is shown",
)
@pytest.mark.parametrize("path", TRAVERSALS)
async def test_path_traversal(house: House, path: str) -> None:
    status, text = await ask(house, request("GET", path))
    assert status in (400, 404), text
    for word in ("root:", "import ", "[http]", "SQLite", "session-opened"):
        assert word not in text


TOO_BIG = Refusal(413, "too-big", "at most 65536 bytes are taken")
CHUNK = b"10000\r\n" + 65536 * b" " + b"\r\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(data, id=name, marks=attack(name, TOO_BIG))
        for name, data in {
            "a body of 100,000 bytes, with the key": request(
                "POST", "/v1/tokens", "KEY", 100_000 * b" "
            ),
            "a body that says it has a terabyte": request(
                "POST", "/v1/tokens", "KEY", length=1 << 40
            ),
            "a body in chunks without end": request(
                "POST",
                "/v1/tokens",
                "KEY",
                b"",
                "Transfer-Encoding: chunked",
                "Content-Type: application/json",
            )
            + CHUNK
            + CHUNK[:50_000],
        }.items()
    ],
)
async def test_a_big_body(house: House, got: Got, data: bytes) -> None:
    status, text = await ask(house, data.replace(b"KEY", house.key.encode(), 1))
    assert status == 413, text
    got.check(body_of(text))


@attack("a big body from somebody without a key", NO_KEY, "before a byte of it is read")
async def test_a_big_body_without_a_key(house: House, got: Got) -> None:
    status, text = await ask(house, request("POST", "/v1/tokens", length=1 << 40))
    assert status == 401
    got.check(body_of(text))


ODD_BODIES = {
    "nothing": b"",
    "no JSON": b"{",
    "20,000 brackets": 20_000 * b"[",
    "a number of 10,000 digits": b'{"sub":"a","expires":' + 10_000 * b"9" + b"}",
    "no UTF-8": b'{"sub":"\xff\xfe"}',
    "a lone surrogate": b'{"sub":"\\ud800"}',
    "NaN": b'{"sub":"a","expires":NaN}',
    "an unknown field": b'{"sub":"a","admin":true}',
    "a line end in `sub`": b'{"sub":"a\\r\\nX-Evil: 1"}',
    "a token that never ends": b'{"sub":"a","expires":999999999}',
}


@attack(
    "bodies that are none (JSON 20,000 deep, NaN, no UTF-8, a lone surrogate and six more)",
    "422 each, or 400 where it is no JSON at all; no token is made",
)
@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
async def test_an_odd_body(house: House, body: bytes) -> None:
    before = await house.counted("gateway_tokens_issued_total")
    status, text = await ask(house, request("POST", "/v1/tokens", house.key, body))
    assert status in (400, 422), text
    assert await house.counted("gateway_tokens_issued_total") == before


@attack("request smuggling: two lengths, a length and chunks", "400, or the connection is closed")
async def test_smuggling(house: House) -> None:
    inner = request("GET", "/v1/calls", house.key)
    for headers in (
        ("Content-Length: 5", f"Content-Length: {len(inner)}"),
        (f"Content-Length: {len(inner)}", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: \x0bchunked",),
    ):
        status, text = await ask(house, request("POST", "/healthz", None, b"", *headers) + inner)
        assert status in (0, 400, 405), (headers, text)
        assert '"calls"' not in text


@attack(
    "the kill switch without a key, by a page and by a form of another site",
    "401; calls go on",
)
async def test_the_kill_switch_of_a_stranger(house: House) -> None:
    body = b'{"open": false}'
    for headers in ((), ("Origin: https://evil.example",), ("X-HTTP-Method-Override: PUT",)):
        for method in ("PUT", "POST", "GET"):
            status, _ = await ask(house, request(method, "/v1/admission", None, body, *headers))
            assert status == 401
    assert (await house.gateway.get("/readyz"))[0] == 200


STOPPED = Refusal(503, "stopped", "the gateway takes no new calls now; try again later")


async def _not_ready(house: House) -> None:
    async with asyncio.timeout(5):
        while True:
            if (await house.gateway.get("/readyz"))[0] == 503:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(
            how,
            id=how,
            marks=attack(
                f"a new call after the kill switch ({how})",
                STOPPED,
                "the call that runs goes on; audit `stopped`, `started`",
            ),
        )
        for how in ("API", "SIGUSR1")
    ],
)
async def test_the_kill_switch(house: House, got: Got, tone: Path, how: str) -> None:
    told = len(await house.audit())
    async with house.conversation(tone) as dialed:
        if how == "API":
            body = b'{"open": false, "why": "an attack"}'
            status, _ = await ask(house, request("PUT", "/v1/admission", house.key, body))
            assert status == 200
        else:
            os.kill(house.gateway.pid, signal.SIGUSR1)
            await _not_ready(house)
        async with house.page() as page:
            got.check(await page.call("+12025550123", BROWSER_OFFER))
        body = b'{"open": true}'
        status, _ = await ask(house, request("PUT", "/v1/admission", house.key, body))
        assert status == 200
        await dialed.sound.hear(50)
        await hang_up(dialed)
    events = [each["event"] for each in await house.audit(told)]
    assert "stopped" in events
    assert "started" in events


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(
            kind,
            value,
            id=kind,
            marks=attack(
                f"a call that goes on after its {kind} was blocked",
                "ended with BYE at once; the next one is refused with 403",
            ),
        )
        for kind, value in (("identity", "mallory"), ("number", ""), ("address", "127.0.0.1"))
    ],
)
async def test_a_block(house: House, tone: Path, kind: str, value: str) -> None:
    async with house.conversation(tone, sub="mallory") as dialed:
        value = value or dialed.line.number
        body = json.dumps({"kind": kind, "value": value, "why": "fraud"}).encode()
        status, text = await ask(house, request("POST", "/v1/blocks", house.key, body))
        assert status == 201, text
        assert body_of(text)["ended"] == 1
        await dialed.line.hear("BYE")
        assert (await dialed.call.end()).last["by"] == "gateway"
    if kind == "number":
        async with house.page(house.token("*")) as page:
            assert (await page.call(value, BROWSER_OFFER))["code"] == 403
    elif kind == "identity":
        token = house.token(sub="mallory")
        turned = await house.turn_away(json.dumps({"type": "hello", "token": token}))
        assert turned.error["code"] == 403
    else:
        assert (await ask(house, handshake()))[0] == 403
    asked = f"/v1/blocks?kind={kind}&value={value.replace('+', '%2B')}"
    status, text = await ask(house, request("DELETE", asked, house.key))
    assert status == 200, text
