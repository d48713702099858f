"""What the findings about sipp share: an address, a description, and its version."""

from __future__ import annotations

import re
import socket
import subprocess

HOST = "127.0.0.1"

SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 40000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
""".replace("\n", "\r\n")


def free_port() -> int:
    """Return a UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind((HOST, 0))
        port: int = found.getsockname()[1]
        return port


def version() -> str:
    """Return what sipp says of itself."""
    told = subprocess.run(["sipp", "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"SIPp v[\w.]+", told.stdout + told.stderr)
    return found[0] if found else "sipp of an unknown version"
