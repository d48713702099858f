"""The fixtures of `data/`, and short descriptions to change one line in."""

from __future__ import annotations

from pathlib import Path

from sdp import RtpAddress, SdpError, SessionDescription, parse

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.sdp"))
BROWSER_OFFERS = [name for name in NAMES if name.startswith(("chrome-", "firefox-", "safari-"))]

ADDRESS = RtpAddress("198.51.100.7", 40000, 40001)

FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)

BROWSER_OFFER = f"""v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111 126
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdefghijkl
a=ice-options:trickle
a=fingerprint:{FINGERPRINT}
a=setup:actpass
a=mid:0
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:126 telephone-event/8000
"""

TRUNK_ANSWER = """v=0
o=- 1 1 IN IP4 203.0.113.1
s=-
c=IN IP4 203.0.113.1
t=0 0
m=audio 5000 RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=ptime:20
a=sendrecv
"""


def text_of(name: str) -> str:
    return (DATA / f"{name}.sdp").read_bytes().decode()


def load(name: str) -> SessionDescription:
    return parse(text_of(name))


def changed(text: str, old: str, new: str) -> SessionDescription:
    """Parse a description with one place changed; the place must be there."""
    if text.count(old) != 1:
        raise LookupError(f"{old!r} stands {text.count(old)} times in the description")
    return parse(text.replace(old, new))


def facts(error: SdpError) -> tuple[int | None, str]:
    return error.line, error.rule
