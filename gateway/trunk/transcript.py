"""What the trunk has said in one dialog so far, turned into the leg's events.

Pure: messages in, events out. SIP repeats itself (provisional responses every minute, a 200 until
the ACK arrives) and a call ends only once however many reasons turn up: that is settled here.
"""

from __future__ import annotations

from enum import Enum, auto

from gateway.trunk.dtmf import allows_info
from gateway.trunk.events import (
    Answered,
    Digit,
    Ended,
    Origin,
    Progress,
    Ringing,
    Trying,
)
from gateway.trunk.message import Message
from gateway.trunk.reason import isup_cause
from gateway.trunk.status import Local, heard_of_end, meaning_of_end


class Way(Enum):
    """How a dialog came to its end, as the SIP engine tells it."""

    ASKED = auto()  # we hung up, canceled or rejected
    MESSAGE = auto()  # the trunk sent a final response, a BYE or a CANCEL
    TIMEOUT = auto()  # a transaction of ours got no answer
    TRANSPORT = auto()  # no connection, or it broke
    ENGINE = auto()  # the engine gave up by itself: a description that cannot be used
    CLOSED = auto()  # the endpoint goes out of service


SIP_TIMEOUT = 32.0  # 64 times T1, timer B of RFC 3261
BRANCH_ENDED = 199  # one of several phones has given up (RFC 6228): the others ring on


class Transcript:
    """The memory of one dialog.

    `takes_info` tells whether the trunk has said that it reads digits by INFO.
    """

    def __init__(self, *, incoming: bool = False) -> None:
        self.takes_info = False
        self.heard = incoming
        self.answered = False
        self.over = False
        self._last: Trying | Ringing | Progress | None = None
        self._agreed: set[str] = set()  # To tags of those whose answer is binding already

    def response(self, message: Message) -> Trying | Ringing | Progress | Answered | None:
        """Take a response to our INVITE; return what it means, None for a repetition."""
        code = message.code
        if self.over or self.answered or not 100 <= code < 300 or code == BRANCH_ENDED:
            return None
        self.heard = True
        self.takes_info = self.takes_info or allows_info(message)
        # After an agreement a description is no answer any more, whatever it holds (RFC 3261
        # section 13.2.1, RFC 6337 section 3.1.1)
        agreed = message.to_tag in self._agreed
        sdp = "" if agreed else message.sdp
        if agreed and message.sdp and code < 200:
            return None  # a reliable response is repeated until its PRACK has come
        if code >= 200:
            return self.accept(sdp, message.source)
        event: Trying | Ringing | Progress
        if code == 100:
            event = Trying()
        elif sdp:
            if message.header("rseq") is not None:  # reliable, and so binding (RFC 3262)
                self._agreed.add(message.to_tag)
            event = Progress(code, message.reason, sdp, message.source)
        else:
            event = Ringing(code, message.reason)
        # A 100 after a 18x says nothing new, nor does the same 18x again.
        if event == self._last or (self._last and code == 100):
            return None
        self._last = event
        return event

    def accept(self, sdp: str, source: str = "") -> Answered | None:
        """Take the answer of the call: a 2xx, or the ACK of a call that came in."""
        if self.over or self.answered:
            return None
        self.answered = True
        return Answered(sdp, source, self.takes_info)

    def info(self, message: Message) -> Digit | None:
        """Take an INFO request."""
        return Digit(*message.digit) if message.digit and not self.over else None

    def end(
        self,
        way: Way,
        *,
        message: Message | None = None,
        code: int = 0,
        reason: str = "",
        seconds: float = SIP_TIMEOUT,
    ) -> Ended | None:
        """Take the end; None if it is not the first. `code` and `reason` are the engine's."""
        if self.over:
            return None
        self.over = True
        if way is Way.MESSAGE and message is not None:
            if not 200 <= message.code < 300:
                return self._by_message(message)
            way = Way.ENGINE  # the 200 to a BYE that the engine sent by itself
        by, local, own_code, own_reason = self._by_us(way)
        if way is Way.ASKED and not self.answered and code:
            own_code, own_reason = code, reason or own_reason
            local = Local.CANCELED if code == 487 else Local.REJECTED
        cause, sentence = local.value
        return Ended(by, own_code, own_reason, cause, None, sentence.format(f"{seconds:g}"))

    def _by_message(self, message: Message) -> Ended:
        code, reason = message.code, message.reason
        if not code:  # a BYE ends an answered call, a CANCEL one that rings here
            code, reason = (200, "OK") if message.method == "BYE" else (487, "Request Terminated")
        cause, sentence = meaning_of_end(message)
        return Ended(
            Origin.REMOTE,
            code,
            reason,
            cause,
            isup_cause(message),
            sentence,
            message.retry_after,
            heard_of_end(message),
        )

    def _by_us(self, way: Way) -> tuple[Origin, Local, int, str]:
        match way:
            case Way.ASKED if self.answered:
                return Origin.LOCAL, Local.HUNG_UP, 200, "OK"
            case Way.ASKED:
                return Origin.LOCAL, Local.CANCELED, 487, "Request Terminated"
            case Way.CLOSED:
                return Origin.GATEWAY, Local.CLOSED, 503, "Service Unavailable"
            case Way.ENGINE if not self.answered:
                return Origin.GATEWAY, Local.BAD_ANSWER, 488, "Not Acceptable Here"
            case _ if self.answered:
                return Origin.NETWORK, Local.LOST, 408, "Request Timeout"
            case Way.TIMEOUT if self.heard:
                return Origin.NETWORK, Local.NO_FINAL, 408, "Request Timeout"
            case Way.TRANSPORT if self.heard:
                return Origin.NETWORK, Local.BROKEN, 503, "Service Unavailable"
            case Way.TIMEOUT:
                return Origin.NETWORK, Local.NO_RESPONSE, 503, "Service Unavailable"
            case _:
                return Origin.NETWORK, Local.NO_CONNECTION, 503, "Service Unavailable"
