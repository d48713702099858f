#!/bin/sh
# aiortc's audio is 280 ms late for the rest of the call after one packet was lost.
#
# Software: aiortc 1.16.0, the jitter buffer as its RTP receiver makes it for audio (capacity 16
#   packets, prefetch 4). Packets of 20 ms go in, one at a time.
# Surprise: the buffer is to hold back four packets. It has no clock: at a gap it waits until the
#   packets behind the gap have filled it, gives up the lost one, and then gives one packet out for
#   each that comes in. So what was waiting stays waiting, also when nothing is lost ever after.
# Seen: before the loss a packet comes out 4 packets (80 ms) after it came in. Of 1,000 packets
#   number 50 is lost: nothing comes out for 14 packets, and all from 51 to the end are 14 packets
#   (280 ms) late. Two packets that change places cost one packet (20 ms) for good.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare aiortc==1.16.0 aioice==0.13.0 av==18.1.0

run 60 <<'PYTHON'
import inspect

import aiortc
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from expect import end, expect

FRAME = 960  # 20 ms of Opus's clock


def delays(numbers):
    """Return by how many packets each one that comes out is late."""
    buffer = JitterBuffer(capacity=16, prefetch=4)
    late = {}
    for number in numbers:
        packet = RtpPacket(payload_type=111, sequence_number=number, timestamp=number * FRAME)
        packet._data = b"opus"
        _, frame = buffer.add(packet)
        if frame:
            late[frame.timestamp // FRAME] = number - frame.timestamp // FRAME
    return late


print(f"aiortc {aiortc.__version__}")
made = "JitterBuffer(capacity=16, prefetch=4)" in inspect.getsource(RTCRtpReceiver)
expect(made, True, "its receiver makes the same buffer")

whole = delays(range(1000))
expect(set(whole.values()), {4}, "nothing lost: packets late")
swapped = list(range(1000))
swapped[50], swapped[51] = 51, 50
after = {late for number, late in delays(swapped).items() if number > 60}
expect(after, {5}, "two swapped: packets late after it, to the end")

lossy = delays(number for number in range(1000) if number != 50)
expect({late for number, late in lossy.items() if number < 46}, {4}, "before the loss")
expect({late for number, late in lossy.items() if number > 50}, {14}, "after the loss, to the end")
end()
PYTHON
