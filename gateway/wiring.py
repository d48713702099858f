"""Makes the running parts from the settings, and puts them together: the lifespan of a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.admission.policy import Policy
from gateway.calls.registry import Calls, Route
from gateway.config import Settings, TrunkSettings
from gateway.errors import UnavailableError
from gateway.media import MediaPlane
from gateway.media.parameters import MediaConfig
from gateway.signaling.room import Room
from gateway.trunk import EndpointConfig, Secret, Trunk, TrunkEndpoint, TrunkError

# BYE and its answer take milliseconds; what a silent trunk leaves open is not waited for
ENDPOINT_CLOSE_TIMEOUT = 1.0  # seconds


@asynccontextmanager
async def open_room(settings: Settings) -> AsyncIterator[Room]:
    """Start media and SIP; stop them, the calls with them, when the block is left.

    Raises
    ------
    GatewayError
        A part cannot start.
    """
    died = asyncio.Event()
    endpoint = TrunkEndpoint(_endpoint_config(settings), on_fault=lambda _: died.set())
    async with AsyncExitStack() as stack:  # one that fails to start or stop leaves none running
        try:
            await endpoint.start()
        except TrunkError as error:
            raise UnavailableError(f"sip.listen = '{settings.sip.listen}': {error}") from error
        stack.push_async_callback(endpoint.close, ENDPOINT_CLOSE_TIMEOUT)
        plane = MediaPlane(_media_config(settings))
        stack.push_async_callback(plane.close)
        await plane.start()
        yield _room(settings, endpoint, plane, died)


def _room(
    settings: Settings, endpoint: TrunkEndpoint, plane: MediaPlane, died: asyncio.Event
) -> Room:
    admission = settings.admission
    calls = Calls(endpoint, plane, _route(settings.trunks[0]), max_duration=admission.max_duration)
    return Room(
        calls=calls,
        policy=Policy(allow=admission.allow, deny=admission.deny),
        origins=admission.origins,
        engine=endpoint.engine_name,
        faults=lambda: [endpoint.fault] if endpoint.fault is not None else [],
        died=died,
        media_stats=lambda: plane.counters,
    )


def _media_config(settings: Settings) -> MediaConfig:
    media = settings.media
    return MediaConfig(
        address=media.address, public_address=media.public_address, ports=media.ports
    )


def _endpoint_config(settings: Settings) -> EndpointConfig:
    return EndpointConfig(
        address=settings.sip.listen.host,
        port=settings.sip.listen.port,
        # A port that nobody sends to is one more that strangers find
        tcp=any(trunk.uri.transport == "tcp" for trunk in settings.trunks),
        public_address=settings.media.public_address,
        log_level=5 if settings.log.level == "debug" else 1,
    )


def _route(settings: TrunkSettings) -> Route:
    password = settings.password
    trunk = Trunk(
        name=settings.name,
        uri=str(settings.uri),
        username=settings.username,
        password=Secret(password.get_secret_value()) if password is not None else None,
        caller_id=settings.caller_id or "anonymous",
    )
    return Route(trunk, settings.codecs, settings.max_calls)
