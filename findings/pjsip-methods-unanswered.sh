#!/bin/sh
# pjsip leaves requests that it has no use for without any answer.
#
# Software: pjsua2-python 2.15.1.post1 (pjproject 2.15.1), a user agent without a call.
# Surprise: RFC 3261 section 8.2.1 has 405 for a method that is known and not allowed, 501 for one
#   that is not. pjsip says nothing over UDP, so whoever asks repeats itself for 32 seconds and
#   takes the host for dead.
#   The same user agent answers 200 to a MESSAGE, to a NOTIFY and to OPTIONS, for a user that it
#   does not have.
# Seen: REGISTER, PUBLISH, REFER, INFO, UPDATE and an unknown method: no answer in 3 s each;
#   OPTIONS, MESSAGE, NOTIFY for a user that is not there: 200 each.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pjsua2-python==2.15.1.post1

run 90 <<'PYTHON'
from expect import end, expect
from pjsip import Engine, Peer, status

SILENT = ("REGISTER", "PUBLISH", "REFER", "INFO", "UPDATE", "FETCH")
NEEDED = {
    "PUBLISH": ("Event: presence",),
    "REFER": ("Refer-To: <sip:other@127.0.0.1>",),
    "NOTIFY": ("Event: message-summary", "Subscription-State: active"),
}

engine = Engine()


def ask(method):
    peer = Peer(engine)
    body = "hello" if method == "MESSAGE" else ""
    peer.request(
        method,
        1,
        call=f"no-{method}",
        user="nobody",
        headers=NEEDED.get(method, ()),
        body=body,
        kind="text/plain",
    )
    return status(peer.receive(r"\ASIP/2.0 ", seconds=3.0))


for method in SILENT:
    expect(ask(method), "no answer", method)
for method in ("OPTIONS", "MESSAGE", "NOTIFY"):
    expect(ask(method), "200 OK", f"{method} for a user who is not there")
end()
PYTHON
