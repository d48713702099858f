"""Sends a call that no page has taken to the operator's `fallback`, as a call with two trunks.

It costs what any call costs, so it passes the dial plan, the limits and the caps as one does. And
it may come back to us: whoever is called may have calls forwarded, to our number again.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway import trunk
from gateway.admission.target import parse_target
from gateway.calls.forwarded_call import ForwardedCall
from gateway.calls.invite import Invite, describe
from gateway.calls.news import Answered, Ended, News, Tell
from gateway.calls.record import rule_of
from gateway.calls.request import CallRequest
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.errors import ForbiddenError, GatewayError, TargetError

if TYPE_CHECKING:
    from gateway.admission.admission import Admission
    from gateway.admission.incoming import IncomingGate
    from gateway.calls.end import CallEnd
    from gateway.calls.record import CallRecord
    from gateway.calls.registry import Calls
    from gateway.calls.seam import Joined
    from gateway.calls.trunks import Route, TrunkCalls

logger = logging.getLogger(__name__)

# Calls of one caller that may be on their way to one fallback, unanswered. More than that are one
# call that goes round; fewer may be a company, all of whose phones show one number
MOST_ALIKE = 4

# Words of RFC 5806 for why no page has taken a call
_REASONS = {"no-answer": "no-answer", "busy": "user-busy", "rejected": "user-busy"}


class Forwarding:
    """Makes the calls that go to a fallback."""

    def __init__(self, calls: Calls, gate: IncomingGate) -> None:
        self._calls = calls
        self._gate = gate

    async def make(
        self,
        incoming: trunk.IncomingCall,
        record: CallRecord,
        state: TrunkCalls,
        fallback: str,
        untaken: CallEnd,
    ) -> ForwardedCall:
        """Make the call to a fallback, which goes out once it runs.

        Parameters
        ----------
        record
            Of the call that no page has taken, for the reason that `untaken` says.
        state
            The caller's trunk.

        Raises
        ------
        GatewayError
            The call may not be placed, or cannot be.
        SdpError
            The caller's description cannot be answered.
        """
        try:
            return await self._make(incoming, record, state, fallback, untaken)
        except GatewayError as error:
            record.rule = rule_of(error)
            raise

    async def _make(
        self,
        incoming: trunk.IncomingCall,
        record: CallRecord,
        state: TrunkCalls,
        fallback: str,
        untaken: CallEnd,
    ) -> ForwardedCall:
        self._check_loop(incoming, record, fallback)
        calls = self._calls
        calls.check_lines()
        admission = self._gate.forward(fallback, record.request.caller)
        session: Joined | None = None
        try:
            session = await calls.plane.open_joined()
            request = _request(incoming, record, fallback, untaken)
            call = await self._call(incoming, record, state, session, admission, request)
        except BaseException as error:
            admission.dropped(error)
            if session is not None:
                await session.close()
            raise
        record.fallback = fallback
        return call

    async def _call(
        self,
        incoming: trunk.IncomingCall,
        record: CallRecord,
        state: TrunkCalls,
        session: Joined,
        admission: Admission,
        request: CallRequest,
    ) -> ForwardedCall:
        calls = self._calls
        negotiation = TrunkNegotiation.to_forward(
            state.route, session.caller.local, calls.own_sockets
        )
        description = await describe(negotiation, incoming, calls.locate, calls.plane.own_host)

        def negotiate(route: Route) -> TrunkNegotiation:
            return TrunkNegotiation.to_forward(route, session.callee.local, calls.own_sockets)

        def tried(each: TrunkCalls) -> None:
            record.fallback_trunk = each.name

        return ForwardedCall(
            record.id,
            session,
            Invite(incoming.leg, description),
            negotiation,
            calls.attempts(request, negotiate, tried),
            calls.locate,
            calls.counted(record, _metered(admission)),
            max_duration=admission.max_duration,
            max_ringing=admission.max_ringing,
        )

    def _check_loop(self, incoming: trunk.IncomingCall, record: CallRecord, fallback: str) -> None:
        """Refuse a call that we have forwarded before, by its Diversion or by what is alike."""
        caller = record.request.caller
        running = [each for each in self._calls.records() if each.fallback is not None]
        diverted = incoming.diversion.number if incoming.diversion is not None else None
        alike = [
            each
            for each in running
            if (each.fallback, each.request.caller) == (fallback, caller) and each.answered is None
        ]
        if (
            record.request.to == fallback
            or diverted in {each.request.to for each in running}
            or len(alike) >= MOST_ALIKE
        ):
            raise ForbiddenError("the call has been forwarded by us already", rule="loop")


def _metered(admission: Admission) -> Tell:
    """Return what has a call's money counted by its news."""

    def tell(event: News) -> None:
        if isinstance(event, Answered):
            admission.answered()
        elif isinstance(event, Ended):
            admission.ended(event.end.cause, event.end.sip_code, event.duration_ms)

    return tell


def _request(
    incoming: trunk.IncomingCall, record: CallRecord, fallback: str, untaken: CallEnd
) -> CallRequest:
    """Say whom the fallback is called for: the caller, who was diverted by the called number."""
    reason = _REASONS.get(untaken.cause, "unavailable")
    return replace(
        record.request,
        to=fallback,
        caller=_dialable(record.request.caller),
        headers=incoming.headers,
        diversion=trunk.Diversion(record.request.to, reason),
    )


def _dialable(caller: str | None) -> str | None:
    """Return a caller that a trunk can be told; None for the trunk's own `caller_id`."""
    try:
        return None if caller is None else parse_target(caller)
    except TargetError:
        return None
