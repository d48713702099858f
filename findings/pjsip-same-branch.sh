#!/bin/sh
# pjsip takes two callers for one when the branches in their Via headers are the same.
#
# Software: pjsua2-python 2.15.1.post1 (pjproject 2.15.1), called by two peers.
# Surprise: RFC 3261 section 17.2.3 tells server transactions apart by branch and by the sent-by
#   part of Via, since two clients may well come to the same branch: sipp, for one, makes it of its
#   process number and a counter, so two of them in containers of their own do. pjsip looks at
#   branch and method. The second caller's INVITE, with another Call-ID, another tag and another
#   address, counts as a repetition of the first one's.
# Seen: INVITE of the first peer: 200. INVITE of the second, same branch: no answer, no call; the
#   200 to the first is sent again. With a branch of its own the second gets its 200.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pjsua2-python==2.15.1.post1

run 60 <<'PYTHON'
from expect import end, expect
from pjsip import OFFER, Engine, Peer, header, status

ANSWER = r"\ASIP/2.0 [2-6]"
BRANCH = "z9hG4bK-7-1-0"

engine = Engine()
first, second = Peer(engine), Peer(engine)

first.request("INVITE", 1, call="first", branch=BRANCH, body=OFFER)
expect(status(first.receive(ANSWER)), "200 OK", "the first caller")
while first.receive(seconds=0.05):
    pass  # until the next repetition of its 200, which is due half a second after the first

second.request("INVITE", 1, call="second", branch=BRANCH, body=OFFER)
again = first.receive(ANSWER, seconds=0.3)
expect(header(again, "Call-ID"), "first", "at once the first caller is answered again, Call-ID")
expect(status(second.receive(ANSWER)), "no answer", "the second caller, same branch")
expect(len(engine.account.calls), 1, "calls")

second.request("INVITE", 1, call="third", branch=BRANCH + "1", body=OFFER)
expect(status(second.receive(ANSWER)), "200 OK", "the second caller, another branch")
end()
PYTHON
