"""What a client asks for when it places a call; every field has passed admission's rules."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.admission.grant import Visitor
from gateway.trunk import Diversion, ReferredTo

NOBODY = Visitor(address="", origin=None, session="")


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call to place: `to` and `caller` as admitted, `offer` the browser's SDP as it came.

    `visitor` and `identity` say who asks, `page_call` is the id that the page gave. `max_duration`
    and `max_ringing` (seconds) are the limits that admission sets. `diversion`: who has sent the
    call on, if anybody has; `referral`: by whose REFER it is placed.
    """

    to: str
    offer: str
    caller: str | None = None
    display_name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    visitor: Visitor = NOBODY
    identity: str | None = None
    page_call: str = ""
    max_duration: float | None = None
    max_ringing: float | None = None
    diversion: Diversion | None = None
    referral: ReferredTo | None = None
