"""Sends the INVITE of a call by the trunks that it may take, and how long each is waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from gateway import trunk
from gateway.calls.attempt import Attempt, Attempts, N, Targets, failure, target_failed
from gateway.calls.request import CallRequest
from gateway.calls.seam import Plane
from gateway.calls.trunks import Route, TrunkCalls
from gateway.trunk import TrunkEvent

# A trunk sends 100 within 200 ms, or is not there. Four sendings over UDP (0, 0.5, 1.5 and 3.5 s)
# are enough to tell, where another trunk waits and a person, too
FAILOVER_TIMEOUT: Final = 4.0  # seconds


class Dialing:
    """The way from a request to the trunks."""

    def __init__(self, endpoint: trunk.TrunkEndpoint, plane: Plane) -> None:
        self._endpoint = endpoint
        self._plane = plane

    def attempts(
        self,
        request: CallRequest,
        negotiate: Callable[[Route], N],
        tried: Callable[[TrunkCalls], None],
        candidates: Sequence[TrunkCalls],
    ) -> Attempts[N]:
        """Make ready to try trunks in turn.

        Parameters
        ----------
        negotiate
            Begins what is to be agreed with a trunk.
        tried
            Told of each trunk that is tried.
        candidates
            The trunks for the number.

        Raises
        ------
        LimitReachedError
            No trunk has room.
        """

        def make(state: TrunkCalls, known: Targets | None) -> Attempt[N]:
            route = state.route
            targets = known or Targets(lambda: self._endpoint.targets(route.trunk))
            negotiation = negotiate(route)

            async def dial(notify: Callable[[TrunkEvent], None]) -> trunk.TrunkLeg:
                def hear(event: TrunkEvent) -> None:
                    end = failure(event)
                    if not (targets.more and end is not None and target_failed(end)):
                        state.hear(event)  # one target's failure is not yet the trunk's
                    notify(event)

                target = await targets.next()
                # Whoever has another target or trunk behind it is given up sooner
                hurried = targets.more or len(candidates) > 1
                negotiation.at(self._plane.own_host(target.host))
                invite = _invite(route, request, negotiation.trunk_offer, target)
                if hurried:
                    invite = replace(invite, response_timeout=FAILOVER_TIMEOUT)
                return await self._endpoint.dial(invite, hear)

            return Attempt(state, negotiation, dial, targets, again=known is not None)

        return Attempts(iter(candidates), make, tried)


def _invite(
    route: Route, request: CallRequest, offer: str, target: trunk.Target
) -> trunk.DialRequest:
    return trunk.DialRequest(
        trunk=route.trunk,
        to=route.number(request.to),
        offer=offer,
        from_user=request.caller,
        display_name=request.display_name,
        headers=request.headers,
        target=target,
        diversion=request.diversion,
        referral=_told_to(route, request.referral),
    )


def _told_to(route: Route, referral: trunk.ReferredTo | None) -> trunk.ReferredTo | None:
    """Return what a trunk is told of a referral: only its own means anything to it."""
    return referral if referral is not None and referral.trunk == route.trunk.name else None
