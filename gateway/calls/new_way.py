"""Makes ready to call somebody beside a call that stands: which trunks, and an end for media."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.calls.redirect import NewWay
from gateway.calls.trunk_negotiation import TrunkNegotiation
from gateway.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.calls.redirect import FindWay
    from gateway.calls.registry import Calls
    from gateway.calls.request import CallRequest
    from gateway.calls.seam import Session
    from gateway.calls.trunks import Route, TrunkCalls


def beside(calls: Calls, session: Session) -> FindWay:
    """Return what finds the way to another far end for a call."""

    async def find(request: CallRequest) -> NewWay:
        calls.check_room()
        candidates = _candidates(calls, request)
        with calls.opening():  # the call counts it once it has it
            second = await session.add_trunk()

        def negotiate(route: Route) -> TrunkNegotiation:
            return TrunkNegotiation.to_forward(route, second.local, calls.own_sockets)

        try:
            attempts = calls.attempts(request, negotiate, _tell_nobody, candidates)
        except BaseException:
            await session.give_up(second)
            raise
        return NewWay(second, attempts)

    return find


def _tell_nobody(tried: TrunkCalls) -> None:
    """Note no trunk: the call learns by which one it goes on."""


def _candidates(calls: Calls, request: CallRequest) -> Sequence[TrunkCalls]:
    """Return the trunks to try; a dialog to be replaced is known to one of them only."""
    found = calls.candidates(request.to)
    referral = request.referral
    if referral is None or not referral.replaces:
        return found
    own = tuple(state for state in found if state.name == referral.trunk)
    if not own:
        raise ForbiddenError(
            f"{request.to} may not be called: no route leads to it by the trunk of this call",
            rule="route",
        )
    return own
