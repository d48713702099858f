#!/bin/sh
# pjsip does not try a session refresh again that met 491, and hangs up when the session expires.
#
# Software: pjsua2-python 2.15.1.post1 (pjproject 2.15.1), calling, with session timers of 90 s (the
#   least that RFC 4028 allows), the refresher being itself.
# Surprise: 491 means that both ends have sent a re-INVITE at once, and RFC 3261 section 14.1 has it
#   tried again 2.1 to 4 seconds later, by the one that made the call. pjsip lets the other half of
#   the session pass, and then ends the call for want of a refresh, which would have been its own.
# Seen: re-INVITE at 45 s; 491; nothing for 45 s; BYE at 90 s, Reason cause=408 "No session refresh
#   received." (Takes 90 s.)
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pjsua2-python==2.15.1.post1

run 115 <<'PYTHON'
import time

import pjsua2 as pj
from expect import end, expect
from pjsip import OFFER, Engine, Peer, header

SESSION = ("Supported: timer", "Require: timer", "Session-Expires: 90;refresher=uac")


def with_timers(account):
    account.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
    account.callConfig.timerSessExpiresSec = account.callConfig.timerMinSESec = 90


engine = Engine(with_timers)
peer = Peer(engine)
call = engine.dial(peer)
peer.respond(peer.receive(r"\AINVITE "), "200 OK", body=OFFER, headers=SESSION)
peer.receive(r"\AACK ")
up = time.monotonic()

refresh = peer.receive(r"\AINVITE ", seconds=50)
expect(round((time.monotonic() - up) / 5) * 5, 45, "re-INVITE after about (s)")
peer.respond(refresh, "491 Request Pending")
peer.receive(r"\AACK ")

following = peer.receive(seconds=60)
expect(following.split(" ")[0], "BYE", "what follows 491")
expect(round((time.monotonic() - up) / 5) * 5, 90, "it comes after about (s)")
expect(header(following, "Reason").partition("text=")[2], '"No session refresh received."', "why")
end()
PYTHON
