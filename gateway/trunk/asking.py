"""What we ask for in a dialog: whether it stands, a change, a transfer; and what is said to it.

The base of `Dialog`: the engine's side of one call in the SIP thread, as far as requests of ours in
mid-call go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pjsua2 as pj

from gateway.trunk.account import Account
from gateway.trunk.binding import audio_only, sip_headers
from gateway.trunk.errors import TrunkUnableError
from gateway.trunk.events import Refused, TrunkEvent
from gateway.trunk.message import Message
from gateway.trunk.referral import (
    DialogName,
    Referral,
    refer_to_dialog,
    refer_to_number,
    referred_by,
)
from gateway.trunk.transcript import Transcript

if TYPE_CHECKING:
    from gateway.trunk.filter import Filter

log = logging.getLogger(__name__)

INTERVAL_TOO_SMALL: Final = 422  # of a session timer
ENGINE_REPEATS: Final = (401, 407, INTERVAL_TOO_SMALL)  # the request, with what was lacking
ENDS_DIALOG: Final = (408, 481)  # RFC 3261 section 12.2.1.2


class Asking(pj.Call):
    """A call leg inside the engine, as far as we ask for something."""

    def __init__(
        self,
        account: Account,
        tell: Callable[[TrunkEvent], None],
        message_filter: Filter | None,
        call_id: int,
    ) -> None:
        super().__init__(account, call_id)
        self.account = account  # keeps it alive
        self.sdp = ""  # our description in force
        self.call_id = ""
        self._uas = call_id != pj.PJSUA_INVALID_ID
        self._tell = tell
        self._filter = message_filter
        self._transcript = Transcript(incoming=self._uas)
        self._held: dict[int, str] = {}  # offers that wait for the call's answer, by token
        self._next = ""  # our description for the offer that the engine works on
        self._before: str | None = None  # ours in force, while a proposal of ours has no answer
        self._challenged: set[str] = set()  # methods of requests that have been, once
        self._referral: Referral | None = None  # the last REFER of ours
        self._uri = ""  # that we have called
        self._tags = "", ""  # ours and the trunk's, from the answer on
        self._on_probed: Callable[[], None] | None = None

    def probe(self, on_alive: Callable[[], None]) -> None:
        """Ask the far end by OPTIONS whether the dialog still stands; `on_alive` if it says so."""
        self._on_probed = on_alive
        request = pj.CallSendRequestParam()
        request.method = "OPTIONS"
        self.sendRequest(request)

    def send_info(self, content_type: str, body: str) -> None:
        """Send an INFO with a body; what the trunk says to it changes nothing."""
        request = pj.CallSendRequestParam()
        request.method = "INFO"
        request.txOption.contentType, request.txOption.msgBody = content_type, body
        self.sendRequest(request)

    def propose(self, sdp: str) -> bool:
        """Offer a change by a re-INVITE; false while another is under way, of either side."""
        if self._filter is None:
            raise TrunkUnableError(
                "the stock SIP engine can change no call: build it by `make engine`"
            )
        if self._held or self._before is not None or not self._transcript.answered:
            return False
        self._before, self._next = self.sdp, sdp
        self._challenged.discard("INVITE")
        try:
            self.reinvite(audio_only(pj.CallOpParam(True)))
        except pj.Error as error:  # a transaction of the trunk's, or a refresh of the engine's own
            log.debug("%s: no re-INVITE now: %s", self.call_id, error.reason)
            self._take_back()
            return False
        return True

    def refer(self, to: str | DialogName) -> None:
        """Ask the far end to call a number, or to take the place of another dialog's (REFER)."""
        if self._filter is None:
            raise TrunkUnableError(
                "the stock SIP engine can transfer no call: build it by `make engine`"
            )
        info = self.getInfo()
        if isinstance(to, DialogName):
            target = refer_to_dialog(to)
        else:
            target = refer_to_number(to, info.remoteContact if self._uas else self._uri)
        request = pj.CallSendRequestParam()
        request.method = "REFER"
        headers = (("Refer-To", target), ("Referred-By", referred_by(info.localUri)))
        request.txOption.headers = sip_headers(headers)
        self._referral = Referral()
        self._challenged.discard("REFER")
        self.sendRequest(request)

    def name(self) -> DialogName:
        """Return what names this dialog to the trunk."""
        return DialogName(self.call_id, *self._tags, str(self.getInfo().remoteContact))

    def _take_back(self) -> None:
        """Have the description in force that was before our proposal."""
        if self._before is not None:
            self.sdp, self._next, self._before = self._before, "", None

    # -- what is said to it

    def _judge_proposal(self, message: Message) -> None:
        """Notice what the trunk says to a re-INVITE of ours; what it agrees comes as Settled."""
        if message.code < 300 and message.sdp:
            self._before = None
            return
        if self._will_repeat(message):
            return
        self._take_back()
        if message.code not in ENDS_DIALOG:  # that the engine does, and the end is told
            self._tell(Refused(message.code, message.reason, message.retry_after))

    def _judge_referral(self, message: Message) -> None:
        """Notice that a REFER of ours is refused; what becomes of another one comes later."""
        if self._referral is not None and not self._will_repeat(message):
            self._pass_on(self._referral.response(message))

    def _will_repeat(self, message: Message) -> bool:
        """Tell whether the engine sends a request of ours once more, with what was lacking."""
        _, method = message.cseq
        if message.code not in ENGINE_REPEATS or method in self._challenged:
            return False
        self._challenged.add(method)
        return message.code == INTERVAL_TOO_SMALL or self.account.answers_challenges

    def _judge_probe(self, message: Message) -> None:
        """Say that the dialog stands, which any final answer means but two.

        At 481 and 408 the engine sends BYE by itself (RFC 3261 section 12.2.1.2), and the call's
        end says so; silence is noticed by whoever waits.
        """
        if self._on_probed is not None and message.code >= 200 and message.code not in ENDS_DIALOG:
            self._on_probed()
            self._on_probed = None

    def _pass_on(self, event: TrunkEvent | None) -> None:
        if event is not None:
            self._tell(event)
