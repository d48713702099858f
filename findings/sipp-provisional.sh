#!/bin/sh
# sipp's built-in caller gives up the call at 181, 182 and 199.
#
# Software: sipp 3.6.1 (Debian 12, package sip-tester), scenario "uac" as it is built in.
# Surprise: a caller has to take any 1xx that it does not know for 183 (RFC 3261 section 8.1.3.2).
#   sipp's scenario waits for 100, 180 and 183 by number; another one is "unexpected", and the call
#   is canceled as failed. A load test against a queue or a PBX that forwards calls then measures
#   failures that no phone would see. (In a scenario of one's own each number has to be listed.)
# Seen: 180 or 183 and then 200: INVITE ACK BYE, exit status 0. 181, 182 or 199 and then 200: INVITE
#   CANCEL, exit status 1, "Aborting call on unexpected message".
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare
need sipp sip-tester

run 60 <<'PYTHON'
import socket
import subprocess

from expect import end, expect
from sipp import HOST, SDP, free_port, header, version


def call(provisional):
    """Return the methods that sipp has sent, and how it ended."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((HOST, 0))
    peer.settimeout(0.5)
    target = f"{HOST}:{peer.getsockname()[1]}"
    local = ["-i", HOST, "-p", str(free_port()), "-nostdin"]
    sipp = subprocess.Popen(
        ["sipp", "-sn", "uac", "-m", "1", "-d", "100", "-timeout", "8", *local, target],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    methods = []
    while True:
        try:
            data, source = peer.recvfrom(65535)
        except TimeoutError:
            if sipp.poll() is None:
                continue
            break
        request = data.decode()
        methods.append(request.split(" ")[0])
        answers = [provisional, "200 OK"] if methods[-1] == "INVITE" else ["200 OK"]
        for status in answers if methods[-1] != "ACK" else []:
            echoed = [f"{name}: {header(request, name)}" for name in ("Via", "From", "Call-ID")]
            to = header(request, "To").partition(";tag=")[0] + ";tag=peer"
            body = SDP if (methods[-1], status) == ("INVITE", "200 OK") else ""
            lines = [
                *(f"SIP/2.0 {status}", *echoed, f"To: {to}", f"CSeq: {header(request, 'CSeq')}"),
                *(f"Contact: <sip:{target}>", "Content-Type: application/sdp"),
                *(f"Content-Length: {len(body)}", "", body),
            ]
            peer.sendto("\r\n".join(lines).encode(), source)
    return methods, sipp.returncode, "unexpected message" in sipp.stderr.read()


print(version())
for status in ("180 Ringing", "183 Session Progress"):
    expect(call(status), (["INVITE", "ACK", "BYE"], 0, False), status)
for status in ("181 Call Is Being Forwarded", "182 Queued", "199 Early Dialog Terminated"):
    expect(call(status), (["INVITE", "CANCEL"], 1, True), status)
end()
PYTHON
