"""SIP: calls to and from trunks, by pjsua2 for signaling and nothing of media."""

from __future__ import annotations

from gateway.trunk.config import DialRequest, EndpointConfig, Secret, SipAddress, Trunk
from gateway.trunk.dtmf import DigitRoute, Dtmf, digit_route, offers_events
from gateway.trunk.endpoint import OnIncoming, TrunkEndpoint
from gateway.trunk.errors import TrunkError, TrunkFullError, TrunkRequestError
from gateway.trunk.events import (
    Answered,
    Digit,
    Ended,
    Offered,
    Origin,
    Progress,
    Ringing,
    Settled,
    TrunkEvent,
    Trying,
    Withdrawn,
)
from gateway.trunk.leg import IncomingCall, TrunkLeg

__all__ = [
    "Answered",
    "DialRequest",
    "Digit",
    "DigitRoute",
    "Dtmf",
    "Ended",
    "EndpointConfig",
    "IncomingCall",
    "Offered",
    "OnIncoming",
    "Origin",
    "Progress",
    "Ringing",
    "Secret",
    "Settled",
    "SipAddress",
    "Trunk",
    "TrunkEndpoint",
    "TrunkError",
    "TrunkEvent",
    "TrunkFullError",
    "TrunkLeg",
    "TrunkRequestError",
    "Trying",
    "Withdrawn",
    "digit_route",
    "offers_events",
]
