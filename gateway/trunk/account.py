"""One pjsua2 account per route to a trunk: credentials, next hop, and no media by pjsip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pjsua2 as pj

from gateway.trunk.address import Route
from gateway.trunk.binding import audio_only, guarded

FORBIDDEN: Final = 403
SESSION_EXPIRES: Final = 300  # seconds; half of it passes between two refreshes
MIN_SE: Final = 90  # seconds; RFC 4028 section 5 allows no less
MOST_ACCOUNTS: Final = 200
STOCK_ACCOUNTS: Final = 7  # the stock wheel aborts the process at the ninth


class Account(pj.Account):
    """An account; `incoming` gets the engine's call id, the INVITE, its source."""

    def __init__(self, incoming: Callable[[Account, int, str, str], None]) -> None:
        super().__init__()
        self.calls = 0
        # To make one takes longer than to send a message, so each call fills these in anew
        self.invite_options = audio_only(pj.CallOpParam(True))
        self.end_options = pj.CallOpParam()
        self._incoming = incoming

    def open(self, route: Route) -> None:
        """Create it in the engine."""
        config = pj.AccountConfig()
        config.idUri = route.identity
        if route.proxy:
            config.sipConfig.proxies.append(route.proxy)
        if route.username is not None and route.password is not None:
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", route.username, 0, route.password.reveal())
            )
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

    @guarded
    def onIncomingCall(self, prm: Any) -> None:
        """Hand an INVITE on."""
        self._incoming(self, prm.callId, prm.rdata.wholeMsg, prm.rdata.srcAddress)

    def onIncomingSubscribe(self, prm: Any) -> None:
        """Refuse a SUBSCRIBE: the engine would take any, and tell strangers of our presence."""
        prm.code = FORBIDDEN
