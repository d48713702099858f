"""The web application, and the one place where its parts start and stop.

A stop goes from the outside in: calls end, by themselves or with BYE, while the pages can still be
told, then the sockets close, then the SIP and media parts that everything stood on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from ipaddress import IPv4Network, IPv6Network

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from gateway.admission.address import parse_address
from gateway.admission.gate import Gate
from gateway.config import Address, HttpSettings, Settings
from gateway.errors import UnavailableError
from gateway.listening import check_certificates, listen
from gateway.reload import Reload, on_signals
from gateway.sd_notify import Supervisor
from gateway.signaling.http import Extensions, WebSocketDoor, add_demo, add_preflight, add_routes
from gateway.signaling.http_guard import Connections, guarded
from gateway.signaling.http_server import Server
from gateway.signaling.room import Room
from gateway.signaling.websocket_protocol import with_round
from gateway.stopping import Stop, drain, until

logger = logging.getLogger(__name__)

OpenRoom = Callable[[Settings], AbstractAsyncContextManager[Room]]

# A frame above the protocol's 64 KiB gets an answer; one above this closes the socket (1009)
MAX_WEBSOCKET_MESSAGE = 1024 * 1024
# A page with a call whose machine vanished is noticed after the sum of the two
PING_INTERVAL = PING_TIMEOUT = 10.0  # seconds
# Sockets have been told to close by then; nobody's call waits for this
CONNECTIONS_TIMEOUT = 1  # seconds
# A browser opens six at once for a page and its files
CONNECTIONS_FOR_A_SOCKET = 6


def create_app(
    room: Room,
    extensions: Extensions = (),
    drain: Callable[[], None] = lambda: None,
    *,
    demo: bool = True,
    preflight: bool = True,
) -> ASGIApp:
    """Make the web application on parts that run already.

    Parameters
    ----------
    extensions
        what the demo page offers to dial.
    drain
        Has the gateway go out of service.
    demo
        whether the demo page is served.
    preflight
        whether the page of the pre-flight is.
    """
    app = FastAPI(
        title="WebRTC-to-SIP gateway",
        description="Calls are placed over the WebSocket `/v1/ws` (subprotocol `gateway.v1`).",
        # Both load scripts from elsewhere
        docs_url=None,
        redoc_url=None,
    )
    add_routes(app, room, drain)
    if demo:
        add_demo(app, extensions, preflight=preflight)
    if preflight:
        add_preflight(app)
    return WebSocketDoor(app, room)


async def serve(
    settings: Settings,
    open_room: OpenRoom,
    *,
    stop: Stop,
    announce: Callable[[str], None],
    extensions: Extensions = (),
    read_again: Callable[[], Settings] | None = None,
) -> None:
    """Run the gateway until it has been asked to stop and is drained, or a part below dies.

    Parameters
    ----------
    open_room
        Starts everything below the web application, and stops it on the way out.
    announce
        Called with the page's address once it is served.
    read_again
        Reads the settings once more at SIGHUP; without it signals are left alone.

    Raises
    ------
    GatewayError
        A part cannot start, or has died; then everything else was stopped in order.
    """
    check_certificates(settings)
    supervisor = Supervisor.from_environment(os.environ)
    with listen(settings.http) as listener:
        async with open_room(settings) as room:
            http = settings.http
            web = create_app(
                room, extensions, stop.drain, demo=http.serves_demo, preflight=http.serves_preflight
            )
            config = uvicorn_config(web, settings, room.gate)

            def up() -> None:
                supervisor.ready()
                announce(_url(settings.http, listener))

            server = Server(config, up)
            with ExitStack() as stack:
                if read_again is not None:
                    reload = Reload(
                        settings, read_again, room.gate, lambda: config.ssl, supervisor, room.renew
                    )
                    stack.enter_context(on_signals(reload, room.gate))
                faults = await _run(room, server, listener, stop, settings, supervisor)
    if faults:
        raise UnavailableError(" ".join(faults))


async def _run(
    room: Room,
    server: Server,
    listener: socket.socket,
    stop: Stop,
    settings: Settings,
    supervisor: Supervisor,
) -> list[str]:
    """Serve, drain and stop; return what has died, in words."""
    watching = asyncio.create_task(supervisor.feed_watchdog(room.probes), name="watchdog")
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        await until(stop.asked, room.died, task=serving)
        if not room.died.is_set():
            await drain(room, stop, settings.sessions.drain_timeout, supervisor)
    finally:
        stop.bound()
        supervisor.stopping()
        watching.cancel()
        faults = room.faults() if room.died.is_set() else []
        await _stop(room, server, serving)
    return faults


async def _stop(room: Room, server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    logger.info("stopping: %d calls to end", room.calls.active)
    try:
        await room.calls.drain()
        await room.calls.close()
        await room.sessions.close()
    finally:
        server.should_exit = True
        await serving


def uvicorn_config(app: ASGIApp, settings: Settings, gate: Gate) -> uvicorn.Config:
    """Say how the web application is served."""
    http = settings.http
    proxies = [each for network in http.trusted_proxies for each in _spellings(network)]

    def is_proxy(host: str) -> bool:
        address = parse_address(host)
        return address is not None and any(address in each for each in http.trusted_proxies)

    connections = Connections(
        lambda: CONNECTIONS_FOR_A_SOCKET * gate.rules.limits.websockets_per_address,
        lambda host: is_proxy(host) or gate.rules.exempt(host),
    )
    return uvicorn.Config(
        app,
        http=guarded(connections),
        ws=with_round(),
        lifespan="off",  # `serve` starts and stops the parts, with errors and an order of its own
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever is no proxy of ours may write any X-Forwarded-For
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        # Descriptions are small, and a compressor takes more memory than the rest of a session
        ws_per_message_deflate=False,
        ws_max_size=MAX_WEBSOCKET_MESSAGE,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=PING_TIMEOUT,
        timeout_graceful_shutdown=CONNECTIONS_TIMEOUT,
        ssl_certfile=http.certificate,
        ssl_keyfile=http.key,
    )


def _spellings(network: IPv4Network | IPv6Network) -> tuple[str, ...]:
    """Write a network, and an IPv4 one also as a socket of both families shows it."""
    if isinstance(network, IPv6Network):
        return (str(network),)
    mapped = f"::ffff:{network.network_address}/{96 + network.prefixlen}"
    return str(network), mapped


def _url(http: HttpSettings, listener: socket.socket) -> str:
    scheme = "http" if http.certificate is None else "https"
    return f"{scheme}://{Address(http.listen.host, listener.getsockname()[1])}"
