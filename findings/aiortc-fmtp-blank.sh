#!/bin/sh
# aiortc refuses an offer of H.264 because of the blanks after the semicolons of its a=fmtp.
#
# Software: aiortc 1.16.0, asked by an offer that it has made itself, but for the blanks.
# Surprise: "a=fmtp:99 profile-level-id=42001f; packetization-mode=1" is how SIP devices write it,
#   and how the examples of RFC 7587 do for Opus. aiortc splits at the semicolon only, so each
#   parameter but the first has a blank at the head of its name and counts as absent; no codec fits
#   then.
# Seen: without blanks the video is answered with H264; with them setRemoteDescription raises
#   OperationError "Failed to set remote video description send parameters".
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare aiortc==1.16.0 aioice==0.13.0 av==18.1.0

run 60 <<'PYTHON'
import asyncio
import re

import aiortc
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import OperationError
from aiortc.sdp import SessionDescription
from expect import end, expect


def only_h264(offer, separator):
    """Leave one H.264 of the offer, with its parameters apart by the separator."""
    number = re.search(r"^a=rtpmap:(\d+) H264/90000", offer, re.MULTILINE)[1]
    lines = []
    for line in offer.splitlines():
        found = re.match(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ", line)
        if found and found[1] != number:
            continue
        if line.startswith("m=video"):
            line = " ".join([*line.split(" ")[:3], number])
        lines.append(line.replace(";", separator) if line.startswith("a=fmtp") else line)
    return "\r\n".join([*lines, ""])


async def answer(separator):
    """Return the codecs of the answer, or the error that comes instead."""
    ours, theirs = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in "12")
    try:
        ours.addTransceiver("video")
        await ours.setLocalDescription(await ours.createOffer())
        offer = only_h264(ours.localDescription.sdp, separator)
        await theirs.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await theirs.setLocalDescription(await theirs.createAnswer())
        return re.findall(r"^a=rtpmap:\d+ (\w+)", theirs.localDescription.sdp, re.MULTILINE)
    except OperationError as error:
        return str(error)
    finally:
        await ours.close()
        await theirs.close()


print(f"aiortc {aiortc.__version__}")
expect(asyncio.run(answer(";")), ["H264"], "apart by ;")
refused = "Failed to set remote video description send parameters"
expect(asyncio.run(answer("; ")), refused, "apart by ; and a blank")

OPUS = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
m=audio 9 RTP/AVP 111
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10; useinbandfec=1
"""
media = SessionDescription.parse(OPUS.replace("\n", "\r\n")).media[0]
names = sorted(media.rtp.codecs[0].parameters)
expect(names, [" useinbandfec", "minptime"], "names of Opus's parameters")
end()
PYTHON
