from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from gateway.signaling import http
from gateway.signaling.http import content_security_policy
from gateway.signaling.room import Limits
from tests.gateway.signaling.conftest import Gateway, StartGateway


async def get(
    gateway: Gateway, path: str, *, method: str = "GET"
) -> tuple[int, Message[str, str], bytes]:
    url = f"http://127.0.0.1:{gateway.port}{path}"

    def fetch() -> tuple[int, Message[str, str], bytes]:
        try:
            asked = urllib.request.Request(url, method=method)
            with urllib.request.urlopen(asked, timeout=5) as it:
                return it.status, it.headers, it.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    return await asyncio.to_thread(fetch)


async def get_json(gateway: Gateway, path: str) -> tuple[int, Any]:
    status, _, body = await get(gateway, path)
    return status, json.loads(body)


async def test_the_process_is_alive(gateway: Gateway) -> None:
    assert await get_json(gateway, "/healthz") == (200, {"status": "ok"})


async def test_it_is_ready_with_room_for_a_call(gateway: Gateway) -> None:
    gateway.calls.active, gateway.calls.capacity = 3, 4
    assert await get_json(gateway, "/readyz") == (
        200,
        {
            "ready": True,
            "reasons": [],
            "degraded": [],
            "engine": "fake engine",
            "active": 3,
            "capacity": 4,
            "capacities": {"engine": 4, "trunk": 10},
        },
    )


async def test_it_says_why_it_is_not_ready(gateway: Gateway) -> None:
    gateway.calls.active = gateway.calls.capacity = 4
    status, state = await get_json(gateway, "/readyz")
    assert (status, state["ready"]) == (503, False)
    assert state["reasons"] == ["all 4 lines are in use"]
    gateway.calls.active, gateway.calls.overloaded = 3, True
    status, state = await get_json(gateway, "/readyz")
    assert (status, state["ready"]) == (503, False)
    assert state["reasons"] == ["the media clock has no time left for another call"]
    gateway.faults.append("the SIP port is gone")
    gateway.calls.draining = True
    status, state = await get_json(gateway, "/readyz")
    assert status == 503
    assert state["reasons"] == [
        "the SIP port is gone",
        "draining: the gateway is going out of service",
    ]


