"""One call in the SIP thread: pjsua2's callbacks in, the leg's events out.

Nothing here is called from any other thread, and nothing here raises into pjsua2: a callback that
fails is logged, and the call goes on with the engine's default.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pjsua2 as pj

from gateway.trunk.account import Account
from gateway.trunk.binding import HAS_FILTER, audio_only, guarded, received, sip_headers
from gateway.trunk.dtmf import allows_info
from gateway.trunk.errors import TrunkRequestError
from gateway.trunk.events import Offered, Settled, TrunkEvent, Withdrawn
from gateway.trunk.message import Message
from gateway.trunk.reason import end_headers
from gateway.trunk.referee import Referee
from gateway.trunk.screening import (
    DROP,
    PASS,
    REPLACE,
    Action,
    DialogFacts,
    Verdict,
    refusal,
    screen,
)
from gateway.trunk.transcript import SIP_TIMEOUT, Way
from sdp import mirror

if TYPE_CHECKING:
    from gateway.trunk.filter import Filter

log = logging.getLogger(__name__)

REQUEST_TERMINATED: Final = 487
NOT_ACCEPTABLE: Final = 488
DECLINE: Final = 603
NEGOTIATING: Final = ("INVITE", "UPDATE", "PRACK")  # whose responses may hold an answer
WAYS: Final = {
    pj.PJSIP_EVENT_RX_MSG: Way.MESSAGE,
    pj.PJSIP_EVENT_TIMER: Way.TIMEOUT,
    pj.PJSIP_EVENT_TRANSPORT_ERROR: Way.TRANSPORT,
}


def way_of(event: Any) -> Way:
    """Return what moved a transaction."""
    if event.type == pj.PJSIP_EVENT_TSX_STATE:
        return WAYS.get(event.body.tsxState.type, Way.ENGINE)
    return WAYS.get(event.type, Way.ENGINE)


class Dialog(Referee):
    """A call leg inside the engine."""

    def __init__(
        self,
        account: Account,
        tell: Callable[[TrunkEvent], None],
        message_filter: Filter | None,
        call_id: int = pj.PJSUA_INVALID_ID,
    ) -> None:
        super().__init__(account, tell, message_filter, call_id)
        self.on_end: Callable[[], None] = lambda: None
        self.on_named: Callable[[Dialog], None] = lambda dialog: None  # its Call-ID is known
        self._asked: tuple[int, str] | None = None
        self._settling: Settled | None = None  # told once the engine has it, too
        self._negotiated = False
        self._late_offer = False  # the trunk's INVITE had none: its ACK has the answer to ours
        self._answer_due = False  # in an ACK, to an offer in our 200
        self._answered_by = -1  # CSeq of the ACK that had it
        self._newest = 0  # CSeq of the trunk's requests
        self._invite: Message | None = None  # the trunk's, and what takes it back
        self._cancel: Message | None = None
        self.call_id = self._call_id() if self._uas else ""
        self.slot = call_id  # the engine's number of the call, for as long as it knows it
        account.calls += 1

    # -- commands

    def dial(self, uri: str, local: str, headers: tuple[tuple[str, str], ...], sdp: str) -> None:
        """Send the INVITE."""
        self.sdp, self._uri = sdp, uri
        options = self.account.invite_options
        options.txOption.localUri = local
        options.txOption.headers = sip_headers((*headers, *self.allows))
        try:
            self.makeCall(uri, options)
        except pj.Error:
            if not self._transcript.over:  # else the end has been told already
                self._transcript.over = True
                self._release()
                raise
            return
        self.call_id, self.slot = self._call_id(), self.getId()
        self.on_named(self)

    def respond(self, code: int, sdp: str = "", reason: str = "") -> None:
        """Answer an incoming INVITE provisionally or with 200."""
        if self._transcript.over:
            return
        options = audio_only(pj.CallOpParam(True))
        options.statusCode, options.reason = code, reason
        options.txOption.headers = sip_headers(self.allows)
        if sdp and self.sdp and sdp != self.sdp:
            raise TrunkRequestError("a 200 repeats the description of the 183 before it")
        if sdp and not self.sdp:
            self.sdp = sdp
            if self.getInfo().remOfferer:
                options.sdp.wholeSdp = sdp
            else:  # it is the offer, which the engine asks for
                self._late_offer = self._answer_due = True
        self.answer(options)

    def end(self, code: int = 0, reason: str = "", cause: str = "") -> None:
        """Send BYE, CANCEL or the final response; the engine ACKs and BYEs a 200 that crosses.

        `cause` is the word for the call's end that a Reason header says to the trunk.
        """
        if self._transcript.over:
            return
        self._asked = (code or (603 if self._uas else 487), reason)
        self._hang_up(code, reason, cause)

    def _hang_up(self, code: int, reason: str, cause: str) -> None:
        options = self.account.end_options
        options.statusCode, options.reason = code, reason
        options.txOption.headers = sip_headers(end_headers(cause, code))
        self.hangup(options)

    def expire(self, seconds: float) -> None:
        """Give up on a trunk that has said nothing for so long."""
        if not self._transcript.heard:
            self._give_up(Way.TIMEOUT, seconds)

    def refused(self) -> None:
        """Give up on a trunk whose host says that nobody is there."""
        if not self._transcript.heard:
            self._give_up(Way.TRANSPORT)

    def close(self) -> None:
        """End it because the endpoint closes."""
        self._give_up(Way.CLOSED)

    def _give_up(self, way: Way, seconds: float = SIP_TIMEOUT) -> None:
        event = self._transcript.end(way, seconds=seconds)
        if event is None:
            return
        try:
            self._hang_up(0, "", event.cause)
        except pj.Error as error:
            log.debug("call %s: %s", self.call_id, error.reason)
        self._release()
        self._tell(event)

    # -- messages, before the engine sees them

    @property
    def facts(self) -> DialogFacts:
        """What counts when the trunk wants something."""
        early = not self._uas and not self._transcript.answered
        proposing = self._before is not None
        return DialogFacts(
            inviting=early or proposing,
            offering=(early and not self._negotiated) or proposing,
            # An offer that comes before our answer to the one before it has to wait, too
            answering=bool(self._held) or (self._uas and not self._negotiated),
            referring=self._referral is not None,
            answered=self._transcript.answered,
            transfers=self.takes_referrals,
            referred=self.is_referred,
            retry_after=random.randint(0, 10),
        )

    def owns(self, message: Message) -> bool:
        """Tell whether a request has this dialog's tags, and not only its Call-ID."""
        ours, theirs = self._tags
        known = (not ours or message.to_tag == ours) and (not theirs or message.from_tag == theirs)
        return known and bool(message.to_tag)  # without, it is an INVITE that came back to us

    def is_late(self, message: Message) -> bool:
        """Tell whether a request has been overtaken (RFC 3261 section 12.2.2)."""
        number, _ = message.cseq
        late = number < self._newest
        self._newest = max(number, self._newest)
        return late

    def response(self, message: Message) -> Verdict:
        """Show the engine the mirror of our offer instead of an answer; the call judges that."""
        if not message.complete:
            return DROP  # RFC 3261 section 18.3
        _, method = message.cseq
        if method == "OPTIONS":
            self._judge_probe(message)
        if method == "REFER":
            self._judge_referral(message)
        if method not in NEGOTIATING:
            return screen(message, self.facts)
        final = 200 <= message.code < 300
        if final:
            self._tags = message.from_tag, message.to_tag
        if self._transcript.answered and message.sdp:
            self._settling = Settled(message.sdp, message.source)
        if method == "INVITE":
            if self._before is not None and message.code >= 200:
                self._judge_proposal(message)
            self._hear(message)
        # Without any answer the engine would hang up by itself, and not say why
        lacking = final and method == "INVITE" and not self._negotiated
        return self._mirrored() if message.sdp or lacking else screen(message, self.facts)

    def _hear(self, message: Message) -> None:
        """Tell what a response to an INVITE of ours means."""
        if not self._uas and (event := self._transcript.response(message)):
            self._tell(event)

    def invited(self, message: Message) -> None:
        """Read what the trunk's INVITE says of itself."""
        self._transcript.takes_info = allows_info(message)
        self._invite = message

    def canceled(self, message: Message) -> bool:
        """Remember why the trunk takes its INVITE back; the engine ends the call.

        False where a CANCEL is of another request (RFC 3261 section 9.1).
        """
        invite = self._invite
        if invite is None or message.from_tag != invite.from_tag:
            return False
        if message.cseq[0] != invite.cseq[0]:
            return False
        self._cancel = message
        return True

    def acknowledged(self, message: Message) -> Verdict:
        """Take the answer to an offer of ours in a 200, which comes in the ACK.

        Where the 200 had the answer, what an ACK brings means nothing, nor does it end the call.
        """
        due, self._answer_due = self._answer_due, False
        if not message.sdp:
            return screen(message, self.facts)
        number, _ = message.cseq
        if not due:
            if number != self._answered_by and self._filter is not None:
                self._filter.stray_answers += 1
            return REPLACE
        self._answered_by = number
        self._settling = Settled(message.sdp, message.source)
        return self._mirrored()

    def told(self, message: Message) -> None:
        """Tell what a request says that has been answered: the digit of an INFO, a report."""
        match message.method:
            case "INFO":
                self.info(message)
            case "NOTIFY" if self._referral is not None:
                self._pass_on(self._referral.notify(message))

    def info(self, message: Message) -> None:
        """Tell the digit of an INFO, if it holds one."""
        self._pass_on(self._transcript.info(message))

    def offered(self, token: int, message: Message) -> None:
        """Tell what the trunk wants to change; the message waits for the call's decision."""
        if message.method == "REFER":
            self.referred(token, message)
            return
        self._held[token] = message.sdp
        self._tell(Offered(token, message.sdp))

    def _mirrored(self) -> Verdict:
        return Verdict(Action.REPLACE, body=mirror(self.sdp)) if self.sdp else PASS

    # -- the call's decisions

    def accept_offer(self, token: int, sdp: str) -> None:
        """Let the engine have the message that waits, and answer it with our description."""
        if self._filter is None or token not in self._held:
            return  # it has been canceled, or the call is over
        offer = self._held.pop(token)
        self._next = sdp
        self._settling = Settled("") if offer else None
        self._answer_due = self._answer_due or not offer
        self._filter.resume(token, mirror(sdp) if offer else "")
        if (
            self._next
        ):  # canceled meanwhile, or refused by the engine: two offers have crossed (491)
            self._next, self._settling = "", None
            self._tell(Withdrawn())

    def refuse_offer(self, token: int, why: str) -> None:
        """Refuse the message that waits."""
        if self._filter is not None and self._held.pop(token, None) is not None:
            self._filter.refuse(token, refusal(why))

    # -- what the engine asks and tells about descriptions

    @guarded
    def onCallSdpCreated(self, prm: Any) -> None:
        """Put our description in place of the engine's, which is about to be sent."""
        self.sdp, self._next = self._next or self.sdp, ""
        if self.sdp:
            prm.sdp.wholeSdp = self.sdp

    @guarded
    def onCallRxReinvite(self, prm: Any) -> None:
        """Refuse every change where there is no filter to ask the call through."""
        if self._filter is None:
            prm.statusCode = NOT_ACCEPTABLE

    @guarded
    def onCallRxOffer(self, prm: Any) -> None:
        """Refuse, likewise, an UPDATE."""
        self.onCallRxReinvite(prm)

    @guarded
    def onCallMediaState(self, prm: Any) -> None:
        """Tell what a new negotiation agreed."""
        self._negotiated = True
        settled, self._settling = self._settling, None
        if settled is not None and self._transcript.heard:
            self._tell(settled)

    # -- what the engine would do by itself: dial whomever the trunk names, past admission

    def onCallTransferRequest(self, prm: Any) -> None:
        """Decline a REFER that no filter has caught; the call goes on."""
        prm.statusCode = DECLINE

    def onCallReplaceRequest(self, prm: Any) -> None:
        """Decline an INVITE with Replaces (RFC 3891) that names this call; it goes on."""
        prm.statusCode = DECLINE

    # -- states

    @guarded
    def onCallTsxState(self, prm: Any) -> None:
        """Read every message of the dialog; only the stock wheel, which has no filter, calls this.

        It hangs up by itself at an answer that it cannot read: that one is not told.
        """
        message = received(prm.e)
        if message is None:
            return
        _, method = message.cseq
        if message.method == "INFO":
            self.info(message)
        elif message.code and method == "OPTIONS":
            self._judge_probe(message)
        elif message.code and method == "INVITE" and (message.code < 200 or self._agreed()):
            self._hear(message)

    def _agreed(self) -> bool:
        """Tell whether the answer is one that the engine works with; it hangs up on another."""
        return self._negotiated and self._state() == pj.PJSIP_INV_STATE_CONFIRMED

    @guarded
    def onCallState(self, prm: Any) -> None:
        """Notice the answer of an incoming call, and the end of any."""
        state = self._state()
        if state == pj.PJSIP_INV_STATE_CONFIRMED and self._uas:
            message = received(prm.e)
            sdp, source = (message.sdp, message.source) if message else ("", "")
            sdp = sdp if self._late_offer else ""
            if message:
                self._tags = message.to_tag, message.from_tag
            if event := self._transcript.accept(sdp, source):
                self._tell(event)
        if state == pj.PJSIP_INV_STATE_DISCONNECTED:
            info = self.getInfo()
            way = Way.ASKED if self._asked else way_of(prm.e)
            message = received(prm.e)
            if self._uas and not self._asked and info.lastStatusCode == REQUEST_TERMINATED:
                # The event is of the 487 that the engine has sent, the message that of the CANCEL
                way, message = Way.MESSAGE, self._cancel or Message("CANCEL", (), "")
            code, reason = self._asked or (info.lastStatusCode, info.lastReason)
            end = self._transcript.end(way, message=message, code=code, reason=reason)
            if end is not None:
                if way is Way.TRANSPORT and (fault := self.account.fault()):
                    end = replace(end, sentence=fault, said=end.sentence)
                self._release()
                self._tell(end)

    # `getInfo` copies thirty fields with all their texts; our build has these two alone

    def _state(self) -> int:
        return int(self.inviteState() if HAS_FILTER else self.getInfo().state)

    def _call_id(self) -> str:
        return str(self.callIdString() if HAS_FILTER else self.getInfo().callIdString)

    def _release(self) -> None:
        self.account.calls -= 1
        for token in list(self._held):
            self.refuse_offer(token, "the call is over")
        self._forget_referral()
        self.on_end()
