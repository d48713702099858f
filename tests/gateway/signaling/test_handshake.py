"""A plain GET of the WebSocket's address tells a page readably why it gets no socket."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import replace
from email.message import Message
from typing import Any

import pytest

from tests.gateway.signaling.conftest import Gateway, StartGateway
from tests.gateway.signaling.fakes import NO_LIMITS

SHOP = "https://shop.example"


async def ask(gateway: Gateway, **headers: str) -> tuple[int, dict[str, Any], Message[str, str]]:
    def fetch() -> tuple[int, dict[str, Any], Message[str, str]]:
        url = f"http://127.0.0.1:{gateway.port}/v1/ws"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as it:
                return it.status, json.load(it), it.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error), error.headers

    return await asyncio.to_thread(fetch)


@pytest.mark.parametrize("origin", [SHOP, None])
async def test_a_page_that_may_connect_is_told_so(
    start_gateway: StartGateway, origin: str | None
) -> None:
    """Its own page as well, for which a browser sends no origin."""
    gateway = await start_gateway(origins=(SHOP,))
    status, body, headers = await ask(gateway, **({"Origin": origin} if origin else {}))
    assert (status, body) == (200, {"subprotocol": "gateway.v1"})
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"] == "no-cache"


async def test_another_page_can_read_that_it_may_not(gateway: Gateway) -> None:
    status, body, headers = await ask(gateway, Origin="https://evil.example")
    assert (status, body["error"]) == (403, "not-allowed")
    assert "admission" not in body["message"], "settings are the operator's"
    assert headers["Access-Control-Allow-Origin"] == "*"
    for host in ("evil.example", "[", "a@localhost"):  # names that resolve to us, or cannot
        assert (await ask(gateway, Host=host))[0] == 403


async def test_an_address_with_too_many_sockets_is_told_so(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(limit_rules=replace(NO_LIMITS, websockets_per_address=1))
    async with gateway.raw():
        status, body, _ = await ask(gateway)
    assert (status, body["error"]) == (429, "limit-reached")
    assert (await ask(gateway))[0] == 200, "and takes no place itself"
    assert (await ask(gateway))[0] == 200
