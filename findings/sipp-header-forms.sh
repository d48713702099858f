#!/bin/sh
# sipp's built-in callee leaves headers out of its answers that were written in a legal, rare form.
#
# Software: sipp 3.6.1 (Debian 12, package sip-tester), scenario "uas" as it is built in.
# Surprise: RFC 3261 allows blanks before a header's colon (section 25.1, HCOLON), headers that go
#   on in the next line (7.3.1), and line ends before the first line (7.5); RFC 4475 tests the first
#   two. sipp looks for "Via:" and the like as text. A header that it does not find so is missing in
#   its 180, which no caller can then match; without To it drops the call; a line that goes on comes
#   back with a bare LF for its CRLF. Compact names it does know.
# Seen: a blank after Via, From, Call-ID or CSeq: 180 without that header; after To: no answer;
#   CRLF before the request line: no answer; From in two lines: LF inside; v, f, t, i: as they
#   should be.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare
need sipp sip-tester 3.6.1

run 90 <<'PYTHON'
import re
import socket
import subprocess
import time
from pathlib import Path

from expect import end, expect
from sipp import HOST, SDP, free_port, version

NAMES = ["Via", "From", "To", "Call-ID", "CSeq"]


def listening(port):
    return f":{port:04X} " in Path("/proc/net/udp").read_text()


def answer(edit):
    """Return sipp's 180 to an INVITE that `edit` has rewritten, "" if none comes."""
    port = free_port()
    sipp = subprocess.Popen(
        ["sipp", "-sn", "uas", "-m", "1", "-i", HOST, "-p", str(port), "-nostdin"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((HOST, 0))
        peer.settimeout(1.5)
        me = f"{HOST}:{peer.getsockname()[1]}"
        lines = [
            *(f"INVITE sip:uas@{HOST}:{port} SIP/2.0", f"Via: SIP/2.0/UDP {me};branch=z9hG4bK-1"),
            *("Max-Forwards: 70", f"From: <sip:peer@{HOST}>;tag=peer", f"To: <sip:uas@{HOST}>"),
            *("Call-ID: call", "CSeq: 1 INVITE", f"Contact: <sip:peer@{me}>"),
            *("Content-Type: application/sdp", f"Content-Length: {len(SDP)}", "", SDP),
        ]
        while not listening(port):
            time.sleep(0.02)
        peer.sendto(edit("\r\n".join(lines)).encode(), (HOST, port))
        try:
            return peer.recv(65535).decode()
        except TimeoutError:
            return ""
        finally:
            sipp.kill()
            sipp.wait()


def missing(name):
    """Return the headers that the answer lacks if there is a blank before this one's colon."""
    got = answer(lambda invite: invite.replace(f"\n{name}:", f"\n{name} :", 1))
    lacking = [each for each in NAMES if not re.search(rf"^{each} ?:", got, re.MULTILINE)]
    return lacking if got else "no answer"


def compact(invite):
    for name, letter in (("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i")):
        invite = invite.replace(f"\n{name}:", f"\n{letter}:", 1)
    return invite


print(version())
for name in ("Via", "From", "Call-ID", "CSeq"):
    expect(missing(name), [name], f"a blank before the colon of {name}: the answer lacks")
expect(missing("To"), "no answer", "a blank before the colon of To")
expect(answer(lambda invite: "\r\n" + invite), "", "CRLF before the request: answer")
folded = answer(lambda invite: invite.replace(";tag=peer", "\r\n ;tag=peer"))
expect(re.findall(r">(\s*);tag=peer", folded), ["\n "], "From in two lines: between the two")
known = re.findall(r"^[vfti]:", answer(compact), re.MULTILINE)
expect(sorted(known), ["f:", "i:", "t:", "v:"], "compact names: the answer has")
end()
PYTHON
