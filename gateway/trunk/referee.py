"""A dialog whose far end refers us to somebody else: its answer, and the reports that follow.

Part of `Dialog`, in the SIP thread. The engine never sees the REFER: it would place the call by
itself, past admission. The filter answers it, and reports are requests of ours in the dialog.
"""

from __future__ import annotations

import time
from typing import Final

import pjsua2 as pj

from gateway.trunk.asking import Asking
from gateway.trunk.binding import sip_headers
from gateway.trunk.config import Trunk
from gateway.trunk.events import Referred
from gateway.trunk.message import Message
from gateway.trunk.referred import (
    EXPIRES,
    REPORT_TYPE,
    ReferredTo,
    referred_to,
    report_body,
    report_headers,
)
from gateway.trunk.screening import NO_DIALOG, PHRASES, Action, Verdict

ACCEPTED: Final = 202
TRYING: Final = 100
ALLOWS: Final = ("Allow", "REFER")  # beside the Allow of the engine, which is the same for all


class Referee(Asking):
    """A call leg inside the engine, as far as it is referred.

    Attributes
    ----------
    trunk
        Whose rules hold; None while it is not known, and for a stranger's call.
    """

    trunk: Trunk | None = None
    _referral_token = 0  # of a REFER that waits for its answer
    _referred: ReferredTo | None = None  # one that waits, or is under way
    _referred_before = False  # this dialog has had another
    _reports_end = 0.0  # of time.monotonic

    @property
    def takes_referrals(self) -> bool:
        """Whether the far end may refer us at all."""
        return self.trunk is not None and self.trunk.transfers and self._filter is not None

    @property
    def is_referred(self) -> bool:
        """Whether a REFER waits, or is under way."""
        return self._referred is not None

    @property
    def allows(self) -> tuple[tuple[str, str], ...]:
        """Return what an INVITE of ours, and our answer to one, says that it takes besides."""
        return (ALLOWS,) if self.takes_referrals else ()

    def referred(self, token: int, message: Message) -> None:
        """Tell whom the far end refers us to; the message waits for the call's decision."""
        referral = referred_to(message, self.trunk)
        if referral is not None:  # which screening has looked at
            self._referral_token, self._referred = token, referral
            self._tell(Referred(token, referral))

    def accept_referral(self, token: int) -> bool:
        """Say that we try (202), and report so; false where nobody waits for it any more."""
        referral = self._referred
        if not token or token != self._referral_token or referral is None or self._filter is None:
            return False
        self._referral_token = 0
        # RFC 3515 section 2.2: a REFER is answered with a Contact; RFC 4488 section 4
        headers = [("Contact", str(self.getInfo().localContact))]
        if not referral.reports:
            headers.append(("Refer-Sub", "false"))
        accepted = self._filter.answer(token, ACCEPTED, "Accepted", sip_headers(tuple(headers)))
        if not accepted:
            self._end_referral()
            return False
        self._reports_end = time.monotonic() + EXPIRES
        self.report(TRYING, "Trying")
        return True

    def refuse_referral(self, token: int, code: int) -> None:
        """Refuse a REFER; the call goes on."""
        if token and token == self._referral_token and self._filter is not None:
            self._referral_token = 0
            self._end_referral()
            self._filter.refuse(token, Verdict(Action.ANSWER, code, PHRASES.get(code, "")))

    def report(self, code: int, reason: str, *, last: bool = False) -> None:
        """Tell the far end what has become of its referral so far (NOTIFY)."""
        referral = self._referred
        if referral is None or self._referral_token:
            return
        first = not self._referred_before
        if last:
            self._end_referral()
        if not referral.reports:
            return
        left = None if last else max(1, round(self._reports_end - time.monotonic()))
        request = pj.CallSendRequestParam()
        request.method = "NOTIFY"
        request.txOption.headers = sip_headers(report_headers(referral, first=first, left=left))
        request.txOption.contentType = REPORT_TYPE
        request.txOption.msgBody = report_body(code, reason)
        self.sendRequest(request)

    def _end_referral(self) -> None:
        self._referred, self._referred_before = None, True

    def _forget_referral(self) -> None:
        """Answer a REFER that waits: its dialog is over."""
        if self._referral_token:
            self.refuse_referral(self._referral_token, NO_DIALOG.code)
