#!/bin/sh
# pjsip ends an answered call for legal lines in the SDP of the 200.
#
# Software: pjsua2-python 2.15.1.post1 (pjproject 2.15.1), calling; it offers PCMU and events.
# Surprise: three lines that RFC 8866, RFC 3605 and RFC 3264 allow each cost the whole call, though
#   the media they describe is what pjsip offered. Who was called has answered, and is hung up on.
#   Numbers in o= are of any length by the grammar; pjsip takes what fits into 64 bits. An address
#   of the other family in a=rtcp concerns reports only. A payload type may be another one in the
#   answer (RFC 3264 section 6.1: it SHOULD be the same), also for a codec that has a static one.
#   Lines more odd than these are let pass, such as an rtpmap without a value.
# Seen: session id or version of 2^64 - 1: up; of 2^64: BYE, Reason 415 "SDP negotiation failed".
#   a=rtcp:40001 or with IP4: up; with IN IP6 ::1: BYE, Reason 488 "Unable to create media session".
#   PCMU as 0, or as 0 and 96: up; as 96 only: BYE, Reason 488 likewise.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pjsua2-python==2.15.1.post1

run 90 <<'PYTHON'
import pjsua2 as pj
from expect import end, expect
from pjsip import OFFER, Engine, Peer, header

UNREAD = "415 SDP negotiation failed"
NO_MEDIA = "488 Unable to create media session"


def origin(numbers):
    return OFFER.replace("o=- 1 1", f"o=- {numbers}")


def audio(numbers, added=""):
    return OFFER.replace("RTP/AVP 0", f"RTP/AVP {numbers}") + added


ALSO = "a=rtpmap:96 PCMU/8000\n"
ANSWERS = [
    ("plain", OFFER, "up"),
    ("session id of 2^64 - 1", origin(f"{2**64 - 1} 1"), "up"),
    ("session id of 2^64", origin(f"{2**64} 1"), UNREAD),
    ("version of 2^64", origin(f"1 {2**64}"), UNREAD),
    ("a=rtcp without address", OFFER + "a=rtcp:40001\n", "up"),
    ("a=rtcp with IP4", OFFER + "a=rtcp:40001 IN IP4 127.0.0.1\n", "up"),
    ("a=rtcp with IP6", OFFER + "a=rtcp:40001 IN IP6 ::1\n", NO_MEDIA),
    ("PCMU as 0 and as 96", audio("0 96", ALSO), "up"),
    ("PCMU as 96", audio("96", ALSO).replace("a=rtpmap:0 PCMU/8000\n", ""), NO_MEDIA),
    ("an rtpmap without a value", OFFER + "a=rtpmap:98\n", "up"),
]

engine = Engine()


def outcome(sdp):
    peer = Peer(engine)
    call = engine.dial(peer)
    peer.respond(peer.receive(r"\AINVITE "), "200 OK", body=sdp)
    ended = peer.receive(r"\ABYE ", seconds=1.0)
    reason = header(ended, "Reason").split('"')
    if not ended:
        assert call.getInfo().stateText == "CONFIRMED"
        call.hangup(pj.CallOpParam())
        ended = peer.receive(r"\ABYE ")
    peer.respond(ended, "200 OK")
    peer.receive(seconds=0.1)
    return f"{reason[0].partition('cause=')[2][:3]} {reason[1]}" if len(reason) > 1 else "up"


for what, sdp, described in ANSWERS:
    expect(outcome(sdp), described, what)
end()
PYTHON
