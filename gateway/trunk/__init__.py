"""SIP: calls to and from trunks, by pjsua2 for signaling and nothing of media."""

from __future__ import annotations

from gateway.trunk.caller import Diversion
from gateway.trunk.config import (
    DialRequest,
    Elsewhere,
    EndpointConfig,
    Identity,
    Secret,
    SipAddress,
    Tls,
    Trunk,
)
from gateway.trunk.dtmf import DigitRoute, Dtmf, digit_route, offers_events
from gateway.trunk.endpoint import OnIncoming, TrunkEndpoint
from gateway.trunk.errors import (
    TrunkError,
    TrunkFullError,
    TrunkLookupError,
    TrunkRequestError,
    TrunkUnableError,
)
from gateway.trunk.events import (
    Answered,
    Digit,
    Ended,
    Offered,
    Origin,
    Progress,
    Referred,
    Refused,
    Reply,
    Ringing,
    Settled,
    TransferOver,
    TransferProgress,
    TrunkEvent,
    Trying,
    Withdrawn,
)
from gateway.trunk.health import Health, TrunkState
from gateway.trunk.incoming import IncomingCall
from gateway.trunk.leg import TrunkLeg
from gateway.trunk.referral import DialogName
from gateway.trunk.referred import ReferredTo
from gateway.trunk.registration import Registration, RegistrationState
from gateway.trunk.targets import Target
from gateway.trunk.watch import OnChange, TrunkWatch

__all__ = [
    "Answered",
    "DialRequest",
    "DialogName",
    "Digit",
    "DigitRoute",
    "Diversion",
    "Dtmf",
    "Elsewhere",
    "Ended",
    "EndpointConfig",
    "Health",
    "Identity",
    "IncomingCall",
    "Offered",
    "OnChange",
    "OnIncoming",
    "Origin",
    "Progress",
    "Referred",
    "ReferredTo",
    "Refused",
    "Registration",
    "RegistrationState",
    "Reply",
    "Ringing",
    "Secret",
    "Settled",
    "SipAddress",
    "Target",
    "Tls",
    "TransferOver",
    "TransferProgress",
    "Trunk",
    "TrunkEndpoint",
    "TrunkError",
    "TrunkEvent",
    "TrunkFullError",
    "TrunkLeg",
    "TrunkLookupError",
    "TrunkRequestError",
    "TrunkState",
    "TrunkUnableError",
    "TrunkWatch",
    "Trying",
    "Withdrawn",
    "digit_route",
    "offers_events",
]
