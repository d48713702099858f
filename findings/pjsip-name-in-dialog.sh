#!/bin/sh
# pjsip does nothing else while it looks up the name in a Contact or Record-Route.
#
# Software: pjsua2-python 2.15.1.post1 (pjproject 2.15.1), without nameservers in its configuration,
#   which is the default.
# Surprise: SIP of pjsip is asynchronous, but a host name in a dialog is given to getaddrinfo() in the
#   thread that polls. While a name server is silent that is 5 s and more, for all calls, and any
#   peer chooses the name: in the Record-Route of its 200, as here, or in Contact.
#   With uaConfig.nameserver set it asks by itself and goes on meanwhile.
# Seen: libHandleEvents(10) returns after 5 s or more at a 200 with such a Record-Route; with
#   nameserver set, within 0.5 s.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare pjsua2-python==2.15.1.post1
unshare --user --map-root-user --net --mount true 2>/dev/null ||
    cannot "a user may make no namespaces"

run 90 <<'PYTHON'
import os
import subprocess
import sys
from pathlib import Path

from expect import end, expect

TRIAL = """
import os, socket, sys, time
import pjsip, pjsua2 as pj

silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
if sys.argv[1] == "set":
    before = pj.Endpoint.libInit
    def configured(self, config):
        config.uaConfig.nameserver.append("127.0.0.1")
        before(self, config)
    pj.Endpoint.libInit = configured
engine = pjsip.Engine()
peer = pjsip.Peer(engine)
call = engine.dial(peer)
invite = peer.receive("^INVITE ")
route = "Record-Route: <sip:proxy.example:5070;lr>"
peer.respond(invite, "200 OK", body=pjsip.OFFER, headers=(route,))
longest = 0.0
for _ in range(20):
    began = time.monotonic()
    engine.endpoint.libHandleEvents(10)
    longest = max(longest, time.monotonic() - began)
print(longest, flush=True)
os._exit(0)
"""

work = Path(os.environ["WORK"])
(work / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:1\n")
(work / "nsswitch.conf").write_text("hosts: files dns\n")
binds = " && ".join(
    f"mount --bind {work}/{name} /etc/{name}"
    for name in ("resolv.conf", "nsswitch.conf")
    if Path("/etc", name).exists()
)


def longest(nameserver):
    inside = ("unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c")
    script = f'ip link set lo up && {binds} && exec "$@"'
    told = subprocess.run(
        [*inside, script, "sh", sys.executable, "-c", TRIAL, nameserver],
        capture_output=True, text=True, timeout=60,
    )
    if told.returncode:
        sys.stderr.write(told.stderr)
        end("the behavior has changed: the trial failed")
    return float(told.stdout.split()[-1])


still = longest("unset")
print(f"longest poll, nameserver not set: {still:.1f} s")
expect(still >= 5, True, "it stands still for 5 s or more")
still = longest("set")
print(f"longest poll, nameserver set: {still:.3f} s")
expect(still < 0.5, True, "it goes on")
end()
PYTHON
