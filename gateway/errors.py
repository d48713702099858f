"""What the gateway refuses, and what each refusal means on the wire.

GatewayError
├── ConfigError         a setting is unknown or out of range; stops the start
├── OfferError          488  the browser's description cannot be used
├── TargetError         484  `to` is neither a number nor a SIP user
├── RequestError        400  another field of a request breaks a rule
├── TokenError          401  the call token is missing, forged, expired or used up
├── ForbiddenError      403  admission says no
├── LimitError          480  a limit on calls is reached; later it may go
├── UnknownCallError    481  no such call in this session
├── CapacityError       503  no room for another call
├── OverloadError       503  no time for another call
├── DrainingError       503  the gateway is going out of service
├── StoppedError        503  the operator, or a limit on money, has stopped all new calls
└── UnavailableError    503  a part the call needs does not work (trunk endpoint, media port)

Each is said to the browser as `error` with `code`, `name` and the message, so the message is
written for the person who builds the page: it holds the value and the rule. What names a setting,
a file or a host is for the log alone: then the browser is told `said` instead.
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """A refusal with a SIP status code and a stable name.

    The message is what a person reads. It is for the log alone where `_said` has something else for
    the browser.
    """

    sip_code: ClassVar[int] = 500
    name: ClassVar[str] = "internal"
    _said: str | None = None

    @property
    def said(self) -> str:
        """What the browser is told: nothing in it names a setting, a file or a host."""
        return str(self) if self._said is None else self._said


class ConfigError(GatewayError):
    name = "bad-config"


class OfferError(GatewayError):
    sip_code = 488
    name = "bad-offer"


class TargetError(GatewayError):
    sip_code = 484
    name = "bad-target"


class RequestError(GatewayError):
    sip_code = 400
    name = "bad-request"


class TokenError(GatewayError):
    """`reason` is a word for metrics and the audit log."""

    sip_code = 401
    name = "bad-token"

    def __init__(self, message: str, *, reason: str = "malformed") -> None:
        super().__init__(message)
        self.reason = reason


class ForbiddenError(GatewayError):
    """`rule` is the word of what said no, for metrics and the audit log.

    The message is for the log where `said` is given, which is what the browser is told.
    """

    sip_code = 403
    name = "not-allowed"

    def __init__(self, message: str, *, rule: str = "policy", said: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self._said = said


class LimitError(GatewayError):
    """`limit` says which, by a word for metrics and the audit log."""

    sip_code = 480
    name = "limit-reached"
    limit: str = "unknown"


class UnknownCallError(GatewayError):
    sip_code = 481
    name = "unknown-call"


class CapacityError(GatewayError):
    sip_code = 503
    name = "no-capacity"


class OverloadError(GatewayError):
    sip_code = 503
    name = "busy"


class DrainingError(GatewayError):
    sip_code = 503
    name = "draining"


class StoppedError(GatewayError):
    sip_code = 503
    name = "stopped"


class UnavailableError(GatewayError):
    """The message is for the log: it says what of ours does not work.

    The browser is told `said`, if it is given: that may be more than that something does not work.
    """

    sip_code = 503
    name = "service-unavailable"
    _said: str | None = "the gateway cannot do this now; its log says why"

    def __init__(self, message: str, *, said: str | None = None) -> None:
        super().__init__(message)
        if said is not None:
            self._said = said
