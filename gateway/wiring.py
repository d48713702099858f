"""Makes the running parts from the settings, and puts them together: the lifespan of a gateway."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from gateway import garbage
from gateway.admission.gate import Gate
from gateway.admission.grant import Visitor
from gateway.admission.mask import mask
from gateway.admitting import ice_service, open_gate
from gateway.calls.incoming import IncomingRoute, IncomingRoutes
from gateway.calls.own_sockets import OwnSockets
from gateway.calls.reception import Reception
from gateway.calls.registry import Calls
from gateway.calls.routing import DialRoute, Rank, Routing, outgoing_number
from gateway.calls.symmetric_rtp import SymmetricRtp
from gateway.calls.trunks import Route, TrunkCalls, Trunks
from gateway.config import Settings
from gateway.config_media import MediaSettings
from gateway.config_sip import TrunkSettings, tls_files
from gateway.errors import UnavailableError
from gateway.media import MediaPlane
from gateway.media.parameters import MediaConfig
from gateway.metrics import Ports
from gateway.notifying import open_webhooks, tell_cut_off, teller
from gateway.own_address import all_addresses
from gateway.recording import open_recorder
from gateway.records.recorder import Recorder
from gateway.signaling.room import Room
from gateway.signaling.sessions import Sessions
from gateway.trunk import (
    Answered,
    Dtmf,
    Elsewhere,
    Ended,
    EndpointConfig,
    Identity,
    Secret,
    SipAddress,
    Tls,
    Trunk,
    TrunkEndpoint,
    TrunkError,
    TrunkEvent,
    TrunkState,
    TrunkWatch,
)
from gateway.webhooks.webhooks import Webhooks
from sdp import Srtp

logger = logging.getLogger(__name__)

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
    endpoint = TrunkEndpoint(endpoint_config(settings), on_fault=lambda _: died.set())
    async with AsyncExitStack() as stack:  # one that fails to start or stop leaves none running
        try:
            await endpoint.start()
        except TrunkError as error:
            raise UnavailableError(f"sip.listen = '{settings.sip.listen}': {error}") from error
        stack.push_async_callback(endpoint.close, ENDPOINT_CLOSE_TIMEOUT)
        plane = MediaPlane(media_config(settings), on_idle=garbage.collect_all)
        stack.push_async_callback(plane.close)
        await plane.start()
        gate = await stack.enter_async_context(open_gate(settings))
        webhooks = await stack.enter_async_context(open_webhooks(settings))
        cut_off = partial(tell_cut_off, settings, webhooks)
        recorder = await stack.enter_async_context(open_recorder(settings, gate, cut_off))
        room, calls = _room(settings, gate, endpoint, plane, died, recorder, webhooks)
        if settings.incoming:  # else each INVITE gets 404 before it costs a line
            routes = incoming_routes(settings)
            endpoint.on_incoming = Reception(calls, routes, room.directory, gate.incoming)
        for state in room.calls.trunks.values():
            await stack.enter_async_context(watched(endpoint, state))
        yield room


def _room(
    settings: Settings,
    gate: Gate,
    endpoint: TrunkEndpoint,
    plane: MediaPlane,
    died: asyncio.Event,
    recorder: Recorder | None,
    webhooks: Webhooks | None,
) -> tuple[Room, Calls]:
    shown = mask if settings.log.numbers == "masked" else str
    calls = _calls(settings, endpoint, plane, shown)
    gate.on_cap = calls.stop_answered
    if recorder is not None:
        calls.listeners.add(recorder.hear)
    telling = None if webhooks is None else teller(settings, webhooks)
    if telling is not None:
        calls.listeners.add(telling.hear)
    room = Room(
        calls=calls,
        gate=gate,
        webhooks=webhooks,
        on_limit=_nobody if telling is None else telling.limit,
        sessions=Sessions(settings.sessions.resume_window),
        records=recorder,
        ice=ice_service(settings.turn),
        ice_policy=settings.turn.policy,
        shown=shown,
        engine=endpoint.engine_name,
        faults=lambda: [endpoint.fault] if endpoint.fault is not None else [],
        died=died,
        probes={"SIP": endpoint.alive, "media": plane.alive},
        media_stats=plane.stats,
        media_ports=lambda: Ports(free=2 * plane.free_pairs, total=2 * plane.pairs),
        media_load=lambda: plane.load,
        strangers=lambda: endpoint.strangers,
        stray_answers=lambda: endpoint.stray_answers,
        renew=endpoint.renew,
        leave=endpoint.leave,
    )
    return room, calls


def _calls(
    settings: Settings, endpoint: TrunkEndpoint, plane: MediaPlane, shown: Callable[[str], str]
) -> Calls:
    routes = [
        route_of(each, settings.media, tls_of(tls_files(settings.sip, each)))
        for each in settings.trunks
    ]
    return Calls(
        endpoint,
        plane,
        Trunks(routes, routing_of(settings).order),
        max_duration=settings.admission.max_duration,
        max_ringing=settings.admission.max_ringing,
        resume_window=settings.sessions.resume_window,
        own=own_sockets(settings, endpoint),
        shown=shown,
    )


def _nobody(limit: str, visitor: Visitor | None) -> None:
    pass


def watched(endpoint: TrunkEndpoint, calls: TrunkCalls) -> TrunkWatch:
    """Have somebody look after a trunk; what is found is kept beside its calls."""

    def change(_: Trunk, state: TrunkState) -> None:
        calls.up, calls.why = state.up, state.why
        level = logging.WARNING if state.up is False else logging.INFO
        logger.log(level, "trunk %s is %s: %s", calls.name, _WORDS[state.up], state.why)

    watch = TrunkWatch(endpoint, calls.route.trunk, change)

    def hear(event: TrunkEvent) -> None:
        if isinstance(event, Answered):
            watch.call_answered()
        elif isinstance(event, Ended):
            watch.call_ended(event)

    calls.hear = hear
    return watch


_WORDS = {True: "up", False: "down", None: "unknown"}


def media_config(settings: Settings) -> MediaConfig:
    """Say what the settings mean for the media plane."""
    media = settings.media
    return MediaConfig(
        address=media.address,
        public_address=media.public_address,
        loopback=settings.http.listen.is_loopback,
        ports=media.ports,
        browser_port=media.browser_ports.start,
        threads=media.thread_count,
        trunk_silence=media.timeout,
        trunk_silence_early=media.early_timeout,
        complexity=media.complexity,
        bitrate=media.bitrate,
        hold_music=media.hold_music,
    )


def own_sockets(settings: Settings, endpoint: TrunkEndpoint) -> OwnSockets:
    """Say where media and SIP of ours listen."""
    media = settings.media
    first, last = media.ports
    hosts = {media.address, media.public_address, endpoint.address.host, settings.sip.listen.host}
    if media.is_anywhere:
        hosts |= set(all_addresses())
    ports = (*range(first, last + 1), *media.browser_ports, endpoint.address.port)
    return OwnSockets(frozenset(filter(None, hosts)), frozenset(ports))


def endpoint_config(settings: Settings) -> EndpointConfig:
    """Say what the settings mean for SIP."""
    tls = settings.sip.tls_listen
    return EndpointConfig(
        address=settings.sip.listen.host,
        port=settings.sip.listen.port,
        # A port that nobody sends to is one more that strangers find
        tcp=any(trunk.hop.may_use_tcp for trunk in settings.trunks),
        tls_listen=SipAddress(tls.host, tls.port) if tls is not None else None,
        tls=tls_of((settings.sip.ca, settings.sip.certificate, settings.sip.key)),
        public_address=settings.sip.public_address or settings.media.public_address,
        log_level=5 if settings.log.level == "debug" else 1,
        trunks=tuple(map(trunk_of, settings.trunks)),
        strangers=Elsewhere(settings.sip.strangers),
    )


def tls_of(files: Iterable[Path | None]) -> Tls:
    """Name the files that secure connections; those that there are not have an empty name."""
    return Tls(*("" if file is None else str(file) for file in files))


# What a browser's audio can be for it to reach a trunk as it came (RFC 7874 section 3)
_PASSTHROUGH = ("PCMU", "PCMA")


def route_of(settings: TrunkSettings, media: MediaSettings, tls: Tls | None = None) -> Route:
    """Say what the settings mean for calls to a trunk."""
    shared = _PASSTHROUGH if media.codec == "passthrough" else ()
    return Route(
        trunk_of(settings, tls),
        settings.codecs,
        settings.max_calls,
        passthrough=tuple(codec for codec in settings.codecs if codec in shared),
        bitrate=media.bitrate,
        symmetric_rtp=SymmetricRtp(settings.symmetric_rtp),
        dtmf=Dtmf(settings.dtmf),
        srtp=Srtp(settings.srtp),
        number=partial(outgoing_number, settings.numbers),
    )


def trunk_of(settings: TrunkSettings, tls: Tls | None = None) -> Trunk:
    """Say what the settings mean for SIP."""
    password = settings.password
    return Trunk(
        name=settings.name,
        uri=str(settings.uri),
        username=settings.username,
        password=Secret(password.get_secret_value()) if password is not None else None,
        caller_id=settings.caller_id or "anonymous",
        options=settings.options,
        register=settings.registers,
        expires=settings.expires,
        sources=settings.sources,
        numbers_in=settings.numbers_in,
        identity=Identity(settings.identity),
        headers=settings.headers,
        outbound_proxy=str(settings.outbound_proxy or ""),
        tls=tls or Tls(),
        transfers=settings.transfers == "allow",
    )


def incoming_routes(settings: Settings) -> IncomingRoutes:
    """Say whom calls from trunks ring."""
    routes = [
        IncomingRoute(each.to, each.identity, each.trunk, each.ring, each.fallback)
        for each in settings.incoming
    ]
    return IncomingRoutes(routes, country=settings.admission.country)


def routing_of(settings: Settings) -> Routing:
    """Say which trunks are tried for which numbers."""
    return Routing(
        [DialRoute(route.to, route.trunks) for route in settings.routes],
        [Rank(each.name, each.priority, each.weight) for each in settings.trunks],
        random.Random(),
        country=settings.admission.country,
    )
