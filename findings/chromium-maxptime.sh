#!/bin/sh
# Chromium obeys a=ptime of an answer, and sends longer packets than its a=maxptime allows.
#
# Software: Chromium 150.0.7871.100 (Debian 12), headless; the peer's ICE and DTLS are aiortc
#   1.16.0's.
# Surprise: ptime is a wish, maxptime the limit (RFC 8866 sections 6.4 and 6.5: the maximum amount
#   of media that can be encapsulated in a packet). Chromium takes the wish as an order, rounded up
#   to what the codec knows, and does not look at the limit: neither alone nor against a ptime.
# Seen, ms per packet: Opus: nothing said 20; maxptime 10: 20; ptime 60 with maxptime 40: 60; ptime
#   33: 40; ptime 120: 120; PCMU: maxptime 10: 20; ptime 10: 10; ptime 30: 30.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare aiortc==1.16.0 aioice==0.13.0 av==18.1.0
need chromium chromium 150.0.7871.100

run 110 <<'PYTHON'
from itertools import pairwise
from statistics import mode

from chromium import listen, numbers, version
from expect import end, expect

CASES = [
    ("opus/48000", (), 20),
    ("opus/48000", ("a=maxptime:10",), 20),
    ("opus/48000", ("a=ptime:60", "a=maxptime:40"), 60),
    ("opus/48000", ("a=ptime:33",), 40),
    ("opus/48000", ("a=ptime:120",), 120),
    ("PCMU/8000", ("a=maxptime:10",), 20),
    ("PCMU/8000", ("a=ptime:10",), 10),
    ("PCMU/8000", ("a=ptime:30",), 30),
]


def packet_time(codec, lines):
    """Return the ms between most packets' timestamps."""

    def answer(offer):
        kind = numbers(offer, codec)[0]
        name = codec + "/2" * codec.startswith("opus")
        return [kind], [f"a=rtpmap:{kind} {name}", *lines]

    packets = listen(answer, 1.5)
    clock = int(codec.partition("/")[2])
    steps = [second.timestamp - first.timestamp for first, second in pairwise(packets)]
    return mode(steps) * 1000 // clock


print(version())
for codec, lines, described in CASES:
    expect(packet_time(codec, lines), described, f"{codec} {' '.join(lines) or 'alone'}: ms")
end()
PYTHON
