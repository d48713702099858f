"""What the trunk room refuses.

GatewayError
└── UnavailableError
    └── TrunkError              503  the endpoint or its trunk does not work
        ├── TrunkFullError      503  the SIP engine carries as many calls as it can
        ├── TrunkLookupError    503  a name has no address, or not in time
        ├── TrunkUnableError    501  the stock SIP engine cannot do it; the message is for operators
        └── TrunkRequestError   400  a text cannot stand in a SIP message, or comes out of turn
"""

from __future__ import annotations

from typing import ClassVar

from gateway.errors import UnavailableError


class TrunkError(UnavailableError):
    name: ClassVar[str] = "trunk-unavailable"
    _said: str | None = "the trunk cannot be used now; the gateway's log says why"


class TrunkFullError(TrunkError):
    name: ClassVar[str] = "no-capacity"
    _said = "all lines are in use; try again later"


class TrunkLookupError(TrunkError):
    pass


class TrunkUnableError(TrunkError):
    sip_code: ClassVar[int] = 501
    name: ClassVar[str] = "not-supported"
    _said = "this gateway cannot do that"


class TrunkRequestError(TrunkError):
    sip_code: ClassVar[int] = 400
    name: ClassVar[str] = "bad-request"
    _said = None
