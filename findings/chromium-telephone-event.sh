#!/bin/sh
# Chromium's digits in an Opus call: the answer's order is ignored, and at 8000 the clock is wrong.
#
# Software: Chromium 150.0.7871.100 (Debian 12), headless; the peer's ICE and DTLS are aiortc
#   1.16.0's. The page plays two digits of 100 ms each (RTCDTMFSender).
# Surprise: Chromium offers telephone-event at 48000 and at 8000. If both are answered it takes the
#   one at 8000, whichever is first. Those packets carry timestamps of the audio's 48 kHz clock:
#   14400 from the one digit to the next, 300 ms. A digit of 100 ms is three end packets at its
#   start, with a duration of 960 (120 ms at 8000, 20 ms at 48000), and no packet without the end
#   bit. A receiver that waits for a start, or for some time between start and end, gets no digit.
#   With 48000 alone it is as RFC 4733 section 2.5 has it.
# Seen: 8000: three packets per digit, all with marker and end bit, duration 960, sent within 20 ms.
#   48000: four updates, 960, 1920, 2880, 3840, then three ends of 4800; marker on the first only.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare aiortc==1.16.0 aioice==0.13.0 av==18.1.0
need chromium chromium 150.0.7871.100

run 90 <<'PYTHON'
import struct

from chromium import listen, numbers, version
from expect import end, expect

SLOW, FAST = "telephone-event/8000", "telephone-event/48000"


def answering(*events):
    def answer(offer):
        codecs = ["opus/48000", *events]
        kinds = [numbers(offer, codec)[0] for codec in codecs]
        clocks["kinds"] = dict(zip(kinds, codecs, strict=True))
        names = ["opus/48000/2", *events]
        pairs = zip(kinds, names, strict=True)
        return kinds, [f"a=rtpmap:{kind} {name}" for kind, name in pairs]

    return answer


clocks = {}


def digits(*events):
    """Return what carries the digits, the packets of each, and the ms between the two at 48 kHz.

    A packet is (marker, end bit, duration).
    """
    packets = listen(answering(*events), 1.5, keys="12")
    found = {}
    for packet in packets:
        codec = clocks["kinds"][str(packet.kind)]
        if codec in (SLOW, FAST):
            digit, flags, duration = struct.unpack("!BBH", packet.payload)
            entry = (packet.marker, flags > 127, duration)
            found.setdefault((codec, digit, packet.timestamp), []).append(entry)
    (first, of_first), (second, of_second) = sorted(found.items(), key=lambda item: item[0][1])
    assert (first[1], second[1], of_first) == (1, 2, of_second), found
    return first[0], of_first, (second[2] - first[2]) / 48


ENDS_ONLY = [(True, True, 960)] * 3

print(version())
for events in ((FAST, SLOW), (SLOW, FAST), (SLOW,)):
    codec, packets, apart = digits(*events)
    expect((codec, packets), (SLOW, ENDS_ONLY), f"answered {' and '.join(events)}")
    print(f"from the one to the next at 48 kHz: {apart:.0f} ms")
    expect(250 < apart < 400, True, "that is what it was, so its clock is the one of 48 kHz")

codec, packets, apart = digits(FAST)
print(packets)
markers, ends, durations = zip(*packets, strict=True)
expect(codec, FAST, f"answered {FAST} alone")
expect((markers[0], sum(markers)), (True, 1), "marker on the first packet, and how many have one")
expect((ends[0], sum(ends)), (False, 3), "end bit on the first packet, and how many have one")
expect(durations[0] < durations[1] < durations[-1] >= 4800, True, "the duration grows to 100 ms")
end()
PYTHON
