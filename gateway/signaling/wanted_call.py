"""What a page's message asks to be called: read, or as far as it could be read. Pure."""

from __future__ import annotations

from gateway.admission.fields import parse_caller, parse_display_name, parse_headers
from gateway.admission.grant import Grant, Visitor
from gateway.admission.target import parse_target
from gateway.calls.request import CallRequest
from gateway.signaling.messages import PlaceCall


def read_wanted(message: PlaceCall, visitor: Visitor, grant: Grant) -> CallRequest:
    """Return what is to be called.

    Raises
    ------
    RequestError
        A field breaks a rule, by which it is named.
    """
    return CallRequest(
        to=parse_target(message.to),
        offer=message.offer.sdp,
        caller=parse_caller(message.from_) if message.from_ else None,
        display_name=parse_display_name(message.display_name or ""),
        headers=parse_headers(message.headers),
        visitor=visitor,
        identity=grant.identity,
        page_call=message.call,
    )


def wanted_in_vain(
    call: str, to: str, visitor: Visitor, grant: Grant, caller: str | None = None
) -> CallRequest:
    """Return what was asked for and is refused, in the page's own words: for its record."""
    return CallRequest(
        to=to,
        offer="",
        caller=caller or None,
        visitor=visitor,
        identity=grant.identity,
        page_call=call,
    )
