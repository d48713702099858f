"""Looks at each SIP message before the engine does, so that the engine judges nothing.

pjsip refuses a description for one odd line, and answers requests of a dialog that it has no use
for with 500, which makes PBXs hang up. So our build of it asks here first (see
`gateway/trunk/engine/message_filter.hpp`): descriptions are read by our own reader, later, where
the call decides, and the engine is shown the mirror of ours, which it can only find acceptable;
requests that are not its business are answered here. The stock wheel has no such filter: with it
every description has to be as strict as pjsip is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pjsua2 as pj

from gateway.trunk.binding import guarded, sip_headers
from gateway.trunk.config import Elsewhere
from gateway.trunk.message import Message, read
from gateway.trunk.reason import RETRY_AFTER
from gateway.trunk.screening import DROP, OK, PASS, Action, Verdict, refusal, screen
from gateway.trunk.sources import Sources
from gateway.trunk.strangers import Strangers
from gateway.trunk.unreadable import answer_unreadable
from sdp import SdpError, plain, render
from sdp import read as read_description

if TYPE_CHECKING:
    from gateway.trunk.dialog import Dialog

log = logging.getLogger(__name__)

TOO_LATE: Final = Verdict(Action.ANSWER, 500, "Server Internal Error")
NO_CALLS: Final = Verdict(Action.ANSWER, 404, "Not Found")
GOING: Final = Verdict(Action.ANSWER, 503, "Service Unavailable", (RETRY_AFTER,))
ELSEWHERE: Final = {
    Elsewhere.IGNORED: DROP,
    Elsewhere.REFUSED: Verdict(Action.ANSWER, 403, "Forbidden"),
}


class Filter(pj.MessageFilter):
    """Decides about each message that matters; lives in the SIP thread, as the dialogs do.

    Parameters
    ----------
    dialogs
        Those that stand, by Call-ID.
    sources
        Where the trunks are: who sends from elsewhere is a stranger.
    elsewhere
        What strangers get.
    takes_calls
        Tells whether anybody wants calls from trunks.
    draining
        Tells whether they are to go elsewhere.

    Attributes
    ----------
    stray_answers
        Descriptions in an ACK that answered nothing, so far.
    """

    def __init__(
        self,
        dialogs: Mapping[str, Dialog],
        sources: Sources,
        elsewhere: Elsewhere,
        takes_calls: Callable[[], bool],
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._sources = sources
        self._elsewhere = elsewhere
        self.strangers = Strangers(time.monotonic)
        self.stray_answers = 0
        self._dialogs = dialogs
        self._takes_calls = takes_calls
        self._draining = draining

    @guarded
    def onMessage(self, message: Any) -> None:
        """Say what becomes of a message."""
        heard = read(message.whole, message.source)
        dialog = self._dialog_of(heard)
        verdict = self._judge(heard, message.token, dialog)
        if verdict is not PASS:
            fill(message, verdict)
            message.stateless = dialog is None

    @guarded
    def onUnreadable(self, message: Any, status: int) -> None:
        """Answer what the engine would drop because it cannot read it; count it in any case."""
        heard = read(message.whole, message.source)
        answer = answer_unreadable(message.whole, message.source)
        if self._elsewhere is Elsewhere.IGNORED and not self._sources.knows(heard.source):
            answer = None
        if answer is not None:
            message.action, message.body = int(Action.ANSWER), answer.text
        self._count(heard, answer.code if answer else 0)

    def _count(self, message: Message, code: int) -> None:
        if line := self.strangers.add(message.source, message.method, code):
            known = self._elsewhere is Elsewhere.TAKEN or self._sources.knows(message.source)
            log.info("%s%s", line, "" if known else "; no trunk has this address (trunks.sources)")

    def refuse(self, token: int, verdict: Verdict) -> None:
        """Answer a request that waits."""
        self.answer(token, verdict.code, verdict.reason, sip_headers(verdict.headers))

    def _dialog_of(self, message: Message) -> Dialog | None:
        dialog = self._dialogs.get(message.call_id)
        return dialog if dialog is not None and (message.code or dialog.owns(message)) else None

    def _judge(self, message: Message, token: int, dialog: Dialog | None) -> Verdict:
        if message.method == "CANCEL":  # which has no To tag to be known by
            ringing = self._dialogs.get(message.call_id)
            if ringing is not None and ringing.canceled(message):
                return PASS
        if dialog is None:
            return PASS if message.code else self._judge_stranger(message)
        if message.code:
            return dialog.response(message)
        if message.method == "ACK":
            return dialog.acknowledged(message)
        if dialog.is_late(message):
            return TOO_LATE
        verdict = screen(message, dialog.facts)
        if verdict.action is Action.HOLD:
            dialog.offered(token, message)
        elif verdict.code == OK.code:
            dialog.told(message)
        return verdict

    def _judge_stranger(self, message: Message) -> Verdict:
        known = self._sources.knows(message.source)
        if not known and (refused := ELSEWHERE.get(self._elsewhere)):
            refused = DROP if message.method == "ACK" else refused  # nothing answers an ACK
            self._count(message, refused.code)
            return refused
        verdict = screen(message, None)
        if message.method == "INVITE" and verdict.action is not Action.ANSWER:
            verdict = shown_offer(message, verdict) if self._takes_calls() else NO_CALLS
        asks_whether_we_live = verdict.code == 200 and known
        if asks_whether_we_live and self._draining():
            return GOING
        if verdict.action is Action.ANSWER and not asks_whether_we_live:
            self._count(message, verdict.code)
        return verdict


def shown_offer(message: Message, verdict: Verdict) -> Verdict:
    """Show the engine the description of a new call as our reader has understood it."""
    if not message.sdp:
        return verdict
    try:
        offer = read_description(message.sdp).description
    except SdpError as error:
        return refusal(str(error))
    if not offer.media:
        return refusal("the offer has no m= lines", 400)
    return Verdict(Action.REPLACE, body=render(plain(offer)))


def fill(message: Any, verdict: Verdict) -> None:
    """Write a verdict into the engine's object."""
    message.action = int(verdict.action)
    message.code, message.reason = verdict.code, verdict.reason
    message.body = verdict.body
    message.headers = sip_headers(verdict.headers)
