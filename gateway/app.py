"""The web application, and the one place where its parts start and stop.

A stop goes from the outside in: calls end with BYE while the pages can still be told, then the
sockets close, then the SIP and media parts that everything stood on.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from gateway.config import Address, HttpSettings, Settings
from gateway.errors import ConfigError, UnavailableError
from gateway.signaling.http import Extensions, WebSocketDoor, add_routes
from gateway.signaling.room import Room

logger = logging.getLogger(__name__)

OpenRoom = Callable[[Settings], AbstractAsyncContextManager[Room]]

# A frame above the protocol's 64 KiB gets an answer; one above this closes the socket (1009)
MAX_WEBSOCKET_MESSAGE = 1024 * 1024
# A page whose machine vanished is noticed after the sum of the two
PING_INTERVAL = PING_TIMEOUT = 10.0  # seconds
# Sockets have been told to close by then; nobody's call waits for this
CONNECTIONS_TIMEOUT = 1  # seconds
# The kernel gives up on a client that takes no byte for so long; inherited by accepted sockets
TCP_USER_TIMEOUT = 30_000  # ms


def create_app(room: Room, extensions: Extensions = ()) -> ASGIApp:
    """Make the web application on parts that run already.

    Parameters
    ----------
    extensions
        what the demo page offers to dial.
    """
    app = FastAPI(
        title="WebRTC-to-SIP gateway",
        description="Calls are placed over the WebSocket `/v1/ws` (subprotocol `gateway.v1`).",
        # Both load scripts from elsewhere
        docs_url=None,
        redoc_url=None,
    )
    add_routes(app, room, extensions)
    return WebSocketDoor(app, room)


async def serve(
    settings: Settings,
    open_room: OpenRoom,
    *,
    stop: asyncio.Event,
    announce: Callable[[str], None],
    on_stop: Callable[[], None] = lambda: None,
    extensions: Extensions = (),
) -> None:
    """Run the gateway until `stop` is set, or a part below dies.

    Parameters
    ----------
    open_room
        Starts everything below the web application, and stops it on the way out.
    announce
        Called with the page's address once it is served.
    on_stop
        Called as the stop begins, whatever the reason: from here on time is limited.

    Raises
    ------
    GatewayError
        A part cannot start, or has died; then everything else was stopped in order.
    """
    check_certificate(settings.http)
    faults: list[str] = []
    with listen(settings.http) as listener:
        async with open_room(settings) as room:
            server = _Server(
                uvicorn_config(create_app(room, extensions), settings.http),
                lambda: announce(_url(settings.http, listener)),
            )
            serving = asyncio.create_task(server.serve(sockets=[listener]), name="http")
            stopping = asyncio.create_task(stop.wait(), name="stop")
            dying = asyncio.create_task(room.died.wait(), name="died")
            try:
                await asyncio.wait({serving, stopping, dying}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                on_stop()
                if room.died.is_set():
                    faults = room.faults()
                stopping.cancel()
                dying.cancel()
                await _stop(room, server, serving)
    if faults:
        raise UnavailableError(" ".join(faults))


async def _stop(room: Room, server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    logger.info("stopping: %d calls to end", room.calls.active)
    try:
        await room.calls.drain()
        await room.calls.close()
    finally:
        server.should_exit = True
        await serving


@contextmanager
def listen(http: HttpSettings) -> Iterator[socket.socket]:
    """Bind the listening socket first of all: a port in use is then the first thing to be said.

    Raises
    ------
    ConfigError
        The address is in use, or is none of this machine's.
    """
    address = http.listen
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TCP_USER_TIMEOUT)
        try:
            listener.bind((address.host, address.port))
        except OSError as error:
            why = error.strerror or str(error)
            raise ConfigError(
                f"http.listen = '{address}': {why}; --listen chooses another"
            ) from None
        yield listener


def check_certificate(http: HttpSettings) -> None:
    """Load the certificate and its key once, to say what is wrong with them.

    Raises
    ------
    ConfigError
        They cannot be loaded, or do not belong together.
    """
    if http.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(http.certificate, http.key)
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or str(error)
        raise ConfigError(
            f"http.certificate = '{http.certificate}', http.key = '{http.key}': {why}"
        ) from None


def uvicorn_config(app: ASGIApp, http: HttpSettings) -> uvicorn.Config:
    """Say how the web application is served."""
    return uvicorn.Config(
        app,
        lifespan="off",  # `serve` starts and stops the parts, with errors and an order of its own
        log_config=None,
        access_log=False,
        server_header=False,
        # Descriptions are small, and a compressor takes more memory than the rest of a session
        ws_per_message_deflate=False,
        ws_max_size=MAX_WEBSOCKET_MESSAGE,
        ws_ping_interval=PING_INTERVAL,
        ws_ping_timeout=PING_TIMEOUT,
        timeout_graceful_shutdown=CONNECTIONS_TIMEOUT,
        ssl_certfile=http.certificate,
        ssl_keyfile=http.key,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_up = on_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_up()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command line, which has calls to end first."""
        yield


def _url(http: HttpSettings, listener: socket.socket) -> str:
    scheme = "http" if http.certificate is None else "https"
    return f"{scheme}://{Address(http.listen.host, listener.getsockname()[1])}"