async def test_metrics_are_what_the_parts_count(gateway: Gateway) -> None:
    gateway.calls.active = 2
    gateway.calls.totals.placed = 5
    gateway.calls.totals.ended["busy"] = 3
    async with gateway.client() as client:
        await client.place(to="")
        await client.receive()
        status, headers, body = await get(gateway, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    lines = body.decode().splitlines()
    for line in (
        "gateway_calls_active 2.0",
        "gateway_calls_capacity 10.0",
        "gateway_calls_placed_total 5.0",
        "gateway_calls_answered_total 0.0",
        'gateway_calls_ended_total{cause="busy"} 3.0',
        'gateway_calls_refused_total{name="bad-target"} 1.0',
        'gateway_media_events_total{event="browser_rejected_size"} 7.0',
        "gateway_media_sessions 2.0",
        "gateway_media_load 0.25",
        "gateway_media_overloaded 0.0",
        "gateway_websocket_sessions 1.0",
    ):
        assert line in lines
    assert 'event="sessions"' not in body.decode(), "what goes down again is no count"
    gateway.calls.overloaded = True
    assert b"\ngateway_media_overloaded 1.0\n" in (await get(gateway, "/metrics"))[2]


async def test_the_demo_and_the_sdk_are_served(gateway: Gateway) -> None:
    status, headers, body = await get(gateway, "/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    scripts = re.findall(r'<script[^>]* src="(/[^"]+)"', body.decode())
    assert scripts
    client = ("/sdk/voice-client.js", "/sdk/voice-client.min.js", "/sdk/texts/en.js")
    for path in [*scripts, *client]:
        status, headers, _ = await get(gateway, path)
        assert status == 200
        assert "javascript" in headers["Content-Type"]
        assert headers["ETag"]
        assert headers["Cache-Control"] == "no-cache"


async def test_types_are_served_as_text(gateway: Gateway) -> None:
    status, headers, _ = await get(gateway, "/sdk/types/voice-client.d.ts")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")


async def test_the_page_of_the_preflight_is_served(gateway: Gateway) -> None:
    status, headers, body = await get(gateway, "/preflight")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    linked = re.findall(r'(?:src|href)="(/preflight/[^"]+)"', body.decode())
    for path in [*linked, "/preflight/view.js", "/preflight/passed.svg"]:
        assert (await get(gateway, path))[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/demo/", "/demo/demo.js", "/demo/extensions.json", "/demo/pages.json"]
)
async def test_the_demo_is_served_where_it_is_wanted(
    start_gateway: StartGateway, path: str
) -> None:
    without = await start_gateway(Limits(), demo=False)
    assert (await get(without, path))[0] == 404
    assert (await get(without, "/sdk/voice-client.js"))[0] == 200
    assert (await get(without, "/preflight"))[0] == 200, "visitors are sent there by a site's page"


async def test_the_preflight_is_served_where_it_is_wanted(start_gateway: StartGateway) -> None:
    without = await start_gateway(Limits(), preflight=False)
    for path in ("/preflight", "/preflight/view.js"):
        assert (await get(without, path))[0] == 404
    assert (await get(without, "/"))[0] == 200


@pytest.mark.parametrize("there", [True, False])
async def test_the_demo_knows_which_pages_there_are(
    start_gateway: StartGateway, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DOCUMENTATION", tmp_path)
    gateway = await start_gateway(Limits(), preflight=there)
    if there:
        (tmp_path / "index.html").write_text("built meanwhile")
    assert await get_json(gateway, "/demo/pages.json") == (
        200,
        {"docs": there, "preflight": there},
    )


async def test_only_the_sdk_may_be_embedded_elsewhere(gateway: Gateway) -> None:
    _, headers, _ = await get(gateway, "/sdk/voice-client.js")
    assert headers["Access-Control-Allow-Origin"] == "*"
    _, headers, _ = await get(gateway, "/")
    assert headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("path", ["/", "/healthz", "/sdk/voice-client.js", "/nowhere"])
async def test_every_response_is_guarded(gateway: Gateway, path: str) -> None:
    _, headers, _ = await get(gateway, path)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; ")
    assert f"ws://127.0.0.1:{gateway.port} " in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Permissions-Policy"] == "microphone=(self)"
    assert headers["Server"] is None


@pytest.mark.parametrize("host", ["a; script-src *", "a b", "", "a\r\nb", "<"])
def test_a_strange_host_does_not_get_into_the_policy(host: str) -> None:
    assert "connect-src 'self'; " in content_security_policy(host)


@pytest.mark.parametrize("path", ["/sdk/../demo/../../errors.py", "/sdk/%2e%2e/%2e%2e/errors.py"])
async def test_nothing_else_is_served(gateway: Gateway, path: str) -> None:
    assert (await get(gateway, path))[0] == 404


async def test_head_answers_as_get_without_a_body(gateway: Gateway) -> None:
    for path in (
        *("/", "/demo/demo.js", "/sdk/voice-client.js", "/preflight/", "/docs/"),
        *("/healthz", "/readyz", "/openapi.json", "/nowhere", "/v1/calls"),
    ):
        status, headers, body = await get(gateway, path)
        asked, same, _ = await get(gateway, path, method="HEAD")
        assert body
        assert asked == status, path
        dated = {"date": headers["Date"]}
        assert {**dict(same), **dated} == {**dict(headers), **dated}, path
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.index(b"\r\n\r\n") == len(answer) - 4, "a body would be taken for the next answer"


async def test_the_list_of_extensions_is_the_demos(
    gateway: Gateway, start_gateway: StartGateway
) -> None:
    assert await get_json(gateway, "/demo/extensions.json") == (200, [])
    extensions = [{"number": "600", "name": "Echo", "description": "Says it again."}]
    demo = await start_gateway(Limits(), extensions=extensions)
    assert await get_json(demo, "/demo/extensions.json") == (200, extensions)


async def test_the_api_describes_itself(gateway: Gateway) -> None:
    status, description = await get_json(gateway, "/openapi.json")
    assert status == 200
    operators = {
        *("calls", "calls/{call_id}", "calls/{call_id}/report", "records"),
        *("trunks", "tokens", "blocks", "admission", "drain"),
        *("webhooks", "webhooks/dead", "webhooks/dead/retry"),
    }
    assert set(description["paths"]) == {
        *("/healthz", "/readyz", "/metrics"),
        *(f"/v1/{path}" for path in operators),
    }
    # FastAPI's own pages load scripts from elsewhere; /docs is the documentation
    assert (await get(gateway, "/redoc"))[0] == 404
    assert b"swagger" not in (await get(gateway, "/docs"))[2].lower()
