"""Pages reach the gateway through examples/deploy's proxies, and nobody the operator's part."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from gateway.app import PING_INTERVAL, PING_TIMEOUT
from tests.examples.deploy import FOLDER
from tests.examples.proxies import NAME, Proxy, run_caddy, run_nginx
from tests.peers.ports import free_port
from tests.peers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from websockets.asyncio.client import ClientConnection

    from tests.conftest import StartGateway

SHOP = "https://shop.example"
TRUNK = {"name": "silent", "uri": "sip:127.0.0.1:9;transport=udp"}
PING, PONG = '{"type": "ping"}', {"type": "pong"}


class RunProxy(Protocol):
    def __call__(self, folder: Path, upstream: int) -> AbstractAsyncContextManager[Proxy]: ...


each_proxy = pytest.mark.parametrize("run_proxy", [run_nginx, run_caddy], ids=["nginx", "caddy"])


@asynccontextmanager
async def opened(proxy: Proxy) -> AsyncIterator[ClientConnection]:
    """Open the WebSocket as the shop's page does."""
    async with connect(
        f"wss://{NAME}:{proxy.port}/v1/ws",
        host="127.0.0.1",
        port=proxy.port,
        ssl=proxy.certificate.trusting(),
        origin=Origin(SHOP),
        subprotocols=[Subprotocol("gateway.v1")],
        proxy=None,
    ) as socket:
        yield socket


async def exchange(socket: ClientConnection, message: str) -> Any:
    await socket.send(message)
    async with asyncio.timeout(10):
        return json.loads(await socket.recv())


@each_proxy
async def test_a_page_talks_to_the_gateway(
    run_proxy: RunProxy, start_gateway: StartGateway, tmp_path: Path
) -> None:
    admission, http = {"origins": [SHOP]}, {"trusted_proxies": ["127.0.0.1"]}
    async with (
        start_gateway(TRUNK, admission=admission, http=http) as gateway,
        run_proxy(tmp_path, gateway.config.http_port) as proxy,
    ):
        async with opened(proxy) as socket:
            assert (await exchange(socket, '{"type": "hello"}'))["type"] == "welcome"
            assert await exchange(socket, PING) == PONG
        status, script = await proxy.get("/sdk/voice-client.js")
        assert (status, b"Device" in script) == (200, True)


@each_proxy
async def test_the_operators_part_is_not_reached(
    run_proxy: RunProxy, start_gateway: StartGateway, tmp_path: Path
) -> None:
    async with (
        start_gateway(TRUNK) as gateway,
        run_proxy(tmp_path, gateway.config.http_port) as proxy,
    ):
        for path in (
            *("/", "/metrics", "/readyz", "/healthz", "/openapi.json", "/v1/calls", "/v1/tokens"),
            *(
                "/v1/admission",
                "/v1/blocks",
                "/v1/ws/../calls",
                "/sdk/../metrics",
                "/sdk/%2e%2e/metrics",
            ),
            "/v1/ws/",
        ):
            status, body = await proxy.get(path)
            assert (status, b"gateway_" in body) == (404, False), path
        assert (await gateway.get("/metrics"))[0] == 200


async def test_no_call_ends_when_nginx_reads_its_configuration_again(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    async with (
        start_gateway(TRUNK, admission={"origins": [SHOP]}) as gateway,
        run_nginx(tmp_path, gateway.config.http_port) as proxy,
        opened(proxy) as before,
    ):
        await exchange(before, '{"type": "hello"}')
        log = tmp_path / "proxy.log"
        proxy.process.send_signal(signal.SIGHUP)
        await wait_until(
            lambda: "gracefully shutting down" in log.read_text(), limit=10, what="the reload"
        )
        assert await exchange(before, PING) == PONG
        async with opened(proxy) as after:
            assert (await exchange(after, '{"type": "hello"}'))["type"] == "welcome"
            assert await exchange(before, PING) == PONG


@each_proxy
async def test_the_gateway_is_told_the_clients_address_and_not_what_the_client_says(
    run_proxy: RunProxy, tmp_path: Path
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    upstream = free_port()
    async with (
        await asyncio.start_server(hear, "127.0.0.1", upstream),
        run_proxy(tmp_path, upstream) as proxy,
    ):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", proxy.port, ssl=proxy.certificate.trusting(), server_hostname=NAME
        )
        writer.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: {NAME}\r\nX-Forwarded-For: 203.0.113.9\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://shop.example\r\n"
            "X-Forwarded-Proto: http\r\n\r\n".encode()
        )
        async with asyncio.timeout(10):
            request = (await heard.get()).decode()
            await reader.readuntil(b"\r\n\r\n")
        writer.close()
    headers = dict(
        (name.lower(), value.strip())
        for name, _, value in (line.partition(":") for line in request.split("\r\n")[1:] if line)
    )
    assert request.lower().count("x-forwarded-for") == 1
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"].partition(":")[0] == NAME
    assert headers["origin"] == SHOP
    assert (headers["upgrade"], headers["connection"].lower()) == ("websocket", "upgrade")


@pytest.mark.parametrize(
    ("file", "setting"),
    [
        ("nginx.conf", r"proxy_read_timeout (\d+)s"),
        ("nginx.conf", r"proxy_send_timeout (\d+)s"),
        ("Caddyfile", r"read_timeout (\d+)s"),
        ("Caddyfile", r"write_timeout (\d+)s"),
    ],
)
def test_a_proxy_waits_for_longer_than_the_gateway_is_silent(file: str, setting: str) -> None:
    found = re.search(setting, (FOLDER / file).read_text())
    assert found is not None
    assert int(found[1]) >= 2 * (PING_INTERVAL + PING_TIMEOUT)
