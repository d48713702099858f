"""One pjsua2 account per route to a trunk: credentials, next hop, and no media by pjsip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pjsua2 as pj

from gateway.trunk.address import Route
from gateway.trunk.binding import audio_only, guarded, received
from gateway.trunk.events import Reply
from gateway.trunk.message import read
from gateway.trunk.registration import Outcome

FORBIDDEN: Final = 403
SESSION_EXPIRES: Final = 300  # seconds; half of it passes between two refreshes
MIN_SE: Final = 90  # seconds; RFC 4028 section 5 allows no less
MOST_ACCOUNTS: Final = 200
STOCK_ACCOUNTS: Final = 7  # the stock wheel aborts the process at the ninth


class Account(pj.Account):
    """An account; `incoming` gets the engine's call id, the INVITE, its source.

    `fault` returns why the last connection has failed, empty where that is not known.
    """

    def __init__(
        self,
        incoming: Callable[[Account, int, str, str], None],
        fault: Callable[[], str] = lambda: "",
    ) -> None:
        super().__init__()
        self.calls = 0
        self.fault = fault
        self.answers_challenges = False
        # To make one takes longer than to send a message, so each call fills these in anew
        self.invite_options = audio_only(pj.CallOpParam(True))
        self.end_options = pj.CallOpParam()
        self._incoming = incoming
        self._asking: dict[int, Callable[[Reply], None]] = {}
        self._open_questions = 0  # of the engine's, which keeps one for 32 s
        self._registered = False
        self._registrant: Callable[[Outcome], None] | None = None

    @property
    def idle(self) -> bool:
        """Tell whether nothing would be lost with it."""
        return not self.calls and not self._open_questions and self._registrant is None

    def open(self, route: Route, transport: int = pj.PJSUA_INVALID_ID) -> None:
        """Create it in the engine; its requests go by one transport, or by any that fits."""
        config = pj.AccountConfig()
        config.sipConfig.transportId = transport
        config.idUri = route.identity
        if route.proxy:
            config.sipConfig.proxies.append(route.proxy)
        if route.header:
            config.sipConfig.proxies.append(route.header)
        if route.username is not None and route.password is not None:
            self.answers_challenges = True
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", route.username, 0, route.password.reveal())
            )
        config.regConfig.registrarUri = route.registrar
        config.regConfig.timeoutSec = route.expires
        config.regConfig.registerOnAdd = False
        config.regConfig.retryIntervalSec = 0  # `registration.py` does that, whatever the refusal
        config.mediaConfig.useLoopMedTp = True  # no sockets, no RTP by pjsip
        config.mediaConfig.enableLoopback = False
        config.mediaConfig.lockCodecEnabled = (
            False  # or it sends a re-INVITE to settle on one codec
        )
        # OPTIONAL without secure signaling lets RTP/SAVP pass as it is
        config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_OPTIONAL
        config.mediaConfig.srtpSecureSignaling = 0
        # Where the trunk can refresh a session, a call whose gateway has died ends soon (RFC 4028).
        # Where it cannot, the call is as good without.
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
        config.callConfig.timerSessExpiresSec = SESSION_EXPIRES
        config.callConfig.timerMinSESec = MIN_SE
        # A reliable 18x gets its PRACK in any case; ours are reliable where the trunk insists
        config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
        config.natConfig.sipOutboundUse = 0  # no ;ob in Contact
        config.natConfig.contactRewriteUse = 0
        config.natConfig.viaRewriteUse = False
        self.create(config)

    def ask(self, key: int, target: str, tell: Callable[[Reply], None]) -> None:
        """Send an OPTIONS. Any final answer that comes to one of them is told to all who ask."""
        request = pj.SendRequestParam()
        request.method = "OPTIONS"
        request.txOption.targetUri = target
        self._asking[key] = tell
        self._open_questions += 1
        try:
            self.sendRequest(request)
        except pj.Error:
            self._open_questions -= 1
            self.forget(key)
            raise

    def forget(self, key: int) -> None:
        """Tell nothing any more to one that has asked."""
        self._asking.pop(key, None)

    @guarded
    def onSendRequest(self, prm: Any) -> None:
        """Tell what the trunk says to an OPTIONS.

        One that gets no answer is over for the engine after 32 s, for who asks long before.
        """
        self._open_questions -= 1
        message = received(prm.e)
        if message is not None:
            self._answer(Reply(message.code, message.reason, message.retry_after))
        elif prm.e.body.tsxState.type == pj.PJSIP_EVENT_TRANSPORT_ERROR:
            self._answer(Reply(None, self.fault() or "No connection to the trunk could be made."))

    def _answer(self, reply: Reply) -> None:
        waiting = list(self._asking.values())
        self._asking.clear()
        for tell in waiting:
            tell(reply)

    def register(self, tell: Callable[[Outcome], None]) -> None:
        """Send a REGISTER, and refresh it; `tell` gets what comes of each."""
        self._registrant = tell
        self.setRegistration(True)

    def unregister(self, tell: Callable[[Outcome], None]) -> bool:
        """Take the registration back; false if there is none to be taken back."""
        if not self._registered:
            return False
        self._registrant = tell
        self.setRegistration(False)
        return True

    def release(self) -> None:
        """Keep it for a registration no longer."""
        self._registrant = None

    @guarded
    def onRegState(self, prm: Any) -> None:
        """Tell what came of a REGISTER; where nothing came, the status is the engine's own."""
        message = read(prm.rdata.wholeMsg)
        if message.code:
            outcome = Outcome(message.code, message.reason, prm.expiration, message.retry_after)
        else:
            outcome = Outcome(0, self.fault() or f"{prm.reason}.")
        self._registered = outcome.registered
        if self._registrant is not None:
            self._registrant(outcome)
        elif self._registered:  # too late: another target has been tried meanwhile
            self.setRegistration(False)

    @guarded
    def onIncomingCall(self, prm: Any) -> None:
        """Hand an INVITE on."""
        self._incoming(self, prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress)

    def onIncomingSubscribe(self, prm: Any) -> None:
        """Refuse a SUBSCRIBE: the engine would take any, and tell strangers of our presence."""
        prm.code = FORBIDDEN
