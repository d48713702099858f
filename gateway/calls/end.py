"""The one record of how a call ended: every way out of a call makes exactly one of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class By(StrEnum):
    """Who ended a call, seen from the browser."""

    LOCAL = "local"  # the browser or its page
    REMOTE = "remote"  # the trunk, or whoever is behind it
    GATEWAY = "gateway"  # we did: a limit, a lost connection, a fault


# RFC 3261 section 21, of the codes that we end calls with
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    603: "Decline",
}


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended.

    `cause` is a stable kebab-case word for programs, `reason` the SIP reason phrase, `message` a
    sentence for the operator. `sip_code` is the final status of the INVITE, or 200 for a call that
    was answered and then ended by BYE. `said` is what the page hears of it: the message, unless
    that names a setting or a host, or speaks of the operator's credentials.
    """

    by: By
    cause: str
    sip_code: int
    reason: str
    message: str
    said: str = ""

    def __post_init__(self) -> None:
        if not self.said:
            object.__setattr__(self, "said", self.message)

    @classmethod
    def made_here(cls, by: By, cause: str, sip_code: int, message: str, said: str = "") -> CallEnd:
        """Make the end of a call that we end ourselves; the phrase follows from the code."""
        return cls(by, cause, sip_code, _PHRASES[sip_code], message, said)
