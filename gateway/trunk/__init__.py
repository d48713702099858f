"""SIP: calls to and from trunks, by pjsua2 for signaling and nothing of media."""

from __future__ import annotations

from gateway.trunk.config import DialRequest, EndpointConfig, Secret, SipAddress, Trunk
from gateway.trunk.endpoint import OnIncoming, TrunkEndpoint
from gateway.trunk.errors import TrunkError, TrunkFullError, TrunkRequestError
from gateway.trunk.events import (
    Answered,
    Digit,
    Ended,
    Origin,
    Progress,
    Remapped,
    Reoffered,
    Ringing,
    TrunkEvent,
    Trying,
)
from gateway.trunk.leg import IncomingCall, TrunkLeg, refuse_reoffer

__all__ = [
    "Answered",
    "DialRequest",
    "Digit",
    "Ended",
    "EndpointConfig",
    "IncomingCall",
    "OnIncoming",
    "Origin",
    "Progress",
    "Remapped",
    "Reoffered",
    "Ringing",
    "Secret",
    "SipAddress",
    "Trunk",
    "TrunkEndpoint",
    "TrunkError",
    "TrunkEvent",
    "TrunkFullError",
    "TrunkLeg",
    "TrunkRequestError",
    "Trying",
    "refuse_reoffer",
]
