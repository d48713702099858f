#!/bin/sh
# pjsip answers the last digest challenge of a realm, which is the weakest.
#
# Software: pjsua2-python 2.15.1.post1 (pjproject 2.15.1), a call with a user name and a password.
# Surprise: a server that knows SHA-256 and MD5 sends a challenge of each, the one that it prefers
#   first, and the client takes the first that it knows (RFC 8760 section 2.4). pjsip answers each
#   in turn and keeps the last answer of a realm: MD5, although it knows SHA-256.
#   With the same nonce in both it keeps the first instead.
# Seen: SHA-256 and then MD5: the next INVITE has MD5; MD5 and then SHA-256: SHA-256; with one nonce
#   for both: the first.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pjsua2-python==2.15.1.post1

run 60 <<'PYTHON'
import re

import pjsua2 as pj
from expect import end, expect
from pjsip import Engine, Peer

MD5 = 'Digest realm="r", nonce="{}", algorithm=MD5, qop="auth"'
SHA = 'Digest realm="r", nonce="{}", algorithm=SHA-256, qop="auth"'


def account(config):
    config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", "ana", 0, "secret"))


engine = Engine(account)


def answered(*challenges):
    """Return the algorithms of the answers in the INVITE that follows these challenges."""
    peer = Peer(engine)
    call = engine.dial(peer)
    invite = peer.receive(r"\AINVITE ")
    peer.respond(invite, "401 Unauthorized", headers=[f"WWW-Authenticate: {c}" for c in challenges])
    second = peer.receive(r"^Authorization: ")
    if second:
        peer.respond(second, "486 Busy Here")
        peer.receive(r"\AACK ", seconds=0.5)
    lines = re.findall(r"^Authorization: (.*)$", second, re.MULTILINE)
    del call
    return [re.search(r"algorithm=([^,\s]+)", line)[1] for line in lines]


expect(answered(SHA.format("a")), ["SHA-256"], "SHA-256 alone")
expect(answered(SHA.format("a"), MD5.format("b")), ["MD5"], "SHA-256, then MD5")
expect(answered(MD5.format("a"), SHA.format("b")), ["SHA-256"], "MD5, then SHA-256")
expect(answered(SHA.format("a"), MD5.format("a")), ["SHA-256"], "SHA-256, then MD5, one nonce")
end()
PYTHON
