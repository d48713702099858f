#!/bin/sh
# Chromium sends a G.711 call one comfort noise packet per 100 ms of silence, and nothing else.
#
# Software: Chromium 150.0.7871.100 (Debian 12), headless; the peer's ICE and DTLS are aiortc
#   1.16.0's. The microphone is a file of zeros, echo canceling and the like are off.
# Surprise: an answer that lists payload type 13 beside PCMU says that comfort noise would be
#   understood; Chromium offers it unasked, so whoever answers all that he knows has it. From then
#   on silence is a fifth of the packets, none of them audio, and a peer that counts on 50 packets
#   a second, as RTP watchdogs and jitter buffers of G.711 trunks do, sees an outage.
# Seen: without 13: 50 packets a second of PCMU, 160 bytes each. With 13: 10 packets a second of
#   type 13, 9 bytes each, the RTP timestamp 800 further each time; no packet of PCMU in 4 s.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare aiortc==1.16.0 aioice==0.13.0 av==18.1.0
need chromium chromium 150.0.7871.100

run 90 <<'PYTHON'
from itertools import pairwise
from statistics import mode

from chromium import listen, version
from expect import end, expect

PCMU, NOISE = 0, 13


def described(packets):
    """(payload type, bytes) of all packets, the usual timestamp step, packets per second."""
    kinds = {(packet.kind, len(packet.payload)) for packet in packets}
    step = mode(second.timestamp - first.timestamp for first, second in pairwise(packets))
    rate = len(packets) / (packets[-1].at - packets[0].at)
    return kinds, step, round(rate / 10) * 10


print(version())
alone = listen(lambda offer: (["0"], ["a=rtpmap:0 PCMU/8000"]), 4)
expect(described(alone), ({(PCMU, 160)}, 160, 50), "PCMU answered")
both = listen(lambda offer: (["0", "13"], ["a=rtpmap:0 PCMU/8000", "a=rtpmap:13 CN/8000"]), 4)
expect(described(both), ({(NOISE, 9)}, 800, 10), "PCMU and CN answered")
end()
PYTHON
