"""Takes the calls of trunks: finds the pages that ring, and makes the call of the one that accepts.

An INVITE is judged here before anything rings: whom it is for, whether calls are taken now, and
whether its description will do.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING

import sdp
from gateway import trunk
from gateway.calls.arrival import Arrival, Ringing
from gateway.calls.browser_description import read_offer
from gateway.calls.call import Call
from gateway.calls.end import CallEnd
from gateway.calls.endings import unusable
from gateway.calls.events import CallEvent
from gateway.calls.forwarding import Forwarding
from gateway.calls.incoming import (
    IncomingRoute,
    IncomingRoutes,
    all_lines_in_use,
    nobody_there,
    refused,
    unknown_number,
)
from gateway.calls.invite import Invite, Taken, describe
from gateway.calls.negotiation import Negotiation
from gateway.calls.new_way import beside
from gateway.calls.news import Ended, News, Tell
from gateway.calls.record import CallRecord, rule_of
from gateway.calls.registry import new_call_id
from gateway.calls.request import CallRequest
from gateway.calls.ring import Acceptance, Caller
from gateway.calls.trunks import Route, TrunkCalls
from gateway.errors import GatewayError
from gateway.media.srtp_keys import usable_suites
from sdp import SdpError

if TYPE_CHECKING:
    from gateway.admission.incoming import IncomingGate
    from gateway.calls.directory import Directory
    from gateway.calls.registry import Calls

logger = logging.getLogger(__name__)

ANONYMOUS = "anonymous"
MAX_TEXT = 128  # characters of a caller's name or number: a page shows them, and a log has them

# From a page's click to the ACK; ICE and DTLS have limits of their own below this
MAX_CONNECTING = 60.0  # seconds


class Reception:
    """Decides about each INVITE of a trunk.

    Parameters
    ----------
    calls
        Owns the tasks, and counts the calls.
    routes
        Whom calls are for.
    """

    def __init__(
        self,
        calls: Calls,
        routes: IncomingRoutes,
        directory: Directory,
        gate: IncomingGate,
    ) -> None:
        self._calls = calls
        self._routes = routes
        self._directory = directory
        self._gate = gate
        self._forwarding = Forwarding(calls, gate)

    def __call__(self, incoming: trunk.IncomingCall) -> Callable[[trunk.TrunkEvent], None]:
        """Take an INVITE; return what takes the events of its leg."""
        caller = caller_of(incoming)
        state = self._calls.trunks.get(caller.trunk)
        route = self._routes.find(caller.to, caller.trunk)
        record = _record(caller, incoming, route)
        plan: Ringing | CallEnd = unknown_number()
        if state is not None and route is not None:
            plan = self._plan(incoming, record, state, route)
        arrival = Arrival(caller, incoming.leg, self._counted(record), plan)
        if isinstance(plan, Ringing):
            record.ringing = record.started
        self._calls.own(arrival, record)
        return arrival.notify

    def _counted(self, record: CallRecord) -> Tell:
        """Take the end of a call that no page has."""

        def tell(event: News) -> None:
            request = record.request
            if isinstance(event, Ended):
                end = event.end
                self._gate.missed(request.to, request.caller, end.cause, end.sip_code)

        return self._calls.counted(record, tell)

    def _plan(
        self,
        incoming: trunk.IncomingCall,
        record: CallRecord,
        state: TrunkCalls,
        route: IncomingRoute,
    ) -> Ringing | CallEnd:
        """Say what becomes of a call that is for somebody."""
        request = record.request
        if not (state.has_room or self._calls.draining):
            return all_lines_in_use()
        try:
            self._calls.check_room()
            self._gate.arrive(request.to, request.caller, route.identity, state.name)
            _shared(incoming.offer, state.route)
        except GatewayError as error:
            record.rule = rule_of(error)
            return refused(error)
        except SdpError as error:
            return unusable("The trunk offers a media description that cannot be used", error)
        pages = self._directory.pages(route.identity)
        watch = partial(self._directory.watch, route.identity)
        forward = None
        if route.fallback is not None:
            forward = partial(self._forwarding.make, incoming, record, state, route.fallback)
        elif not pages:
            return nobody_there()
        line = state.hold()
        take_over = partial(self._take_over, incoming, record, state, line)
        return Ringing(pages, route.ring, take_over, watch, forward, line)

    async def _take_over(
        self,
        incoming: trunk.IncomingCall,
        record: CallRecord,
        state: TrunkCalls,
        line: Callable[[], None],
        acceptance: Acceptance,
        inbox: asyncio.Queue[CallEvent],
        tell: Tell,
    ) -> Call:
        """Make the call of the page that has accepted."""
        calls, route = self._calls, state.route
        shared = _shared(incoming.offer, route)
        # A browser's G.711 goes through as it is, so the trunk has to have offered the same
        offer = read_offer(
            acceptance.offer, tuple(each for each in route.passthrough if each in shared)
        )
        session = await calls.plane.open()
        try:
            negotiation = Negotiation.on(route, offer, session.local, calls.own_sockets)
            description = await describe(negotiation, incoming, calls.locate, calls.plane.own_host)
        except BaseException:
            await session.close()
            raise
        record.request = _taken(record, acceptance)
        return Call(
            record.id,
            session,
            Taken(state, negotiation, Invite(incoming.leg, description), line),
            calls.locate,
            tell,
            observe=calls.observer(record),
            max_duration=acceptance.max_duration or calls.max_duration,
            max_ringing=MAX_CONNECTING,
            resume_window=calls.resume_window,
            inbox=inbox,
            find_way=beside(calls, session),
        )


def _shared(offer: str, route: Route) -> tuple[str, ...]:
    """Return which codecs of the trunk an INVITE offers; SdpError if it offers nothing of ours.

    All of them if it has no offer: then we make one.
    """
    if not offer.strip():
        return route.codecs
    policy = sdp.TrunkPolicy(codecs=route.codecs, srtp=route.srtp)
    suites = () if route.srtp is sdp.Srtp.OFF else usable_suites()
    # None of these keys is used: a page that accepts has its own
    keys = sdp.make_keys(suites, secrets.token_bytes, None)
    return sdp.shared_codecs(sdp.read(offer).description, policy, keys)


def caller_of(incoming: trunk.IncomingCall) -> Caller:
    """Say what pages are told of a call; what the trunk may say of itself has been looked at."""
    return Caller(
        call=new_call_id(),
        trunk=incoming.trunk,
        to=shown(incoming.to),
        number=shown(incoming.caller) or ANONYMOUS,
        display_name=shown(incoming.display_name) or None,
        headers=incoming.headers,
    )


def shown(text: str) -> str:
    """Return what a trunk says of a caller, fit to be shown: visible, and no longer than a line."""
    return "".join(each for each in text if each.isprintable()).strip()[:MAX_TEXT]


def _taken(record: CallRecord, acceptance: Acceptance) -> CallRequest:
    """Return the request of a call that a page has accepted."""
    return replace(
        record.request,
        visitor=acceptance.visitor,
        identity=acceptance.identity or record.request.identity,
        page_call=record.id,
    )


def _record(
    caller: Caller, incoming: trunk.IncomingCall, route: IncomingRoute | None
) -> CallRecord:
    request = CallRequest(
        to=caller.to,
        offer="",
        caller=caller.number,
        display_name=caller.display_name,
        identity=None if route is None else route.identity,
    )
    return CallRecord(
        caller.call,
        request,
        caller.trunk,
        time(),
        state="ringing",
        sip_call_id=incoming.leg.call_id,
        direction="incoming",
    )
