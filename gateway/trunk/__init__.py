"""SIP: calls to and from trunks, by pjsua2 for signaling and nothing of media."""

from __future__ import annotations

from gateway.trunk.config import DialRequest, EndpointConfig, Secret, SipAddress, Trunk
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

__all__ = [
    "Answered",
    "DialRequest",
    "Digit",
    "Ended",
    "EndpointConfig",
    "Origin",
    "Progress",
    "Remapped",
    "Reoffered",
    "Ringing",
    "Secret",
    "SipAddress",
    "Trunk",
    "TrunkError",
    "TrunkEvent",
    "TrunkFullError",
    "TrunkRequestError",
    "Trying",
]
