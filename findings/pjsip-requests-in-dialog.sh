#!/bin/sh
# pjsip answers 500 to OPTIONS, and to INFO without a body, in a call.
#
# Software: pjsua2-python 2.15.1.post1 (pjproject 2.15.1), a user agent with one call up.
# Surprise: PBXs and carriers probe a call by OPTIONS, or by INFO without a body, and hang up when a
#   5xx comes. pjsip has OPTIONS and INFO in its Allow header, and answers OPTIONS with 200 outside
#   of a call; inside of one nothing is registered for them, and the server's fault is claimed.
#   INFO with a body of an unknown type should be 415 (RFC 6086), an unknown method 405 or 501.
# Seen: OPTIONS, INFO without body, INFO of a strange type, NOTIFY, an unknown method: each
#   "500 Unhandled by dialog usages"; INFO with application/dtmf-relay 200; OPTIONS outside 200.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pjsua2-python==2.15.1.post1

run 60 <<'PYTHON'
from expect import end, expect
from pjsip import Engine, Peer, header, status

DIGIT = "Signal=5\nDuration=160\n"
REFUSED = "500 Unhandled by dialog usages"

peer = Peer(Engine())
tag = peer.call("up")
number = 1


def ask(method, what, described, **more):
    global number
    number += 1
    peer.request(method, number, call="up", to_tag=tag, **more)
    expect(status(peer.receive(r"\ASIP/2.0 ")), described, f"in the call, {what}")


ask("OPTIONS", "OPTIONS", REFUSED)
ask("INFO", "INFO without a body", REFUSED)
ask("INFO", "INFO of a strange type", REFUSED, body="x\n", kind="application/x-strange")
ask("NOTIFY", "NOTIFY", REFUSED, headers=("Event: keep-alive",))
ask("FETCH", "an unknown method", REFUSED)
ask("INFO", "INFO with a digit", "200 OK", body=DIGIT, kind="application/dtmf-relay")

peer.request("OPTIONS", 1, call="outside")
answer = peer.receive(r"\ASIP/2.0 ")
expect(status(answer), "200 OK", "outside of the call, OPTIONS")
named = {"INFO", "NOTIFY", "OPTIONS"} <= set(header(answer, "Allow").split(", "))
expect(named, True, "its Allow has INFO, NOTIFY, OPTIONS")
end()
PYTHON
